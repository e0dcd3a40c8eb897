"""An app that is to die: `python -m tests.faults.app WALLS` has a worker stopped in every stage."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import STAGES, Stage
from tests.faults.conftest import HONEST, Watched, real
from tests.faults.test_kills import followed
from tests.sandbox.conftest import wait_for


def main() -> None:
    """Prints "held" once workers are stopped in all stages, a spare is idle and a request waits."""
    walls = tuple(sys.argv[1].split(",")) if sys.argv[1] else ()
    pool = Watched(Settings(jobs=len(STAGES), spares=1, strategy="fork", **real(walls=walls)))
    stopped: list[int] = []

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    def follow(stage: Stage) -> None:
        followed(pool, stage, stop)

    for stage in STAGES:
        threading.Thread(target=follow, args=[stage], daemon=True).start()
    assert wait_for(lambda: len(stopped) == len(STAGES))
    assert any("waiting" in stage.note for stage in next(stream_from(pool, HONEST, "run", Limits())).stages)
    sys.stdout.write(" ".join(["held", *map(str, pool.pids())]) + "\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main()
