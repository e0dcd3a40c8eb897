"""Tracing: the jaxpr of the mapped function as one example sees it.

    Program, Peeled ──▶ trace ──▶ Example ──▶ batching

The function is traced once by `jax.make_jaxpr` on the shapes that are left when every level has
taken its axis. Static Python values are closed over, as jax.vmap leaves them alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr

from explainer.analysis.axes import Peeled, array_operands, never_mapped, rebuild
from explainer.analysis.parsing import Program


@dataclass(frozen=True, slots=True)
class Example:
    """The per-example jaxpr. `traced` are the positions of the leaves that are its inputs."""

    jaxpr: ClosedJaxpr
    outputs: Any  # the function's result with ShapeDtypeStruct leaves
    traced: tuple[int, ...]
    kept: tuple[str, ...] = ()  # paths of arrays kept concrete, because the function needs their values


def trace(program: Program, peeled: Peeled, concrete: bool = False) -> Example:
    """Traces the function for one example; raises what the function raises.

    dist(x, y), x f32[2], y f32[2]  ->  { lambda ; a:f32[2] b:f32[2]. let ... in (e,) }

    With `concrete`, arrays that no level maps are closed over as values instead of traced.
    """
    arrays = array_operands(program)
    kept = never_mapped(program, peeled) if concrete else []
    traced = [position for position in arrays if position not in kept]
    others = program.values() if concrete else [None if o.is_array else o.value for o in program.operands]
    example = dict(zip(arrays, peeled.avals[-1], strict=True))

    def fun(*leaves: Any) -> Any:
        args, kwargs = rebuild(program, traced, leaves, others)
        return program.function(*args, **kwargs)

    jaxpr, outputs = jax.make_jaxpr(fun, axis_env=axis_env(program, peeled), return_shape=True)(
        *(example[position] for position in traced)
    )
    return Example(jaxpr, outputs, tuple(traced), tuple(program.operands[p].path for p in kept))


def axis_env(program: Program, peeled: Peeled, outside: int | None = None) -> list[tuple[Any, int]]:
    """Lists (axis_name, size) of the named levels, of the outermost `outside` ones only if given."""
    pairs = zip(program.levels[:outside], peeled.sizes[:outside], strict=True)
    return [
        (level.axis_name, size) for level, size in pairs if level.axis_name is not None and size is not None
    ]
