"""Tracing: the user's nest of jax.vmap, followed from the outermost call to one example and back.

    Program ──▶ trace ──▶ Nest: shapes at every level, the per-example jaxpr, the batched one

One trace does it all. The nest is the user's own levels around functions that note what they are
handed; in the innermost the mapped function is traced for one example by `jax.make_jaxpr`, and the
jaxpr, tagged and probed (`internals`), runs on in its place. What fails, fails as in jax.vmap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from explainer.analysis import axes, internals
from explainer.analysis.capturing import Capture, Hears
from explainer.analysis.internals import ClosedJaxpr, Instrumented
from explainer.analysis.parsing import Program

Avals = tuple[jax.ShapeDtypeStruct, ...]


@dataclass(slots=True)
class Nest:
    """A nest of N levels as far as its trace got; `error` is what ended it early.

    `avals[k]` are the array leaves that level k is handed, `avals[N]` those of one example.
    `outputs[k]` is the result tree of level k, `outputs[N]` that of one example. Of a function that
    failed, `partial` holds the equations that it made before.
    """

    traced: tuple[int, ...]  # positions of the operands that are inputs of the jaxprs
    kept: tuple[int, ...]  # positions of arrays kept concrete, because the function needs their values
    avals: list[Avals] = field(default_factory=list)
    outputs: dict[int, Any] = field(default_factory=dict)
    entered: bool = False  # the function was called for one example
    returned: bool = False  # it came back from that call
    result: Any = None  # what it came back with, where that is not made of arrays
    partial: Instrumented | None = None  # the equations up to the failing one, without results
    source: Instrumented | None = None  # the per-example program; None while it was not traced
    jaxpr: ClosedJaxpr | None = None  # the whole nest, probes inside; None when a level failed
    error: Exception | None = None
    capture: Capture = field(default_factory=Capture)  # the calls of jax.vmap inside the function


def trace(
    program: Program,
    concrete: bool = False,
    failing: Mapping[int, str] | None = None,
    hears: Hears | None = None,
) -> Nest:
    """Traces the nest; whatever the user's axes or function raise is left in `error`.

    With `concrete`, arrays that no level maps are closed over as values instead of traced, as
    jax.vmap outside of jit leaves them. `failing` are the calls inside that an earlier trace saw fail;
    `hears` is handed each call inside while it is under way.
    """
    arrays = axes.array_operands(program)
    kept = axes.never_mapped(program) if concrete else ()
    outer = len(program.levels) - 1 if program.levels else None
    capture = Capture(len(program.levels), outer, failing or {}, hears)
    nest = Nest(tuple(position for position in arrays if position not in kept), kept, capture=capture)
    try:
        nest.jaxpr = _traced(program, nest, 0, _handed(program, nest, arrays, 0))
    except Exception as error:  # noqa: BLE001  (whatever the user's axes or function raise)
        nest.error = error
    return nest


def _handed(program: Program, nest: Nest, arrays: tuple[int, ...], k: int) -> Callable[..., Any]:
    """Returns the function that level k - 1 maps: level k and all that is inside it."""

    def level(*args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves((args, kwargs))
        nest.avals.append(tuple(internals.aval(leaves[position]) for position in arrays))
        if k == len(program.levels):
            return _example(program, nest, arrays, leaves)
        inner = _handed(program, nest, arrays, k + 1)
        result = program.levels[k].vmap(inner, level_key(program, k))(*args, **kwargs)
        nest.outputs[k] = jax.tree.map(internals.aval, result)
        return result

    return level


def _example(program: Program, nest: Nest, arrays: tuple[int, ...], leaves: list[Any]) -> Any:
    """Traces the function on the shapes of one example, then runs the jaxpr, probed, on the tracers."""
    here = [leaves[position] for position in nest.traced]
    avals = [aval for position, aval in zip(arrays, nest.avals[-1], strict=True) if position in nest.traced]

    failed: list[Exception] = []

    def fun(*example: Any) -> Any:
        args, kwargs = axes.rebuild(program, nest.traced, example, others(program, nest))
        nest.entered = True
        if not program.levels:  # an example is the whole
            nest.capture.known = _known(program, nest, example)
        try:
            result = program.function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  (raised again below, when what was traced before is kept)
            failed.append(error)
            return ()
        nest.returned = True
        if not _made_of_arrays(result):
            nest.result = result
            failed.append(TypeError("the result of the function is not made of arrays"))
            return ()
        return result

    # apart: the function of a later run must not find what was traced here, tags and probes inside
    with internals.as_if_unnamed(), internals.apart(program.context), nest.capture.following():
        jaxpr, result = jax.make_jaxpr(fun, return_shape=True)(*avals)
    if failed:
        nest.partial = internals.instrument(jaxpr, nest.capture.bodies)
        raise failed[0]
    nest.outputs[len(program.levels)] = result
    nest.source = internals.instrument(jaxpr, nest.capture.bodies)
    out = internals.evaluate(nest.source.closed, here)
    return jax.tree.unflatten(jax.tree.structure(result), out)


def _known(program: Program, nest: Nest, leaves: Sequence[Any]) -> dict[int, Any]:
    """Returns the values that tracers stand for, by the identity of the tracer."""
    pairs = zip(nest.traced, leaves, strict=True)
    return {id(leaf): program.operands[position].value for position, leaf in pairs}


def _made_of_arrays(result: Any) -> bool:
    try:
        jax.tree.map(jax.typeof, result)
    except TypeError:
        return False
    return True


def up_to_failure(program: Program, nest: Nest) -> Nest | None:
    """Returns the nest of a function that failed as if it had ended there, without results."""
    if nest.partial is None:
        return None
    outputs = {len(program.levels): ()}
    return replace(nest, source=nest.partial, outputs=outputs, jaxpr=None)


def others(program: Program, nest: Nest) -> list[Any]:
    """Returns the leaves that are not traced: static values, and the arrays kept concrete."""
    if nest.kept:
        return program.values()
    return [None if operand.is_array else operand.value for operand in program.operands]


def _traced(program: Program, nest: Nest, k: int, fun: Callable[..., Any]) -> ClosedJaxpr:
    """Traces `fun(*args, **kwargs)` on what level k is handed."""
    avals = nest.avals[k] if k else [program.operands[p].aval for p in axes.array_operands(program)]
    by_position = dict(zip(axes.array_operands(program), avals, strict=True))
    rest = others(program, nest)

    def run(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, nest.traced, leaves, rest)
        return fun(*args, **kwargs)

    return jax.make_jaxpr(run, axis_env=_axis_env(program, nest, k))(
        *(by_position[position] for position in nest.traced)
    )


def after_inner_levels(program: Program, nest: Nest) -> Iterator[ClosedJaxpr]:
    """Traces the program after the innermost level, the next one out, ... up to the second outermost."""
    if nest.source is None:
        return
    inner, result = nest.source.closed, nest.outputs[len(program.levels)]
    for k in reversed(range(1, len(program.levels))):
        mapped = program.levels[k].vmap(_replayed(nest, inner, result), level_key(program, k))
        inner, result = _traced(program, nest, k, mapped), nest.outputs[k]
        yield inner


def whatever_out_axes(program: Program, nest: Nest) -> ClosedJaxpr | None:
    """Traces a nest that failed on its out_axes as if each were 0, to see where the axes are in the function.

    Only for looking: where a level puts its results changes nothing about the values inside.
    None: it fails with those, too.
    """
    if nest.source is None:
        return None
    fun = _replayed(nest, nest.source.closed, nest.outputs[len(program.levels)])
    for k in reversed(range(len(program.levels))):
        fun = replace(program.levels[k], out_axes=0).vmap(fun, level_key(program, k))
    try:
        return _traced(program, nest, 0, fun)
    except Exception:  # noqa: BLE001  (whatever JAX's rules raise; the nest's own error is told)
        return None


def _replayed(nest: Nest, jaxpr: ClosedJaxpr, result: Any) -> Callable[..., Any]:
    """Returns a jaxpr as a function of the arguments it was traced from."""

    def fun(*args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves((args, kwargs))
        out = internals.evaluate(jaxpr, [leaves[position] for position in nest.traced])
        return jax.tree.unflatten(jax.tree.structure(result), out)

    return fun


def _axis_env(program: Program, nest: Nest, k: int) -> list[tuple[Any, int]]:
    """Lists (axis_name, size) of the named levels outside level k."""
    sizes = [axes.size(program, n, nest.avals[n]) for n in range(k)]
    named = zip(program.levels, sizes, strict=False)
    return [(level.axis_name, size) for level, size in named if level.axis_name is not None and size]


def level_key(program: Program, k: int) -> Any:
    """Returns the name that probes note for level k: the user's, unless a level further in has it too."""
    name = program.levels[k].axis_name
    if name is None or any(level.axis_name == name for level in program.levels[k + 1 :]):
        return internals.LevelName(k)
    return name
