"""Inputs that no result depends on, and results that are the same for all examples.

Scope ──▶ inputs, outputs ──▶ Finding

Followed along the equations of the function, so a value that is merely asked for its shape counts as unused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from explainer.analysis.capturing import Captured
from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Input, Scope, asked_for, blame
from explainer.analysis.findings.words import counted, joined, listed, memory
from explainer.analysis.internals import Instrumented
from explainer.report import Finding, Fix, Level, MappedLeaf

_LEAST_BYTES = 4096  # of copies that are worth a word, where each is a single number


def inputs(scope: Scope) -> Iterator[Finding]:
    """Finds mapped arguments that nothing which the function returns depends on."""
    for unit, captured in scope.units():
        if any(eqn.effects for eqn in unit.closed.jaxpr.eqns):  # a print uses a value, too
            continue
        used = scope.behind(scope.outputs(unit))
        own = [each for each in scope.inputs if not each.closed and _of(each, captured)]
        idle = [each for each in own if each.node not in used]
        by_argument: dict[str, list[Input]] = {}
        for each in own:
            by_argument.setdefault(each.path.split("[")[0].split(".")[0], []).append(each)
        for name, leaves in by_argument.items():
            missing = [each for each in leaves if each in idle]
            levels = _mapping(scope, missing, captured)
            if not missing or not levels or name.startswith("_"):
                continue
            yield _unused(scope, unit, name, leaves, missing, levels)


def _of(each: Input, captured: Captured | None) -> bool:
    return each.level == (None if captured is None else captured.number)


def _mapping(scope: Scope, leaves: list[Input], captured: Captured | None) -> list[Level]:
    """Lists the levels that map one of these leaves, with more than one example."""
    if captured is not None:
        level = scope.report.levels[captured.number]
        return [level] if asked_for(level) and (level.axis_size or 0) > 1 else []
    positions = [each.position for each in leaves if each.position is not None]
    stated = scope.report.stated
    return [one for one in stated if any(one.inputs[n].index is not None for n in positions)
            and (one.axis_size or 0) > 1]  # fmt: skip


def _unused(
    scope: Scope,
    unit: Instrumented,
    name: str,
    leaves: list[Input],
    missing: list[Input],
    levels: list[Level],
) -> Finding:
    constant = _constant(scope, unit, levels[-1])
    counts = joined([counted(level.axis_size or 0, "example") for level in levels])
    floating = any(_floating(scope, each, levels[0]) for each in missing)
    paths = [each.path for each in missing]
    what = name if len(missing) == len(leaves) else joined(paths[:3])
    text = f"No result depends on {what}, though vmap {joined([one.name for one in levels])} maps it"
    if constant:
        text += f": all {counts} give the same. Use {what} in the function"
    else:
        text += f" over {counts}. Use it in the function"
    grave = constant and floating and len(missing) == len(leaves)
    return Finding(
        kind="unused_input",
        severity="warning" if grave else "info",
        explanation=f"{text}, or leave it out.",
        blame=blame(paths, levels),
        confidence="likely" if grave else "possible",
    )


def _constant(scope: Scope, unit: Instrumented, level: Level) -> bool:
    outputs = scope.outputs(unit)
    mapped = scope.graph.mapped[level.id]
    return bool(outputs) and len(outputs) == len(level.outputs) and not any(n in mapped for n in outputs)


def _floating(scope: Scope, each: Input, level: Level) -> bool:
    leaf = next((one for one in level.inputs if one.path == each.path), None)
    return leaf is not None and leaf.dtype.startswith(("float", "bfloat", "complex"))


def outputs(scope: Scope) -> Iterator[Finding]:
    """Finds results that are one value for all examples, copied because out_axes asks for an axis.

    Not constants beside results that differ, zeros to begin with, say: those are stacked on purpose.
    """
    stated = scope.report.stated
    for unit, captured in scope.units():
        levels = stated if captured is None else (scope.report.levels[captured.number],)
        nodes = scope.outputs(unit)
        if not levels or not _vmaps(levels) or len(nodes) != len(levels[0].outputs):
            continue
        groups: dict[tuple[int, ...], list[int]] = {}
        for n, node in enumerate(nodes):
            copying = tuple(one for one in levels if _copies(scope, node, one, one.outputs[n]))
            constant = not scope.sources_of([node]) and not all(
                _is_shared(scope, each, levels) for each in nodes
            )
            if (
                copying
                and not constant
                and node in scope.graph.known
                and _worth_a_word(levels[0].outputs[n], copying)
            ):
                groups.setdefault(tuple(one.id for one in copying), []).append(n)
        for ids, numbers in groups.items():
            yield _copied(scope, numbers, nodes, tuple(scope.report.levels[n] for n in ids))


def _vmaps(levels: Sequence[Level]) -> bool:
    return all(asked_for(level) and level.transform == "vmap" for level in levels)


def _copies(scope: Scope, node: int, level: Level, leaf: MappedLeaf) -> bool:
    return node not in scope.graph.mapped[level.id] and leaf.axis is not None and (level.axis_size or 0) > 1


def _is_shared(scope: Scope, node: int, levels: Sequence[Level]) -> bool:
    return not any(node in scope.graph.mapped[level.id] for level in levels)


def _worth_a_word(leaf: MappedLeaf, levels: Sequence[Level]) -> bool:
    many = prod(level.axis_size or 1 for level in levels)
    return prod(leaf.shape) // many > 1 or _bytes(leaf) >= _LEAST_BYTES


def _bytes(leaf: MappedLeaf) -> int:
    try:
        width = np.dtype(leaf.dtype).itemsize
    except TypeError:  # keys, bfloat16: their width matters little here
        width = 4
    return prod(leaf.shape) * width


def _copied(scope: Scope, numbers: list[int], nodes: list[int], levels: tuple[Level, ...]) -> Finding:
    leaves = [levels[0].outputs[n] for n in numbers]
    many = prod(level.axis_size or 1 for level in levels)
    whole = sum(_bytes(leaf) for leaf in leaves)
    behind = scope.behind(nodes[n] for n in numbers)
    mapped = any(behind & scope.graph.mapped[level.id] for level in levels)
    why = "" if mapped else ", since nothing that is mapped goes into it"
    verb = "is" if len(leaves) == 1 else "are"
    return Finding(
        kind="copied_output",
        severity="info",
        explanation=(
            f"{listed([leaf.path for leaf in leaves])} {verb} the same for all {counted(many, 'example')} of "
            f"vmap {joined([level.name for level in levels])}{why}. It is copied for each of them: "
            f"{memory(whole)} instead of {memory(whole // many)}. Where one copy will do, out_axes=None "
            "keeps one."
        ),
        blame=blame([leaf.path for leaf in leaves], levels),
        confidence="certain",
        fixes=tuple(_once(scope, numbers, levels)),
    )


def _once(scope: Scope, numbers: list[int], levels: tuple[Level, ...]) -> Iterator[Fix]:
    if len(levels) != 1 or levels[0].captured or scope.late:
        return
    level = levels[0]
    edited = rewrites.out_axes(scope.report.request, level, dict.fromkeys(numbers))
    yield from rewrites.proven(
        scope,
        edited,
        f"Keep one copy of {listed([level.outputs[n].path for n in numbers])}",
        f"out_axes of level {level.id}",
        "one copy for all examples",
        lambda report: True,
    )
