"""What is written beside the code: the shape of every line for one example, and where it failed.

Explanation ─▶ Margin ─▶ editor
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from explainer.report import Blame, Equation, Report
from explainer.source import short_dtype
from explainer.ui.editor import Hint, HintPart, Mark
from explainer.ui.explanation import Explanation

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*(?::[^=]+)?=[^=]")


@dataclass(frozen=True, slots=True)
class Margin:
    """Hints and marks, and the texts they were made for: they are not drawn beside other text.

    `arguments` and `levels` are the names and places of the rows that a failure comes from.
    """

    code: str = ""
    hints: tuple[Hint, ...] = ()
    marks: tuple[Mark, ...] = ()
    function: str = ""
    function_marks: tuple[Mark, ...] = ()
    arguments: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()


def of(shown: Explanation | None) -> Margin:
    """Returns what to write beside the code of an explanation."""
    if shown is None:
        return Margin()
    report, request = shown.report, shown.request
    blame = report.failure.blame if report.failure else Blame()
    return Margin(
        code=request.code,
        hints=_hints(report),
        marks=_marks(report, "code"),
        function=request.function,
        function_marks=_marks(report, "function"),
        arguments=blame.arguments,
        levels=blame.levels,
    )


def _hints(report: Report) -> tuple[Hint, ...]:
    lines = report.request.code.splitlines()
    last: dict[int, Equation] = {}
    for equation in report.equations:
        span = equation.span
        if (
            span is None
            or span.source != "code"
            or not equation.outputs
            or not 1 <= span.end_line <= len(lines)
        ):
            continue
        known = last.get(span.end_line)
        if known is None or equation.depth <= known.depth:
            last[span.end_line] = equation
    names = [level.name for level in report.levels]
    return tuple(
        Hint(line, _hint(lines[line - 1], equation, names)) for line, equation in sorted(last.items())
    )


def _hint(line: str, equation: Equation, names: Sequence[str]) -> tuple[HintPart, ...]:
    """Returns the type for one example, and the levels that give every example its own: d: f32[2] · i j."""
    found = _ASSIGNMENT.match(line)
    types = ", ".join(
        f"{short_dtype(out.dtype)}[{','.join(map(str, out.shape))}]" for out in equation.outputs
    )
    dims = [out.batch_dims for out in equation.outputs]
    mapped = [n for n in range(len(names)) if any(n < len(each) and each[n] is not None for each in dims)]
    levels = [HintPart(f" {names[n]}", n) for n in mapped]
    start = HintPart(f"{found[1]}: {types}" if found else types)
    return (start, HintPart(" ·"), *levels) if levels else (start,)


def _marks(report: Report, source: str) -> tuple[Mark, ...]:
    failure = report.failure
    if failure is None:
        return ()
    words = (failure.explanation or failure.message).strip().splitlines() or [failure.error_type]
    spans = [span for span in failure.blame.spans if span.source == source]
    return tuple(Mark(span.line, span.column, span.end_line, span.end_column, words[0]) for span in spans)
