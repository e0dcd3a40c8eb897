"""Reading: what a batched program tells of each equation of the examples it was made from.

    batched jaxpr, its units ──▶ read ──▶ per equation: where every level's axis is, what was emitted

JAX's own batching rules are asked, never re-implemented: the probes say where each axis went, the tags
what each equation became.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from explainer.analysis import internals
from explainer.analysis.capturing import DeviceAxis
from explainer.analysis.internals import ClosedJaxpr, Instrumented, Key
from explainer.report import Change

Marks = Callable[[int], Sequence[tuple[Any, int]]]
"""Returns, for a unit, (axis name in its probes, level) of all levels around it, innermost first."""

Place = tuple[tuple[int | None, ...], tuple[int, ...]]
"""Where every level's axis sits in a value, and the value's shape with all of them."""


@dataclass(slots=True)
class Seen:
    """What a batched program says of one equation; for a body's inputs, the equation INPUTS."""

    emitted: list[str] = field(default_factory=list)
    changed: tuple[Change, ...] | None = None
    places: dict[int, Place] = field(default_factory=dict)  # by output


DeviceAxes = Callable[[int], Sequence[DeviceAxis]]
"""Returns, for a unit, the levels over devices around it, outermost first."""


def read(
    source: Instrumented, batched: ClosedJaxpr, marks: Marks, devices: DeviceAxes, levels: int
) -> dict[Key, Seen]:
    """Collects, per equation, what was emitted for it and where the axes of all `levels` levels are."""
    seen: dict[Key, Seen] = {}
    closed: set[Key] = set()
    for emitted in internals.read(batched, source):
        body = (*emitted.key[:-1], (emitted.key[-1][0], internals.INPUTS))
        if emitted.eqn.primitive is internals.probe_p:
            if body not in closed:
                closed.add(body)
                unit = emitted.key[0][0]
                _note(emitted, source, _Chain(marks(unit), devices(unit), levels), seen)
        elif body not in closed:  # JAX may emit a body twice (while's condition): once tells all
            _emit(_entry(seen, emitted.key), emitted, source)
    return seen


def _entry(seen: dict[Key, Seen], key: Key) -> Seen:
    entry = seen.get(key)
    if entry is None:
        entry = seen[key] = Seen()
    return entry


@dataclass(frozen=True, slots=True)
class _Chain:
    """The levels around a unit, and the number of levels there are in all."""

    marks: Sequence[tuple[Any, int]]
    devices: Sequence[DeviceAxis]
    levels: int

    def dims(self, noted: Sequence[tuple[Any, Sequence[int | None]]]) -> dict[int, Sequence[int | None]]:
        """Returns by level what a probe noted; of two levels with one name the inner one noted first."""
        found: dict[int, Sequence[int | None]] = {}
        for name, dims in noted:
            free = (level for mark, level in self.marks if mark == name and level not in found)
            level = next(free, None)
            if level is not None:
                found[level] = dims
        return found


def _emit(entry: Seen, emitted: internals.Emitted, source: Instrumented) -> None:
    """Notes an equation that batching emitted, and how its parameters differ if it kept its primitive."""
    body, index = emitted.key[-1]
    before = source.bodies[body].eqns[index]
    if entry.changed is None and emitted.eqn.primitive is before.primitive:
        entry.changed = internals.changes(before, emitted.eqn)
    entry.emitted.append(emitted.eqn.primitive.name)


def _note(emitted: internals.Emitted, source: Instrumented, chain: _Chain, seen: dict[Key, Seen]) -> None:
    """Reads one probe: the axes of a body's inputs and of every value computed in it."""
    body = emitted.eqn.params["body"]
    inside = (*emitted.key[:-1], (body, internals.INPUTS))
    spread = [(axis, axis.spread.dims(axis.name, inside, emitted.eqn)) for axis in chain.devices]
    if any(dims is None for _, dims in spread):
        return  # nothing is claimed
    by_level = chain.dims(emitted.eqn.params["seen"])
    unmapped: Sequence[int | None] = (None,) * len(source.probed[body])
    around = emitted.key[:-1]
    by_value = zip(*(by_level.get(level, unmapped) for level in range(chain.levels)), strict=True)
    relative = list(by_value) if chain.levels else [()] * len(unmapped)
    for n, (eqn, output) in enumerate(source.probed[body]):
        place = positions(relative[n]), tuple(getattr(emitted.eqn.invars[n].aval, "shape", ()))
        if spread:
            between = [axis for axis, dims in spread if dims is not None and dims[n] is not None]
            place = _over_devices(place, between)
        _entry(seen, (*around, (body, eqn))).places[output] = place


def _over_devices(place: Place, between: Sequence[DeviceAxis]) -> Place:
    """Puts the axes of devices in front of an array that each of them has its own of.

    (0, None), (3, 2), over 4 devices of level 1  ->  (1, 0), (4, 3, 2)
    """
    dims = [None if dim is None else dim + len(between) for dim in place[0]]
    for number, axis in enumerate(between):
        dims[axis.level] = number
    return tuple(dims), (*(axis.size for axis in between), *place[1])


@functools.lru_cache(4096)
def positions(relative: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Turns the axis each level noted when it was added into the axis's place in the final array.

    Outermost level first: [0, 0] -> (0, 1): the outer axis was put in front of the inner one.
    """
    placed: list[int | None] = [None] * len(relative)
    for level in reversed(range(len(relative))):
        at = relative[level]
        if at is None:
            continue
        placed = [p if p is None or p < at else p + 1 for p in placed]
        placed[level] = at
    return tuple(placed)
