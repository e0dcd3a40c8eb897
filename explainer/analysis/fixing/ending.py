"""The end of a failed run: its fixes put into the Report, or why there is none.

Run ──▶ add_to ── situations, search ──▶ Report.fixes
"""

from __future__ import annotations

from dataclasses import replace

from explainer.analysis.fixing import search, situations
from explainer.analysis.run import Run
from explainer.report import Failure


def add_to(run: Run) -> None:
    """Looks for fixes of a failed run where the whole explanation is asked for."""
    failure = run.report.failure
    if failure is None or failure.limit or run.until != "time" or run.report.fixes:
        return
    run.emit(run.report)  # the explanation is there at once, and stays if a trial takes too long
    situation = situations.of_program(run.report.request, failure, run.program, run.nest)
    fixes, tried = search.search(situation, run.program)
    run.add(fixes=fixes)
    if not fixes and tried:
        run.add(failure=replace(failure, explanation=_no_fix(failure, tried)))


def _no_fix(failure: Failure, tried: int) -> str:
    edits = "1 small edit was" if tried == 1 else f"{tried} small edits were"
    return f"{failure.explanation} No small edit mends it: {edits} tried, none ran and agreed with a loop."
