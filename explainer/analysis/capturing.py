"""Capturing: every call of jax.vmap, pmap and shard_map made while the user's code runs, a tree of levels.

    user code ── jax.vmap ──▶ internals.Call ──▶ Capture ──▶ Captured levels, their units

An observed call runs exactly as in JAX. A traced one is followed: the mapped function is traced for
one example, tagged and probed, and runs on in its own place. Values that the call does not map are
closed over as they are, so what is concrete in JAX (`range(n)` with in_axes=None) is concrete here.
Of a call that is known to fail, what its function made before is kept.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from explainer.analysis import closures, ending, internals
from explainer.analysis.calls import Call
from explainer.analysis.calls import Captured as Captured
from explainer.analysis.calls import Root as Root
from explainer.analysis.ending import Attempt
from explainer.analysis.internals import Bodies, ClosedJaxpr, Instrumented, MeshCall, Spread
from explainer.errors import message

MOST_LEVELS = 300  # places of code with a vmap call that are told apart

NEEDS_VALUES = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


Hears = Callable[[Captured, Captured | None, int, Mapping[int, Any]], Any]
"""Takes a call, the one around it, the number of levels it stands under, and values of tracers."""


@dataclass(slots=True)
class Capture:
    """What one pass over the user's code met. `outer` is the level that the code runs under, if any.

    `failing` are the levels that an earlier pass saw fail, each with the type of its error. `hears` is
    handed every vmap call that is new, while it is under way, and what was heard of the call around it.
    """

    first: int = 0  # number of the first level found
    outer: int | None = None
    failing: Mapping[int, str] = field(default_factory=dict)
    hears: Hears | None = None
    known: dict[int, Any] = field(default_factory=dict)  # values of tracers, by identity
    found: list[Captured] = field(default_factory=list)
    bodies: Bodies = field(default_factory=Bodies)
    levels: dict[int, int] = field(default_factory=dict)  # unit (its root) -> level
    repeats: set[int] = field(default_factory=set)  # units of calls that were made before
    stack: internals.Stack = field(default_factory=internals.Stack)  # all transformations that were met
    elsewhere: int = 0  # calls that other threads made: not found
    _under: list[int] = field(default_factory=list)
    _groups: dict[Any, Captured] = field(default_factory=dict)

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Follows calls meanwhile, in code that is being traced."""
        with internals.catching(self._follow), internals.noting(self.stack):
            yield

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """Notes calls meanwhile and changes nothing about them."""
        watching = internals.catching(self._observe), internals.told_elsewhere(self._missed)
        with watching[0], watching[1], internals.noting(self.stack):
            yield

    def _missed(self) -> None:
        self.elsewhere += 1

    @contextlib.contextmanager
    def following_roots(self, enough: Callable[[Capture], bool]) -> Iterator[None]:
        """Follows each outermost call on its own, in code that runs; ends when `enough` says so."""
        with internals.catching(functools.partial(self._follow_root, enough)):
            yield

    @property
    def ended(self) -> dict[int, str]:
        """The levels whose first call ended in an error, each with the type of the error."""
        return {found.number: found.ended for found in self.found if found.ended}

    def chain(self, level: int | None) -> list[int]:
        """Returns the captured levels from the outermost down to `level`, and the stated ones above them."""
        chain: list[int] = []
        while level is not None and level >= self.first:
            chain.insert(0, level)
            level = self.found[level - self.first].parent
        return [*range(self.first), *chain] if self.first else chain

    def keep(self, count: int) -> None:
        """Forgets all calls but the first ones: of `count`, those whose whole tree is among them."""
        if count < len(self.found):
            end = self.chain(self.first + count)[self.first]
            del self.found[end - self.first :]
            self.levels = {unit: level for unit, level in self.levels.items() if level < end}

    def settle(self, programs: Iterable[ClosedJaxpr]) -> None:
        """Takes, of equal calls, the first that is in a program: of a loop's body that JAX traced twice,
        since its carry changed its type, only the last trace is."""
        alive = internals.units_in(programs, self.bodies) if self.repeats else set[int]()
        for found in self.found if self.repeats else ():
            if found.unit is None or found.unit.root in alive:
                continue
            for unit, inputs in found.others:
                if unit.root in alive:
                    self.repeats.add(found.unit.root)
                    self.repeats.remove(unit.root)
                    found.unit, found.inputs = unit, inputs
                    break

    def level_names(self, level: int | None) -> list[tuple[Any, int]]:
        """Lists (axis name that probes note, level), innermost first."""
        vmaps = (each for each in self._around(level) if not isinstance(each.call, MeshCall))
        return [(_key(captured), captured.number) for captured in reversed(list(vmaps))]

    def device_axes(self, level: int | None) -> list[DeviceAxis]:
        """Lists the levels over devices around `level`, itself included, outermost first."""
        around = ((captured.number, captured.call) for captured in self._around(level))
        return [
            DeviceAxis(number, call.mesh_axis, call.axis_size, call.spread)
            for number, call in around
            if isinstance(call, MeshCall)
        ]

    def _around(self, level: int | None) -> list[Captured]:
        return [self.found[n - self.first] for n in self.chain(level) if n >= self.first]

    def mapped(self, captured: Captured, probed: bool = False) -> ClosedJaxpr | None:
        """Traces a level by itself: what it alone makes of its function; None where that cannot be told."""
        unit, call = captured.unit, captured.call
        if unit is None or None in captured.avals or len(call.out_dims) != len(unit.closed.jaxpr.outvars):
            return None
        own = unit.closed if probed else internals.without_probes(unit.closed)

        def fun(shared: list[Any], mapped: list[Any]) -> list[Any]:
            return internals.evaluate(ClosedJaxpr(own.jaxpr, shared), mapped)

        shared = [internals.aval_of(var) for var in unit.closed.jaxpr.constvars]
        whole = call.whole(captured.avals)
        handed = [whole[n] for n in captured.inputs]
        try:
            named = replace(call, axis_name=_key(captured)) if probed else call
            level = named.alone(fun, captured.inputs)
            with jax.enable_x64(captured.x64):
                return jax.make_jaxpr(level, axis_env=captured.axes)(shared, handed)
        except Exception:  # noqa: BLE001  (a mesh axis, say, that cannot be bound outside of its mesh)
            return None

    def _observe(self, call: Call) -> Any:
        captured, new = self._enter(call)
        if captured is None:
            return call.proceed()
        with self._inside(captured, new):
            out = call.proceed()
        if new:
            self._left(captured, out[0])
        return out

    def _follow(self, call: Call) -> Any:
        captured, new = self._enter(call)
        if captured is None:
            return call.proceed()
        with self._inside(captured, new):
            out = call.proceed(
                functools.partial(self._example, captured, call, new), axis_name=_key(captured)
            )
        if new:
            self._left(captured, out[0])
        return out

    def _follow_root(self, enough: Callable[[Capture], bool], call: Call) -> Any:
        if self._under:
            return self._follow(call)
        captured, new = self._enter(call)
        if captured is None or not new:
            with internals.catching(_as_it_is):
                return call.proceed()
        with self._inside(captured, new), internals.leaks_unchecked():  # we hold tracers while we trace
            out = self._root(captured, call)
        if enough(self):
            raise Enough
        return out

    def _root(self, captured: Captured, call: Call) -> Any:
        """Traces the whole call to one program, then runs that on the values."""
        mapped = [n for n, aval in enumerate(captured.avals) if call.enters(n) and aval is not None]
        returned: list[Any] = []
        inferred: list[Any] = []

        def run(*arrays: Any) -> list[Any]:
            leaves = _filled(call.leaves, mapped, arrays)
            body = functools.partial(self._example, captured, call, True)
            flat, dims = call.proceed(body, leaves, _key(captured))
            self._left(captured, flat)
            returned.extend(flat)
            inferred.extend(dims)
            return returned

        attempt = Attempt(run, catches=captured.number in self.failing)
        arrays = [call.leaves[n] for n in mapped]
        try:
            closed = jax.make_jaxpr(attempt)(*map(internals.aval, arrays))
        except NEEDS_VALUES as error:  # as for one function; or the user's own, which comes again
            captured.note = captured.note or _needs_values(error)
            with internals.catching(_as_it_is):
                return call.proceed()
        owner = self._innermost(captured)
        owner.root = _seen(closed, arrays)
        attempt.end()
        out = internals.evaluate(internals.without_probes(closed), arrays)
        return _made(out, returned), tuple(inferred)

    def _innermost(self, captured: Captured) -> Captured:
        """Returns, of a shard_map over several axes, the level of the innermost, which has the unit."""
        if not isinstance(captured.call, MeshCall):
            return captured
        spread = captured.call.spread
        own = (each for each in self.found if isinstance(each.call, MeshCall) and each.call.spread is spread)
        return next((each for each in own if each.unit is not None), captured)

    def _example(self, captured: Captured, call: Call, new: bool, *leaves: Any) -> list[Any]:
        """Stands for the mapped function: traces it for one example, then runs the jaxpr on the tracers."""
        inputs = [n for n, leaf in enumerate(leaves) if call.enters(n) and internals.is_plain(leaf)]
        arrays = [leaves[n] for n in inputs]

        returned: list[Any] = []

        def fun(*example: Any) -> list[Any]:
            returned[:] = ending.arrays(call.mapped(_filled(leaves, inputs, example)))
            return returned

        attempt = Attempt(fun, catches=new and captured.number in self.failing)
        try:
            with internals.as_if_unnamed():
                closed = jax.make_jaxpr(attempt)(
                    *map(jax.typeof, arrays)
                )  # with the mesh axes they vary along
        except NEEDS_VALUES as error:
            captured.note = _needs_values(error)
            return call.mapped(leaves)
        unit = internals.instrument(closed, self.bodies)
        self.levels[unit.root] = captured.number
        if new and captured.unit is None:
            captured.unit, captured.inputs = unit, tuple(inputs)
            captured.names = tuple(_names(call, leaves, inputs, closed.consts))
            if isinstance(call, MeshCall):
                captured.note = _asked(unit, captured, call)
        else:
            self.repeats.add(unit.root)
            captured.others.append((unit, tuple(inputs)))
        out = internals.evaluate(unit.closed, arrays)
        if attempt.error is not None:
            captured.note = ending.note(attempt.error, self.failing[captured.number])
        attempt.end()
        return _made(out, returned)

    def _enter(self, call: Call) -> tuple[Captured | None, bool]:
        """Returns the level of a call, and whether it is the first call of that level."""
        parent = self._under[-1] if self._under else self.outer
        avals, place = call.avals, closures.place(call.function)
        group = (
            parent,
            call.transform,
            call.sites[:1],
            call.where,
            place,
            call.dims,
            call.axis_size,
            call.axis_name,
            _shapes(avals),
        )
        known = self._groups.get(group)
        if known is not None:
            known.count += 1
            return known, False
        if len(self.found) >= MOST_LEVELS:
            return None, False
        number = self.first + len(self.found)
        captured = Captured(number, parent, call, avals, place, axes=internals.named_axes())
        captured.x64 = bool(jax.config.values["jax_enable_x64"])
        if self.hears is not None and isinstance(call, internals.Call):
            around = self.found[parent - self.first] if parent is not None and parent >= self.first else None
            depth = len(self.chain(parent))
            captured.heard = self.hears(captured, around, depth, self.known)
        self.found.append(captured)
        self._groups[group] = captured
        return captured, True

    @contextlib.contextmanager
    def _inside(self, captured: Captured, new: bool) -> Iterator[None]:
        self._under.append(captured.number)
        try:
            with internals.level(self.stack, captured.number, captured.call):
                yield
        except Exception as error:
            captured.ended = type(error).__name__ if new else captured.ended
            raise
        finally:
            self._under.pop()
            captured.call.release()

    def _left(self, captured: Captured, outputs: Sequence[Any]) -> None:
        captured.outputs = tuple(captured.call.seen(outputs))


