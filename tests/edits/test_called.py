"""Calls in a script that runs: the edit of each silent bug, and what is left alone."""

from __future__ import annotations

from functools import partial

import pytest

from explainer.edits import called
from explainer.report import Span

KEYED = "y = jax.vmap(f, in_axes=(None, 0))(key, x)"


def at(code: str, text: str) -> Span:
    """Returns the place of a text that stands in one line of a code."""
    start = code.index(text)
    line = code.count("\n", 0, start)
    column = start - (code.rfind("\n", 0, start) + 1)
    return Span(line + 1, column, line + 1, column + len(text))


@pytest.mark.parametrize(
    ("edit", "code", "text", "after"),
    [
        (called.stacked, "jax.pmap(f, out_axes=None)(x)", "jax.pmap(f, out_axes=None)(x)",
         "jax.pmap(f, out_axes=0)(x)"),
        (called.stacked, "g = jax.pmap(f, out_axes=None)\ng(x)", "g(x)", "g = jax.pmap(f, out_axes=0)\ng(x)"),
        (called.stacked, "g = h\ng(x)", "g(x)", None),
        (partial(called.keyed, place=0, axes=(None, 0), count=4), KEYED, KEYED[4:],
         "y = jax.vmap(f, in_axes=(0, 0))(jax.random.split(key, 4), x)"),
        (partial(called.keyed, place=0, axes=(None, 0, 0), count=4), KEYED, KEYED[4:], None),
        (partial(called.with_key, function="f", key="key", count=4),
         "def f(x):\n    return g(key)\nvmap(f)(X)",
         "vmap(f)(X)", "def f(x, key):\n    return g(key)\nvmap(f)(X, jax.random.split(key, 4))"),
        (partial(called.with_key, function="f", key="key", count=4),
         "def f(x, w):\n    return g(key)\nvmap(f, (0, None))(X, W)", "vmap(f, (0, None))(X, W)",
         "def f(x, w, key):\n    return g(key)\nvmap(f, (0, None, 0))(X, W, jax.random.split(key, 4))"),
        (partial(called.with_key, function="f", key="key", count=4),
         "def f(x):\n    return g(key)\nvmap(f)(X)\nf(x)", "vmap(f)(X)", None),
        (
            partial(called.with_key, function="<lambda>", key="key", count=4),
            "vmap(lambda x: x + g(key))(X)",
            "vmap(lambda x: x + g(key))(X)",
            "vmap(lambda x, key: x + g(key))(X, jax.random.split(key, 4))",
        ),
        (called.looped, "y = jax.vmap(f)(X)", "jax.vmap(f)(X)", "y = jax.lax.map(f, X)"),
        (called.looped, "y = jax.vmap(f)(X, Y)", "jax.vmap(f)(X, Y)",
         "y = jax.lax.map(lambda each: f(*each), (X, Y))"),
        (called.looped, "y = jax.vmap(f, in_axes=1)(X)", "jax.vmap(f, in_axes=1)(X)", None),
        (called.doubled_where, "y = jnp.where(x > 0, jnp.sqrt(x), 0.0)", "jnp.sqrt(x)",
         "y = jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0)"),
        (called.doubled_where, "y = jnp.where(x == 0, 0.0, 1 / x)", "1 / x",
         "y = jnp.where(x == 0, 0.0, 1 / jnp.where(x == 0, 1.0, x))"),
        (called.doubled_where, "def f(x):\n    y = jnp.log(x)\n    return jnp.where(x > 0, x * y, 0.0)",
         "jnp.log(x)",
         "def f(x):\n    y = jnp.log(jnp.where(x > 0, x, 1.0))\n    return jnp.where(x > 0, x * y, 0.0)"),
        (called.doubled_where, "y = jnp.sqrt(x)", "jnp.sqrt(x)", None),
    ],
)  # fmt: skip
def test_a_call_is_written_so_that_the_bug_is_gone_or_left_alone(
    edit, code: str, text: str, after: str | None
):
    assert edit(code, at(code, text)) == after
