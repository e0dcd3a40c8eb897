"""Jaxprs taken apart: the bodies inside an equation, where an equation was made, how a program runs."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax._src import config, core, source_info_util
from jax._src.api_util import flatten_axes as _flatten_axes
from jax._src.core import ClosedJaxpr as ClosedJaxpr
from jax._src.core import Jaxpr, JaxprEqn
from jax._src.core import Literal as Literal
from jax.interpreters import mlir

_JAXPRS = (Jaxpr, ClosedJaxpr)
_HOLDERS = (tuple, list, *_JAXPRS)


@dataclass(frozen=True, slots=True)
class Body:
    """A jaxpr that stands in an equation's parameter: scan's `jaxpr`, cond's `branches[1]`."""

    label: str
    jaxpr: Jaxpr


def flatten_axes(name: str, tree: Any, axes: Any, kws: bool = False) -> list[int | None]:
    """Returns the axis of each leaf as jax.vmap resolves a prefix tree; its errors are jax.vmap's."""
    return list(_flatten_axes(name, tree, axes, kws=kws))


def sub_jaxprs(eqn: JaxprEqn) -> list[Body]:
    """Lists the jaxprs in an equation's parameters, in the order of their names."""
    found: list[Body] = []
    if not holds_jaxpr(eqn.params.values()):
        return found

    def collect(label: str, value: Any) -> None:
        if isinstance(value, ClosedJaxpr):
            found.append(Body(label, value.jaxpr))
        elif isinstance(value, Jaxpr):
            found.append(Body(label, value))
        elif isinstance(value, (tuple, list)):
            names = getattr(value, "_fields", None)
            for n, item in enumerate(value):
                collect(f"{label}.{names[n]}" if names else f"{label}[{n}]", item)

    for name in sorted(eqn.params):
        collect(name, eqn.params[name])
    return found


def map_jaxprs(f: Callable[[Any], Any], value: Any) -> Any:
    """Applies f to the items of a tuple, list or NamedTuple that holds jaxprs; else returns it as it is."""
    if not isinstance(value, (tuple, list)) or not holds_jaxpr(value):
        return value
    items = [f(item) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def holds_jaxpr(values: Iterable[Any]) -> bool:
    """Tells whether one of these parameters is a jaxpr, or a tuple or list with one in it."""
    for value in values:  # a plain loop, since most equations are asked several times and hold none
        if isinstance(value, _HOLDERS) and (isinstance(value, _JAXPRS) or holds_jaxpr(value)):
            return True
    return False


def frames(eqn: JaxprEqn) -> Iterator[tuple[Any, int]]:
    """Lists (code object, instruction offset) of the call that made an equation, innermost first."""
    return zip(*raw_frames(eqn), strict=True)


def raw_frames(eqn: JaxprEqn) -> tuple[list[types.CodeType], list[int]]:
    """Returns the same as two lists."""
    traceback = eqn.source_info.traceback
    return ([], []) if traceback is None else traceback.raw_frames()


def traced_function(jaxpr: Jaxpr) -> tuple[str, int] | None:
    """Returns the file and first line of the function that a jaxpr was traced from, where JAX knows them."""
    where = (jaxpr.debug_info.func_src_info or "").rpartition(" at ")[2]
    file, _, line = where.rpartition(":")
    return (file, int(line)) if line.isdigit() else None


def transposed(eqn: JaxprEqn) -> bool:
    """Tells whether transposition made an equation: the backward pass of grad, vjp, linear_transpose."""
    return "transpose" in _transforms(eqn)


def differentiated(eqn: JaxprEqn) -> bool:
    """Tells whether an equation was made under grad, jvp, ..., in whichever pass."""
    return not {"jvp", "transpose"}.isdisjoint(_transforms(eqn))


def _transforms(eqn: JaxprEqn) -> list[str]:
    stack = eqn.source_info.name_stack.stack
    return [part.name for part in stack if isinstance(part, source_info_util.Transform)]


def evaluate(closed: ClosedJaxpr, args: Sequence[Any]) -> list[Any]:
    """Runs a jaxpr on values or tracers, name stacks kept."""
    return core.eval_jaxpr(closed.jaxpr, closed.consts, *args)


def read_dialects() -> None:
    """Has MLIR read what every lowering needs; it takes 0.1 s and 9 MiB the first time, and no backend."""
    mlir.make_ir_context()


def refuse_leaks(traced: Any) -> None:
    """Raises on a `jax.stages.Traced` that closes over a value of another trace.

    JAX makes it one more input, compiles, and then complains of a call with too few.
    """
    leaked = next((const for const in traced._consts if isinstance(const, core.Tracer)), None)
    if leaked is not None:
        what = f"{leaked.aval.str_short()} of an earlier trace"
        raise jax.errors.UnexpectedTracerError(f"The program closes over a value {what}.")


def leaks_unchecked() -> contextlib.AbstractContextManager[None]:
    """Leaves unchecked meanwhile whether tracers leak, though `jax.checking_leaks` asks for it."""
    return config.check_tracer_leaks(False)


def is_tracer(value: Any) -> bool:
    """Tells a tracer from a value."""
    return isinstance(value, core.Tracer)


def primal(value: Any) -> Any:
    """Returns the value that grad, vjp or jvp differentiates at; anything else as it is."""
    while isinstance(value, core.Tracer) and hasattr(value, "primal"):
        value = value.primal
    return value


def is_plain(value: Any) -> bool:
    """Tells an array (or number, or tracer of one) from anything else that jax.vmap may be handed."""
    try:
        return isinstance(jax.typeof(value), core.ShapedArray)
    except TypeError:
        return False


def aval(value: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape, dtype and weak type of an array or tracer."""
    return plain(jax.typeof(value))


def aval_of(var: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape, dtype and weak type of a jaxpr's variable."""
    return plain(var.aval)


def plain(aval: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape, dtype and weak type of one of JAX's abstract values."""
    return _struct(aval.shape, aval.dtype, getattr(aval, "weak_type", False))


@functools.lru_cache(1024)
def _struct(shape: tuple[int, ...], dtype: Any, weak_type: bool) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, weak_type=weak_type)
