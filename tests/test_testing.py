"""`assert_vmap_matches_loop`: vmap against a plain loop on every example, told where they differ."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer

from explainer.testing import assert_vmap_matches_loop

X = jnp.arange(12.0).reshape(3, 4)
KEYS = jax.random.split(jax.random.key(0), 3)


class Pair(NamedTuple):
    low: Any
    high: Any


AGREEING = {
    "one argument": (jnp.sum, (X,), {}),
    "a shared one": (jnp.dot, (X, X[0]), {"in_axes": (0, None)}),
    "another axis, back at the end": (lambda x: x * 2, (X,), {"in_axes": 1, "out_axes": -1}),
    "a negative axis": (jnp.cumsum, (X,), {"in_axes": -1}),
    "a list of axes": (jnp.dot, (X, X[0]), {"in_axes": [0, None]}),
    "trees": (
        lambda p, x: Pair((p["w"] @ x).min(), p["b"] + x.max()),
        ({"w": jnp.ones((2, 4)), "b": X[:, 0]}, X),
        {"in_axes": ({"w": None, "b": 0}, 0), "out_axes": Pair(0, 0)},
    ),
    "a keyword argument": (lambda x, scale: x * scale, (X,), {"scale": jnp.arange(3.0)}),
    "a Python number": (lambda x, n: x[:n], (X, 2), {"in_axes": (0, None)}),
    "a result that is shared": (lambda x, y: (x, y), (X, 7.0), {"in_axes": (0, None), "out_axes": (0, None)}),
    "keys": (lambda key: jax.random.normal(key, (2,)), (KEYS,), {}),
    "keys that come back": (jax.random.split, (KEYS,), {}),
    "NumPy's arrays": (lambda x: x * 2, (np.arange(6.0).reshape(3, 2),), {}),
    "whole numbers": (lambda x: x // 2, (jnp.arange(5),), {}),
    "nan": (jnp.log, (jnp.array([-1.0, 0.0, 1.0]),), {}),
    "a branch": (lambda x: jax.lax.cond(x.sum() > 20, jnp.sin, jnp.cos, x), (X,), {}),
    "rounding": (
        lambda x, w: jnp.tanh(x @ w),
        (jax.random.normal(KEYS[0], (7, 1000)), jax.random.normal(KEYS[1], (1000, 30))),
        {"in_axes": (0, None)},
    ),
}


@pytest.mark.parametrize("name", AGREEING)
def test_what_agrees_passes(name):
    f, args, options = AGREEING[name]
    assert_vmap_matches_loop(f, *args, **options)


def callback(x):
    def doubled_if_batched(value):
        return np.asarray(value) * np.ndim(value)

    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return {"y": jax.pure_callback(doubled_if_batched, shape, x, vmap_method="expand_dims")}


@jax.custom_batching.custom_vmap
def squared(x):
    return x**2


@squared.def_vmap
def _(axis_size, in_batched, x):
    return x**2 + jnp.arange(axis_size)[:, None] // 2, True


RANDOM = np.random.default_rng(0)

DIFFERING = {
    "a callback": (
        callback,
        (X + 1,),
        {},
        ["Example 0 of 3", "out['y'][0] is 2.0 from jax.vmap, but 1.0", "vmap_method"],
    ),
    "a rule of its own": (squared, (X,), {}, ["Example 2 of 3", "out[0] is 65.0", "64.0", "custom_vmap"]),
    "random numbers of NumPy": (
        lambda x: x + RANDOM.random(),
        (X,),
        {},
        ["Example 0 of 3", "gives two results"],
    ),
    "a look at tracers": (
        lambda x: x.sum() if isinstance(x, Tracer) else x.max(),
        (X,),
        {},
        ["out is 6.0 from jax.vmap, but 3.0 from the loop", "when its arguments are traced"],
    ),
    "another shape": (
        lambda x: x if isinstance(x, Tracer) else x[:2],
        (X,),
        {},
        ["out is f32[4] from jax.vmap, but f32[2] from the loop"],
    ),
    "another dtype": (
        lambda x: x if isinstance(x, Tracer) else x.astype(int),
        (X,),
        {},
        ["out is f32[4] from jax.vmap, but i32[4] from the loop"],
    ),
    "another tree": (
        lambda x: {"a": x} if isinstance(x, Tracer) else (x,),
        (X,),
        {},
        ["jax.vmap returns PyTreeDef({'a': *}), the loop PyTreeDef((*,))"],
    ),
    "less than a tolerance allows": (
        lambda x: x + 1e-3 * isinstance(x, Tracer),
        (X,),
        {"rtol": 0.0, "atol": 1e-4},
        ["largest difference 0.001", "4 of 4 entries of out differ"],
    ),
}


@pytest.mark.parametrize("name", DIFFERING)
def test_what_differs_is_told_with_the_example_the_leaf_both_values_and_why(name):
    f, args, options, said = DIFFERING[name]
    with pytest.raises(AssertionError) as raised:
        assert_vmap_matches_loop(f, *args, **options)
    message = str(raised.value)
    assert [part for part in said if part not in message] == [], message


def test_a_tolerance_is_taken_at_its_word():
    def f(x):
        return x + 1e-3 * isinstance(x, Tracer)

    assert_vmap_matches_loop(f, X, rtol=0.0, atol=1e-2)


def test_an_error_of_vmap_passes_with_its_explanation():
    with pytest.raises(ValueError, match="inconsistent sizes") as raised:
        assert_vmap_matches_loop(jnp.dot, X, X.T)
    assert any("one size" in note for note in raised.value.__notes__)
