"""Hints beside the code end, wherever the spans of a report lead."""

from __future__ import annotations

import pytest

from explainer.report import BatchedAval, Equation, Report, Span
from explainer.spec import Argument, Request, Vmap
from explainer.ui.hints import Lines, hints

REQUEST = Request(
    "def dist(x, y):\n    return jnp.sum(x - y)\n", "dist", (Argument("x", "f32[3]"),), (Vmap(),)
)
SUM, DIFFERENCE = Span(2, 11, 2, 25), Span(2, 19, 2, 24)


def _equation(number: int, span: Span, callers: tuple[Span, ...] = (), **fields) -> Equation:
    plain = {"inputs": (), "outputs": (), "depth": 0, "body": "", "parent": None, "source": "", "rewrite": ()}
    return Equation(number, "add", span=span, callers=callers, **(plain | fields))


@pytest.mark.parametrize("callers", [(SUM,) * 13, tuple(Span(2, n, 2, 25) for n in range(13))])
def test_calls_that_lead_to_themselves(callers):
    report = Report(REQUEST, equations=tuple(_equation(n, DIFFERENCE, callers) for n in range(10)))
    assert hints(report, Lines(report)) == ()


def test_thousands_of_equations_of_one_expression():
    out = BatchedAval("a", "float32", (), (), ())
    many = tuple(_equation(n, SUM, inputs=("a",), outputs=(out,)) for n in range(10_000))
    report = Report(REQUEST, equations=many)
    (hint,) = hints(report, Lines(report))
    assert hint.line == 2
