"""The first nan and the first inf: which example, which equation, and whether it made it itself.

    Program, Nest, Recording ──▶ first ──▶ Bad

Asked of the example's own program under plain jax.vmap, so that what batching computes only to throw
away (the other branch of a cond, a while's finished examples) is never blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from explainer.analysis import axes, internals, running
from explainer.analysis.internals import Instrumented, Key
from explainer.analysis.parsing import Program
from explainer.analysis.recording import Recording, compiled
from explainer.analysis.replaying import At, Found, Replay, Spot
from explainer.analysis.tracing import Nest
from explainer.intermediates import Bad, Kind
from explainer.report import Report

MOST_ROWS = 4_000_000  # numbers noted for all examples together
_KINDS: tuple[Kind, ...] = ("nan", "inf")


def first(
    program: Program, nest: Nest, report: Report, batched: Recording, ids: dict[Key, int]
) -> tuple[Bad, ...]:
    """Returns the first nan and the first inf, the one that comes first in front."""
    source = nest.source
    levels = report.levels[: len(program.levels)]
    examples = prod(level.axis_size or 0 for level in levels)
    if (
        source is None
        or not nest.traced
        or not _suspect(batched, report, ids)
        or examples * len(ids) * 4 > MOST_ROWS
    ):
        return ()
    collector = FirstBad(source)
    replay = _mapped(program, nest, report, Replay(source, collector))
    found = compiled(replay, source.closed, running.inputs(program, nest))(*running.inputs(program, nest))
    rows = {spot: np.asarray(value) for spot, value in found.items() if spot.output >= 0}
    search = _Search(rows, collector.around, ids, report, len(levels))
    bad = [bad for kind in _KINDS for bad in [search.first(kind)] if bad is not None]
    return tuple(bad for _, bad in sorted(bad, key=lambda pair: pair[0]))


def _suspect(batched: Recording, report: Report, ids: dict[Key, int]) -> bool:
    """Tells whether a nan or inf may be anywhere: seen, or in what was not kept.

    While all results are finite, only values of single examples count: JAX's own functions hold constant
    nans that a select leaves out again.
    """
    if batched.kept.left_out or any(_is_cut(numbers) for numbers in batched.stamps.values()):
        return True
    bad = (spot for spot, value in batched.values.items() if spot.key in ids and not _finite(value))
    if _reaches(report):
        return any(True for _ in bad)
    outputs = (report.equations[ids[spot.key]].outputs[spot.output] for spot in bad)
    return any(dim is not None for output in outputs for dim in output.batch_dims)


def _reaches(report: Report) -> bool:
    return any(leaf.nan_count or leaf.inf_count for leaf in report.outputs)


def _is_cut(numbers: np.ndarray) -> bool:
    """Tells a loop of which some iterations were not kept."""
    last = numbers[..., -1:] if numbers.ndim else numbers
    return bool((last >= (numbers.shape[-1] if numbers.ndim else 1)).any())


def _finite(value: np.ndarray) -> bool:
    if value.dtype.kind in "bui":
        return True
    return bool(np.isfinite(value if value.dtype.kind in "fc" else value.astype(np.float32)).all())


def _mapped(program: Program, nest: Nest, report: Report, replay: Replay) -> Callable[..., Found]:
    """Returns the replay under the levels of the request, all results mapped over axis 0."""

    def run(closed: Any, leaves: tuple[Any, ...]) -> Found:
        def one(*example: Any) -> Found:
            return replay(closed, example)

        fun: Callable[..., Found] = one
        places = [axes.array_operands(program).index(position) for position in nest.traced]
        for level, parsed in reversed(list(zip(report.levels, program.levels, strict=False))):
            fun = jax.vmap(
                fun,
                in_axes=tuple(level.inputs[n].index for n in places),
                axis_name=parsed.axis_name,
                axis_size=level.axis_size,
                spmd_axis_name=parsed.spmd_axis_name,
            )
        return fun(*leaves)

    return run


@dataclass(frozen=True, slots=True)
class _Search:
    """The rows of `FirstBad` for all examples: shape (axis sizes..., 2, loops + 2)."""

    rows: dict[Spot, np.ndarray]
    around: dict[Spot, At]
    ids: dict[Key, int]
    report: Report
    levels: int

    def first(self, kind: Kind) -> tuple[tuple[Any, ...], Bad] | None:
        """Returns the earliest of one kind with its place in the order of execution."""
        return min(self._each(_KINDS.index(kind)), key=lambda pair: pair[0], default=None)

    def _each(self, which: int) -> Iterator[tuple[tuple[Any, ...], Bad]]:
        """Lists, per output, the earliest iteration, and of the examples bad there the first."""
        for spot, rows in self.rows.items():
            of_kind = rows[..., which, :]
            bad = of_kind[..., -1] >= 0
            if not _reaches(self.report):  # a constant nan that a select leaves out again is nobody's fault
                bad &= (of_kind[..., -1] >> which & 1) == 0
            places, found = np.argwhere(bad).tolist(), of_kind[bad].tolist()
            if found:
                row, place = min(zip(found, places, strict=True), key=lambda pair: (pair[0][:-2], pair[1]))
                yield self._when(spot, row[:-2]), self._bad(spot, _KINDS[which], row, tuple(place))

    def _bad(self, spot: Spot, kind: Kind, row: list[int], place: tuple[int, ...]) -> Bad:
        number = self.ids[spot.key]
        *iterations, element, held = row
        shape = self.report.equations[number].outputs[spot.output].shape
        where = tuple(int(n) for n in np.unravel_index(element, shape)) if shape else ()
        inputs: tuple[Kind, ...] = tuple(_KINDS[bit] for bit in range(len(_KINDS)) if held >> bit & 1)
        return Bad(kind, number, spot.output, place, tuple(iterations), where, inputs, _reaches(self.report))

    def _when(self, spot: Spot, iterations: list[int]) -> tuple[Any, ...]:
        """Returns a sort key: what runs first is smaller. A loop's own results come after its body."""
        loops = {
            stamp.key: (n, stamp.output) for stamp, n in zip(self.around[spot].loops, iterations, strict=True)
        }
        when: list[float] = []
        for depth in range(1, len(spot.key)):
            iteration, body = loops.get(spot.key[:depth], (0, 0))
            when += [self.ids[spot.key[:depth]], iteration, body]  # a while's test (-2) before its body (-1)
        return (*when, self.ids[spot.key], float("inf"))


