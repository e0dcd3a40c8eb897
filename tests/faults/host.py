"""An app on a poor host: `python -m tests.faults.host real|standin [full]` asks once and prints what came.

"full" fills the folder of temporary files first, after Python has chosen it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Settings
from explainer.spec import Request
from tests.faults.conftest import HONEST, SEALED, asked, is_right, real
from tests.sandbox.conftest import TARGET


def main() -> None:
    """Prints one line of JSON: right, level, reasons, failure."""
    if "full" in sys.argv:
        _fill(Path(tempfile.gettempdir()))
    target: dict[str, Any] = {"target": TARGET, "warmup": ""} if "standin" in sys.argv else real(warmup="")
    pool = Pool(Settings(jobs=1, spares=1, strategy="fork", walls=SEALED, **target))
    report = asked(pool, Request("text = 'right'") if "standin" in sys.argv else HONEST)
    pool.close()
    found = {
        "right": report.printed == "right" or is_right(report),
        "level": report.isolation.level,
        "reasons": " ".join(report.isolation.reasons),
        "failure": report.failure and report.failure.explanation,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def _fill(folder: Path) -> None:
    try:
        with (folder / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return


if __name__ == "__main__":
    main()
