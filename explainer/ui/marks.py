"""What is written beside the code: the shape of every line, which equations it made, where it failed.

Explanation ─▶ Margin ─▶ editor
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer.report import Blame, Report
from explainer.ui.editor import Hint, Link, Mark
from explainer.ui.explanation import Explanation
from explainer.ui.hints import Lines, hints
from explainer.ui.linking import links


@dataclass(frozen=True, slots=True)
class Margin:
    """Hints, marks and links, and the texts they were made for: they are not drawn beside other text.

    `arguments` and `levels` are the names and places of the rows that a failure comes from.
    """

    code: str = ""
    hints: tuple[Hint, ...] = ()
    marks: tuple[Mark, ...] = ()
    links: tuple[Link, ...] = ()
    function: str = ""
    function_marks: tuple[Mark, ...] = ()
    function_links: tuple[Link, ...] = ()
    arguments: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()


def of(shown: Explanation | None) -> Margin:
    """Returns what to write beside the code of an explanation."""
    if shown is None:
        return Margin()
    report, request = shown.report, shown.request
    blame = report.failure.blame if report.failure else Blame()
    lines = Lines(report)
    return Margin(
        code=request.code,
        hints=hints(report, lines),
        marks=_marks(report, "code"),
        links=links(report, "code", lines),
        function=request.function,
        function_marks=_marks(report, "function"),
        function_links=links(report, "function", None),
        arguments=blame.arguments,
        levels=blame.levels,
    )


def _marks(report: Report, source: str) -> tuple[Mark, ...]:
    failure = report.failure
    if failure is None:
        return ()
    words = (failure.explanation or failure.message).strip().splitlines() or [failure.error_type]
    spans = [span for span in failure.blame.spans if span.source == source]
    return tuple(Mark(span.line, span.column, span.end_line, span.end_column, words[0]) for span in spans)
