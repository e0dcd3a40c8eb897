"""Replaying: a tagged program run once more, every intermediate handed out, inside loops too.

    Instrumented, jaxpr ──▶ Replay, a Collector ──▶ recording, nonfinite

The same program is written anew equation by equation, so that one compiled call returns what a
plain run keeps to itself. What is taken, and how the iterations of a loop are put together, is up
to the collector. Bodies of scan, while, cond, jit, remat, custom_jvp, custom_vjp and
custom_linear_solve are entered, those of shard_map if the collector can tell devices apart; any other
equation runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from explainer.analysis import internals
from explainer.analysis.internals import ClosedJaxpr, Instrumented, Key

ITERATIONS = (48, 12, 4)  # kept of a loop, of a loop inside a loop, ...; one of them is the last
_ONE_BODY = ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint")
_ONE_BODY += ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
_LOOPS = ("scan", "while", "cond", "custom_linear_solve")
_OVER_DEVICES = ("jit", "pjit", "shard_map")
_BODY_PARAMS = ("jaxpr", "call_jaxpr", "fun_jaxpr")


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """An output of an equation; below zero, a *stamp*: -1 - n for body n of a loop or cond.

    A stamp holds the number of the iteration, 0 for a branch, and -1 where the body did not run.
    """

    key: Key
    output: int


Found = dict[Spot, Any]


class Collector(Protocol):
    """Says what is taken from each equation, and how a loop's iterations are put together."""

    def take(self, eqn: Any, key: Key, operands: list[Any], results: list[Any], at: At) -> Found:
        """Returns what one equation contributes."""
        ...

    def room(self, spot: Spot, one: jax.ShapeDtypeStruct, slots: int) -> Any:
        """Returns what stands for all iterations before the first."""
        ...

    def put(self, room: Any, new: Any, number: Any, slot: Any) -> Any:
        """Takes in one iteration; `slot` is where it may be kept."""
        ...

    def filled(self, room: Any, slots: int) -> Any:
        """Returns what a scan leaves: its iterations that are not kept went to a slot behind `slots`."""
        ...

    def nothing(self, spot: Spot, one: jax.ShapeDtypeStruct) -> Any:
        """Returns what stands for a branch that was not taken."""
        ...

    def spread(self, found: Found, names: tuple[Any, ...], at: At) -> Found | None:
        """Takes in what was found on devices, an axis for each of the mesh's in front; None: it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class At:
    """Where the run stands: the equation whose body it is in, and the loops and branches around."""

    inside: Key | None
    bodies: frozenset[int]
    loops: tuple[Spot, ...] = ()  # stamps of the loops around, outermost first
    slots: tuple[int, ...] = ()  # iterations kept of each
    branches: tuple[Spot, ...] = ()  # stamps of the branches around
    devices: tuple[Any, ...] = ()  # axes of the meshes around, outermost first
    typed: bool = False  # in a shard_map that checks its types: what is put together of a loop fails there


def kept_iterations(count: int, loops_around: int) -> tuple[int, ...]:
    """Chooses the iterations of a loop that are kept: all, or the first ones and the last."""
    most = ITERATIONS[min(loops_around, len(ITERATIONS) - 1)]
    return tuple(range(count)) if count <= most else (*range(most - 1), count - 1)


class Replay:
    """A program as a function of its arguments that returns what the collector takes."""

    def __init__(self, source: Instrumented, collector: Collector) -> None:
        self.source = source
        self.collector = collector

    def __call__(self, closed: ClosedJaxpr, arguments: Sequence[Any]) -> Found:
        """Runs a tagged program, the example's or the batched one, under `jax.jit` or without."""
        start = At((), frozenset({self.source.root}))
        return self._run(closed.jaxpr, closed.consts, arguments, start)[1]

    def _run(
        self, jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any], at: At
    ) -> tuple[list[Any], Found]:
        env: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))
        found: Found = {}

        def value(atom: Any) -> Any:
            return atom.val if isinstance(atom, internals.Literal) else env[atom]

        for eqn in jaxpr.eqns:
            key = None if at.inside is None else internals.resolve(eqn, at.inside, at.bodies, self.source.all)
            operands = [value(atom) for atom in eqn.invars]
            probe = eqn.primitive is internals.probe_p
            results = [] if probe else self._apply(jaxpr, eqn, operands, key, at, found)
            env.update(zip(eqn.outvars, results, strict=True))
            if key is not None:
                found |= self.collector.take(eqn, key, operands, results, at)
        return [value(atom) for atom in jaxpr.outvars], found

    def _apply(
        self, jaxpr: Any, eqn: Any, operands: list[Any], key: Key | None, at: At, found: Found
    ) -> list[Any]:
        name = eqn.primitive.name
        if not self._entered(eqn, key, at):
            return _whole(jaxpr, eqn, operands)
        if key is not None:
            at = replace(at, inside=key, bodies=self.source.all.children.get(key[-1], frozenset()))
        ways = {
            "scan": self._scan,
            "while": self._while,
            "cond": self._cond,
            "custom_linear_solve": self._solve,
            "shard_map": self._over_devices,
        }
        if name in ways:
            results, more = ways[name](eqn.params, operands, at)
        elif name in _ONE_BODY:
            body = next(eqn.params[param] for param in _BODY_PARAMS if param in eqn.params)
            results, more = self._call(body, operands, at)
        else:
            return _whole(jaxpr, eqn, operands)
        found |= more
        return results

    def _entered(self, eqn: Any, key: Key | None, at: At) -> bool:
        name = eqn.primitive.name
        root = not at.inside and name in _OVER_DEVICES  # untagged, of a pmap that was followed on its own
        if (key is None and not root) or not internals.sub_jaxprs(eqn) or (at.typed and name in _LOOPS):
            return False
        return name != "shard_map" or self.collector.spread({}, (), at) is not None

    def _call(self, body: Any, arguments: Sequence[Any], at: At) -> tuple[list[Any], Found]:
        jaxpr, consts = (body.jaxpr, body.consts) if isinstance(body, ClosedJaxpr) else (body, ())
        return self._run(jaxpr, consts, arguments, at)

    def _stamped(
        self, body: Any, arguments: Sequence[Any], at: At, which: int, number: Any | None
    ) -> tuple[list[Any], Found]:
        """Runs a body of a loop (`number` is the iteration) or of a cond (None), and says that it ran."""
        stamp = Spot(at.inside or (), -1 - which)
        if number is None:
            at = replace(at, branches=(*at.branches, stamp))
        else:
            at = replace(at, loops=(*at.loops, stamp))
        results, found = self._call(body, arguments, at)
        return results, {**found, stamp: jnp.asarray(0 if number is None else number, np.int32)}

    def _scan(self, params: dict[str, Any], operands: list[Any], at: At) -> tuple[list[Any], Found]:
        fixed, carried, length = params["num_consts"], params["num_carry"], params["length"]
        consts, carry = operands[:fixed], operands[fixed : fixed + carried]
        rows = operands[fixed + carried :]
        kept = kept_iterations(length, len(at.loops))
        slots = np.full(length, len(kept), np.int32)  # the last slot is thrown away
        slots[list(kept)] = range(len(kept))
        inner = replace(at, slots=(*at.slots, len(kept)))

        def body(carry: list[Any], row: list[Any], number: Any) -> tuple[list[Any], Found]:
            return self._stamped(params["jaxpr"], [*consts, *carry, *row], inner, 0, number)

        def step(state: tuple[list[Any], Found], each: Any) -> tuple[tuple[list[Any], Found], list[Any]]:
            carry, kept_so_far = state
            number, slot, row = each
            results, found = body(carry, row, number)
            return (results[:carried], self._put(kept_so_far, found, number, slot)), results[carried:]

        row = [jax.ShapeDtypeStruct(each.shape[1:], each.dtype) for each in rows]
        shapes = jax.eval_shape(lambda carry, row: body(carry, row, 0)[1], carry, row)
        start = (carry, self._room(shapes, len(kept) + 1))
        each = (np.arange(length, dtype=np.int32), slots, rows)
        (carry, room), columns = lax.scan(step, start, each, length=length, reverse=params["reverse"])
        return [*carry, *columns], {
            spot: self.collector.filled(each, len(kept)) for spot, each in room.items()
        }

    def _while(self, params: dict[str, Any], operands: list[Any], at: At) -> tuple[list[Any], Found]:
        tested, worked = params["cond_nconsts"], params["body_nconsts"]
        test_consts, body_consts = operands[:tested], operands[tested : tested + worked]
        most = ITERATIONS[min(len(at.loops), len(ITERATIONS) - 1)]
        inner = replace(at, slots=(*at.slots, most))

        def test(carry: list[Any], number: Any) -> tuple[Any, Found]:
            results, found = self._stamped(params["cond_jaxpr"], [*test_consts, *carry], inner, 1, number)
            return results[0], found

        def work(carry: list[Any], number: Any) -> tuple[list[Any], Found]:
            return self._stamped(params["body_jaxpr"], [*body_consts, *carry], inner, 0, number)

        def step(state: Any) -> Any:
            number, going_on, carry, room = state
            results, found = work(carry, number)
            room = self._put(room, found, number, jnp.minimum(number, most - 1))
            carry = [_chosen(going_on, new, old) for new, old in zip(results, carry, strict=True)]
            going_on, found = test(carry, number + 1)
            return (
                number + 1,
                going_on,
                carry,
                self._put(room, found, number + 1, jnp.minimum(number + 1, most - 1)),
            )

        carry = operands[tested + worked :]
        going_on, found = test(carry, jnp.int32(0))
        shapes = {**jax.eval_shape(lambda carry: work(carry, 0)[1], carry), **_shapes(found)}
        room = self._put(self._room(shapes, most), found, 0, 0)
        state = (jnp.int32(0), going_on, carry, room)
        _, _, carry, room = lax.while_loop(lambda state: jnp.any(state[1]), step, state)
        return carry, room

    def _cond(self, params: dict[str, Any], operands: list[Any], at: At) -> tuple[list[Any], Found]:
        def branch(which: int) -> Callable[..., tuple[list[Any], Found]]:
            return lambda *given: self._stamped(params["branches"][which], given, at, which, None)

        branches = [branch(which) for which in range(len(params["branches"]))]
        shapes: Found = {}
        for each in branches:
            shapes |= jax.eval_shape(lambda *given, each=each: each(*given)[1], *operands[1:])

        def filled(each: Callable[..., tuple[list[Any], Found]]) -> Callable[..., tuple[list[Any], Found]]:
            def run(*given: Any) -> tuple[list[Any], Found]:
                results, found = each(*given)
                nothing = {spot: self.collector.nothing(spot, one) for spot, one in shapes.items()}
                return results, {**nothing, **found}

            return run

        return lax.switch(operands[0], [filled(each) for each in branches], *operands[1:])

    def _solve(self, params: dict[str, Any], operands: list[Any], at: At) -> tuple[list[Any], Found]:
        """Runs the solver that custom_linear_solve was given."""
        counts = params["const_lengths"]
        before = counts.matvec + counts.vecmat
        consts, right = operands[before : before + counts.solve], operands[sum(counts) :]
        return self._call(params["jaxprs"].solve, [*consts, *right], at)

    def _over_devices(self, params: dict[str, Any], operands: list[Any], at: At) -> tuple[list[Any], Found]:
        names = internals.mesh_axes(params)
        typed = at.typed or bool(params["check_vma"])
        inner = replace(at, typed=typed, devices=(*at.devices, *names))

        def run(pieces: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
            results, found = self._run(params["jaxpr"], (), pieces, inner)
            spots[:] = found
            return results, {str(n): value for n, value in enumerate(found.values())}

        spots: list[Spot] = []
        results, values = internals.on_each_device(params, run, operands)
        found = {spot: values[str(n)] for n, spot in enumerate(spots)}
        return results, self.collector.spread(found, names, at) or {}

    def _room(self, shapes: Found, slots: int) -> Found:
        return {spot: self.collector.room(spot, one, slots) for spot, one in shapes.items()}

    def _put(self, room: Found, found: Found, number: Any, slot: Any) -> Found:
        new = {spot: self.collector.put(room[spot], value, number, slot) for spot, value in found.items()}
        return {**room, **new}


def _whole(jaxpr: Any, eqn: Any, operands: list[Any]) -> list[Any]:
    """Runs one equation as it is."""
    given = {
        atom: value
        for atom, value in zip(eqn.invars, operands, strict=True)
        if not isinstance(atom, internals.Literal)
    }
    alone = jaxpr.replace(
        constvars=[], invars=list(given), outvars=eqn.outvars, eqns=[eqn], effects=eqn.effects
    )
    return internals.evaluate(ClosedJaxpr(alone, []), list(given.values()))


def _shapes(found: Found) -> Found:
    return jax.eval_shape(lambda: found)


def _chosen(going_on: Any, new: Any, old: Any) -> Any:
    """Returns `new` for the examples that go on: with a condition per example, as in JAX's own while."""
    if not going_on.shape:
        return new
    return jnp.where(going_on.reshape(going_on.shape + (1,) * (new.ndim - going_on.ndim)), new, old)
