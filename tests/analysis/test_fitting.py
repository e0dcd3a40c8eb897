"""Which shapes an operation takes: JAX takes those, and refuses the others."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import pytest

from explainer.analysis.explaining import fitting

SHAPES = ((), (1,), (3,), (4,), (3, 4), (4, 3), (1, 4), (2, 3, 4))


@pytest.mark.parametrize(
    ("rule", "fun"),
    [
        (fitting.contraction, jnp.matmul),
        (fitting.dot, jnp.dot),
        (fitting.inner, jnp.inner),
        (fitting.broadcast, jnp.add),
        (fitting.concatenate(0), lambda x, y: jnp.concatenate([x, y], 0)),
        (fitting.concatenate(-1), lambda x, y: jnp.concatenate([x, y], -1)),
        (fitting.stack, lambda x, y: jnp.stack([x, y])),
        (fitting.einsum("ij,jk->ik"), lambda x, y: jnp.einsum("ij,jk->ik", x, y)),
        (fitting.leading, lambda x, y: jax.lax.map(lambda pair: 0, (x, y))),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_rule_of_two_shapes_agrees_with_jax(rule, fun):
    for shapes in itertools.product(SHAPES, repeat=2):
        clash = rule(shapes)
        assert (clash is None) == _runs(fun, *shapes), shapes
        if clash is not None:
            assert len(clash.axes) == 2
            for shape, conflicts in zip(shapes, clash.axes, strict=True):
                assert all(0 <= axis < len(shape) for axis in conflicts)


@pytest.mark.parametrize(
    ("rule", "fun"),
    [
        (fitting.reshape((3, 4)), lambda x: jnp.reshape(x, (3, 4))),
        (fitting.reshape((-1, 2)), lambda x: jnp.reshape(x, (-1, 2))),
        (fitting.has_axes((1,)), lambda x: jnp.sum(x, axis=1)),
        (fitting.has_axes((-2,)), lambda x: jnp.sum(x, axis=-2)),
        (fitting.indices(2), lambda x: x[:, 0]),
        (fitting.unpacked(2), lambda x: (lambda a, b: x)(*x.shape)),
        (fitting.entries(3), lambda x: (lambda a, b, c: x)(*x)),
        (fitting.rank_of(1), list),
    ],
)
def test_a_rule_of_one_shape_agrees_with_jax(rule, fun):
    for shape in SHAPES:
        assert (rule([shape]) is None) == _runs(fun, shape), shape


def _runs(fun, *shapes) -> bool:
    try:
        jax.eval_shape(fun, *(jax.ShapeDtypeStruct(shape, "float32") for shape in shapes))
    except (TypeError, ValueError, IndexError):
        return False
    return True
