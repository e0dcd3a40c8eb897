"""Subjects: what can be run for one example alone, the stated function or a captured one, with its inputs.

    Recording of the batched program ──▶ subjects ──▶ proving, nonfinite

The inputs of a captured function are those that the batched run handed it, over all examples of the
levels around it; inside a loop, those of one iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import numpy as np

from explainer.analysis import axes, internals, running, values
from explainer.analysis.capturing import Captured
from explainer.analysis.internals import INPUTS, ClosedJaxpr, Instrumented
from explainer.analysis.listing import Listing
from explainer.analysis.parsing import Program
from explainer.analysis.recording import Recording
from explainer.analysis.replaying import Spot
from explainer.analysis.tracing import Nest
from explainer.report import Level, Report

MOST_ITERATIONS = 3  # of a loop around a captured call, in which it is looked at


@dataclass(frozen=True, slots=True)
class Subject:
    """A function of one example and its inputs over all of them.

    `dims[n]` tells per level where its axis sits in input n, None: not mapped. A call in a loop was
    met in `slot` of the recording, at `iterations`.
    """

    unit: Instrumented
    closed: ClosedJaxpr
    levels: tuple[Level, ...]  # around it, outermost first
    names: tuple[Any, ...]  # the axis_name of each
    inputs: tuple[Any, ...]
    dims: tuple[tuple[int | None, ...], ...]
    slot: tuple[int, ...] = ()
    iterations: tuple[int, ...] = ()
    loops: tuple[Spot, ...] = ()  # those around it

    @property
    def sizes(self) -> list[int]:
        return [level.axis_size or 0 for level in self.levels]

    @property
    def examples(self) -> int:
        return prod(self.sizes)

    def example(self, place: Sequence[int]) -> list[Any]:
        """Returns the inputs as one example sees them."""
        return [_cut(value, dims, place) for value, dims in zip(self.inputs, self.dims, strict=True)]

    def mapped(self, fun: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function of one example's inputs under plain jax.vmap, results mapped over axis 0."""
        for level, size, name in reversed(
            list(zip(range(len(self.levels)), self.sizes, self.names, strict=True))
        ):
            in_axes = tuple(_relative(dims, level) for dims in self.dims)
            fun = jax.vmap(fun, in_axes=in_axes, axis_size=size, axis_name=name)
        return fun


def stated(program: Program, nest: Nest, report: Report) -> Subject | None:
    """Returns the function that the request states, under its levels; None if it was not traced."""
    if nest.source is None:
        return None
    levels = report.levels[: len(program.levels)]
    arrays = axes.array_operands(program)
    places = [arrays.index(position) for position in nest.traced]
    inputs = tuple(running.inputs(program, nest))
    mapped = [[level.inputs[n].index for level in levels] for n in places]
    dims = tuple(_absolute(value.ndim, each) for value, each in zip(inputs, mapped, strict=True))
    names = tuple(level.axis_name for level in program.levels)
    return Subject(nest.source, nest.source.closed, levels, names, inputs, dims)


def captured(
    found: Captured, chain: Sequence[int], report: Report, listing: Listing, batched: Recording
) -> Iterator[Subject]:
    """Lists a captured function as often as it is looked at: once, or in some iterations of loops around."""
    unit, levels = found.unit, tuple(report.levels[number] for number in chain)
    if unit is None:
        return
    key = ((unit.root, INPUTS),)
    jaxpr = unit.closed.jaxpr
    variables = [*jaxpr.constvars, *jaxpr.invars]
    spots = [Spot(key, n) for n in range(len(variables))]
    seen = listing.seen.get(key)
    if seen is None or not spots or any(spot not in batched.values for spot in spots):
        return
    closed = ClosedJaxpr(jaxpr.replace(constvars=[], invars=variables), [])
    dims = tuple(tuple(seen.places[n][0][number] for number in chain) for n in range(len(spots)))
    met = list(batched.iterations(spots[0]))
    for slot, iterations in [*met[: MOST_ITERATIONS - 1], *met[MOST_ITERATIONS - 1 :][-1:]]:
        inputs = tuple(batched.value(spot, slot) for spot in spots)
        names = tuple(level.axis_name for level in levels)
        loops = batched.around[spots[0]].loops
        yield Subject(unit, closed, levels, names, inputs, dims, slot, iterations, loops)


def _absolute(ndim: int, indices: Sequence[int | None]) -> tuple[int | None, ...]:
    """Turns the axis each level maps of what it is handed, outermost first, into places in the whole."""
    free = list(range(ndim))
    return tuple(None if index is None else free.pop(index) for index in indices)


def _relative(dims: Sequence[int | None], level: int) -> int | None:
    """Returns the axis that a level maps of what the levels around it leave: (1, 2), level 1 -> 1."""
    own = dims[level]
    if own is None:
        return None
    return own - sum(1 for outer in dims[:level] if outer is not None and outer < own)


def _cut(value: Any, dims: Sequence[int | None], place: Sequence[int]) -> Any:
    index: list[Any] = [slice(None)] * value.ndim
    for axis, number in zip(dims, place, strict=True):
        if axis is not None:
            index[axis] = number
    return _on_host(value)[tuple(index)]


def _on_host(value: Any) -> Any:
    """Returns an array as NumPy's, whose indexing compiles nothing; what NumPy cannot hold as it is."""
    kept = isinstance(value, jax.Array) and (values.is_key(value.dtype) or internals.aval(value).weak_type)
    return value if kept else np.asarray(value)
