"""Refused calls: what `jax.vmap` itself would not take is told with what to write instead."""

from __future__ import annotations

import pytest

import explainer
from explainer import Request

REFUSED = {
    "axis=": ("jax.vmap(jnp.sin, axis=1)(jnp.ones(3))", "unknown_parameter", "in_axes=1"),
    "torch's names": ("jax.vmap(jnp.dot, in_dims=(0, None))", "unknown_parameter", "in_axes=(0, None)"),
    "jit's": ("jax.vmap(jnp.sum, static_argnums=1)", "unknown_parameter", "None in in_axes"),
    "as a decorator": (
        "@jax.vmap(in_axes=1)\ndef f(x): return x",
        "no_function",
        "@partial(jax.vmap, in_axes=1)",
    ),
    "called already": ("jax.vmap(jnp.sum(jnp.ones(3)))", "not_a_function", "jax.vmap(jnp.sum)(jnp.ones(3))"),
    "arguments as axes": (
        "X = jnp.ones(3)\njax.vmap(jnp.dot, X, X)",
        "arguments_as_axes",
        "jax.vmap(jnp.dot)(X, X)",
    ),
    "a tree, not called yet": (
        'g = jax.vmap(lambda p: p["a"], in_axes={"a": 0})',
        "unwrapped_spec",
        "in_axes=({'a': 0},)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_jax_vmap_itself_refuses_is_told_with_what_to_write(name):
    code, kind, cure = REFUSED[name]
    failure = explainer.explain(Request(code), until="run").failure
    assert failure is not None and failure.kind == kind
    assert cure in failure.explanation
    assert failure.blame.spans


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ('jax.pmap(lambda x: jax.lax.psum(x, "j"))(jnp.ones((1, 3)))', "Nothing around it binds"),
        ('jax.pmap(lambda x: jax.lax.psum(x, "j"), axis_name="i")(jnp.ones((1, 3)))', "pmap: axis_name='i'"),
    ],
)
def test_a_collective_of_a_pmap_that_lacks_the_axis_name_is_told_and_mended(code: str, says: str):
    report = explainer.explain(Request(code))
    assert report.failure is not None and report.failure.kind == "unbound_axis_name"
    assert "axis name 'j'" in report.failure.explanation and says in report.failure.explanation
    assert report.fixes and "axis_name='j'" in report.fixes[0].request.code
