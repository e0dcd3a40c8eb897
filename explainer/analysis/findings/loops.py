"""Loops that run until the slowest example is done: iterations per example, and the work thrown away.

Scope ──▶ slowest ──▶ Finding

Counted in a run of the batched program: how often each example's condition held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import running
from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import counted, joined
from explainer.analysis.internals import ClosedJaxpr, Instrumented
from explainer.analysis.recording import Kept, compiled
from explainer.analysis.replaying import Replay, Spot
from explainer.edits import called
from explainer.report import Equation, Finding, Fix, Level

_LEAST_WASTE = 0.1


@dataclass(slots=True)
class _Counts(Kept):
    """Takes how often each value of a loop was true, over all its iterations."""

    def room(self, spot: Spot, one: jax.ShapeDtypeStruct, slots: int) -> Any:
        return jnp.zeros(one.shape, np.int32)

    def put(self, room: Any, new: Any, number: Any, slot: Any) -> Any:
        return room + new.astype(np.int32)

    def filled(self, room: Any, slots: int) -> Any:
        return room

    def nothing(self, spot: Spot, one: jax.ShapeDtypeStruct) -> Any:
        return jnp.zeros(one.shape, np.int32)


def slowest(scope: Scope) -> Iterator[Finding]:
    """Finds while loops whose condition differs between examples, some of which end much earlier."""
    tests = dict(_tests(scope))
    if not tests or scope.late:
        return
    spots = frozenset(Spot(scope.found.keys[test], 0) for test in tests)
    counted_so_far: dict[Spot, Any] = {}
    for unit, closed, arguments in _programs(scope):
        kept = _Counts(unit, 10_000_000, spots)
        program = compiled(Replay(unit, kept), closed, arguments)
        counted_so_far |= {spot: value for spot, value in program(*arguments).items() if spot in spots}
    for test, loop in tests.items():
        counts = counted_so_far.get(Spot(scope.found.keys[test], 0))
        if counts is not None:
            yield from _told(scope, scope.report.equations[test], loop, np.asarray(counts))


def _tests(scope: Scope) -> Iterator[tuple[int, Equation]]:
    """Lists the equations that decide whether a loop goes on, differently for each example; no loop inside
    another, whose iterations cannot be told apart by counting."""
    loops = scope.report.values.loops if scope.report.values is not None else ()
    running = {each.equation for each in loops}
    for each in loops:
        loop = scope.report.equations[each.equation]
        node = None if each.test is None else scope.node(each.test)
        if node is None or each.test is None or loop.span is None or _inside_another(scope, loop, running):
            continue
        if any(node in scope.graph.mapped[level.id] for level in scope.levels(loop.level)):
            yield each.test, loop


def _inside_another(scope: Scope, loop: Equation, loops: set[int]) -> bool:
    parent = loop.parent
    while parent is not None:
        if parent in loops:
            return True
        parent = scope.report.equations[parent].parent
    return False


def _programs(scope: Scope) -> Iterator[tuple[Instrumented, ClosedJaxpr, list[Any]]]:
    """Lists the batched programs that can be run, with the unit each was made from and its arguments."""
    program, nest = scope.run.program, scope.run.nest
    if program is not None and nest is not None:
        if nest.source is not None and nest.jaxpr is not None:
            yield nest.source, nest.jaxpr, running.inputs(program, nest)
        return
    for each in scope.capture.found:
        if each.root is not None and each.unit is not None and each.root.arguments is not None:
            yield each.unit, each.root.jaxpr, each.root.arguments


def _told(scope: Scope, test: Equation, loop: Equation, counts: np.ndarray) -> Iterator[Finding]:
    most, least = int(counts.max(initial=0)), int(counts.min()) if counts.size else 0
    waste = 1 - float(counts.sum()) / (most * counts.size) if most and counts.size else 0.0
    if waste < _LEAST_WASTE or counts.shape != test.outputs[0].batched_shape:
        return
    levels = [one for one in scope.levels(loop.level) if test.outputs[0].batch_dims[one.id] is not None]
    yield Finding(
        kind="slowest_example",
        severity="info",
        explanation=(
            f"{scope.expression(loop)} runs {counted(most, 'time')} for all {counts.size:,} examples of vmap "
            f"{joined([level.name for level in levels])}, until the slowest is done "
            f"({_at(test, levels, counts)}); the quickest needs {least:,}, the median is "
            f"{int(np.median(counts)):,}. {waste:.0%} of the iterations are thrown away. Sort the examples "
            f"into batches of like length, or map by lax.map, where each stops by itself."
            f"{_goes_on(scope, loop)}"
        ),
        blame=blame((), levels, [loop.span, *(each.span for each in _effects(scope, loop))]),
        confidence="certain",
        fixes=tuple(_one_by_one(scope, loop, levels)),
    )


def _effects(scope: Scope, loop: Equation) -> list[Equation]:
    """Lists what prints or calls back in a loop."""
    inside, found = {loop.id}, []
    for each in scope.report.equations[loop.id + 1 :]:
        if each.parent in inside:
            inside.add(each.id)
            found += [each] if each.span is not None and scope.eqn(each).effects else []
    held = {each.parent for each in found}
    return [each for each in found if each.id not in held]


def _goes_on(scope: Scope, loop: Equation) -> str:
    """Says that what acts in a loop acts for the examples that are done, too."""
    texts = list(dict.fromkeys(scope.expression(each) for each in _effects(scope, loop)))
    if not texts:
        return ""
    acts = "acts" if len(texts) == 1 else "act"
    return (
        f" {joined(texts[:2])} in the loop {acts} in every iteration for all examples, also for those that "
        "are done: jax.vmap drops their results, not the effect."
    )


def _one_by_one(scope: Scope, loop: Equation, levels: list[Level]) -> Iterator[Fix]:
    """Maps by lax.map where a loop has an effect, which goes on for examples that are done."""
    if len(levels) != 1 or not scope.report.request.is_script or not _effects(scope, loop):
        return
    level = levels[0]
    if level.span is None or level.span.source != "code" or any(leaf.axis for leaf in level.outputs):
        return
    text = called.looped(scope.report.request.code, level.span)
    proof = "the script runs; lax.map takes one example at a time"
    yield from rewrites.in_code(
        scope, text, "Map by jax.lax.map: each example's loop ends by itself", proof, ""
    )


def _at(test: Equation, levels: list[Level], counts: np.ndarray) -> str:
    """Names the slowest example: i=2, j=0."""
    place = np.unravel_index(int(np.argmax(counts)), counts.shape)
    dims = test.outputs[0].batch_dims
    return ", ".join(f"{level.name}={int(place[dims[level.id] or 0])}" for level in levels)
