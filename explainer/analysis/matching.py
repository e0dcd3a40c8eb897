"""Matching: a whole `jax.vmap` call against a plain Python loop, output leaf by output leaf.

    f, arguments, axes ──▶ difference ──▶ what differs, in words; "" where nothing does

The loop knows nothing of vmap: it takes each example out of the arguments by indexing and calls f on it.
Unlike `checking`, which looks at a sample of a traced nest, it compares all examples, f called as written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import internals
from explainer.analysis.batching import output_path
from explainer.analysis.checking import plain
from explainer.analysis.internals import sub_jaxprs
from explainer.analysis.values import dtype_name
from explainer.debugging import debug
from explainer.source import short_dtype

_ROUNDINGS = 64  # of the output's dtype, at the largest value of the leaf, that are taken for rounding
_REPLACED = {
    "custom_vmap_call": "it has a rule of its own for vmap (jax.custom_batching.custom_vmap): look there",
    "pure_callback": "it calls back into Python (jax.pure_callback): look at vmap_method, and at what the "
    "Python function does with a batch",
    "io_callback": "it calls back into Python (jax.experimental.io_callback), which may keep something",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """How the function is mapped, and what counts as equal; None: what rounding explains."""

    in_axes: Any
    out_axes: Any
    rtol: float | None
    atol: float | None


def difference(f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], asked: Asked) -> str:
    """Says where vmap and a loop first differ; "" where they agree on every example."""
    with debug():
        mapped = jax.vmap(f, in_axes=asked.in_axes, out_axes=asked.out_axes)(*args, **kwargs)
    leaves, tree = jax.tree.flatten((tuple(args), dict(kwargs)))
    in_axes = tuple(asked.in_axes) if isinstance(asked.in_axes, list) else asked.in_axes
    axes = internals.flatten_axes("vmap in_axes", tree, (in_axes, 0), kws=True)
    count = next(np.shape(leaf)[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None)
    found = _Outputs(mapped, asked)
    for number in range(count):
        example = jax.tree.unflatten(tree, _example(leaves, axes, number))
        looped = f(*example[0], **example[1])
        said = found.compared(looped, number)
        if said:
            place = f"Example {number} of {count} (counted from 0)"
            return f"{place}: {said}{_reason(f, example, looped, found)}"
    return ""


def _example(leaves: Sequence[Any], axes: Sequence[int | None], number: int) -> Iterator[Any]:
    for leaf, axis in zip(leaves, axes, strict=True):
        yield leaf if axis is None else _taken(leaf, axis, number)


def _taken(array: Any, axis: int, number: int) -> Any:
    """Returns one example of an array: f32[3,4], axis 1, number 2 -> f32[3]."""
    array = array if isinstance(array, jax.Array) else jnp.asarray(array)
    return array[(slice(None),) * (axis % array.ndim) + (number,)]


class _Outputs:
    """The leaves of the mapped call, to be compared with one example after another."""

    def __init__(self, mapped: Any, asked: Asked) -> None:
        flat, self.tree = jax.tree_util.tree_flatten_with_path(mapped)
        self.paths = [output_path(path) for path, _ in flat]
        self.wholes = [leaf for _, leaf in flat]
        self.axes = internals.flatten_axes("vmap out_axes", self.tree, asked.out_axes)
        self.asked = asked
        self.rounding = False  # the difference found is small beside the values

    def compared(self, looped: Any, number: int) -> str:
        """Says how one example of the loop differs; "" where it does not."""
        leaves, tree = jax.tree.flatten(looped)
        if tree != self.tree:
            return f"jax.vmap returns {self.tree}, the loop {tree}."
        for path, whole, axis, leaf in zip(self.paths, self.wholes, self.axes, leaves, strict=True):
            said = self._leaf(path, whole if axis is None else _taken(whole, axis, number), leaf)
            if said:
                return said
        return ""

    def _leaf(self, path: str, got: Any, expected: Any) -> str:
        mine, its = _type(got), _type(expected)
        if mine != its:
            return f"{path} is {mine} from jax.vmap, but {its} from the loop."
        a, b = np.asarray(plain(got)), np.asarray(plain(expected))
        wrong = ~self._close(a, b)
        if not wrong.any():
            return ""
        first = tuple(map(int, np.argwhere(wrong)[0]))
        place = f"{path}{list(first)}" if first else path
        more = f"; {int(wrong.sum())} of {wrong.size} entries of {path} differ" if wrong.size > 1 else ""
        return f"{place} is {a[first]!s} from jax.vmap, but {b[first]!s} from the loop{self._by(a, b)}{more}."

    def _close(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        rtol, atol = self.asked.rtol, self.asked.atol
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            if rtol is None and atol is None or a.dtype == np.bool_:
                return np.asarray(a == b)
            return np.isclose(a.astype(np.float64), b.astype(np.float64), rtol or 0.0, atol or 0.0)
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        if rtol is None and atol is None:
            atol = _ROUNDINGS * float(jnp.finfo(a.dtype).eps) * _largest(b.astype(wide))
        return np.isclose(a.astype(wide), b.astype(wide), rtol or 0.0, atol or 0.0, equal_nan=True)

    def _by(self, a: np.ndarray, b: np.ndarray) -> str:
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            return ""
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        with np.errstate(invalid="ignore"):
            error = np.abs(a.astype(wide) - b.astype(wide))
        if not np.isfinite(error).all():
            return ""
        largest = _largest(b.astype(wide))
        self.rounding = float(error.max()) <= 1024 * _ROUNDINGS * float(jnp.finfo(a.dtype).eps) * largest
        return f" (largest difference {float(error.max()):.3g})"


def _type(value: Any) -> str:
    typed = jax.typeof(value)
    return f"{short_dtype(dtype_name(typed.dtype))}[{','.join(map(str, typed.shape))}]"


def _largest(values: np.ndarray) -> float:
    return float(np.abs(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)).max(initial=0.0))


def _reason(f: Callable[..., Any], example: Any, looped: Any, found: _Outputs) -> str:
    """Says what most likely makes the two differ, as far as a look at f can tell."""
    again = _Outputs(f(*example[0], **example[1]), Asked(None, None, found.asked.rtol, found.asked.atol))
    if again.compared(looped, 0):
        return (
            " Called twice on this one example, the function gives two results: it draws random numbers in "
            "Python or NumPy, or keeps something between calls. jax.vmap calls it once for all examples."
        )
    replaced = next((said for name, said in _REPLACED.items() if name in _primitives(f, example)), None)
    if replaced is not None:
        return f" Likely why: {replaced}."
    if found.rounding:
        return (
            " Likely why: rounding. XLA computes a batch in another order than one example; state how close "
            "is close enough by rtol and atol."
        )
    if _differs_when_traced(f, example, looped, found):
        return (
            " Likely why: the function does something else when its arguments are traced, as jax.vmap does: "
            "it looks at whether they are tracers, or computes with NumPy or Python numbers otherwise."
        )
    return ""


def _differs_when_traced(f: Callable[..., Any], example: Any, looped: Any, found: _Outputs) -> bool:
    try:
        traced = jax.jit(lambda tree: f(*tree[0], **tree[1]))(example)
    except Exception:  # noqa: BLE001  (a static argument, a value that is needed: nothing is told then)
        return False
    return bool(_Outputs(traced, Asked(None, None, found.asked.rtol, found.asked.atol)).compared(looped, 0))


def _primitives(f: Callable[..., Any], example: Any) -> set[str]:
    """Lists the primitives of f on one example, those in bodies included; none where it needs values."""
    try:
        closed = jax.make_jaxpr(lambda: f(*example[0], **example[1]))()
    except Exception:  # noqa: BLE001  (whatever f raises: nothing is told then)
        return set()
    found: set[str] = set()
    waiting = [closed.jaxpr]
    while waiting:
        for eqn in waiting.pop().eqns:
            found.add(eqn.primitive.name)
            waiting += [body.jaxpr for body in sub_jaxprs(eqn)]
    return found
