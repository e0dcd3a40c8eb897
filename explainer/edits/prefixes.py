"""Prefixes: what a spec that does not fit its arguments may have meant, axis by axis.

in_axes as evaluated, Trees of the arguments ──▶ readings ──▶ axes of every leaf ──▶ axes.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from explainer.edits.situation import Axes, Axis, Situation, Tree

_FORM = "the form of the arguments"
_FILLS: tuple[Axis, ...] = (0, None)  # what an entry that says nothing may become


@dataclass(frozen=True, slots=True)
class Meaning:
    """The axes that a spec may have meant, of every leaf, static ones None. `what` says how it was read."""

    axes: Axes
    what: str
    cost: float
    guessed: bool = False  # an entry was missing, and which one is not known


def meanings(s: Situation, k: int) -> list[Meaning]:
    """Lists what in_axes of level k may mean; one meaning of cost 0 where it is right as it stands."""
    level = s.levels[k]
    if level.axes is not None and all(axis is None or type(axis) is int for axis in level.axes):
        return [_as_it_stands(s, level.axes)]
    found: dict[Axes, Meaning] = {}
    for entries, read, cost in _entries(s, level.spec):
        for fill in _FILLS:
            what = _form(s, entries, fill) if read == _FORM else read
            cost_here = cost + (0.1 if fill is None else 0.0)
            meaning = Meaning(_axes(s, entries, fill), what, cost_here, len(entries) > _given(level.spec))
            found.setdefault(meaning.axes, meaning)
    return list(found.values())


def _form(s: Situation, entries: Sequence[object], fill: Axis) -> str:
    """Says what becomes of the leaves that the entries say nothing of: "Share state['t'], too"."""
    both = zip(_axes(s, entries, 0), _axes(s, entries, None), strict=True)
    paths = [s.values[n].path for n, (one, other) in enumerate(both) if one != other]
    static = [v.path for v in s.values if v.shape is None]
    if not paths:
        unsaid = f": None for {', '.join(static)}" if static else ""
        return f"Write in_axes with the containers of the arguments{unsaid}"
    said = f"{', '.join(paths)}, which no entry tells of"
    return f"Share {said}" if fill is None else f"Map axis {fill} of {said}"


def _given(spec: object) -> int:
    """Returns how many entries a spec has; those of an int, or of None, are all there."""
    return len(spec) if isinstance(spec, (tuple, list)) else 1_000_000


def _as_it_stands(s: Situation, given: Sequence[object]) -> Meaning:
    """Keeps the axes, but those of static leaves, which have none."""
    wrong = [
        value for value, axis in zip(s.values, given, strict=True) if value.shape is None and axis is not None
    ]
    fixed = tuple(
        axis if value.shape is not None and _is_axis(axis) else None
        for value, axis in zip(s.values, given, strict=True)
    )
    names = ", ".join(dict.fromkeys(value.path for value in wrong if value.argument not in s.keywords))
    return Meaning(fixed, f"Do not map {names}, which is no array" if names else "", 0.5 if names else 0.0)


def _entries(s: Situation, spec: object) -> Iterator[tuple[list[object], str, float]]:
    """Yields (one entry per positional argument, how the spec was read, cost)."""
    names = [name for name, _ in s.trees if name not in s.keywords]
    n = len(names)
    if n == 1 and not (isinstance(spec, (tuple, list)) and len(spec) == 1):
        yield [spec], f"Wrap the axes of {names[0]} in a tuple", 0.5
    if not isinstance(spec, (tuple, list)):
        yield [spec if _is_axis(spec) else True] * n, "Write an int, None or a tuple", 0.7
        return
    given = list(spec)
    if len(given) == n:
        yield given, _FORM, 0.5
    elif len(given) < n:
        yield [*given, *[True] * (n - len(given))], f"Add an entry for {', '.join(names[len(given) :])}", 0.5
        if len(given) == n - 1:
            for at in range(len(given)):
                yield [*given[:at], True, *given[at:]], f"Add an entry for {names[at]}", 0.9
    elif n:
        yield given[:n], f"Keep one entry for each argument: {', '.join(names)}", 0.5
        yield given[len(given) - n :], f"Keep one entry for each argument: {', '.join(names)}", 0.8


def _axes(s: Situation, entries: Sequence[object], fill: Axis) -> Axes:
    """Spreads one entry per positional argument over the leaves; keyword arguments are mapped over 0."""
    axes: list[Axis] = [0] * len(s.values)
    positional = [tree for name, tree in s.trees if name not in s.keywords]
    for tree, entry in zip(positional, entries, strict=True):
        for leaf, axis in aligned(entry, tree, fill):
            axes[leaf] = axis
    return tuple(
        axis if value.shape is not None else None for axis, value in zip(axes, s.values, strict=True)
    )


def aligned(entry: object, tree: Tree, fill: Axis) -> Iterator[tuple[int, Axis]]:
    """Yields (leaf, axis) for a tree from an entry that resembles it.

    {'w': 0} on {'w': (leaf 0), 'b': (leaf 1)}, fill None  ->  (0, 0), (1, None)
    """
    if tree.kind == "leaf":
        yield tree.leaf, entry if _is_axis(entry) else _only(entry, fill)
        return
    if _is_axis(entry) or not isinstance(entry, (dict, list, tuple)):
        axis = entry if _is_axis(entry) else fill
        yield from ((leaf, axis) for leaf in tree.leaves())
        return
    for n, child in enumerate(tree.children):
        yield from aligned(_entry(entry, tree, n), child, fill)


def _entry(entry: object, tree: Tree, n: int) -> object:
    """Returns what an entry says of child n: by its key, else by its place; True where it says nothing."""
    if isinstance(entry, dict):
        if n < len(tree.keys):
            return entry.get(tree.keys[n], True)
        entry = tuple(entry.values())
    return entry[n] if isinstance(entry, (tuple, list)) and n < len(entry) else True


def _only(entry: object, fill: Axis) -> Axis:
    """Returns the axis in a container with one entry: (1,) for an array means 1."""
    while isinstance(entry, (tuple, list, dict)) and len(entry) == 1:
        entry = next(iter(entry.values())) if isinstance(entry, dict) else entry[0]
        if _is_axis(entry):
            return entry
    return fill


def _is_axis(entry: object) -> TypeGuard[Axis]:
    return entry is None or type(entry) is int
