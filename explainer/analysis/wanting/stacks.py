"""Stacks: nests of levels that have not been written yet, and the search for those that give a shape.

    leaf shapes, wanted shape ──▶ stacks ──▶ Stack, simplest first ──▶ wanted

Axes count in the whole arrays here, outside of all levels; `relative` turns them into what jax.vmap takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]
Axes = tuple[int | None, ...]

MOST_LEVELS = 3
MOST_STACKS = 60_000  # looked at for one wanted shape
_MOST_LEAVES = 6  # up to which the leaves of one argument are given axes of their own


@dataclass(frozen=True, slots=True)
class Stack:
    """Levels, outermost first: which axis each maps of every array leaf, and where it is in every output.

    `ins[k][n]`: the axis of leaf n that level k maps; `outs[k][m]`: its axis in output m; None: none.
    X f32[3,2], Y f32[4,2] -> f32[3,4]:  ins ((0, None), (None, 0)), outs ((0,), (1,))
    """

    sizes: Shape
    ins: tuple[Axes, ...]
    outs: tuple[Axes, ...] = ()
    names: tuple[str, ...] = ()  # of the levels, where the user gave some

    def example(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        """Returns the shapes of the leaves for one example."""
        return tuple(
            without(shape, [axes[n] for axes in self.ins if axes[n] is not None])
            for n, shape in enumerate(shapes)
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """Leaves that are given one axis together: an argument, or one leaf. `keyword`: jax.vmap takes axis 0."""

    leaves: tuple[int, ...]
    keyword: bool = False


def without(shape: Shape, axes: Sequence[int | None]) -> Shape:
    """Returns a shape without some axes: (3, 4, 2), (0, 2) -> (4,)."""
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def relative(axes: Sequence[Axes]) -> list[Axes]:
    """Returns axes as each level counts them, those of the levels outside of it gone.

    level 0 maps axis 0, level 1 axis 1 of the whole array:  ((0,), (1,)) -> [(0,), (0,)]
    """
    found: list[Axes] = []
    for k, level in enumerate(axes):
        outside = [[outer[n] for outer in axes[:k]] for n in range(len(level))]
        found.append(tuple(_counted(axis, gone) for axis, gone in zip(level, outside, strict=True)))
    return found


def _counted(axis: int | None, gone: Sequence[int | None]) -> int | None:
    return None if axis is None else axis - sum(one is not None and one < axis for one in gone)


def stacks(
    shapes: Sequence[Shape], units: Sequence[Unit], wanted: Shape, levels: int
) -> list[tuple[Stack, tuple[int, ...]]]:
    """Lists the stacks of that many levels whose sizes stand in the wanted shape, simplest first.

    Beside each stack stands where its levels are in the output, ascending, outermost first.
    """
    found: list[tuple[int, int, Stack, tuple[int, ...]]] = []
    for places in itertools.combinations(range(len(wanted)), levels):
        sizes = tuple(wanted[place] for place in places)
        for ins in itertools.islice(_ins(shapes, units, sizes), MOST_STACKS):
            cost = _cost(ins, units, shapes) + 2 * sum(place != n for n, place in enumerate(places))
            found.append((cost, len(found), Stack(sizes, ins), places))
            if len(found) >= MOST_STACKS:
                break
    return [(stack, places) for _, _, stack, places in sorted(found, key=lambda one: one[:2])]


def placements(wanted: Shape, sizes: Shape) -> Iterator[Axes]:
    """Lists where levels of these sizes can be in an output of this shape, the simplest place first.

    (3, 3, 2), sizes (3,) -> (0,), (1,), (None,)
    """
    fits: list[list[int | None]] = [
        [*(axis for axis, size in enumerate(wanted) if size == one), None] for one in sizes
    ]
    for places in sorted(itertools.product(*fits), key=_place_cost):
        taken = [place for place in places if place is not None]
        if len(set(taken)) == len(taken):
            yield places


def _place_cost(places: Axes) -> tuple[int, ...]:
    return (sum(place is None for place in places), *(-1 if place is None else place for place in places))


def whole_units(arguments: Sequence[tuple[Sequence[int], bool]]) -> list[Unit]:
    """Returns a unit per argument that has array leaves."""
    return [Unit(tuple(leaves), keyword) for leaves, keyword in arguments if leaves]


def single_units(arguments: Sequence[tuple[Sequence[int], bool]]) -> list[Unit]:
    """Returns a unit per leaf; [] where those would be the same as per argument, or too many."""
    if sum(len(leaves) for leaves, _ in arguments) > _MOST_LEAVES:
        return []
    if all(len(leaves) <= 1 for leaves, _ in arguments):
        return []
    return [Unit((leaf,), keyword) for leaves, keyword in arguments for leaf in leaves]


def _ins(shapes: Sequence[Shape], units: Sequence[Unit], sizes: Shape) -> Iterator[tuple[Axes, ...]]:
    """Lists the ways to map axes of these sizes, level by level, each level at least one axis."""
    options = [list(_of_unit(shapes, unit, sizes)) for unit in units]
    for chosen in itertools.product(*options):
        by_level = zip(*chosen, strict=True) if chosen else ()
        if all(any(axis is not None for axis in level) for level in by_level):
            yield tuple(_spread(units, [axes[k] for axes in chosen], len(shapes)) for k in range(len(sizes)))


def _of_unit(shapes: Sequence[Shape], unit: Unit, sizes: Shape) -> Iterator[Axes]:
    """Lists the axes that levels of these sizes may map of one unit: none twice."""
    rank = min(len(shapes[leaf]) for leaf in unit.leaves)
    by_level: list[list[int | None]] = []
    for k, size in enumerate(sizes):
        fits = [axis for axis in range(rank) if all(shapes[leaf][axis] == size for leaf in unit.leaves)]
        by_level.append([k] if unit.keyword and k in fits else [] if unit.keyword else [*fits, None])
    for axes in itertools.product(*by_level):
        mapped = [axis for axis in axes if axis is not None]
        if len(set(mapped)) == len(mapped):
            yield axes


def _spread(units: Sequence[Unit], axes: Sequence[int | None], leaves: int) -> Axes:
    spread: list[int | None] = [None] * leaves
    for unit, axis in zip(units, axes, strict=True):
        for leaf in unit.leaves:
            spread[leaf] = axis
    return tuple(spread)


def _cost(ins: tuple[Axes, ...], units: Sequence[Unit], shapes: Sequence[Shape]) -> int:
    """Counts what is not usual: 1 for a shared argument, 2 for an axis other than 0, 2 for one taken apart.

    An argument with several axes, all of them mapped, is handed on as numbers: seldom meant.
    """
    written = relative(ins)
    axes = [level[unit.leaves[0]] for level in written for unit in units]
    ranks = [(len(shapes[unit.leaves[0]]), [level[unit.leaves[0]] for level in ins]) for unit in units]
    apart = sum(rank > 1 and sum(axis is not None for axis in mapped) == rank for rank, mapped in ranks)
    return sum(1 if axis is None else 2 * bool(axis) for axis in axes) + 2 * apart
