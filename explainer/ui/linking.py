"""Expressions and their equations: what lights up together when one of them is pointed at.

Report ─▶ Link per expression ─▶ editor, which lights the elements of class pg-e<id>, and back
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from explainer.report import Equation, Report
from explainer.ui.editor import HintPart, Link
from explainer.ui.hints import Lines, Place, place, typed

_MOST = 400  # equations of one expression; no view shows more of them
_MOST_NAMED = 4


@dataclass(slots=True)
class _Found:
    made: list[Equation] = field(default_factory=list)
    inside: list[Equation] = field(default_factory=list)


def links(report: Report, source: str, lines: Lines | None) -> tuple[Link, ...]:
    """Returns the expressions of one text that made equations, or called what made them, in order."""
    found: dict[Place, _Found] = {}
    for equation in report.equations:
        span = equation.span
        if span is not None and span.source == source:
            found.setdefault(place(span), _Found()).made.append(equation)
        for where in dict.fromkeys(place(each) for each in equation.callers if each.source == source):
            found.setdefault(where, _Found()).inside.append(equation)
    return tuple(_link(report, where, each, lines) for where, each in sorted(found.items()))


def _link(report: Report, where: Place, found: _Found, lines: Lines | None) -> Link:
    values = lines.value(where) if lines is not None else ()
    parts: list[HintPart] = []
    for n, value in enumerate(values[:3]):
        parts += [HintPart(" · ")] if n else []
        parts += typed(value, report.levels)
    if len(values) > 3:
        parts.append(HintPart(f" · +{len(values) - 3}"))
    return Link(
        *where,
        equations=_ids(found.made),
        inside=_ids(found.inside),
        parts=tuple(parts),
        words=_words(found),
    )


def _ids(equations: Sequence[Equation]) -> tuple[int, ...]:
    return tuple(equation.id for equation in equations[:_MOST])


def _words(found: _Found) -> str:
    """Returns what an expression came to: "sub", "3 equations: exp, reduce_sum, div, called on line 4"."""
    said = [_counted(found.made)] if found.made else []
    backward = sum(equation.backward for equation in found.made)
    if backward:
        said.append(f"{backward:,} in the backward pass")
    if found.inside:
        said.append(f"{len(found.inside):,} inside")
    calls = [each.callers[0] for each in found.made if each.callers and each.callers[0].source == "code"]
    lines = sorted({call.line for call in calls})
    if lines:
        shown = ", ".join(map(str, lines[:_MOST_NAMED])) + (", …" if len(lines) > _MOST_NAMED else "")
        said.append(f"called on line {shown}")
    return ", ".join(said)


def _counted(equations: Sequence[Equation]) -> str:
    names = list(dict.fromkeys(equation.primitive for equation in equations))
    shown = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
    return shown if len(equations) == 1 else f"{len(equations):,} equations: {shown}"
