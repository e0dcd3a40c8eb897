"""Writes the nginx configuration of one site: `python3 deploy/render.py deploy/site.env > explainer.conf`.

    site.env ── NAME=value ──▶ render ── fills ${NAME} ──▶ deploy/nginx.conf as nginx reads it

Needs nothing but Python: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("nginx.conf")
NAMES = (
    *("SERVER_NAME", "APPS", "HTTP", "HTTPS", "CERTIFICATE", "KEY"),
    *("ACME", "LOGS", "CACHE", "FRAME_ANCESTORS"),
)
# A value is one word, or a list of them: it can not end its line and start another directive.
_FIT = re.compile(r"[\w\-./:*\[\], ']+")


class SiteError(ValueError):
    """Reports a site.env that does not say what is needed."""


def read(text: str) -> dict[str, str]:
    """Returns the values of a site.env; raises SiteError on a missing, unknown or unfit one."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    values = {name.strip(): value.strip() for name, _, value in pairs}
    faults = [f"{name} is missing" for name in NAMES if not values.get(name)]
    faults += [f"{name} is not known here" for name in values if name not in NAMES]
    faults += [f"{name} holds what nginx may not read: {v!r}" for name, v in values.items() if not _fit(v)]
    if faults:
        raise SiteError("; ".join(faults))
    return values


def render(values: dict[str, str], template: str) -> str:
    """Returns the template with every ${NAME} filled in."""
    filled = values | {
        "SERVERS": _lines("server {} max_fails=0;", values["APPS"]),
        "LISTEN_HTTP": _lines("listen {};", values["HTTP"]),
        "LISTEN_HTTPS": _lines("listen {} ssl http2;", values["HTTPS"]),
    }
    return re.sub(r"\$\{([A-Z_]+)\}", lambda name: filled[name[1]], template)


def _fit(value: str) -> bool:
    return not value or _FIT.fullmatch(value) is not None


def _lines(form: str, values: str) -> str:
    return "\n    ".join(form.format(value.strip()) for value in values.split(","))


def main() -> int:
    """Prints the configuration; 1 and the reason when site.env does not do."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python3 deploy/render.py deploy/site.env > explainer.conf\n")
        return 2
    try:
        values = read(Path(sys.argv[1]).read_text(encoding="utf-8"))
    except (OSError, SiteError) as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 1
    sys.stdout.write(render(values, TEMPLATE.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
