"""Wanting: the levels that give an output which the user asks for, proven; or why none do.

Request.wanted ──▶ namings, stacks ──▶ wanted ── trying ──▶ Wanted
"""

from explainer.analysis.run import Run


def add_to(run: Run) -> None:
    """Looks for the levels that give what a request states as wanted, where all is to be explained."""
    if run.until != "time" or not run.report.request.wanted.strip():
        return
    from explainer.analysis.wanting import wanted  # late: few ask for it

    wanted.add(run)
