"""Values: fills are reproducible and different, previews are true and capped."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from explainer.analysis import values
from explainer.source import ShapeSpec


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "complex64", "bfloat16", "float16"])
def test_distinct_values_are_all_different_and_the_same_each_time(dtype):
    spec = ShapeSpec(dtype, (5, 8))
    array = np.asarray(values.fill(spec, seed=3))
    assert array.shape == (5, 8)
    assert values.dtype_name(array.dtype) == dtype
    assert len(set(array.ravel().tolist())) == 40
    np.testing.assert_array_equal(array, np.asarray(values.fill(spec, seed=3)))
    assert (array != np.asarray(values.fill(spec, seed=4))).any()


@pytest.mark.parametrize(
    ("fill", "expected"),
    [("arange", [[0, 1, 2], [3, 4, 5]]), ("zeros", np.zeros((2, 3))), ("ones", np.ones((2, 3)))],
)
def test_named_fills_give_what_they_say(fill, expected):
    np.testing.assert_array_equal(np.asarray(values.fill(ShapeSpec("float32", (2, 3), fill), 0)), expected)


def test_keys_are_split_from_one_seed():
    keys = values.fill(ShapeSpec("key", (4,)), seed=42)
    assert (jax.random.key_data(keys) == jax.random.key_data(jax.random.split(jax.random.key(42), 4))).all()
    assert values.leaf("k", keys).preview[0].count(":") == 1


@pytest.mark.parametrize("name", ["float32", "float64", "int32", "bool", "complex64", "bfloat16", "key"])
def test_a_spec_is_traced_with_the_shape_and_dtype_it_is_filled_with(name):
    spec = ShapeSpec(name, (2, 3))
    aval, array = values.spec_aval(spec), values.fill(spec, 0)
    assert (aval.shape, aval.dtype) == (array.shape, array.dtype)


@pytest.mark.parametrize(
    "shape", [(), (3,), (0, 3), (1_000_000,), (3000, 2), (200, 200), (9, 9, 9, 9), (2,) * 14]
)
def test_a_preview_keeps_true_entries_within_the_cap_first_and_last_included(shape):
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    leaf = values.leaf("x", jnp.asarray(array))
    assert np.prod([len(kept) for kept in leaf.kept], dtype=int) <= values.PREVIEW_CELLS
    for kept, size in zip(leaf.kept, shape, strict=True):
        assert list(kept) == sorted(set(kept))
        assert size == 0 or (kept[-1] == size - 1 and set(kept[:-1]) == set(range(len(kept) - 1)))
    expected = array[np.ix_(*leaf.kept)] if shape else array
    np.testing.assert_array_equal(np.reshape(leaf.preview, expected.shape), expected)


def test_statistics_leave_out_what_is_not_finite_and_count_it():
    leaf = values.leaf("x", jnp.array([1.0, 3.0, jnp.nan, jnp.inf, -jnp.inf]))
    assert (leaf.min, leaf.max, leaf.mean, leaf.nan_count, leaf.inf_count) == (1.0, 3.0, 2.0, 1, 2)
