"""Checking: the mapped run against a plain Python loop over examples.

    Program, Nest, outputs, levels ──▶ compare_with_loop ──▶ Check

The oracle knows nothing of vmap: it indexes each argument along its mapped axes, calls the function
on that one example, and looks the same example up in the mapped result.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import axes, tracing, values
from explainer.analysis.parsing import Program
from explainer.analysis.tracing import Nest
from explainer.report import Check, Level

MOST_EXAMPLES = 64
_SECONDS = 1.0  # no new example is begun after this
_NOT_PURE = (
    " does not do the same each time it is called: it draws random numbers in Python or NumPy, or keeps "
    "something between calls. jax.vmap calls it once for all examples."
)
_EPS = 1024  # accepted error in units of the coarsest dtype's rounding at the leaf's largest value
_MOST_ERROR = 0.1  # and of that value, at most: 1024 roundings of a half float would accept anything


def compare_with_loop(
    program: Program,
    nest: Nest,
    levels: tuple[Level, ...],
    outputs: Any,
    function: Callable[[list[Any]], Any] | None = None,
) -> Check:
    """Calls the function on single examples and compares; says so where no loop is possible.

    `function` takes the traced leaves of one example: the program's own, compiled, where it is None.
    """
    sizes = [level.axis_size or 0 for level in levels]
    examples = prod(sizes)
    named = [level.name for level in program.levels if level.axis_name is not None]
    if not examples:
        return Check(None, 0, examples, note="an axis has size 0: there is no example to compare")
    if levels and [leaf.shape for leaf in levels[0].outputs] != [*map(jnp.shape, jax.tree.leaves(outputs))]:
        return Check(False, 0, examples, note=program.name + _NOT_PURE)  # traced twice, two results
    places = sample(sizes, MOST_EXAMPLES)
    flat = [np.asarray(plain(leaf)) for leaf in jax.tree.leaves(outputs)]
    worst = Worst(coarsest(nest))
    try:
        called = jax.jit(single(program, nest)) if function is None else function
        compared = _compare(program, nest, levels, places, flat, worst, called)
    except NameError as error:  # jax: an axis name that only vmap binds
        if not named:
            raise
        reason = f"the function communicates along {', '.join(named)}, so single calls cannot stand in for it"
        return Check(None, 0, examples, note=f"{reason} ({error})".split("\n")[0])
    share = f"{compared} of {examples:,} examples, spread evenly, ends included"
    note = "" if compared == examples else share
    if not worst.agrees and not _repeats(program, nest, example(program, levels, places[0])):
        note = f"{note}{'. ' if note else ''}{program.name}{_NOT_PURE}"
    return Check(worst.agrees, compared, examples, worst.absolute, worst.ulp, note)


def coarsest(nest: Nest) -> float:
    """Returns the rounding of the coarsest dtype in the example's program; 0 without floats."""
    return rounding(nest.source.bodies if nest.source is not None else [])


def rounding(bodies: Iterable[Any]) -> float:
    """Returns the rounding of the coarsest dtype that jaxprs compute in; 0 without floats."""
    outputs = [var for body in bodies for eqn in body.eqns for var in eqn.outvars]
    dtypes = {getattr(var.aval, "dtype", np.dtype(bool)) for var in outputs}
    return max((float(jnp.finfo(d).eps) for d in dtypes if jnp.issubdtype(d, jnp.inexact)), default=0.0)


def _compare(
    program: Program,
    nest: Nest,
    levels: tuple[Level, ...],
    places: list[tuple[int, ...]],
    flat: list[np.ndarray],
    worst: Worst,
    function: Callable[[list[Any]], Any],
) -> int:
    """Compares one example after another until they, or the time, are used up; returns how many."""
    end = time.perf_counter() + _SECONDS
    for compared, place in enumerate(places, start=1):
        leaves = example(program, levels, place)
        expected = jax.tree.leaves(function([leaves[position] for position in nest.traced]))
        worst.agrees &= len(expected) == len(flat)
        for n, (value, whole) in enumerate(zip(expected, flat, strict=False)):
            got = whole[output_index(levels, n, place, whole.ndim)]
            worst.add(np.asarray(plain(value)), got, whole)
        if time.perf_counter() > end:
            return compared
    return len(places)


def sample(sizes: list[int], most: int) -> list[tuple[int, ...]]:
    """Chooses examples spread over the nest, the first and the last among them.

    sizes [3, 4] -> all 12;  sizes [1000, 1000], most 64 -> 64 on a grid of diagonal steps
    """
    total = prod(sizes)
    if total <= most:
        return list(itertools.product(*map(range, sizes)))
    flat = sorted({round(n * (total - 1) / (most - 1)) for n in range(most)})
    return [tuple(int(i) for i in np.unravel_index(n, sizes)) for n in flat]


