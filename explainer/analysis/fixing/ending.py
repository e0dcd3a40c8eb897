"""The end of a failed run: its fixes put into the Report, or why there is none.

Run ──▶ add_to ── situations, search ──▶ Report.fixes
"""

from __future__ import annotations

from dataclasses import replace

from explainer.analysis.fixing import evaluating, scripts, situations
from explainer.analysis.fixing.search import Search, double_edits, proven, single_edits
from explainer.analysis.run import Run
from explainer.report import Failure, Fix


def add_to(run: Run, failure: Failure) -> None:
    """Puts the fixes of a failed run into its report, or says that none is offered."""
    run.emit()  # the explanation is there at once, and stays if a trial takes too long
    if run.failed is not None or run.report.request.is_script:
        fixes, tried = scripts.fixes(run, failure)
    else:
        fixes, tried = _stated(run, failure)
    run.add(fixes=fixes)
    if not fixes and not failure.limit:
        run.add(failure=replace(failure, explanation=_no_fix(failure, tried)))


def _stated(run: Run, failure: Failure) -> tuple[tuple[Fix, ...], int]:
    """Returns (fixes of a stated nest, how many edits were tried)."""
    request, program = run.report.request, run.program
    situation = situations.of_program(request, failure, program, run.nest, request.code)
    search = Search(request, situation, program, evaluating.stated(request, program))
    found = proven(search, single_edits(search)) or proven(search, double_edits(search))
    return found, search.tried


def _no_fix(failure: Failure, tried: int) -> str:
    said = failure.explanation.rstrip()
    said += "" if said.endswith((".", "!", "?", ")", ":")) else "."
    if not tried:
        return f"{said} No small edit is offered: none to try is known."
    edits = "the 1 edit" if tried == 1 else f"the {tried} edits"
    return f"{said} No small edit is offered: of {edits} tried, none ran and agreed with a plain loop."
