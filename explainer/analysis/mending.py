"""Mending: the fixes of a failed call that no request states, found as if one did.

    FailedCall, Failure ──▶ fixes ── fixing.search ──▶ Fixes of the call as it would be stated

Their requests are those of the call alone: they say what to change, and are no edit of the user's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from explainer.analysis import axes, printed
from explainer.analysis.failed import FailedCall
from explainer.analysis.fixing import search, situations
from explainer.report import Failure, Fix, Report


def fixes(call: FailedCall, failure: Failure) -> tuple[Fix, ...]:
    """Returns proven fixes of a failed call, best first; none where its second trace does not fail."""
    if call.nest.error is None:
        return ()
    stage = "batch" if call.fitted else "trace"
    situation = situations.of_program(call.request, replace(failure, stage=stage), call.program, call.nest)
    with printed.dropped():
        found, _ = search.search(situation, call.program)
    return found


def stated(call: FailedCall, offered: Sequence[Fix]) -> Report:
    """Returns the report that a stated call would have, as far as fixes are told by it."""
    return Report(call.request, levels=axes.levels(call.program, call.nest.avals), fixes=tuple(offered))
