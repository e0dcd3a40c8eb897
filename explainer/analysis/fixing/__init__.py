"""Fixes: small edits of a failing request, tried and proven.

Run that failed ──▶ situations ──▶ edits ──▶ search ──▶ trial, proof ──▶ Report.fixes
"""

from explainer.analysis.run import Run


def add_to(run: Run) -> None:
    """Looks for fixes of a failed run where the whole explanation is asked for."""
    failure = run.report.failure
    if failure is None or failure.limit or run.until != "time" or run.report.fixes:
        return
    from explainer.analysis.fixing import ending  # late: for failures only

    ending.add_to(run, failure)
