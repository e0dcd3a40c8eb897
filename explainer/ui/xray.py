"""X-ray: every equation of the program, for one example and with the batch axes JAX gave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explainer.report import BatchedAval, Equation, Report
from explainer.ui import markup
from explainer.ui.markup import Html, escape, join, tag

_MANY = 8  # equations that batching made of one; beyond that only their number is shown
_MOST = 400  # rows; a page with more is slow to scroll


def xray(report: Report) -> None:
    """Shows one row per equation: f32[2] becomes f32[i:3, j:4, 2]."""
    if not report.equations:
        markup.show(tag("p", "No equations: the function returns what it is given, or constants.", "pg-note"))
        return
    names = [level.name for level in report.levels]
    equations = report.equations[:_MOST]
    head = ("", "your code", "primitive", "one example", "with batch axes", "batching made of it")
    markup.show(
        markup.table(
            head, [_row(equation, names, body) for equation, body in _with_bodies(equations)], "pg-xray"
        )
    )
    left_out = len(report.equations) - len(equations)
    if left_out:
        markup.show(tag("p", escape(f"{left_out:,} more equations are in the jaxpr."), "pg-note"))


def _with_bodies(equations: Sequence[Equation]) -> Iterator[tuple[Equation, str]]:
    """Yields every equation, with the name of its body where that body begins."""
    before = ""
    for equation in equations:
        yield equation, equation.body if equation.body != before else ""
        before = equation.body


def _row(equation: Equation, names: Sequence[str], body: str) -> list[Html]:
    one = join((markup.dtype_shape(out.dtype, out.shape) for out in equation.outputs), "<br>")
    batched = join((_batched(out, names) for out in equation.outputs), "<br>")
    return [
        escape(equation.id),
        _source(equation),
        _primitive(equation, body),
        one,
        batched,
        _rewrite(equation),
    ]


def _batched(out: BatchedAval, names: Sequence[str]) -> Html:
    if not out.tracked:
        return tag("span", "JAX replaced this body", "pg-mute")
    if all(axis is None for axis in out.batch_dims):
        return (
            join((markup.aval(out, names), tag("span", " shared", "pg-mute")))
            if names
            else markup.aval(out, names)
        )
    return markup.aval(out, names)


def _source(equation: Equation) -> Html:
    if not equation.source or equation.span is None:
        return tag("span", "JAX's own", "pg-mute")
    line = tag("span", escape(f"{equation.span.line} "), "pg-mute")
    text = " ".join(equation.source.split())
    return join(
        (
            line,
            tag(
                "span", escape(text if len(text) <= 56 else f"{text[:55]}…"), "pg-src", title=equation.source
            ),
        )
    )


def _primitive(equation: Equation, body: str) -> Html:
    indent = tag("span", "│ " * equation.depth, "pg-tree") if equation.depth else Html("")
    where = tag("span", escape(f" in {body}"), "pg-body") if body else Html("")
    return join((indent, tag("b", escape(equation.primitive)), where))


def _rewrite(equation: Equation) -> Html:
    if not equation.rewrite or equation.rewrite == (equation.primitive,):
        return tag("span", "the same", "pg-mute")
    text = " → ".join(equation.rewrite)
    if len(equation.rewrite) > _MANY:
        text = f"{len(equation.rewrite)} equations"
    return tag("span", escape(text), "pg-rewrite", title=" → ".join(equation.rewrite[:40]))
