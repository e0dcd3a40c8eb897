"""A stand-in for the analysis: runs `request.code` with `emit` in reach, as user code would be run."""

from __future__ import annotations

from collections.abc import Callable

from explainer.report import Report, StageReport
from explainer.spec import Request, Stage


def explain(request: Request, until: Stage, emit: Callable[[Report], None]) -> Report:
    names = {
        "request": request,
        "emit": emit,
        "Report": Report,
        "StageReport": StageReport,
        "printed": "answered",
    }
    emit(
        Report(
            request,
            stages=(StageReport("parse", "done", 0.1), StageReport("trace", "running")),
            notes=("kept",),
        )
    )
    exec(request.code, names)
    return names.get("report") or Report(
        request, stages=(StageReport("parse", "done"),), printed=names["printed"]
    )