@dataclass(frozen=True, slots=True)
class DeviceAxis:
    """A level over devices: which values inside it differ between them, its `spread` tells."""

    level: int
    name: Any  # of the mesh's axis
    size: int
    spread: Spread


def _asked(unit: Instrumented, captured: Captured, call: MeshCall) -> str:
    """Asks which values differ between the devices of a call; returns why that is not known, "" if it is."""
    try:
        call.ask(unit, captured.inputs, captured.axes)
    except Exception as error:  # noqa: BLE001  (whatever JAX's rules raise)
        said = (message(error).strip() or type(error).__name__).split("\n")[0]
        return f"which of its values differ between devices could not be told ({said})"
    return ""


class Enough(BaseException):
    """Ends a run of the user's code, past its own `except Exception`."""


def _seen(closed: ClosedJaxpr, arrays: Sequence[Any]) -> Root:
    """Returns a call's program with the values it was handed, those that grad differentiates at included."""
    values, consts = ([internals.primal(value) for value in each] for each in (arrays, closed.consts))
    if any(internals.is_tracer(value) for value in (*values, *consts)):
        return Root(closed, None)
    return Root(ClosedJaxpr(closed.jaxpr, consts), values)


def _key(captured: Captured) -> Any:
    """Returns the name that probes note for a level: the user's, or one of ours."""
    name = captured.call.axis_name
    return internals.LevelName(captured.number) if name is None else name


