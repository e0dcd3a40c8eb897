"""Runs a jaxpr by hand and keeps every intermediate, so that a report's claims can be compared with values.

Both programs, one example's and the batched one, are run equation by equation; loops are Python loops here.
A value is known by the equation it belongs to (`Key`) and by the iterations of the loops around it. The
batched program is walked with the tags the library put there: a wrong tag shows up as a wrong value.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from explainer.analysis import batching, internals, parsing, tracing
from explainer.analysis.internals import Instrumented, Key
from explainer.analysis.spans import Sources
from explainer.report import BatchedAval, Report

Iterations = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """One execution of one output of one equation of the per-example program."""

    key: Key
    output: int
    iterations: Iterations


@dataclass(frozen=True)
class Programs:
    """The per-example program with probes, the batched one, and the arguments as flat lists."""

    source: Instrumented
    keys: tuple[Key, ...]
    batched: ClosedJaxpr
    arguments: list[Any]
    arguments_of: Callable[[tuple[int, ...]], list[Any]]


def programs(report: Report) -> Programs:
    """Traces the request of a report; `arguments_of` cuts an example out along the axes the report names."""
    request = report.request
    names = parsing.run_code(request)
    evaluated = parsing.evaluate_arguments(request, names)
    levels = tuple(parsing.evaluate_level(v, n, names, evaluated) for n, v in enumerate(request.levels))
    program = parsing.program(request, names, parsing.find_function(request, names), evaluated, levels)
    nest = tracing.trace(program)
    assert nest.source is not None
    assert nest.jaxpr is not None
    arguments = [program.values()[position] for position in nest.traced]
    paths = [program.operands[position].path for position in nest.traced]
    told = [{leaf.path: leaf.axis for leaf in level.inputs} for level in report.stated]
    mapped = [[level[path] for level in told] for path in paths]

    def of(place: tuple[int, ...]) -> list[Any]:
        return [_one(value, axes, place) for value, axes in zip(arguments, mapped, strict=True)]

    keys = batching.describe(program, nest, Sources(request)).keys
    return Programs(nest.source, keys, nest.jaxpr, arguments, of)


def _one(value: Any, axes: Sequence[int | None], place: tuple[int, ...]) -> Any:
    for axis, index in zip(axes, place, strict=True):
        if axis is not None:
            value = value[(slice(None),) * (axis % value.ndim) + (index,)]
    return value


def record(closed: ClosedJaxpr, source: Instrumented, arguments: list[Any]) -> dict[Value, Any]:
    """Runs a tagged program and returns the value of every probed output, per iteration."""
    replay = _Replay(source)
    replay.run(closed.jaxpr, closed.consts, arguments, (), (), frozenset({source.root}))
    return replay.values


def claims(report: Report, programs: Programs) -> dict[tuple[Key, int], BatchedAval]:
    """Returns what the report says of each output, by the equation's way in."""
    assert [equation.primitive for equation in report.equations] == [
        programs.source.bodies[key[-1][0]].eqns[key[-1][1]].primitive.name for key in programs.keys
    ]
    pairs = zip(programs.keys, report.equations, strict=True)
    return {(key, n): aval for key, equation in pairs for n, aval in enumerate(equation.outputs)}


