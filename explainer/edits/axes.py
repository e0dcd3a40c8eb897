"""Axes: other axes for one leaf, one subtree, or one argument of one level, those that fit in shape.

    Situation ──▶ in_axes ──▶ Candidates, the likeliest first

Sizes and ranks are followed through the levels by plain arithmetic; whether the function takes what is
left is for a trial to tell.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from explainer.axes import write_in_axes
from explainer.edits.candidate import Candidate, with_setting
from explainer.edits.prefixes import Meaning, meanings
from explainer.edits.situation import Axes, Axis, Situation, Tree

Shapes = tuple[tuple[int, ...] | None, ...]

MOST_GROUPS = 16  # arguments, subtrees and leaves whose axes are changed, at one level
MOST_PAIRS = 4000  # pairs of changes looked at


@dataclass(frozen=True, slots=True)
class _Change:
    """Another axis for some leaves of one level."""

    level: int
    leaves: tuple[int, ...]
    axis: Axis
    cost: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """The axes of all levels, and how they came to be."""

    axes: tuple[Axes, ...]
    whats: tuple[str, ...] = ()
    cost: float = 0.0
    guessed: bool = False  # an entry that was missing is made up

    @property
    def edits(self) -> int:
        """Returns how many things it changes; an entry made up counts with what it is changed to."""
        return max(1, len(self.whats) - self.guessed)


def in_axes(s: Situation) -> list[Candidate]:
    """Lists candidates with one change of in_axes, cheapest first."""
    plans = [plan for base in _bases(s) for plan in (base, *_changed(s, base))]
    return _candidates(s, plans)


def in_axes_twice(s: Situation) -> list[Candidate]:
    """Lists candidates with two changes of in_axes, cheapest first."""
    plans = (
        twice
        for base in _bases(s)
        for one, other in itertools.islice(itertools.combinations(_changes(s, base), 2), MOST_PAIRS)
        if not (one.level == other.level and set(one.leaves) & set(other.leaves))
        for twice in [_apply(s, _apply(s, base, one), other)]
    )
    return _candidates(s, plans)


def example_shapes(s: Situation, axes: Sequence[Axes], sizes: Sequence[int | None]) -> Shapes | None:
    """Returns what one example of a nest is handed; None where a level cannot take its axes.

    (3, 2) and (4, 2), axes (0, None) then (None, 0)  ->  (2,) and (2,)
    """
    shapes: list[tuple[int, ...] | None] = [value.shape for value in s.values]
    for level, stated in zip(axes, sizes, strict=True):
        found = set() if stated is None else {stated}
        for n, axis in enumerate(level):
            shape = shapes[n]
            if axis is None or shape is None:
                continue
            if not -len(shape) <= axis < len(shape):
                return None
            found.add(shape[axis])
            shapes[n] = without(shape, axis)
        if len(found) != 1:
            return None
    return tuple(shapes)


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Takes an axis away: (3, 4, 2), -2 -> (3, 2)."""
    return (*shape[: axis % len(shape)], *shape[axis % len(shape) + 1 :])


def level_text(s: Situation, axes: Axes) -> str:
    """Writes the axes of every leaf as in_axes."""
    return write_in_axes(s.template, [axes[n] for n in s.arrays])


def stated_sizes(s: Situation) -> list[int | None]:
    """Returns the axis_size that each level states."""
    return [level.axis_size for level in s.levels]


def _bases(s: Situation) -> Iterator[_Plan]:
    """Yields what the levels may mean as they stand."""
    for chosen in itertools.islice(itertools.product(*(meanings(s, k) for k in range(len(s.levels)))), 64):
        whats = tuple(f"{m.what}{s.inside(k)}" for k, m in enumerate(chosen) if m.what)
        guessed = any(m.guessed for m in chosen)
        yield _Plan(tuple(m.axes for m in chosen), whats, _cost(chosen), guessed)


def _cost(chosen: Iterable[Meaning]) -> float:
    return sum(meaning.cost for meaning in chosen)


def _changed(s: Situation, base: _Plan) -> Iterator[_Plan]:
    for change in _changes(s, base):
        yield _apply(s, base, change)


def _apply(s: Situation, plan: _Plan, change: _Change) -> _Plan:
    level = plan.axes[change.level]
    edited = tuple(change.axis if n in change.leaves else axis for n, axis in enumerate(level))
    axes = (*plan.axes[: change.level], edited, *plan.axes[change.level + 1 :])
    return replace(plan, axes=axes, whats=(*plan.whats, _what(s, change)), cost=plan.cost + change.cost)


