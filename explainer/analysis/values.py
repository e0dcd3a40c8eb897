"""Values: filling a shape spec, and turning an array into a capped preview with statistics.

ShapeSpec ──▶ fill ──▶ array ──▶ leaf ──▶ Report
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from explainer.report import Leaf
from explainer.source import ShapeSpec

PREVIEW_CELLS = 4096  # entries of one array that a report carries at most
_LEAST_KEPT = 8  # indices kept per axis before whole axes are thinned further


def spec_aval(spec: ShapeSpec) -> jax.ShapeDtypeStruct:
    """Returns the shape and dtype JAX will give the array: f64[2] is float32 unless x64 is enabled."""
    if spec.dtype == "key":
        return jax.ShapeDtypeStruct(spec.shape, _key_dtype())
    return jax.ShapeDtypeStruct(spec.shape, jax.dtypes.canonicalize_dtype(_numpy_dtype(spec.dtype)))


def fill(spec: ShapeSpec, seed: int) -> jax.Array:
    """Makes the array of a spec: the same values each time, other values for another `seed`.

    distinct: values in (0, 10], all different as far as the dtype can tell them apart.
    """
    if spec.dtype == "key":
        return jax.random.split(jax.random.key(seed), spec.size).reshape(spec.shape)
    dtype = _numpy_dtype(spec.dtype)
    # device_put compiles nothing; jnp.asarray would
    return jax.device_put(_flat(spec, dtype, np.random.default_rng(seed)).reshape(spec.shape))


def _flat(spec: ShapeSpec, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    n = spec.size
    if spec.fill == "zeros":
        return np.zeros(n, dtype)
    if spec.fill == "ones":
        return np.ones(n, dtype)
    if spec.fill == "arange":
        return np.arange(n).astype(dtype)
    if spec.fill == "normal":
        return _cast(rng.standard_normal(n), rng.standard_normal(n), dtype)
    return _distinct(n, dtype, rng)


def _distinct(n: int, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(n)
    if dtype == np.bool_:
        return order % 2 == 0
    if np.issubdtype(dtype, np.integer):
        return order.astype(dtype)
    step = 0.1 if n <= 100 else 10.0 / n
    return _cast((order + 1) * step, (rng.permutation(n) + 1) * step, dtype)


def _cast(real: np.ndarray, imaginary: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if np.issubdtype(dtype, np.complexfloating):
        return (real + 1j * imaginary).astype(dtype)
    if dtype == np.bool_:
        return real > 0
    return real.astype(dtype)


def _numpy_dtype(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def _key_dtype() -> Any:
    return jax.eval_shape(lambda: jax.random.key(0)).dtype


@functools.cache  # NumPy works a name out anew each time
def dtype_name(dtype: Any) -> str:
    """Returns NumPy's name of a dtype, or JAX's for random keys: "float32", "key<fry>"."""
    if dtype == jax.dtypes.float0:
        return "float0"
    return np.dtype(dtype).name if isinstance(dtype, np.dtype) else str(dtype)


def is_key(dtype: Any) -> bool:
    """Tells the dtype of typed random keys."""
    return jnp.issubdtype(dtype, jax.dtypes.prng_key)


def leaf(path: str, value: Any, most: int = PREVIEW_CELLS) -> Leaf:
    """Describes an array: preview of at most `most` entries, and statistics of its true values."""
    dtype = dtype_name(value.dtype)
    if value.dtype == jax.dtypes.float0:  # the gradient of a whole number: it has a shape and no values
        return Leaf(path, dtype, tuple(value.shape))
    if is_key(value.dtype):
        data = np.asarray(jax.random.key_data(value))
        kept = kept_indices(value.shape, most)
        return Leaf(path, dtype, tuple(value.shape), _keys(data[np.ix_(*kept)] if kept else data), kept)
    host = np.asarray(value)
    kept = kept_indices(host.shape, most)
    return Leaf(
        path, dtype, host.shape, _nested(host[np.ix_(*kept)] if kept else host), kept, **_statistics(host)
    )


def kept_indices(shape: tuple[int, ...], most: int = PREVIEW_CELLS) -> tuple[tuple[int, ...], ...]:
    """Chooses the indices of a preview, per axis: all, or the first ones and the last.

    (2, 3) -> ((0, 1), (0, 1, 2));  (1_000_000,) -> ((0, 1, ..., 4094, 999_999),)
    """
    caps = list(shape)
    for least in (_LEAST_KEPT, 2, 1):
        while prod(caps) > most and max(caps) > least:
            largest = caps.index(max(caps))
            others = prod(caps) // caps[largest]
            caps[largest] = max(least, min(caps[largest] // 2, most // max(others, 1)))
    return tuple(
        tuple(range(n)) if cap == n else (*range(cap - 1), n - 1) for n, cap in zip(shape, caps, strict=True)
    )


def _nested(host: np.ndarray) -> Any:
    if np.issubdtype(host.dtype, np.complexfloating):
        return np.vectorize(str, otypes=[object])(host).tolist()
    if host.dtype.kind not in "biuf":  # bfloat16 and float8 are not NumPy's own
        host = host.astype(np.float32)
    return host.tolist()


def _keys(data: np.ndarray) -> Any:
    if data.ndim == 1:
        return ":".join(f"{word:08x}" for word in data.tolist())
    return [_keys(part) for part in data]


def _statistics(host: np.ndarray) -> dict[str, Any]:
    if host.dtype == np.bool_:
        host = host.astype(np.uint8)
    if np.issubdtype(host.dtype, np.complexfloating):
        return {"nan_count": int(np.isnan(host).sum()), "inf_count": int(np.isinf(host).sum())}
    numbers = host if host.dtype.kind in "iuf" else host.astype(np.float32)  # bfloat16 and the like
    counts = {"nan_count": int(np.isnan(numbers).sum()), "inf_count": int(np.isinf(numbers).sum())}
    finite = numbers[np.isfinite(numbers)] if any(counts.values()) else numbers
    if not finite.size:
        return counts
    mean = float(finite.mean(dtype=np.float64))
    return {"min": float(finite.min()), "max": float(finite.max()), "mean": mean, **counts}
