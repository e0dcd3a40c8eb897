"""Heartbeat: the Report that is shown while there is no news from a worker.

client, cluster ── last partial Report, time since ──▶ Report with the seconds that have passed
"""

from __future__ import annotations

import time
from dataclasses import replace

from explainer.report import Report, StageReport


def beat(partial: Report, began: float, note: str) -> Report:
    """Returns the partial Report by now; `note` is for the time before a worker has said anything."""
    return running(partial, began) if partial.stages else starting(partial, began, note)


def starting(partial: Report, began: float, note: str) -> Report:
    """Returns the Report of a request that no worker has begun."""
    return replace(partial, stages=(StageReport("parse", "running", time.monotonic() - began, note),))


def running(partial: Report, began: float) -> Report:
    """Returns the partial Report with the time its running stage has taken by now."""
    elapsed = time.monotonic() - began
    return replace(
        partial,
        stages=tuple(
            replace(stage, seconds=stage.seconds + elapsed) if stage.status == "running" else stage
            for stage in partial.stages
        ),
    )