def _what(s: Situation, change: _Change) -> str:
    """Says a change in the user's names: "Map axis 1 of X", "Share w among all examples"."""
    name = _named(s, change.leaves)
    if change.axis is None:
        drawn = " (all draw the same numbers)" if any(s.values[n].is_key for n in change.leaves) else ""
        return f"Share {name} among all examples{drawn}{s.inside(change.level)}"
    return f"Map axis {change.axis} of {name}{s.inside(change.level)}"


def _named(s: Situation, leaves: Sequence[int]) -> str:
    """Names leaves, those of whole arguments by them: "params, x", "state['t']"."""
    names: list[str] = []
    for own in dict.fromkeys(s.values[n].argument for n in leaves):
        mine = [n for n in leaves if s.values[n].argument == own]
        whole = {*mine} == {*s.of(own)} & {*s.arrays}
        names += [own] if whole else [s.values[n].path for n in mine]
    return ", ".join(names)


def _changes(s: Situation, base: _Plan) -> list[_Change]:
    """Lists the changes of single arguments, subtrees and leaves."""
    found = []
    for k in range(len(s.levels)):
        shapes = _handed(s, base, k)
        meant = _meant_sizes(s, base.axes[k], shapes, s.levels[k].axis_size)
        for leaves, extra in itertools.islice(_groups(s, base.axes[k], shapes), MOST_GROUPS):
            rank = max((len(shapes[n] or ()) for n in leaves), default=0)
            old = {base.axes[k][n] for n in leaves}
            for axis in (*range(rank), None):
                if old != {axis}:
                    cost = 1.0 + extra + _penalty(s, k, leaves, axis, base.axes[k], shapes, meant)
                    found.append(_Change(k, leaves, axis, cost))
    return sorted(found, key=lambda change: change.cost)


