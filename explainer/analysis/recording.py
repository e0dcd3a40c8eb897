"""Recording: the values of all intermediates of one run, loops included, on the host.

    Instrumented, jaxpr, arguments ──▶ record ──▶ Recording ──▶ lens

One compiled call hands everything out (`replaying`); of a loop it keeps the first iterations and
the last. The same program can be run again on other arguments at no cost of compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from explainer.analysis import internals, values
from explainer.analysis.internals import ClosedJaxpr, Instrumented, Key
from explainer.analysis.replaying import At, Found, Replay, Spot

_QUICK: dict[str, str | bool] = {
    "xla_backend_optimization_level": "0"
}  # what is compiled runs a few times only


@dataclass(slots=True)
class Kept:
    """Takes every probed value: of a loop the first iterations and the last.

    `most` bounds the entries of all values together; those that would pass it are `left_out`. With
    `only`, just these are taken. `around` tells where each value was met, `keys` the kind of random keys.
    """

    source: Instrumented
    most: int
    only: frozenset[Spot] | None = None
    around: dict[Spot, At] = field(default_factory=dict)
    keys: dict[Spot, Any] = field(default_factory=dict)
    left_out: set[Spot] = field(default_factory=set)
    cells: int = 0
    differs: Callable[[Spot], Mapping[Any, bool]] = lambda _: {}  # by mesh axis around: claimed to, or not
    unlike: set[Spot] = field(default_factory=set)  # claimed not to, but they do

    def take(self, eqn: Any, key: Key, operands: list[Any], results: list[Any], at: At) -> Found:
        if eqn.primitive is not internals.probe_p:
            return {}
        body = eqn.params["body"]
        found: Found = {}
        for (index, output), value in zip(self.source.probed[body], operands, strict=True):
            spot = Spot((*key[:-1], (body, index)), output)
            crosses = index < 0 and body in self.source.all.units
            if (index >= 0 or crosses) and self._wanted(spot, value, at):
                found[spot] = self._plain(spot, value)
        return found

    def _wanted(self, spot: Spot, value: Any, at: At) -> bool:
        if spot in self.around or spot in self.left_out:  # loops are traced more than once
            return spot in self.around
        cells = value.size * prod(at.slots)
        float0 = value.dtype == jax.dtypes.float0
        if float0 or self.cells + cells > self.most or (self.only is not None and spot not in self.only):
            self.left_out.add(spot)
            return False
        self.cells += cells
        self.around[spot] = at
        return True

    def _plain(self, spot: Spot, value: Any) -> Any:
        if not values.is_key(value.dtype):
            return jnp.asarray(value)
        self.keys[spot] = jax.random.key_impl(value)
        return jax.random.key_data(value)

    def room(self, spot: Spot, one: jax.ShapeDtypeStruct, slots: int) -> Any:
        return jnp.full((slots, *one.shape), -1 if spot.output < 0 else 0, one.dtype)

    def put(self, room: Any, new: Any, number: Any, slot: Any) -> Any:
        return lax.dynamic_update_index_in_dim(room, new, slot, 0)

    def filled(self, room: Any, slots: int) -> Any:
        return room[:slots]

    def nothing(self, spot: Spot, one: jax.ShapeDtypeStruct) -> Any:
        return jnp.full(one.shape, -1 if spot.output < 0 else 0, one.dtype)

    def spread(self, found: Found, names: tuple[Any, ...], at: At) -> Found:
        """Puts axes of devices behind those of loops; an iteration counts where all devices agree on it."""
        devices = tuple(range(len(names)))
        taken: Found = {}
        for spot, value in found.items():
            if spot.output < 0:
                low, high = jnp.min(value, devices), jnp.max(value, devices)
                taken[spot] = jnp.where(low == high, high, -1)
                continue
            loops = len(self.around[spot].slots) - len(at.slots)
            taken[spot] = jnp.moveaxis(value, devices, [loops + n for n in devices])
        return taken

    def told_apart(self, spot: Spot, value: np.ndarray) -> np.ndarray | None:
        """Returns a value without the devices that it is claimed not to differ between.

        None: it stands in JAX's own code between devices, of which nothing is claimed.
        """
        names = self.around[spot].devices
        claimed = self.differs(spot)
        if any(name not in claimed for name in names):
            return None
        for n in reversed(range(len(names))):
            axis = len(self.around[spot].slots) + n
            if claimed[names[n]]:
                continue
            if not _alike(value, axis):
                self.unlike.add(spot)
            value = np.take(value, 0, axis)
        return value


def _alike(value: np.ndarray, axis: int) -> bool:
    """Tells whether all entries along an axis are equal, nan to nan."""
    if value.dtype.kind not in "biufc":  # bfloat16 and its like, which NumPy knows no nan of
        value = value.astype(np.float32)
    first = np.broadcast_to(np.take(value, [0], axis), value.shape)
    return np.array_equal(value, first, equal_nan=value.dtype.kind in "fc")


@dataclass(slots=True)
class Recording:
    """The values of one run on the host: an axis per loop around in front, then the value's own axes."""

    values: dict[Spot, np.ndarray]
    stamps: dict[Spot, np.ndarray]
    kept: Kept
    compiled: Any

    @property
    def around(self) -> dict[Spot, At]:
        return self.kept.around

    def again(self, arguments: Sequence[Any]) -> Recording:
        """Runs the same program on other arguments."""
        return _recording(self.compiled, self.kept, arguments)

    def iterations(self, spot: Spot) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Lists (slot, iterations) of every time that a value was kept: ((0,), (0,)), ((1,), (1,)), ..."""
        at = self.around[spot]
        for slot in np.ndindex(*at.slots):
            numbers = tuple(int(self.stamps[loop][slot[: n + 1]]) for n, loop in enumerate(at.loops))
            taken = (self.stamps[branch][slot[: self.stamps[branch].ndim]] for branch in at.branches)
            if min(numbers, default=0) >= 0 and all(stamp >= 0 for stamp in taken):
                yield slot, numbers

    def value(self, spot: Spot, slot: tuple[int, ...]) -> Any:
        """Returns one value, random keys as such."""
        found = self.values[spot][slot]
        impl = self.kept.keys.get(spot)
        return np.asarray(found) if impl is None else jax.random.wrap_key_data(found, impl=impl)


def record(source: Instrumented, kept: Kept, closed: ClosedJaxpr, arguments: Sequence[Any]) -> Recording:
    """Compiles and runs a tagged program, handing out what is kept of it."""
    return _recording(compiled(Replay(source, kept), closed, arguments), kept, arguments)


def compiled(replay: Callable[..., Found], closed: ClosedJaxpr, arguments: Sequence[Any]) -> Any:
    """Compiles a replay with little optimisation: it runs a few times only."""
    lowered = jax.jit(lambda *given: replay(closed, given)).lower(*arguments)
    return lowered.compile(compiler_options=_QUICK)


def _recording(program: Any, kept: Kept, arguments: Sequence[Any]) -> Recording:
    found = {spot: np.asarray(value) for spot, value in program(*arguments).items()}
    each = ((spot, kept.told_apart(spot, value)) for spot, value in found.items() if spot.output >= 0)
    values = {spot: value for spot, value in each if value is not None}
    return Recording(values, {spot: value for spot, value in found.items() if spot.output < 0}, kept, program)
