"""Carets stand under the user's own words, whichever text they are in."""

from __future__ import annotations

import pytest

from explainer.report import Blame, Span
from explainer.spec import Argument, Request, Vmap
from explainer.views import carets

REQUEST = Request(
    code="def dist(x, y):\n    return jnp.sum(x - y)\n",
    function="dist",
    arguments=(Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
    levels=(Vmap("(0, None)"), Vmap("(None, -2)")),
)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(2, 19, 2, 24), ["code, line 2:", "      return jnp.sum(x - y)", f"  {' ' * 19}^^^^^"]),
        (Span(1, 0, 2, 5), ["code, line 1:", "  def dist(x, y):", f"  {'^' * 15}"]),
        (Span(2, 25, 2, 25), ["code, line 2:", "      return jnp.sum(x - y)", f"  {' ' * 25}^"]),
        (Span(1, 1, 1, 3, "function"), ["function, line 1:", "  dist", "   ^^"]),
        (Span(1, 1, 1, 2, "argument Y"), ["argument Y, line 1:", "  f32[4,2]", "   ^"]),
        (Span(1, 1, 1, 5, "in_axes of level 1"), ["in_axes of level 1, line 1:", "  (None, -2)", "   ^^^^"]),
        (Span(9, 0, 9, 1), []),
        (Span(1, 0, 1, 1, "argument Z"), []),
    ],
)
def test_carets_stand_under_the_users_words(span, expected):
    assert carets.caret_lines(span, carets.source_text(REQUEST, span.source)) == expected


def test_tabs_before_the_caret_are_kept():
    assert carets.caret_lines(Span(1, 1, 1, 2), "\tx")[-1] == "  \t^"


def test_places_without_a_text_are_left_out():
    blame = Blame(spans=(Span(1, 0, 1, 3), Span(1, 0, 1, 1, "argument Z")))
    assert carets.places(blame, REQUEST) == [["code, line 1:", "  def dist(x, y):", "  ^^^"]]


def test_spans_of_one_line_share_it():
    spans = (Span(2, 19, 2, 24), Span(1, 0, 1, 3), Span(2, 11, 2, 14), Span(2, 19, 2, 24), Span(2, 23, 2, 25))
    assert carets.places(Blame(spans=spans), REQUEST) == [
        ["code, line 2:", "      return jnp.sum(x - y)", f"  {' ' * 11}^^^     ^^^^^^"],
        ["code, line 1:", "  def dist(x, y):", "  ^^^"],
    ]
