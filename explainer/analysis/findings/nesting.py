"""Nests that read otherwise than they seem: swapped levels, -1 at several levels, results moved to the front.

Scope ──▶ swapped, negative, moved ──▶ Finding
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import joined, sized
from explainer.errors import SpecError
from explainer.report import Finding, Fix, Level, MappedLeaf
from explainer.source import parse_spec, short_dtype


def swapped(scope: Scope) -> Iterator[Finding]:
    """Finds an outer level that maps a later argument than the level inside it: the table is transposed."""
    for nest in _nests(scope):
        for outer, inner in zip(nest, nest[1:], strict=False) if _each_once(nest) else ():
            rows, columns = _alone(outer, inner), _alone(inner, outer)
            stacked = all(leaf.index == 0 for level in (outer, inner) for leaf in level.outputs)
            if not rows or not columns or not stacked or rows[0] < columns[-1] or not outer.outputs:
                continue
            if outer.inputs[rows[0]].dtype.startswith(("key", "uint32")):  # a draw for each row, as a rule
                continue
            yield _swapped(scope, outer, inner, outer.inputs[rows[0]].path, outer.inputs[columns[0]].path)


def _each_once(nest: Sequence[Level]) -> bool:
    """Tells whether every argument is mapped by one level only."""
    leaves = zip(*(level.inputs for level in nest), strict=False)
    return all(sum(leaf.index is not None for leaf in each) <= 1 for each in leaves)


def _nests(scope: Scope) -> Iterator[tuple[Level, ...]]:
    """Lists the stated nest, and the chains of vmap(vmap(f)) in code, outermost level first."""
    if len(scope.report.stated) > 1:
        yield scope.report.stated
    inside = {level.parent: level for level in scope.report.levels if level.captured}
    begun: set[int] = set()
    for level in scope.report.levels:
        nest = [level]
        while (child := inside.get(nest[-1].id)) is not None and _direct(nest[-1], child):
            nest.append(child)
        if level.captured and level.id not in begun and len(nest) > 1:
            begun |= {each.id for each in nest}
            yield tuple(nest)


def _direct(outer: Level, inner: Level) -> bool:
    """Tells vmap(vmap(f)): one call in the code, of one function, with the same arguments."""
    alike = (outer.function, outer.span, len(outer.inputs)) == (inner.function, inner.span, len(inner.inputs))
    return alike and outer.transform == inner.transform == "vmap" and not outer.made_by and not inner.made_by


def _alone(level: Level, other: Level) -> list[int]:
    """Lists the leaves that a level maps, and the other one does not."""
    pairs = zip(level.inputs, other.inputs, strict=False)
    return [n for n, (leaf, its) in enumerate(pairs) if leaf.index is not None and its.index is None]


def _swapped(scope: Scope, outer: Level, inner: Level, row: str, column: str) -> Finding:
    leaf = outer.outputs[0]
    asked = _asked_for(scope, leaf)
    return Finding(
        kind="swapped_levels",
        severity="warning" if asked else "info",
        explanation=(
            f"{_typed(leaf)} has a row for each {row}[{outer.name}] and a column for each "
            f"{column}[{inner.name}], though {column} comes first in the call: "
            f"{leaf.path}[{outer.name}, {inner.name}] = f({column}[{inner.name}], {row}[{outer.name}])"
            f"{asked}. For a row for each {column}, swap the two levels."
        ),
        blame=blame([row, column], [outer, inner], [] if outer.span is None else [outer.span]),
        confidence="likely" if asked else "possible",
        fixes=tuple(_swap(scope, outer, inner)),
    )


def _asked_for(scope: Scope, leaf: MappedLeaf) -> str:
    """Returns what the user wants, where it is this result with its first two axes swapped; else ""."""
    try:
        wanted = parse_spec(scope.report.request.wanted.strip()).shape
    except SpecError:
        return ""
    turned = (leaf.shape[1], leaf.shape[0], *leaf.shape[2:]) if len(leaf.shape) > 1 else ()
    return f", and {sized(wanted)} is wanted" if wanted == turned != leaf.shape else ""


def _swap(scope: Scope, outer: Level, inner: Level) -> Iterator[Fix]:
    request = scope.report.request
    if outer.captured or any(leaf.axis not in (0, None) for one in (outer, inner) for leaf in one.inputs):
        return
    levels = list(request.levels)
    levels[outer.id], levels[inner.id] = levels[inner.id], levels[outer.id]
    edited = replace(request, levels=tuple(levels))
    column = next(leaf.path for leaf in inner.inputs if leaf.index is not None)
    found = rewrites.proven(
        scope, edited, f"Swap levels {outer.name} and {inner.name}: rows walk {column}", "levels",
        "the table turned over", lambda report: True,
    )  # fmt: skip
    yield from found


def negative(scope: Scope) -> Iterator[Finding]:
    """Finds -1 at several levels for one array: at each it is another axis of the whole."""
    for nest in _nests(scope):
        for n in range(len(nest[0].inputs)):
            using = [level for level in nest if (level.inputs[n].axis or 0) < 0]
            if len(using) > 1:
                leaves = [one.inputs[n] for one in using]
                yield _negative(nest[0].inputs[n].path, "in_axes", using, leaves, "is handed")
        for n in range(len(nest[0].outputs)):
            using = [level for level in nest if n < len(level.outputs) and (level.outputs[n].axis or 0) < 0]
            if len(using) > 1:
                leaves = [one.outputs[n] for one in using]
                yield _negative(nest[0].outputs[n].path, "out_axes", using, leaves, "gives")


def _negative(
    path: str, spec: str, levels: Sequence[Level], leaves: Sequence[MappedLeaf], does: str
) -> Finding:
    parts = [
        f"axis {leaf.index} of the {_typed(leaf)} that vmap {level.name} {does}"
        for level, leaf in zip(levels, leaves, strict=True)
    ]
    return Finding(
        kind="negative_axes",
        severity="info",
        explanation=(
            f"{spec} counts from the end at {len(levels)} levels for {path}, each time in another array: "
            f"{joined(parts)}. Counted from the front, 0, 1, ..., it is easier to see."
        ),
        blame=blame([path], levels),
        confidence="possible",
    )


def moved(scope: Scope) -> Iterator[Finding]:
    """Finds a function of one array, mapped along a later axis, whose result has that axis in front."""
    stated = scope.report.stated
    for level in scope.report.levels:
        alone = level is stated[0] and len(stated) == 1 if stated and not level.captured else level.captured
        if not alone or level.made_by or level.transform != "vmap":
            continue
        mapped = [leaf for leaf in level.inputs if leaf.index is not None]
        if len(mapped) != 1 or len(level.outputs) != 1:
            continue
        given, result = mapped[0], level.outputs[0]
        index = given.index or 0
        example = given.shape[:index] + given.shape[index + 1 :]
        if (
            index
            and result.index == 0
            and result.shape[1:] == example
            and example
            and (level.axis_size or 0) > 1
        ):
            yield _moved(scope, level, given, result, index)


def _moved(scope: Scope, level: Level, given: MappedLeaf, result: MappedLeaf, index: int) -> Finding:
    fixes: tuple[Fix, ...] = ()
    if not level.captured:
        edited = rewrites.out_axes(scope.report.request, level, {0: index})
        summary, place = f"Put the axis back where it was: out_axes={index}", f"out_axes of level {level.id}"
        proof = "the result has the shape of the input"
        fixes = tuple(rewrites.proven(scope, edited, summary, place, proof, lambda report: True))
    return Finding(
        kind="moved_axis",
        severity="info",
        explanation=(
            f"vmap {level.name} takes axis {index} of {_typed(given)} and puts it in front of the result, "
            f"{_typed(result)}. out_axes={index} puts it back where it was: {sized(given.shape)}."
        ),
        blame=blame([given.path], [level], [] if level.span is None else [level.span]),
        confidence="possible",
        fixes=fixes,
    )


def _typed(leaf: MappedLeaf) -> str:
    return f"{leaf.path} {short_dtype(leaf.dtype)}{sized(leaf.shape)}"