@dataclass(slots=True)
class FirstBad:
    """Takes, per output, where it first holds a nan (row 0) and an inf (row 1).

    A row is (iteration of each loop around, ..., element, inputs), all -1 while there is none; `inputs`
    is 1 for a nan among the equation's inputs, 2 for an inf, 3 for both. `around` tells where each was met.
    """

    source: Instrumented
    around: dict[Spot, At] = field(default_factory=dict)

    def take(self, eqn: JaxprEqn, key: Key, operands: list[Any], results: list[Any], at: At) -> Found:
        if eqn.primitive is internals.probe_p or key[0][0] != self.source.root:  # not its own
            return {}
        floats = [(n, value) for n, value in enumerate(results) if _may_be_bad(value)]
        if not floats:
            return {}
        inputs = [value for value in operands if _may_be_bad(value)]
        nan = _any(jnp.isnan, inputs)
        inf = _any(jnp.isinf, inputs)
        held = nan.astype(np.int32) + 2 * inf.astype(np.int32)
        found = {Spot(key, n): _rows(value, held) for n, value in floats}
        self.around |= dict.fromkeys(found, at)
        return found

    def room(self, spot: Spot, one: jax.ShapeDtypeStruct, slots: int) -> Any:
        return jnp.full((2, one.shape[1] + 1) if one.shape else (), -1, np.int32)

    def put(self, room: Any, new: Any, number: Any, slot: Any) -> Any:
        if not room.shape:
            return new
        numbers = jnp.full((2, 1), number, np.int32)
        first = (room[:, -1:] < 0) & (new[:, -1:] >= 0)
        return jnp.where(first, jnp.concatenate([numbers, new], axis=1), room)

    def filled(self, room: Any, slots: int) -> Any:
        return room

    def nothing(self, spot: Spot, one: jax.ShapeDtypeStruct) -> Any:
        return jnp.full(one.shape, -1, np.int32)


def _may_be_bad(value: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(value), jnp.inexact)


def _any(test: Callable[[Any], Any], arrays: list[Any]) -> Any:
    found = jnp.asarray(False)
    for value in arrays:
        found |= test(value).any()
    return found


def _rows(value: Any, held: Any) -> Any:
    rows = []
    for test in (jnp.isnan, jnp.isinf):
        flat = test(jnp.ravel(value))
        where = jnp.argmax(flat).astype(np.int32) if flat.size else jnp.int32(0)
        rows.append(jnp.where(flat.any(), jnp.stack([where, held]), -1))
    return jnp.stack(rows).astype(np.int32)