def _groups(s: Situation, axes: Axes = (), shapes: Shapes = ()) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yields (leaves, extra cost): whole arguments, those of one mapped size, then parts of them."""
    parts: list[tuple[tuple[int, ...], float]] = []
    for name, tree in s.trees:
        if name in s.keywords:
            continue
        arrays = tuple(n for n in tree.leaves() if s.values[n].shape is not None)
        if arrays:
            yield arrays, 0.0 if not s.blamed or name in s.blamed else 0.4
        parts += [(part, 0.2 if name in s.blamed else 0.6) for part in _parts(s, tree) if part != arrays]
    for group in _alike(s, axes, shapes):
        yield group, 0.1
    yield from dict.fromkeys(parts)


def _alike(s: Situation, axes: Axes, shapes: Shapes) -> Iterator[tuple[int, ...]]:
    """Yields the leaves of several arguments, not of all, that map one size: x and y of a batch."""
    sizes: dict[str, set[int | None]] = {}
    for n, (axis, shape) in enumerate(zip(axes, shapes, strict=True)):
        if shape is not None and s.values[n].argument not in s.keywords:
            sizes.setdefault(s.values[n].argument, set()).add(_size(axis, shape))
    of_size: dict[int, list[str]] = {}
    for name, found in sizes.items():
        size = next(iter(found))
        if len(found) == 1 and size is not None:
            of_size.setdefault(size, []).append(name)
    for names in of_size.values():
        if 1 < len(names) < len(sizes):
            yield tuple(n for name in names for n in s.of(name) if n in s.arrays)


def _parts(s: Situation, tree: Tree) -> Iterator[tuple[int, ...]]:
    for child in tree.children:
        arrays = tuple(n for n in child.leaves() if s.values[n].shape is not None)
        if arrays:
            yield arrays
        yield from _parts(s, child)


def _handed(s: Situation, base: _Plan, k: int) -> Shapes:
    """Returns what level k is handed, as far as the axes outside of it can be taken."""
    shapes: list[tuple[int, ...] | None] = [value.shape for value in s.values]
    for level in base.axes[:k]:
        for n, axis in enumerate(level):
            shape = shapes[n]
            if axis is not None and shape is not None and -len(shape) <= axis < len(shape):
                shapes[n] = without(shape, axis)
    return tuple(shapes)


def _size(axis: Axis, shape: tuple[int, ...] | None) -> int | None:
    if axis is None or shape is None or not -len(shape) <= axis < len(shape):
        return None
    return shape[axis]


def _meant_sizes(s: Situation, axes: Axes, shapes: Shapes, stated: int | None) -> tuple[int, ...]:
    """Returns the sizes that a level may mean: the one stated, else those that most arguments have."""
    if stated is not None:
        return (stated,)
    of_argument = {(s.values[n].argument, _size(axis, shapes[n])) for n, axis in enumerate(axes)}
    counts = Counter(size for _, size in of_argument if size is not None)
    return tuple(size for size, count in counts.items() if count == max(counts.values()))


def _penalty(
    s: Situation,
    k: int,
    leaves: tuple[int, ...],
    axis: Axis,
    axes: Axes,
    shapes: Shapes,
    meant: tuple[int, ...],
) -> float:
    """Weighs a change by where it stands and by the size it gives, compared with what the level means."""
    cost = 0.0 if s.failing in (None, k) else 0.3
    if axis is None and any(s.values[n].is_key for n in leaves):
        cost += 3.0  # every example would draw the same numbers
    before = {_size(axes[n], shapes[n]) for n in leaves}
    after = {_size(axis, shapes[n]) for n in leaves}
    if len(before) == 1 and before <= {*meant}:
        several = len({s.values[n].argument for n in leaves}) > 1  # x and y: all that has this size
        cost += (
            0.5
            if len(meant) == 1 and not several
            else 0.1
            if s.values[leaves[0]].argument == s.trees[0][0]
            else 0.0
        )
    if axis is not None:
        cost += 0.05 * axis - (0.4 if after <= {*meant} else 0.0)
    return cost - (0.75 if _taken_outside(s, k, leaves, axis, axes) else 0.0)


def _taken_outside(s: Situation, k: int, leaves: tuple[int, ...], axis: Axis, axes: Axes) -> bool:
    """Tells that an inner level would share what the level around it maps alone: one level for each."""
    around = s.levels[k - 1].axes if k else None
    if axis is not None or around is None:
        return False
    outside = {n for n, given in enumerate(around) if given is not None and n in s.arrays}
    rest = {n for n in s.arrays if axes[n] is not None} - {*leaves}
    return outside == {*leaves} and bool(rest)


def _candidates(s: Situation, plans: Iterable[_Plan]) -> list[Candidate]:
    """Writes the plans that fit in shape; the cheapest of those with the same texts."""
    found: dict[tuple[str, ...], Candidate] = {}
    for plan in plans:
        example = example_shapes(s, plan.axes, stated_sizes(s)) if plan.whats else None
        if example is None:
            continue
        texts = _texts(s, plan)
        candidate = _candidate(s, texts, replace(plan, cost=plan.cost + _oddity(s, example)))
        if texts == tuple(level.in_axes for level in s.request.levels):
            continue
        if texts not in found or candidate.cost < found[texts].cost:
            found[texts] = candidate
    return sorted(found.values(), key=lambda candidate: candidate.cost)


def _oddity(s: Situation, example: Shapes) -> float:
    """Weighs what one example is handed: only numbers, of arrays with several axes, is rarely meant."""
    ranks = [len(shape) for shape in example if shape is not None]
    several = any(value.shape is not None and len(value.shape) > 1 for value in s.values)
    return 0.3 if several and ranks and max(ranks) == 0 else 0.0


def _texts(s: Situation, plan: _Plan) -> tuple[str, ...]:
    """Writes in_axes of every level; the user's own text where it means the same."""
    return tuple(
        s.request.levels[k].in_axes if axes == s.levels[k].axes else level_text(s, axes)
        for k, axes in enumerate(plan.axes)
    )


def _candidate(s: Situation, texts: tuple[str, ...], plan: _Plan) -> Candidate:
    levels = s.request.levels
    edited = [k for k, text in enumerate(texts) if text != levels[k].in_axes]
    said = "; ".join(dict.fromkeys(plan.whats))
    if len(edited) == 1:
        k = edited[0]
        return with_setting(
            s.request, k, "in_axes", texts[k], f"{said}: in_axes={texts[k]}", plan.cost, plan.edits
        )
    request = replace(
        s.request,
        levels=tuple(replace(level, in_axes=text) for level, text in zip(levels, texts, strict=True)),
    )
    before = "\n".join(f"in_axes={levels[k].in_axes}" for k in edited)
    after = "\n".join(f"in_axes={texts[k]}" for k in edited)
    return Candidate(request, f"{said}.", "levels", before, after, plan.cost, edits=plan.edits)
