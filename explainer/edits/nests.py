"""Nests: a level more, one less, two swapped; names and sizes of levels.

Situation ──▶ levels, names, sizes ──▶ Candidates
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from explainer.edits.axes import example_shapes, level_text, stated_sizes, without
from explainer.edits.candidate import Candidate, with_levels, with_setting
from explainer.edits.prefixes import meanings
from explainer.edits.situation import Axes, Axis, Situation
from explainer.spec import Vmap

COLLECTIVES = (
    *("psum", "pmean", "pmax", "pmin", "all_gather", "all_to_all", "axis_index", "axis_size", "ppermute"),
    *("pshuffle", "psum_scatter", "pcast", "pvary", "pbroadcast", "pswapaxes", "psizeof"),
)
MOST_SPLIT = 4  # arguments in groups of one size each


def levels(s: Situation) -> list[Candidate]:
    """Lists candidates with another stack of levels, cheapest first."""
    found = [*_both_axes(s), *_all_pairs(s), *_swapped(s), *_removed(s), *_added(s)]
    return sorted(found, key=lambda candidate: candidate.cost)


def settings(s: Situation) -> list[Candidate]:
    """Lists candidates with another axis_name or axis_size."""
    return [*_named(s), *_sized(s)]


def _both_axes(s: Situation) -> Iterator[Candidate]:
    """Reads (0, 1) for one argument as both of its axes: one level for each."""
    if len(s.request.arguments) != 1 or s.keywords:
        return
    for k, level in enumerate(s.levels):
        spec = level.spec
        if not isinstance(spec, (tuple, list)) or len(spec) < 2 or not all(type(a) is int for a in spec):
            continue
        own = s.request.levels[k]
        stack = [replace(own, in_axes=str(_left(axis, spec[:n]))) for n, axis in enumerate(spec)]
        edited = (*s.request.levels[:k], *stack, *s.request.levels[k + 1 :])
        name = s.request.arguments[0].name
        said = f"Map axes {' and '.join(map(str, spec))} of {name}: one vmap for each"
        yield with_levels(s.request, edited, said, 0.4)


def _left(axis: int, gone: Sequence[int]) -> int:
    """Returns where an axis stands once others before it are mapped away: 1 after 0 -> 0."""
    return axis - sum(0 <= other < axis for other in gone) if axis >= 0 else axis


def _all_pairs(s: Situation) -> Iterator[Candidate]:
    """Gives arguments of unequal sizes a level each: every combination, not one by one."""
    k = s.failing
    if k is None or not s.levels or s.levels[k].axes is None or s.keywords:
        return
    axes = meanings(s, k)[0].axes
    groups = _by_size(s, k, axes)
    if not 2 <= len(groups) <= MOST_SPLIT:
        return
    own = s.request.levels[k]
    stack = []
    for group in groups:
        only = tuple(
            axis if value.argument in group else None for value, axis in zip(s.values, axes, strict=True)
        )
        stack.append(replace(own, in_axes=level_text(s, only), axis_size=None))
    edited = (*s.request.levels[:k], *stack, *s.request.levels[k + 1 :])
    names = " with every ".join(" and ".join(group) for group in groups)
    mapped = {own for group in groups for own in group}
    plain = all(tree.kind == "leaf" for name, tree in s.trees if name in mapped)
    ranks = {len(s.values[n].shape or ()) for name in mapped for n in s.of(name)}
    cost = 1.2 if plain and len(ranks) == 1 else 1.6
    yield with_levels(s.request, edited, f"Combine every {names}: one vmap for each", cost)


def _by_size(s: Situation, k: int, axes: Axes) -> list[tuple[str, ...]]:
    """Groups the mapped arguments of level k by the size of their axis, in the order of the call."""
    shapes: list[tuple[int, ...] | None] = [value.shape for value in s.values]
    for level in s.levels[:k]:
        for n, axis in enumerate(level.axes or ()):
            shape = shapes[n]
            if shape is not None and type(axis) is int and -len(shape) <= axis < len(shape):
                shapes[n] = without(shape, axis)
    sizes: dict[int, dict[str, None]] = {}
    for n, axis in enumerate(axes):
        shape = shapes[n]
        if axis is None or shape is None:
            continue
        if not -len(shape) <= axis < len(shape):
            return []
        sizes.setdefault(shape[axis], {})[s.values[n].argument] = None
    return [tuple(names) for names in sizes.values()]


def _swapped(s: Situation) -> Iterator[Candidate]:
    stack = s.request.levels
    for one, other in itertools.combinations(range(len(stack)), 2):
        edited = list(stack)
        edited[one], edited[other] = stack[other], stack[one]
        if stack[one] != stack[other] and _fits(
            s, [s.levels[other if k == one else one if k == other else k].axes for k in range(len(stack))]
        ):
            said = f"Swap the levels {s.level_name(one)} and {s.level_name(other)}"
            yield with_levels(s.request, tuple(edited), said, 1.4)


def _fits(s: Situation, axes: Sequence[Sequence[object] | None]) -> bool:
    plain: list[Axes] = []
    for level in axes:
        if level is None or any(axis is not None and type(axis) is not int for axis in level):
            return False
        plain.append(tuple(axis if isinstance(axis, int) else None for axis in level))
    return example_shapes(s, plain, [None] * len(plain)) is not None


def _removed(s: Situation) -> Iterator[Candidate]:
    """Leaves a level out, where another stays: a nest as deep as the arrays are, no deeper."""
    for k in range(len(s.levels)):
        rest = (*s.levels[:k], *s.levels[k + 1 :])
        if rest and s.levels[k].axis_name is None and _fits(s, [level.axes for level in rest]):
            edited = (*s.request.levels[:k], *s.request.levels[k + 1 :])
            yield with_levels(
                s.request, edited, f"Leave out the vmap over {s.level_name(k)}", 1.6 + 0.1 * (len(rest) - k)
            )


def _added(s: Situation) -> Iterator[Candidate]:
    """Adds an innermost level over axis 0 of what is left of some arguments."""
    if len(s.levels) > 2 or s.keywords:
        return
    bases = [meanings(s, k)[0].axes for k in range(len(s.levels))]
    names = [name for name, _ in s.trees][:MOST_SPLIT]
    for chosen in _choices(names):
        own: Axes = tuple(_axis(value.shape is not None and value.argument in chosen) for value in s.values)
        if example_shapes(s, [*bases, own], [*stated_sizes(s), None]) is None:
            continue
        edited = (*s.request.levels, Vmap(level_text(s, own)))
        said = f"Map the next axis of {', '.join(chosen)}, too: one more vmap inside"
        yield with_levels(s.request, edited, said, 1.8 + 0.1 * (len(names) - len(chosen)))


def _axis(mapped: bool) -> Axis:
    return 0 if mapped else None


def _choices(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for many in range(len(names), 0, -1):
        yield from itertools.combinations(names, many)


def _named(s: Situation) -> Iterator[Candidate]:
    """Binds the axis names that the code communicates along and no level has."""
    used = [*axis_names(s.code), *s.axis_names]
    missing = [name for name in used if name not in {level.axis_name for level in s.levels}]
    if not missing:
        return
    for k in range(len(s.levels)):
        own = s.levels[k].axis_name
        if own is None or own not in used:
            said = f"Name the axis that the code communicates along{s.inside(k)}: axis_name={missing[0]!r}"
            yield with_setting(s.request, k, "axis_name", missing[0], said, 0.4 + 0.1 * k)
    if 1 < len(missing) <= len(s.levels):
        for names in itertools.permutations(missing, len(missing)):
            pairs = itertools.zip_longest(s.request.levels, names)
            edited = tuple(replace(level, axis_name=name or level.axis_name) for level, name in pairs)
            yield with_levels(s.request, edited, f"Name the axes: {', '.join(names)}", 0.8)


def axis_names(code: str) -> list[str]:
    """Lists the axis names in calls of collectives, in order: lax.psum(x, 'i') -> ["i"]."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in COLLECTIVES:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            names = [each for value in given for each in ast.walk(value) if isinstance(each, ast.Constant)]
            found |= {name.value: None for name in names if isinstance(name.value, str)}
    return list(found)


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _sized(s: Situation) -> Iterator[Candidate]:
    """Drops an axis_size, or states one where nothing is mapped; drops a spmd_axis_name."""
    for k, level in enumerate(s.levels):
        if s.request.levels[k].spmd_axis_name:
            said = f"Leave spmd_axis_name out{s.inside(k)}"
            yield with_setting(s.request, k, "spmd_axis_name", None, said, 0.9)
        if s.request.levels[k].axis_size:
            yield with_setting(
                s.request,
                k,
                "axis_size",
                None,
                f"Let the arrays say the size{s.inside(k)}: leave axis_size out",
                0.7,
            )
        elif level.axes is not None and all(axis is None for axis in level.axes):
            size = next((value.shape[0] for value in s.values if value.shape), 8)
            said = (
                f"Share every argument, and state how many examples there are{s.inside(k)}: axis_size={size}"
            )
            yield with_setting(s.request, k, "axis_size", str(size), said, 2.5)
