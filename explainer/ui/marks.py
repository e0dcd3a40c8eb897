"""What is written beside the code: the shape of every line, which equations it made, what is wrong.

Explanation ─▶ Margin ─▶ editor

Findings and calls are lit in the code when their place on the page is pointed at: a spot for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explainer.report import Blame, Report, Span
from explainer.ui.editor import Hint, Link, Mark, Range, Severity, Spot
from explainer.ui.explanation import Explanation
from explainer.ui.hints import Lines, hints
from explainer.ui.linking import links
from explainer.views import fix_text
from explainer.views.outline import outline

CALLS_KEY = "calls"


@dataclass(frozen=True, slots=True)
class Margin:
    """Hints, marks, links and spots, and the texts they were made for: not drawn beside other text.

    `arguments` and `levels` are the names and places of the rows that a failure comes from.
    """

    code: str = ""
    hints: tuple[Hint, ...] = ()
    marks: tuple[Mark, ...] = ()
    links: tuple[Link, ...] = ()
    spots: tuple[Spot, ...] = ()
    function: str = ""
    function_marks: tuple[Mark, ...] = ()
    function_links: tuple[Link, ...] = ()
    function_spots: tuple[Spot, ...] = ()
    arguments: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()


def of(shown: Explanation | None, call: int | None = None) -> Margin:
    """Returns what to write beside the code of an explanation of which one `call` is looked at."""
    if shown is None:
        return Margin()
    report, request = shown.report, shown.request
    blame = report.failure.blame if report.failure else Blame()
    lines = Lines(report)
    return Margin(
        code=request.code,
        hints=hints(report, lines),
        marks=(*_marks(report, "code"), *_looked_at(report, call)),
        links=links(report, "code", lines),
        spots=_spots(report, "code"),
        function=request.function,
        function_marks=_marks(report, "function"),
        function_links=links(report, "function", None),
        function_spots=_spots(report, "function"),
        arguments=blame.arguments,
        levels=blame.levels,
    )


def found_class(number: int) -> str:
    """Returns the class of the place where a finding is told, by its number in the order shown."""
    return f"pg-found-{number}"


def _marks(report: Report, source: str) -> tuple[Mark, ...]:
    failure, found = report.failure, []
    if failure is not None:
        words = _first_line(failure.explanation or failure.message) or failure.error_type
        found = [_mark(span, words) for span in failure.blame.spans if span.source == source]
    taken = {(mark.line, mark.column) for mark in found}
    for finding in fix_text.ordered(report.findings):
        spans = [span for span in finding.blame.spans if span.source == source]
        new = [span for span in spans if (span.line, span.column) not in taken]
        found += [_mark(span, _first_line(finding.explanation), finding.severity) for span in new]
    return tuple(found)


def _mark(span: Span, words: str, severity: Severity = "error") -> Mark:
    return Mark(span.line, span.column, span.end_line, span.end_column, words, severity)


def _looked_at(report: Report, call: int | None) -> tuple[Mark, ...]:
    """Returns the mark of the call that is picked, where there are others to pick."""
    if call is None or len(outline(report)) < 2:
        return ()
    spans = [level.span for level in report.levels if level.id == call and level.span is not None]
    return tuple(
        Mark(span.line, span.column, span.end_line, span.end_column, severity="active")
        for span in spans
        if span.source == "code"
    )


def _spots(report: Report, source: str) -> tuple[Spot, ...]:
    found = [
        Spot(f".{found_class(number)}", _ranges(finding.blame.spans, source))
        for number, finding in enumerate(fix_text.ordered(report.findings))
    ]
    by_id = {level.id: level for level in report.levels}
    for number, row in enumerate(outline(report), 1):
        span = None if row.level is None else by_id[row.level].span
        place = f'.st-key-{CALLS_KEY} [role="radiogroup"] > :nth-child({number})'
        found.append(Spot(place, _ranges([span] if span else [], source)))
    return tuple(spot for spot in found if spot.ranges)


def _ranges(spans: Iterable[Span], source: str) -> tuple[Range, ...]:
    return tuple(
        Range(span.line, span.column, span.end_line, span.end_column)
        for span in spans
        if span.source == source
    )


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]