def example(program: Program, levels: tuple[Level, ...], place: tuple[int, ...]) -> list[Any]:
    """Returns all leaves as one example sees them: each mapped axis indexed away, outermost first."""
    leaves = [on_host(value) for value in program.values()]
    for n, position in enumerate(axes.array_operands(program)):
        for level, number in zip(levels, place, strict=True):
            axis = level.inputs[n].index
            if axis is not None:
                leaves[position] = leaves[position][(slice(None),) * axis + (number,)]
    return leaves


def _repeats(program: Program, nest: Nest, leaves: list[Any]) -> bool:
    """Tells whether the function, traced twice on one example, makes the same program."""

    def trace() -> str:  # a new function each time: JAX remembers the trace of an old one
        text = str(jax.make_jaxpr(single(program, nest))([leaves[position] for position in nest.traced]))
        return re.sub(r"\b0x[0-9a-f]+", "", text)

    return trace() == trace()


def on_host(value: Any) -> Any:
    """Returns an array as NumPy's, whose indexing compiles nothing; what NumPy cannot hold as it is."""
    if not isinstance(value, jax.Array) or values.is_key(value.dtype) or jax.typeof(value).weak_type:
        return value
    return np.asarray(value)


def single(program: Program, nest: Nest) -> Callable[[list[Any]], Any]:
    """Returns the function of one example's traced leaves; the others are what they were for the nest."""
    others = tracing.others(program, nest)

    def call(traced: list[Any]) -> Any:
        args, kwargs = axes.rebuild(program, nest.traced, traced, others)
        return program.function(*args, **kwargs)

    return call


def output_index(levels: tuple[Level, ...], leaf: int, place: tuple[int, ...], ndim: int) -> Any:
    """Returns the index that picks one example out of a mapped result, outermost level first."""
    index: list[Any] = [slice(None)] * ndim
    free = list(range(ndim))  # axes not yet picked, in order
    for level, number in zip(levels, place, strict=True):
        axis = level.outputs[leaf].index
        if axis is not None:
            index[free.pop(axis)] = number
    return tuple(index)


def plain(value: Any) -> Any:
    """Returns random keys as their words, gradients of whole numbers as zeros; anything else as it is."""
    if hasattr(value, "dtype") and values.is_key(value.dtype):
        return jax.random.key_data(value)
    if getattr(value, "dtype", None) == jax.dtypes.float0:
        return np.zeros(value.shape, np.bool_)
    return value


def plain_tree(tree: Any) -> Any:
    """Returns a tree of values that NumPy can compare."""
    return jax.tree.map(plain, tree)


class Worst:
    """The largest deviation so far over all compared values."""

    def __init__(self, eps: float) -> None:
        self.eps = eps  # of the coarsest dtype that the function computes in
        self.absolute = 0.0
        self.ulp = 0.0
        self.agrees = True

    def add(self, expected: np.ndarray, got: np.ndarray, whole: np.ndarray) -> None:
        """Takes in one example's leaf; `whole` is the leaf over all examples, for its scale."""
        if expected.shape != got.shape:
            self.agrees = False
            return
        if expected.dtype.kind in "bui":
            self._exact(expected, got)
            return
        complex_ = expected.dtype.kind == "c"
        wide = np.complex128 if complex_ else np.float64
        eps = float(jnp.finfo(expected.dtype).eps)
        a, b = expected.astype(wide), got.astype(wide)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            error = np.where(same, 0.0, np.abs(a - b))
        error = np.where(np.isnan(error), np.inf, error)
        scale = np.abs(np.nan_to_num(whole.astype(wide), nan=0.0, posinf=0.0, neginf=0.0)).max(initial=0.0)
        size = np.maximum(np.maximum(np.abs(a), np.abs(b)), float(jnp.finfo(expected.dtype).tiny))
        with np.errstate(invalid="ignore"):
            ulps = np.where(error == 0, 0.0, error / (size * eps))
        self.absolute = max(self.absolute, float(error.max(initial=0.0)))
        self.ulp = max(self.ulp, float(np.nan_to_num(ulps, nan=np.inf).max(initial=0.0)))
        accepted = min(_EPS * max(eps, self.eps), _MOST_ERROR)
        self.agrees &= bool((error <= accepted * scale).all())

    def _exact(self, expected: np.ndarray, got: np.ndarray) -> None:
        error = np.abs(expected.astype(np.float64) - got.astype(np.float64))
        self.absolute = max(self.absolute, float(error.max(initial=0.0)))
        self.agrees &= bool((expected == got).all())
