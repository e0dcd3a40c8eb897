"""Wires: how values go through an equation that holds bodies, and through one that does not.

equation ──▶ wires ──▶ operand to result, operand to body, body to result, body back to itself

Batching goes along these: a value is mapped where something it is wired to is mapped. JAX's control
flow adds wires of its own: a mapped condition maps whatever it decides on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from jax._src.core import JaxprEqn

from explainer.analysis.internals.jaxprs import Body

_CALLS = frozenset({
    *("jit", "pjit", "closed_call", "core_call", "core_closed_call", "remat", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "shard_map"),
})  # fmt: skip
_EACH_FOR_ITSELF = frozenset({"optimization_barrier", "psum", "psum_invariant", "pmax", "pmin", "pvary"})


class End(NamedTuple):
    """An end of a wire: an operand or result of the equation, or what enters or leaves one of its bodies."""

    place: Literal["operand", "enters", "leaves", "result"]
    number: int
    body: int = 0


class Wire(NamedTuple):
    """One way that a mapped axis takes. It counts only where operand `unless` is not mapped itself."""

    source: End
    target: End
    kind: Literal["", "predicate", "carry"] = ""
    unless: int | None = None


def wires(eqn: JaxprEqn, bodies: Sequence[Body]) -> Iterator[Wire]:
    """Lists the wires of an equation; `bodies` are its `sub_jaxprs`."""
    name = eqn.primitive.name
    if name == "scan" and len(bodies) == 1:
        return _scan(eqn, bodies[0])
    if name == "while" and len(bodies) == 2:
        return _while(eqn, bodies)
    if name == "cond":
        return _cond(eqn, bodies)
    if name in _CALLS and len(bodies) == 1 and _fits(eqn, bodies[0]):
        return _call(eqn)
    if name in _EACH_FOR_ITSELF and len(eqn.invars) == len(eqn.outvars):
        return (Wire(End("operand", n), End("result", n)) for n in range(len(eqn.invars)))
    return _any(eqn, bodies)


def _scan(eqn: JaxprEqn, body: Body) -> Iterator[Wire]:
    first, count = eqn.params["num_consts"], eqn.params["num_carry"]
    for n in range(len(eqn.invars)):
        yield Wire(End("operand", n), End("enters", n))
    for n in range(len(body.jaxpr.outvars)):
        yield Wire(End("leaves", n), End("result", n))
        if n < count:
            yield Wire(End("operand", first + n), End("result", n))
            yield Wire(End("leaves", n), End("enters", first + n), "carry")


def _while(eqn: JaxprEqn, bodies: Sequence[Body]) -> Iterator[Wire]:
    """Wires a loop: where the condition is mapped, JAX maps all that is carried."""
    labels = [body.label for body in bodies]
    test, work = labels.index("cond_jaxpr"), labels.index("body_jaxpr")
    tested, worked = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    for n in range(tested):
        yield Wire(End("operand", n), End("enters", n, test))
    for n in range(worked):
        yield Wire(End("operand", tested + n), End("enters", n, work))
    decides = End("leaves", 0, test)
    for n in range(len(eqn.outvars)):
        begins, ends = End("operand", tested + worked + n), End("leaves", n, work)
        enters = (End("enters", worked + n, work), End("enters", tested + n, test))
        for target in enters:
            yield Wire(begins, target)
            yield Wire(ends, target, "carry")
            yield Wire(decides, target, "predicate")
        yield Wire(begins, End("result", n))
        yield Wire(ends, End("result", n))
        yield Wire(decides, End("result", n), "predicate")


def _cond(eqn: JaxprEqn, bodies: Sequence[Body]) -> Iterator[Wire]:
    """Wires branches: where the condition is mapped, JAX maps all that they are handed and return."""
    decides = End("operand", 0)
    for b, body in enumerate(bodies):
        for n in range(len(body.jaxpr.invars)):
            yield Wire(End("operand", n + 1), End("enters", n, b))
            yield Wire(decides, End("enters", n, b), "predicate", unless=n + 1)
        for n in range(len(body.jaxpr.outvars)):
            yield Wire(End("leaves", n, b), End("result", n))
    for n in range(len(eqn.outvars)):
        yield Wire(decides, End("result", n), "predicate")


def _fits(eqn: JaxprEqn, body: Body) -> bool:
    counts = len(body.jaxpr.invars), len(body.jaxpr.outvars)
    return counts == (len(eqn.invars), len(eqn.outvars))


def _call(eqn: JaxprEqn) -> Iterator[Wire]:
    for n in range(len(eqn.invars)):
        yield Wire(End("operand", n), End("enters", n))
    for n in range(len(eqn.outvars)):
        yield Wire(End("leaves", n), End("result", n))


def _any(eqn: JaxprEqn, bodies: Sequence[Body]) -> Iterator[Wire]:
    """Wires every operand to every result, and to all that enters a body of unknown use."""
    for n in range(len(eqn.invars)):
        for m in range(len(eqn.outvars)):
            yield Wire(End("operand", n), End("result", m))
        for b, body in enumerate(bodies):
            for m in range(len(body.jaxpr.invars)):
                yield Wire(End("operand", n), End("enters", m, b))
