"""The user's code with what each line makes, and the lines a failure comes from.

d = x - y          f32[2] in f32[i:3, j:4, 2]
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.lines import lines_of
from explainer.report import Equation, Report
from explainer.views.markup import Html, aval, escape, join, tag, type_text

MOST_LINES = 400


def listing(report: Report) -> Html:
    """Returns the code, a line each; nothing where the report has none."""
    lines = lines_of(report.request.code.rstrip())
    if not lines:
        return Html("")
    last = _last_on_line(report.equations)
    names = [level.name for level in report.levels]
    failing = _failing(report)
    shown = [
        _line(number, line, last.get(number), names, number in failing)
        for number, line in enumerate(lines[:MOST_LINES], 1)
    ]
    if len(lines) > MOST_LINES:
        shown.append(tag("div", escape(f"… {len(lines) - MOST_LINES:,} more lines"), "pg-note"))
    return tag("div", join(shown), "pg-code pg-scroll", tabindex="0")


def _last_on_line(equations: Sequence[Equation]) -> dict[int, Equation]:
    """Returns the value each line ends with: its last equation, those in bodies only if it has no other."""
    last: dict[int, Equation] = {}
    for equation in equations:
        span = equation.span
        if span is None or span.source != "code" or not equation.outputs:
            continue
        known = last.get(span.end_line)
        if known is None or equation.depth <= known.depth:
            last[span.end_line] = equation
    return last


def _failing(report: Report) -> set[int]:
    spans = report.failure.blame.spans if report.failure else ()
    last = report.request.code.count("\n") + 1
    return {
        line
        for span in spans
        if span.source == "code"
        for line in range(span.line, min(span.end_line, last) + 1)
    }


def _line(number: int, line: str, equation: Equation | None, names: Sequence[str], failing: bool) -> Html:
    hint = tag("em", _made(equation, names)) if equation else Html("")
    mark = tag("strong", "◀ here") if failing else Html("")
    gutter = tag("i", escape(number))
    return tag(
        "div", join((gutter, tag("span", escape(line) or " "), hint, mark)), "pg-failing" if failing else ""
    )


def _made(equation: Equation, names: Sequence[str]) -> Html:
    made = []
    for out in equation.outputs[:2]:
        one = type_text(out.dtype, out.shape)
        mapped = out.tracked and any(axis is not None for axis in out.batch_dims)
        made.append(join((one, aval(out, names)), " in ") if mapped else one)
    more = [escape(f"{len(equation.outputs) - 2} more")] if len(equation.outputs) > 2 else []
    return join((*made, *more), ", ")
