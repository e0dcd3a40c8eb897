"""A value as small tables of cells, the part of one example marked, cut to what fits a row of text.

    Leaf, {axis: index} ──▶ grid ──▶ Grid: slabs of rows of cells

The last axis lies across, the one before it down, each index of the others is a slab of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from explainer.figures import text
from explainer.xray import Leaf

COLUMNS, ROWS, SLABS = 8, 8, 6

Index = int | None  # None: entries are left out here


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry. `matched` counts the picked axes, in their order, that it agrees with; `lit`: with all."""

    text: str
    full: str
    matched: int
    lit: bool
    bad: bool


@dataclass(frozen=True, slots=True)
class Slab:
    """The last two axes at one index of the others; None stands where entries are left out."""

    index: tuple[Index, ...]
    rows: tuple[tuple[Index, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """`columns` are the indices of the last axis; () for a scalar. `left_out`: slabs that are not drawn."""

    columns: tuple[Index, ...]
    slabs: tuple[Slab, ...]
    left_out: int = 0


def grid(leaf: Leaf, picked: Mapping[int, int], columns: int = COLUMNS) -> Grid:
    """Returns the cells of a value; `picked` gives axes one index each, outermost level first.

    f32[3,4], {0: 1, 1: 2}  ->  one slab of 3 rows, entry (1, 2) lit, the rest of row 1 matched once
    """
    if 0 in leaf.shape or leaf.preview is None:
        return Grid((), ())
    shown = [_shown(kept, most, picked.get(axis)) for axis, (kept, most) in enumerate(_caps(leaf, columns))]
    down, across = [None, None, *shown][-2:]
    heads = _with_gaps(across or [])
    fronts = list(itertools.product(*shown[:-2]))
    order = sorted(range(len(fronts)), key=lambda n: (-_match(fronts[n], picked), n))
    drawn = sorted(order[:SLABS])
    slabs = tuple(Slab(tuple(fronts[n]), _rows(leaf, fronts[n], down, across, heads, picked)) for n in drawn)
    return Grid(tuple(heads), slabs, len(fronts) - len(slabs))


def _caps(leaf: Leaf, columns: int) -> list[tuple[Sequence[int], int]]:
    most = [SLABS] * max(len(leaf.shape) - 2, 0) + [ROWS, columns][max(2 - len(leaf.shape), 0) :]
    return list(zip(leaf.kept, most, strict=True))


def _shown(kept: Sequence[int], most: int, picked: int | None) -> list[int]:
    """Chooses the indices of one axis: all, or the first ones, the picked one and the last."""
    if len(kept) <= most:
        return list(kept)
    chosen = {kept[-1]} | ({picked} & set(kept) if picked is not None else set())
    for index in kept:
        if len(chosen) >= most:
            break
        chosen.add(index)
    return sorted(chosen)


def _with_gaps(indices: Sequence[int]) -> list[Index]:
    found: list[Index] = []
    for before, index in zip([-1, *indices], indices, strict=False):
        found += [None, index] if index != before + 1 else [index]
    return found


def _rows(
    leaf: Leaf,
    front: Sequence[int],
    down: Sequence[int] | None,
    across: Sequence[int] | None,
    columns: Sequence[Index],
    picked: Mapping[int, int],
) -> tuple[tuple[Index, tuple[Cell | None, ...]], ...]:
    if across is None:
        return ((None, (_cell(leaf, (), picked),)),)
    if down is None:
        return ((None, _line(leaf, front, columns, picked)),)
    return tuple(
        (
            index,
            _line(leaf, (*front, index), columns, picked) if index is not None else (None,) * len(columns),
        )
        for index in _with_gaps(down)
    )


def _line(
    leaf: Leaf, before: Sequence[int], columns: Sequence[Index], picked: Mapping[int, int]
) -> tuple[Cell | None, ...]:
    return tuple(None if index is None else _cell(leaf, (*before, index), picked) for index in columns)


def _cell(leaf: Leaf, index: tuple[int, ...], picked: Mapping[int, int]) -> Cell:
    block: object = leaf.preview
    for axis, place in enumerate(index):
        block = cast("list[object]", block)[leaf.kept[axis].index(place)]
    matched = 0
    for axis, place in picked.items():
        if index[axis] != place:
            break
        matched += 1
    bad = isinstance(block, float) and not -float("inf") < block < float("inf")
    return Cell(text.cell(block), text.full(block), matched, matched == len(picked), bad)


def _match(front: Sequence[int], picked: Mapping[int, int]) -> int:
    return sum(picked[axis] == index for axis, index in enumerate(front) if axis in picked)