def _filled(leaves: Sequence[Any], places: Sequence[int], values: Sequence[Any]) -> list[Any]:
    filled = list(leaves)
    for place, value in zip(places, values, strict=True):
        filled[place] = value
    return filled


def _shapes(avals: Sequence[jax.ShapeDtypeStruct | None]) -> tuple[Any, ...]:
    return tuple(None if aval is None else (aval.shape, aval.dtype) for aval in avals)


def _made(out: Sequence[Any], returned: Sequence[Any]) -> list[Any]:
    """Puts values in the place of tracers; a number or array that was returned stays the very object."""
    return [new if internals.is_tracer(old) else old for new, old in zip(out, returned, strict=True)]


def _as_it_is(call: Call) -> Any:
    return call.proceed()


def _needs_values(error: Exception) -> str:
    """Says why a function cannot be traced for one example, though jax.vmap may run it."""
    said = message(error).strip().split("\n")[0]
    return f"its equations are not shown: it computes with values where tracing has none ({said})"


def _names(call: Call, leaves: Sequence[Any], inputs: Sequence[int], consts: Sequence[Any]) -> Iterator[str]:
    """Names what the function closes over: by argument if it is one, else as the user's code names it."""
    known = {id(leaf): call.paths[n] for n, leaf in enumerate(leaves) if n not in inputs}
    for path, leaf in closures.leaves(call.function):
        known.setdefault(id(leaf), path)
    for const in consts:
        yield known.get(id(const), "")
