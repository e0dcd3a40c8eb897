"""Rows of random keys: some of them equal, and old ones mapped along the words of a key.

Scope ──▶ equal, halved ──▶ Finding
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from explainer.analysis import values
from explainer.analysis.findings import rewrites
from explainer.analysis.findings.keys import is_key
from explainer.analysis.findings.scope import Input, Scope, blame
from explainer.analysis.findings.words import counted, joined
from explainer.report import Finding, Fix, Level


def equal(scope: Scope) -> Iterator[Finding]:
    """Finds a mapped row of keys in which some are equal: those examples draw the same numbers."""
    for each, level, axis, array in _mapped_keys(scope):
        data = np.asarray(jax.random.key_data(array) if values.is_key(array.dtype) else array)
        rows = np.moveaxis(data, axis, 0).reshape(data.shape[axis], -1)
        _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
        if len(first) == len(rows):
            continue
        worst = int(first[np.argmax(counts)])
        same = [n for n in range(len(rows)) if (rows[n] == rows[worst]).all()]
        yield Finding(
            kind="equal_keys",
            severity="warning",
            explanation=(
                f"{counted(len(same), 'example')} of vmap {level.name} have the same key: "
                f"{joined([f'{each.path}[{n}]' for n in same[:4]])} are equal, so they draw the same random "
                f"numbers. Make different keys: jax.random.split(key, {len(rows)})."
            ),
            blame=blame([each.path], [level]),
            confidence="certain",
        )


def _mapped_keys(scope: Scope) -> Iterator[tuple[Input, Level, int, Any]]:
    """Lists the keys that the outermost levels map, with the level, the axis and the values."""
    program, nest = scope.run.program, scope.run.nest
    keys = [each for each in scope.inputs if not each.closed and is_key(scope, each.node)]
    stated = scope.report.stated
    for each in keys:
        n = each.position
        level = None if n is None else next((one for one in stated if one.inputs[n].index is not None), None)
        if n is not None and level is not None and program is not None and nest is not None:
            yield each, level, level.inputs[n].index or 0, program.values()[nest.traced[_place(scope, n)]]
    for captured in scope.capture.found:
        level = scope.report.levels[captured.number]
        leaves = None if captured.root is None else captured.root.arguments
        for each in keys if leaves is not None and len(leaves) == len(level.inputs) else ():
            for leaf, array in zip(level.inputs, leaves or (), strict=True):
                mapped = each.level == level.id and leaf.path == each.path and leaf.index is not None
                if mapped and tuple(array.shape) == leaf.shape:
                    yield each, level, leaf.index or 0, array


def _place(scope: Scope, position: int) -> int:
    """Returns the place among the traced leaves of a leaf among all array leaves."""
    program, nest = scope.run.program, scope.run.nest
    if program is None or nest is None:
        raise RuntimeError("only stated arguments have a position")
    arrays = [n for n, operand in enumerate(program.operands) if operand.is_array]
    return nest.traced.index(arrays[position])


def halved(scope: Scope) -> Iterator[Finding]:
    """Finds a row of two old-style keys, u32[2,2], mapped so that an example gets a word of each key."""
    for each in scope.inputs:
        if each.position is None or each.closed or not _wrapped(scope, each.node):
            continue
        for level in scope.report.stated:
            leaf = level.inputs[each.position]
            last = len(leaf.shape) - 1
            if leaf.dtype == "uint32" and leaf.shape[-2:] == (2, 2) and leaf.index == last:
                yield Finding(
                    kind="key_axis",
                    severity="warning",
                    explanation=(
                        f"{each.path} is a row of two keys of two words each, u32[2,2], and vmap "
                        f"{level.name} maps axis {last}, the words: example 0 gets the first word of both "
                        f"keys. Map axis {last - 1}, or make keys with jax.random.key, which have no axis "
                        "of words."
                    ),
                    blame=blame([each.path], [level]),
                    confidence="likely",
                    fixes=tuple(_by_rows(scope, level, each, last - 1)),
                )


def _by_rows(scope: Scope, level: Level, each: Input, axis: int) -> Iterator[Fix]:
    edited = rewrites.in_axes(scope.report.request, level, {each.position or 0: axis})
    yield from rewrites.proven(
        scope, edited, f"Map axis {axis} of {each.path}: a key for each example",
        f"in_axes of level {level.id}",
        "each example is handed a whole key",
        lambda report: not any(found.kind == "key_axis" for found in report.findings),
    )  # fmt: skip


def _wrapped(scope: Scope, node: int) -> bool:
    reached = scope.ahead([node], lambda each: scope.equation_of(each) is not None)
    found = (scope.equation_of(each) for each in reached)
    return any(each is not None and each.primitive == "random_wrap" for each in found)
