"""Rewrites: a request with one text changed, tried before it is offered.

Request ──▶ argument, in_axes, out_axes ──▶ Request ──▶ proven, in_code ──▶ Fix
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from explainer.analysis.findings.scope import Scope
from explainer.axes import write_in_axes, write_out_axes
from explainer.edits.imports import with_imports
from explainer.edits.text import changed_lines
from explainer.errors import SpecError
from explainer.report import Fix, Leaf, Level, Report, Span
from explainer.source import parse_spec
from explainer.spec import Request, Stage

_AGAIN = 0.5  # of the time that the run took, the part that a run of an edited one is expected to take


def argument(
    request: Request, name: str, edit: Callable[[str], str], key: tuple[int, ...] | None = None
) -> Request:
    """Returns the request with one argument's text edited; a spec of keys is given more of them, instead."""

    def edited(text: str) -> str:
        try:
            spec = parse_spec(text)
        except SpecError:
            return edit(text)
        return str(replace(spec, shape=(*(key or ()), *spec.shape)))

    arguments = (
        replace(each, value=edited(each.value.strip())) if each.name == name else each
        for each in request.arguments
    )
    return replace(request, arguments=tuple(arguments))


def in_axes(request: Request, level: Level, axes: dict[int, int | None]) -> Request:
    """Returns the request with some leaves mapped along other axes by a stated level."""
    chosen = [axes.get(n, leaf.axis) for n, leaf in enumerate(level.inputs)]
    return _with(request, level, in_axes=write_in_axes(level.in_template, chosen))


def out_axes(request: Request, level: Level, axes: dict[int, int | None]) -> Request:
    """Returns the request with some outputs stacked along other axes by a stated level."""
    chosen = [axes.get(n, leaf.axis) for n, leaf in enumerate(level.outputs)]
    return _with(request, level, out_axes=write_out_axes(level.out_template, chosen))


def code(request: Request, span: Span, text: str) -> Request:
    """Returns the request with the text of a span of its code replaced."""
    lines = request.code.splitlines(keepends=True)
    first, last = lines[span.line - 1], lines[span.end_line - 1]
    whole = first[: span.column] + text + last[span.end_column :]
    return replace(request, code="".join((*lines[: span.line - 1], whole, *lines[span.end_line :])))


def _with(request: Request, level: Level, **texts: str) -> Request:
    levels = list(request.levels)
    levels[level.id] = replace(levels[level.id], **texts)
    return replace(request, levels=tuple(levels))


def proven(
    scope: Scope, edited: Request, summary: str, place: str, proof: str, holds: Callable[[Report], bool]
) -> Iterator[Fix]:
    """Gives a fix for an edited request that can be traced and of which `holds` is true; else nothing."""
    from explainer.analysis import findings  # the search itself is what proves a fix

    if scope.late or scope.run.report.request == edited:
        return
    report = findings.explained(edited, scope.end)
    if report is None or report.failure is not None or not holds(report):
        return
    before, after = _texts(scope.report.request, place), _texts(edited, place)
    yield Fix(edited, summary, _outputs(report), place, before, after, f"traced: {proof}")


def in_code(
    scope: Scope, text: str | None, summary: str, proof: str, kind: str, until: Stage = "batch"
) -> Iterator[Fix]:
    """Gives a fix that edits the code, where it then runs and has no finding of this kind; else nothing.

    A script that took long is not run again, nor is the file of a function that exists already.
    """
    from explainer.analysis import findings

    request, program = scope.report.request, scope.run.program
    if program is not None and not program.scope:
        return
    took = sum(stage.seconds for stage in scope.report.stages)
    if text is None or text == request.code or scope.end - time.perf_counter() < took * _AGAIN:
        return
    edited = replace(request, code=with_imports(request.code, text))
    report = findings.explained(edited, scope.end, until)
    if report is None or report.failure is not None or any(each.kind == kind for each in report.findings):
        return
    before, after = changed_lines(request.code, edited.code)
    yield Fix(edited, summary, _outputs(report), "code", before, after, proof)


def _texts(request: Request, place: str) -> str:
    """Returns the text of a place: "argument key", "in_axes of level 1"."""
    kind, _, name = place.partition(" ")
    if kind == "code":
        return request.code
    if kind == "levels":
        return "\n".join(level.in_axes for level in request.levels)
    if kind == "argument":
        return next((each.value for each in request.arguments if each.name == name), "")
    return str(getattr(request.levels[int(name.rpartition(" ")[2])], kind))


def _outputs(report: Report) -> tuple[Leaf, ...]:
    if report.outputs:
        return tuple(Leaf(leaf.path, leaf.dtype, leaf.shape) for leaf in report.outputs)
    level = report.levels[0] if report.stated else None
    return () if level is None else tuple(Leaf(one.path, one.dtype, one.shape) for one in level.outputs)
