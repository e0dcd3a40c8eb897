"""Edits of code: the text they make, and that everything else of it stays as it was."""

from __future__ import annotations

import pytest

from explainer.edits.code import edits
from explainer.edits.text import Text, changed_lines
from explainer.report import Span

BOOL = "TracerBoolConversionError"


def at(code: str, part: str) -> Span:
    """Returns the span of a part of one line."""
    lines = code.split("\n")
    line = next(n for n, text in enumerate(lines) if part in text)
    column = lines[line].index(part)
    return Span(line + 1, column, line + 1, column + len(part))


@pytest.mark.parametrize(
    ("error", "part", "code", "edited"),
    [
        (BOOL, "x > 0", "y = x if x > 0 else -x", "y = jnp.where(x > 0, x, -x)"),
        (
            BOOL,
            "x > 0",
            "def f(x):\n    if x > 0:  # why\n        return x\n    return -x  # kept\n",
            "def f(x):\n    return jnp.where(x > 0, x, -x)  # kept\n",
        ),
        (
            BOOL,
            "x > 0",
            "if x > 0 and not b:\n    y = 1\nelse:\n    y = 2",
            "y = jnp.where(jnp.logical_and(x > 0, jnp.logical_not(b)), 1, 2)",
        ),
        (BOOL, "x > 0", "if x > 0:\n    y += 1", "y = jnp.where(x > 0, y + 1, y)"),
        (BOOL, "0 < x < 1", "y = f(0 < x < 1)", "y = f(jnp.logical_and(0 < x, x < 1))"),
        (BOOL, "max(a, b, 0)", "y = max(a, b, 0)", "y = jnp.maximum(jnp.maximum(a, b), 0)"),
        (BOOL, "x > 0", "def f(x):\n    assert x > 0\n    return x", "def f(x):\n    return x"),
        ("TracerArrayConversionError", "np.exp(é)", "y = np.exp(é)", "y = jnp.exp(é)"),
        ("ConcretizationTypeError", "x.item()", "y = x.item() + 1", "y = x + 1"),
        ("TracerIntegerConversionError", "t[i]", "y = t[i]", "y = jnp.asarray(t)[i]"),
        ("TracerIntegerConversionError", "fs[i]", "y = fs[i](x)", "y = jax.lax.switch(i, fs, x)"),
        ("TypeError", "x[0]", "x[0] -= a + b", "x = x.at[0].add(-(a + b))"),
        ("NonConcreteBooleanIndexError", "x[m]", "y = x[m].sum(0)", "y = jnp.sum(x, 0, where=m)"),
        ("NonConcreteBooleanIndexError", "x[m] = 0", "x[m] = 0", "x = x.at[m].set(0)"),
        (
            "",
            "g",
            "y = jax.pure_callback(g, s, x)",
            "y = jax.pure_callback(g, s, x, vmap_method='sequential')",
        ),
    ],
)
def test_the_first_edit_that_fits_is_this(error, part, code, edited):
    assert edited in [edit.text for edit in edits(code, at(code, part), error)]


def test_a_while_becomes_a_while_loop_with_what_it_assigns_as_its_state():
    code = "while x > 1:\n    x = x / 2\n    n += 1\n"
    (edit,) = edits(code, at(code, "x > 1"), BOOL)
    assert edit.text == (
        "def more(state):\n    x, n = state\n    return x > 1\n"
        "def step(state):\n    x, n = state\n    x = x / 2\n    n += 1\n    return x, n\n"
        "x, n = jax.lax.while_loop(more, step, (x, n))\n"
    )


@pytest.mark.parametrize(
    ("imports", "name"),
    [("import jax.numpy as J\n", "J"), ("from jax import numpy as jn\n", "jn"), ("", "jnp")],
)
def test_an_edit_calls_jax_numpy_what_the_text_calls_it(imports, name):
    code = f"{imports}y = x if x > 0 else 0"
    assert f"{name}.where(x > 0, x, 0)" in edits(code, at(code, "x > 0"), BOOL)[0].text


def test_a_text_that_is_no_python_has_no_edits():
    assert edits("def f(:", Span(1, 0, 1, 1), BOOL) == []


def test_a_path_goes_into_decorators():
    text = Text("@partial(jax.vmap, in_axes=0)\ndef f(x): return x\n")
    assert text.of(text.path(Span(1, 1, 1, 29))[-1]) == "partial(jax.vmap, in_axes=0)"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb\nc", "a\nB\nc", ("b", "B")),
        ("a\nb", "a\nb\nc", ("", "c")),
        ("a\na", "a", ("a", "")),
    ],
)
def test_only_the_lines_that_differ_are_shown(before, after, expected):
    assert changed_lines(before, after) == expected
