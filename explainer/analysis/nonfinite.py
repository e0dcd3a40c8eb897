"""The first nan and the first inf: which example, which equation, and whether it made it itself.

    subjects, Recording ──▶ first ──▶ Bad

Asked of the function of one example under plain jax.vmap, so that what batching computes only to throw
away (the other branch of a cond, a while's finished examples) is never blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import internals
from explainer.analysis.internals import Instrumented, Key
from explainer.analysis.recording import Recording, compiled
from explainer.analysis.replaying import At, Found, Replay, Spot
from explainer.analysis.subjects import Subject
from explainer.intermediates import Bad, Kind
from explainer.report import Report

MOST_ROWS = 4_000_000  # numbers noted for all examples together
_KINDS: tuple[Kind, ...] = ("nan", "inf")


def first(
    subjects: Iterable[Subject], batched: Recording, ids: dict[Key, int], report: Report
) -> tuple[Bad, ...]:
    """Returns the first nan and the first inf, the one that comes first in front."""
    if not _suspect(batched, report, ids):
        return ()
    found: list[_Found] = []
    for subject in subjects:
        if subject.inputs and subject.examples * len(ids) * 4 <= MOST_ROWS:
            found += _in(subject, ids, report)
    earliest = (min((each for each in found if each.bad.kind == kind), default=None) for kind in _KINDS)
    return tuple(each.bad for each in sorted(each for each in earliest if each is not None))


def _in(subject: Subject, ids: dict[Key, int], report: Report) -> Iterator[_Found]:
    collector = FirstBad(subject.unit)
    replay = Replay(subject.unit, collector)

    def run(closed: Any, leaves: list[Any]) -> Found:
        return subject.mapped(lambda *example: replay(closed, example))(*leaves)

    found = compiled(run, subject.closed, subject.inputs)(*subject.inputs)
    rows = {spot: np.asarray(value) for spot, value in found.items() if spot.output >= 0}
    search = _Search(subject, rows, collector.around, ids, report)
    for which in range(len(_KINDS)):
        yield from search.each(which)


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
    """Tells whether a result holds one; of a script, whose results are nobody's, it is taken for granted."""
    return not report.outputs or any(leaf.nan_count or leaf.inf_count for leaf in report.outputs)


def _is_cut(numbers: np.ndarray) -> bool:
    """Tells a loop of which some iterations were not kept."""
    last = numbers[..., -1:] if numbers.ndim else numbers
    return bool((last >= (numbers.shape[-1] if numbers.ndim else 1)).any())


def _finite(value: np.ndarray) -> bool:
    if value.dtype.kind in "bui":
        return True
    return bool(np.isfinite(value if value.dtype.kind in "fc" else value.astype(np.float32)).all())


@dataclass(frozen=True, order=True, slots=True)
class _Found:
    """A nan or inf, and when it comes in the order of execution."""

    when: tuple[float, ...]
    bad: Bad = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Search:
    """The rows of `FirstBad` for all examples: shape (axis sizes..., 2, loops + 2)."""

    subject: Subject
    rows: dict[Spot, np.ndarray]
    around: dict[Spot, At]
    ids: dict[Key, int]
    report: Report

    def each(self, which: int) -> Iterator[_Found]:
        """Lists, per output, the earliest iteration, and of the examples bad there the first."""
        for spot, rows in self.rows.items():
            of_kind = rows[..., which, :]
            bad = of_kind[..., -1] >= 0
            if not _reaches(self.report):  # a constant nan that a select leaves out again is nobody's fault
                bad &= (of_kind[..., -1] >> which & 1) == 0
            places, found = np.argwhere(bad).tolist(), of_kind[bad].tolist()
            if found and spot.key in self.ids:
                row, place = min(zip(found, places, strict=True), key=lambda pair: (pair[0][:-2], pair[1]))
                row = [*self.subject.iterations, *row]
                yield _Found(self._when(spot, row[:-2]), self._bad(spot, _KINDS[which], row, tuple(place)))

    def _bad(self, spot: Spot, kind: Kind, row: list[int], place: tuple[int, ...]) -> Bad:
        number = self.ids[spot.key]
        *iterations, element, held = row
        shape = self.report.equations[number].outputs[spot.output].shape
        where = tuple(int(n) for n in np.unravel_index(element, shape)) if shape else ()
        inputs: tuple[Kind, ...] = tuple(_KINDS[bit] for bit in range(len(_KINDS)) if held >> bit & 1)
        return Bad(
            kind, number, spot.output, place, tuple(iterations), where, inputs, _reaches(self.report),
            tuple(level.id for level in self.subject.levels),
        )  # fmt: skip

    def _when(self, spot: Spot, iterations: list[int]) -> tuple[float, ...]:
        """Returns a sort key: what runs first is smaller. A loop's own results come after its body."""
        own = self.around[spot].loops
        inner = zip(own, iterations[len(iterations) - len(own) :], strict=True)
        loops = {self.ids.get(stamp.key): (n, stamp.output) for stamp, n in inner}
        outer = list(self.subject.iterations)[::-1]
        when: list[float] = [self.ids[spot.key], float("inf")]
        parent = self.report.equations[self.ids[spot.key]].parent
        while parent is not None:
            equation = self.report.equations[parent]
            if parent not in loops and outer and equation.primitive in ("scan", "while"):
                loops[parent] = (outer.pop(0), -1)
            iteration, body = loops.get(parent, (0, 0))
            when = [parent, iteration, body, *when]  # a while's test (-2) comes before its body (-1)
            parent = equation.parent
        return tuple(when)


@dataclass(slots=True)
class FirstBad:
    """Takes, per output, where it first holds a nan (row 0) and an inf (row 1).

    A row is (iteration of each loop around, ..., element, inputs), all -1 while there is none; `inputs`
    is 1 for a nan among the equation's inputs, 2 for an inf, 3 for both. `around` tells where each was met.
    """

    source: Instrumented
    around: dict[Spot, At] = field(default_factory=dict)

    def take(self, eqn: Any, key: Key, operands: list[Any], results: list[Any], at: At) -> Found:
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

    def spread(self, found: Found, names: tuple[Any, ...], at: At) -> None:
        """Leaves alone what runs on several devices: rows of examples cannot be told apart there."""


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
