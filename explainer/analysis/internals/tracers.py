"""Tracers taken apart: the variable that one stands for, and the inputs of its trace that it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jax._src import core
from jax._src.interpreters import batching, partial_eval


@dataclass(frozen=True, slots=True)
class Root:
    """An input of a trace: its variable, and what the traced function calls it.

    `traced_for` is what traces that function: "jit", "scan", ...; "" where JAX does not say.
    """

    variable: Any
    name: str = ""
    function: str = ""
    traced_for: str = ""


def unwrapped(value: Any) -> Any:
    """Returns what grad, jvp and vmap have wrapped up: the tracer of the jaxpr that is being made, or a "
    "value."""
    while isinstance(value, core.Tracer) and not isinstance(value, partial_eval.DynamicJaxprTracer):
        if isinstance(value, batching.BatchTracer):
            value = value.val
        elif hasattr(value, "primal"):
            value = value.primal
        else:
            return value
    return value


def variable(value: Any) -> Any:
    """Returns the variable of the jaxpr that a tracer stands for; None for anything else."""
    value = unwrapped(value)
    return value.val if isinstance(value, partial_eval.DynamicJaxprTracer) else None


def roots(value: Any) -> list[Root]:
    """Returns the inputs of its trace that a tracer is made from, each once."""
    found: dict[int, Root] = {}
    seen: set[int] = set()
    left = [unwrapped(value)]
    while left:
        tracer = left.pop()
        if not isinstance(tracer, partial_eval.DynamicJaxprTracer) or id(tracer.val) in seen:
            continue
        seen.add(id(tracer.val))
        if tracer.parent is not None:
            left += tracer.parent.in_tracers
        else:
            consts = tracer._trace.frame.constvar_to_val
            closed_over = consts.get(tracer.val) if isinstance(tracer.val, core.Var) else None
            root = _root(tracer)
            if isinstance(closed_over, core.Tracer):
                left.append(unwrapped(closed_over))
            elif root is not None:
                found[id(tracer.val)] = root
    return list(found.values())


def _root(tracer: Any) -> Root | None:
    """Returns the input that a tracer stands for; None for a constant."""
    frame = tracer._trace.frame
    info = frame.debug_info
    index = next((n for n, var in enumerate(frame.invars) if var is tracer.val), None)
    if index is None:
        return None
    if info is None:
        return Root(tracer.val)
    names = info.safe_arg_names(len(frame.invars))
    return Root(tracer.val, names[index], info.func_name, info.traced_for)
