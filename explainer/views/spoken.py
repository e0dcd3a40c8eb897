"""Calls read aloud, one after another: the stated nest first, then each call that was found.

Report ──▶ spoken ──▶ Group per call: its name, its readings or why there are none ──▶ text, page, ui
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.report import Level, Reading, Report
from explainer.views.level_text import transforms_text

MOST_CALLS = 12  # that are shown together


@dataclass(frozen=True, slots=True)
class Group:
    """What is said of one call; `call` is "" for the one that a report is about."""

    call: str  # "vmap i, then j · dist · line 7"
    readings: tuple[Reading, ...] = ()
    why_not: str = ""


def spoken(report: Report) -> tuple[Group, ...]:
    """Returns a group per call, in the order of the calls."""
    of_calls = [*report.readings, *report.unspoken]
    found = sorted(dict.fromkeys(each.levels for each in of_calls))
    groups = []
    for levels in found[:MOST_CALLS]:
        own = tuple(each for each in report.readings if each.levels == levels)
        why = next((each.why for each in report.unspoken if each.levels == levels), "")
        groups.append(Group(_call(report.levels, levels), own, f"Not read aloud: {why}." if why else ""))
    if len(found) > MOST_CALLS:
        groups.append(
            Group("", why_not=f"Pick one of the {len(found) - MOST_CALLS:,} other calls to read it.")
        )
    return tuple(groups)


def _call(every: Sequence[Level], numbers: Sequence[int]) -> str:
    levels = [level for level in every if level.id in numbers]
    if not levels:
        return ""
    span = levels[0].span
    function = () if levels[-1].function == "<unknown>" else (levels[-1].function,)
    line = () if span is None else (f"line {span.line}",)
    return " · ".join((transforms_text(levels), *function, *line))
