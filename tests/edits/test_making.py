"""Makings: an edited nest written into the `jax.vmap(...)` of a text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explainer.edits import making
from explainer.edits.misuse import misuse
from explainer.report import Span
from explainer.spec import Argument, Request, Vmap

NEST = Request(function="f", arguments=(Argument("x", "x"), Argument("y", "y")), levels=(Vmap(),))


def _edited(text: str, part: str, after: Request, before: Request = NEST) -> str | None:
    column = text.index(part)
    span = Span(1, column, 1, column + len(part))
    call = Span(1, 0, 1, len(text.split("\n")[0]))
    return making.rewritten(text, before, after, [span], "f", call)


@pytest.mark.parametrize(
    ("text", "part", "edited"),
    [
        ("jax.vmap(f)(x, y)", "jax.vmap(f)", "jax.vmap(f, in_axes=(0, None))(x, y)"),
        ("vmap(f, 0)(x, y)", "vmap(f, 0)", "vmap(f, (0, None))(x, y)"),
        ("vmap(f, in_axes=0,)(x)", "vmap(f, in_axes=0,)", "vmap(f, in_axes=(0, None),)(x)"),
        (
            "g = jit(vmap(f, out_axes=1))",
            "vmap(f, out_axes=1)",
            "g = jit(vmap(f, out_axes=1, in_axes=(0, None)))",
        ),
        (
            "@partial(jax.vmap)\ndef f(x): ...",
            "partial(jax.vmap)",
            "@partial(jax.vmap, in_axes=(0, None))\ndef f(x): ...",
        ),
    ],
)
def test_a_setting_is_written_where_the_call_has_it(text, part, edited):
    after = replace(NEST, levels=(Vmap("(0, None)"),))
    assert _edited(text, part, after) == edited


def test_a_setting_is_taken_out():
    before = replace(NEST, levels=(Vmap(axis_size="4"),))
    assert _edited("vmap(f, axis_size=4)(x)", "vmap(f, axis_size=4)", NEST, before) == "vmap(f)(x)"


def test_a_level_more_goes_around_what_is_mapped():
    after = replace(NEST, levels=(Vmap("(0, None)"), Vmap("(None, 0)")))
    expected = "jax.vmap(jax.vmap(f, in_axes=(None, 0)), in_axes=(0, None))(x, y)"
    assert _edited("jax.vmap(f)(x, y)", "jax.vmap(f)", after) == expected


def test_an_argument_is_edited_where_the_call_hands_it_over():
    after = replace(NEST, arguments=(Argument("x", "jnp.stack(x)"), Argument("y", "y")))
    assert _edited("g(x, y)", "g", after) == "g(jnp.stack(x), y)"


def test_a_misnamed_keyword_is_written_as_in_axes():
    unnamed = 'jax.pmap(lambda x: lax.psum(x, "i"),)(X)'
    assert misuse(unnamed)[0].text == """jax.pmap(lambda x: lax.psum(x, "i"), axis_name='i')(X)"""
    assert misuse("vmap(f, axis=1)(x); g(axis=1)")[0].text == "vmap(f, in_axes=1)(x); g(axis=1)"


def test_an_argument_left_out_is_passed_where_the_text_has_its_name():
    before = "def f(x, y):\n    return x\nX, Y = x1, x2\n"
    assert misuse(f"{before}vmap(f)(X)")[0].text == f"{before}vmap(f)(X, Y)"
    texts = [edit.text for edit in misuse(f"{before}vmap(f, in_axes=(1,))(X)")]
    assert [f"{before}vmap(f, in_axes=(1, {axis}))(X, Y)" in texts for axis in (0, None)] == [True, True]
    assert not any("too" in edit.summary for edit in misuse(f"{before.replace('Y', 'Z')}vmap(f)(X)"))


def test_the_parts_of_a_tuple_are_passed_as_arguments():
    assert misuse("vmap(f, (0, 0))((a, b))")[0].text == "vmap(f, (0, 0))(a, b)"
    assert "vmap(f, in_axes=(None, 0, 0))(p, *batch)" in [
        edit.text for edit in misuse("vmap(f, in_axes=(None, 0))(p, batch)")
    ]


@pytest.mark.parametrize(
    ("request_", "columns"),
    [
        (Request(function="jax.vmap(jax.vmap(f), 1)"), [(0, 24), (9, 20)]),
        (Request(code="g = vmap(vmap(f))", function="g"), [(4, 17), (9, 16)]),
        (Request(code="def g(x): return x", function="g"), []),
    ],
)
def test_makings_are_found_in_what_a_request_maps(request_, columns):
    assert [(span.column, span.end_column) for span in making.stated(request_, 2)] == columns
