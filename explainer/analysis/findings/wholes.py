"""The whole batch inside the function of one example: an array that is mapped, and closed over as well.

    Scope ──▶ closed_over ──▶ Finding

jax.vmap itself lets no example see another. A function that takes the array it is mapped over from around
it sees all of it: f = lambda x: (X - X.mean()).sum() never looks at its x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import internals, running
from explainer.analysis.findings.scope import Input, Scope, asked_for, blame
from explainer.analysis.findings.words import counted
from explainer.analysis.internals import ClosedJaxpr, Instrumented
from explainer.report import Finding, Level

_ENTRYWISE = frozenset({"add", "sub", "mul", "div", "max", "min", "pow", "eq", "lt", "gt", "ge", "le", "neg"})
_MOST_ENTRIES = 1_000_000  # of an array that is compared


@dataclass(frozen=True, slots=True)
class _Pair:
    """An argument that a level maps along `axis`, and the same array closed over as a whole."""

    mapped: Input
    closed: Input
    level: Level
    axis: int
    used: bool  # the function looks at its example, too


def closed_over(scope: Scope) -> Iterator[Finding]:
    """Finds functions that use all of an array of which they are handed one example."""
    for unit, captured in scope.units():
        levels = scope.report.stated if captured is None else (scope.report.levels[captured.number],)
        for level in levels:
            if asked_for(level) and (level.axis_size or 0) > 1:
                number = None if captured is None else captured.number
                told = list(_told(scope, unit, level, number))
                yield from told or _as_long(scope, unit, level, number)


def _told(scope: Scope, unit: Instrumented, level: Level, number: int | None) -> Iterator[Finding]:
    own = [each for each in scope.inputs if each.level == number]
    behind = scope.behind(scope.outputs(unit))
    for pair in _pairs(scope, level, own, behind):
        name, example = pair.closed.path or pair.mapped.path, scope.parameter(pair.mapped)
        size = counted(level.axis_size or 0, "example")
        if pair.used and not _spans(scope, pair):  # all of it is mapped once more inside: pairs are meant
            continue
        moved = "" if scope.late or not pair.used else _measured(scope, pair)
        if pair.used:
            yield Finding(
                "whole_batch", "info",
                f"Each example of vmap {level.name} is computed from all of {name}: the function takes it "
                f"from around it, beside its own {example}, which is one example of the same array."
                f"{moved} If each is to see only its own, use {example} in the function.",
                blame([pair.mapped.path], [level], _spans(scope, pair)),
                "possible",
            )  # fmt: skip
        else:
            yield Finding(
                "whole_batch", "warning",
                f"The function never looks at {example}, the example that it is handed: it uses {name}, all "
                f"{size} of it, which it takes from around it. So every example of vmap {level.name} "
                f"gives the same. Use {example} in the function, instead of {name}.",
                blame([pair.mapped.path], [level], _spans(scope, pair)),
                "certain",
            )  # fmt: skip


def _as_long(scope: Scope, unit: Instrumented, level: Level, number: int | None) -> Iterator[Finding]:
    """Finds arrays from around the function that are as long as the batch, and used as a whole."""
    behind = scope.behind(scope.outputs(unit))
    for each in scope.inputs:
        shape = tuple(np.shape(each.value))
        if each.level != number or not each.closed or each.node not in behind or not each.path:
            continue
        uses = [scope.equation_of(target) for target, _, _ in scope.graph.after[each.node]]
        elementwise = all(use is not None and use.primitive in _ENTRYWISE for use in uses)
        size = level.axis_size or 0
        if shape != (size,) or not uses or not elementwise:
            continue
        yield Finding(
            "whole_batch", "info",
            f"Each example of vmap {level.name} meets all {size:,} entries of {each.path}, which the "
            f"function takes from around it, and there are as many examples. If entry {level.name} belongs "
            f"to example {level.name}, make {each.path} an argument, and map it, too.",
            blame([each.path], [level], [use.span for use in uses if use is not None][:2]),
            "possible",
        )  # fmt: skip


def _pairs(scope: Scope, level: Level, own: Sequence[Input], behind: set[int]) -> Iterator[_Pair]:
    for closed in (each for each in own if each.closed and each.node in behind):
        for mapped in (each for each in own if not each.closed):
            leaf = next((one for one in level.inputs if one.path == mapped.path), None)
            if leaf is not None and leaf.index is not None and _same(scope, closed, mapped, leaf.shape):
                yield _Pair(mapped, closed, level, leaf.index, mapped.node in behind)


def _same(scope: Scope, closed: Input, mapped: Input, shape: tuple[int, ...]) -> bool:
    """Tells whether a closed-over array is the whole of a mapped argument."""
    if tuple(np.shape(closed.value)) != shape or not shape:
        return False
    outside = set(scope.before[closed.node]) & set(scope.before[mapped.node])
    if outside:
        return True
    given = _given(scope, mapped)
    if given is None or internals.is_tracer(closed.value):
        return False
    if given is closed.value:
        return True
    plain = not jnp.issubdtype(given.dtype, jax.dtypes.extended) and given.size <= _MOST_ENTRIES
    return plain and given.size > 1 and given.dtype == closed.value.dtype and _alike(given, closed.value)


def _alike(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    distinct = first.reshape(-1)[:1] != first.reshape(-1)  # zeros are equal to any zeros
    return bool(distinct.any()) and bool((first == second).all())


def _given(scope: Scope, mapped: Input) -> Any:
    """Returns the array that a mapped argument was handed as a whole; None where it was not seen."""
    program, nest = scope.run.program, scope.run.nest
    if mapped.position is not None and program is not None and nest is not None:
        arrays = [n for n, operand in enumerate(program.operands) if operand.is_array]
        return program.values()[arrays[mapped.position]]
    found = next((each for each in scope.capture.found if each.number == mapped.level), None)
    if found is None or found.root is None or found.root.arguments is None:
        return None
    paths = [found.call.paths[n] for n in found.inputs]
    return found.root.arguments[paths.index(mapped.path)] if len(paths) == len(found.root.arguments) else None


def _spans(scope: Scope, pair: _Pair) -> list[Any]:
    """Returns the expressions that the closed-over array goes into first."""
    found = (scope.equation_of(target) for target, _, _ in scope.graph.after[pair.closed.node])
    return [each.span for each in found if each is not None][:2]


def _measured(scope: Scope, pair: _Pair) -> str:
    """Moves one example of the array, and says whose results move."""
    run = _whole_run(scope, pair)
    if run is None or pair.level.parent is not None or len(scope.report.stated) > 1:
        return ""
    closed, arguments = run
    moved = [_nudged(each, pair.axis) if each is _given(scope, pair.mapped) else each for each in arguments]
    consts = [_nudged(each, pair.axis) if each is pair.closed.value else each for each in closed.consts]
    plain = internals.without_probes(closed)
    if all(one is other for one, other in zip(consts, closed.consts, strict=True)):
        return ""

    def results(consts: list[Any], arguments: list[Any]) -> list[Any]:
        return internals.evaluate(ClosedJaxpr(plain.jaxpr, consts), arguments)

    program = jax.jit(results)
    before, after = program(list(closed.consts), arguments), program(consts, moved)
    axes = [leaf.index for leaf in pair.level.outputs]
    changed: set[int] = set()
    for one, other, axis in zip(before, after, axes, strict=False):
        if axis is None or not jnp.issubdtype(one.dtype, jnp.inexact):
            continue
        differs = np.moveaxis(np.asarray(one) != np.asarray(other), axis, 0)
        changed |= {n for n in range(len(differs)) if differs[n].any()}
    if not changed - {0}:
        return ""
    return (
        f" Measured: a change of example 0 of {pair.mapped.path} moves the results of "
        f"{counted(len(changed), 'example')}."
    )


def _whole_run(scope: Scope, pair: _Pair) -> tuple[ClosedJaxpr, list[Any]] | None:
    """Returns the batched program and its arguments."""
    program, nest = scope.run.program, scope.run.nest
    if pair.mapped.position is not None and program is not None and nest is not None:
        arrays = [n for n, operand in enumerate(program.operands) if operand.is_array]
        own = {id(program.values()[n]): n for n in arrays}
        given = [program.values()[n] for n in nest.traced] if own else running.inputs(program, nest)
        return None if nest.jaxpr is None else (nest.jaxpr, given)
    found = next((each for each in scope.capture.found if each.number == pair.mapped.level), None)
    root = None if found is None else found.root
    return None if root is None or root.arguments is None else (root.jaxpr, root.arguments)


def _nudged(value: Any, axis: int) -> Any:
    """Changes the first example of an array of floats; anything else stays as it is."""
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value
    host = np.array(value)
    index = (slice(None),) * axis + (0,)
    host[index] = host[index] * np.asarray(1.5, host.dtype) + np.asarray(0.25, host.dtype)
    return jnp.asarray(host)
