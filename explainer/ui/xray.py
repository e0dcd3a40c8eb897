"""X-ray: every equation of the program, for one example and with the batch axes JAX gave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explainer.report import BatchedAval, Equation, Report
from explainer.ui import markup, why
from explainer.ui.markup import Html, escape, join, tag
from explainer.views import level_text, rewrites
from explainer.views.rewrites import Rewrite

_MANY = 4  # primitives that batching made of one; beyond that only their number is shown
_MOST = 400  # rows; a page with more is slow to scroll


def xray(report: Report) -> None:
    """Shows one row per equation: f32[2] becomes f32[i:3, j:4, 2]."""
    if not report.equations:
        markup.show(tag("p", "No equations: the function returns what it is given, or constants.", "pg-note"))
        return
    names = [level.name for level in report.levels]
    equations = report.equations[:_MOST]
    head = ("", "your code", "primitive", "one example", "with batch axes")
    rows = join(_row(report, equation, names, body) for equation, body in _with_bodies(equations))
    markup.show(markup.table_of(head, rows, "pg-xray"))
    markup.show(markup.lights(equation.id for equation in equations))
    left_out = len(report.equations) - len(equations)
    if left_out:
        markup.show(tag("p", escape(f"{left_out:,} more equations are in the jaxpr."), "pg-note"))
    call = next(iter(report.stated[-1:]), None)
    if call is not None and call.note:  # how far the equations of a call go that failed
        said = f"{call.transform} {call.name}: {call.note}."
        markup.show(tag("p", escape(said), "pg-note"))


def _with_bodies(equations: Sequence[Equation]) -> Iterator[tuple[Equation, str]]:
    """Yields every equation, with the name of its body where that body begins."""
    before = ""
    for equation in equations:
        yield equation, equation.body if equation.body != before else ""
        before = equation.body


def _row(report: Report, equation: Equation, names: Sequence[str], body: str) -> Html:
    one = join((markup.dtype_shape(out.dtype, out.shape) for out in equation.outputs), "<br>")
    batched = join((_batched(out, equation, names) for out in equation.outputs), "<br>")
    batched = join((batched, why.asked(report, equation)))
    cells = [escape(equation.id), _source(equation), _primitive(equation, body), one, batched]
    said = rewrites.rewrite(equation, names)
    under = None if said is None else _made(equation, said)
    return markup.row(cells, markup.equation_class(equation.id), under)


def _batched(out: BatchedAval, equation: Equation, names: Sequence[str]) -> Html:
    if not out.tracked:
        return tag("span", level_text.untracked(equation), "pg-mute")
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


def _made(equation: Equation, said: Rewrite) -> Html:
    """Returns what batching made of an equation: a title that opens to why it matters; surprises are open."""
    name = said.term.removeprefix("jax.") if said.term.startswith("jax.lax.") else said.term
    page = markup.link(f"JAX docs: {name}", said.url)
    parts = [
        tag("summary", join((tag("span", escape(said.title)), _emitted(equation)), " ")),
        tag("p", join((escape(said.sentence), page), " ")),
        *(
            tag("div", escape(f"{change.name}: {change.before} → {change.after}"), "pg-change")
            for change in equation.changed
        ),
    ]
    if said.loud:
        return tag("details", join(parts), "pg-why pg-loud", open="open")
    return tag("details", join(parts), "pg-why")


def _emitted(equation: Equation) -> Html:
    """Returns the primitives that JAX emitted; nothing if it is the same one as before."""
    if not equation.rewrite or equation.rewrite == (equation.primitive,):
        return Html("")
    text = " → ".join(equation.rewrite)
    if len(equation.rewrite) > _MANY:
        kinds = list(dict.fromkeys(equation.rewrite))
        text = f"{len(equation.rewrite)} equations: {', '.join(kinds[:_MANY])}" + (
            ", …" if len(kinds) > _MANY else ""
        )
    return tag("code", escape(text), "pg-rewrite", title=" → ".join(equation.rewrite[:40]))