class _Replay:
    """One run. `inside` is the equation whose body is being run, `bodies` the bodies it may hold."""

    def __init__(self, source: Instrumented) -> None:
        self.source = source
        self.children = source.all.children
        self.values: dict[Value, Any] = {}

    def run(
        self,
        jaxpr: Jaxpr,
        consts: Sequence[Any],
        arguments: Sequence[Any],
        inside: Key | None,
        iterations: Iterations,
        bodies: frozenset[int],
    ) -> list[Any]:
        env: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

        def value(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else env[atom]

        for eqn in jaxpr.eqns:
            key = None if inside is None else internals.resolve(eqn, inside, bodies, self.source.all)
            operands = [value(atom) for atom in eqn.invars]
            if eqn.primitive is internals.probe_p:
                self.note(key, eqn, operands, iterations)
                continue
            env.update(zip(eqn.outvars, self.apply(eqn, operands, key, iterations), strict=True))
        return [value(atom) for atom in jaxpr.outvars]

    def note(self, key: Key | None, probe: JaxprEqn, operands: list[Any], iterations: Iterations) -> None:
        if key is None:
            return
        body = probe.params["body"]
        for (index, output), operand in zip(self.source.probed[body], operands, strict=True):
            if index < 0:  # what crosses the body: told by the equations around it
                continue
            self.values[Value((*key[:-1], (body, index)), output, iterations)] = jax.numpy.asarray(operand)

    def apply(self, eqn: JaxprEqn, operands: list[Any], key: Key | None, at: Iterations) -> list[Any]:
        bodies = frozenset() if key is None else self.children.get(key[-1], frozenset())

        def call(body: Any, arguments: Sequence[Any], iterations: Iterations = at) -> list[Any]:
            jaxpr, consts = (body.jaxpr, body.consts) if isinstance(body, ClosedJaxpr) else (body, ())
            return self.run(jaxpr, consts, arguments, key, iterations, bodies)

        match eqn.primitive.name:
            case "scan":
                return _scan(eqn.params, operands, call, at)
            case "while":
                return _while(eqn.params, operands, call, at)
            case "cond":
                index = int(np.clip(operands[0], 0, len(eqn.params["branches"]) - 1))
                return call(eqn.params["branches"][index], operands[1:])
            case "jit" | "remat2":
                return call(eqn.params["jaxpr"], operands)
            case "custom_jvp_call" | "custom_vjp_call":
                return call(eqn.params["call_jaxpr"], operands)
        assert not internals.sub_jaxprs(eqn) or eqn.primitive.name.startswith(_WHOLE), eqn.primitive.name
        results = eqn.primitive.bind(*operands, **eqn.params)
        return results if eqn.primitive.multiple_results else [results]


_WHOLE = ("scatter", "reduce", "custom_linear_solve")  # run as they are: their bodies are not replayed


def _scan(
    params: dict[str, Any], operands: list[Any], call: Callable[..., list[Any]], at: Iterations
) -> list[Any]:
    fixed, carried = params["num_consts"], params["num_carry"]
    consts, carry, rows = operands[:fixed], operands[fixed : fixed + carried], operands[fixed + carried :]
    order = range(params["length"])
    stacked: list[list[Any]] = []
    for n in reversed(order) if params["reverse"] else order:
        results = call(params["jaxpr"], [*consts, *carry, *(row[n] for row in rows)], (*at, n))
        carry = results[:carried]
        stacked.append(results[carried:])
    if params["reverse"]:
        stacked.reverse()
    return [*carry, *(jax.numpy.stack(column) for column in zip(*stacked, strict=True))]


def _while(
    params: dict[str, Any], operands: list[Any], call: Callable[..., list[Any]], at: Iterations
) -> list[Any]:
    tested, worked = params["cond_nconsts"], params["body_nconsts"]
    consts, carry = operands[:tested], operands[tested + worked :]
    body_consts = operands[tested : tested + worked]
    for n in itertools.count():
        unfinished = call(params["cond_jaxpr"], [*consts, *carry], (*at, n))[0]
        if not unfinished.any():
            break
        results = call(params["body_jaxpr"], [*body_consts, *carry], (*at, n))
        carry = [_chosen(unfinished, new, old) for new, old in zip(results, carry, strict=True)]
    return carry


def _chosen(unfinished: Any, new: Any, old: Any) -> Any:
    """Returns `new` for the examples that go on: with a condition per example, as in JAX's own while."""
    going_on = unfinished.reshape(unfinished.shape + (1,) * (new.ndim - unfinished.ndim))
    return jax.numpy.where(going_on, new, old)


def host(value: Any) -> np.ndarray:
    """Returns a value as a NumPy array, a random key as its numbers."""
    is_key = str(getattr(value, "dtype", "")).startswith("key<")
    return np.asarray(jax.random.key_data(value) if is_key else value)
