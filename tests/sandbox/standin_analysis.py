"""A stand-in for the analysis: runs `request.code` with `emit` in reach, as user code would be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explainer.report import Leaf, Report, StageReport
from explainer.spec import Request, Stage


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may take."""

    memory_bytes: int
    final: bool


def explain(request: Request, until: Stage, emit: Callable[[Report], None], limits: RunLimits) -> Report:
    """Emits one partial Report, runs the code, and returns its `report`, or one that holds its `text`."""
    names = {
        "request": request,
        "until": until,
        "limits": limits,
        "emit": emit,
        "Report": Report,
        "Leaf": Leaf,
        "text": "done",
    }
    done = StageReport("parse", "done", 0.1)
    emit(Report(request, stages=(done, StageReport("trace", "running")), notes=("found early",)))
    exec(request.code, names)
    return names.get("report") or Report(request, stages=(done,), printed=names["text"])
