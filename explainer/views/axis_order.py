"""The order of an array's axes by what they are: a level's, or the value's own.

batched_shape, batch_dims ──▶ AxisOrder ──▶ the shape and axis each level sees; values put in another order
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from explainer.xray import Leaf

MOST_COPIES = 8  # entries written for an axis along which all are equal
MOST_ENTRIES = 40_000  # of one array with its copies; past them the first stands for all

Nested = object  # nested lists of plain scalars: Python has no finite type for it


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """Axes in order, each with its size: label n >= 0 is the axis of level n, -1, -2, ... the value's own.

    (3, 4, 2) with level 0 at axis 1:  labels (-1, 0, -2), sizes (3, 4, 2)
    """

    labels: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def at(cls, shape: Sequence[int], dims: Sequence[int | None]) -> AxisOrder:
        """Returns the axes of a whole array, `dims` being each level's axis in it."""
        levels = {axis: place for place, axis in enumerate(dims) if axis is not None}
        own = iter(range(-1, -len(shape) - 1, -1))
        return cls(
            tuple(levels[axis] if axis in levels else next(own) for axis in range(len(shape))), tuple(shape)
        )

    @classmethod
    def of(cls, shape: Sequence[int], indices: Sequence[int | None]) -> AxisOrder:
        """Returns the axes of an array, `indices` being each level's axis among those left to it."""
        left = list(range(len(shape)))
        return cls.at(shape, [None if index is None else left.pop(index) for index in indices])

    def shape(self, place: int) -> tuple[int, ...]:
        """Returns the shape that level `place` sees: without the axes of the levels around it."""
        return tuple(
            size for label, size in zip(self.labels, self.sizes, strict=True) if self._left(label, place)
        )

    def index(self, place: int) -> int | None:
        """Returns the axis that level `place` has in what it sees, None if it maps nothing here."""
        left = [label for label in self.labels if self._left(label, place)]
        return left.index(place) if place in left else None

    def stacked(self, place: int, index: int, size: int) -> AxisOrder:
        """Returns the axes once level `place` has stacked its examples along `index`."""
        labels, sizes = list(self.labels), list(self.sizes)
        labels.insert(index, place)
        sizes.insert(index, size)
        return AxisOrder(tuple(labels), tuple(sizes))

    def _left(self, label: int, place: int) -> bool:
        return label < 0 or label >= place


def arranged(leaf: Leaf, source: AxisOrder, target: AxisOrder) -> Leaf:
    """Returns an array with its axes in another order; along one that only `target` has, all are equal."""
    if not all(leaf.kept):  # nothing of it is there to be put in order
        return replace(leaf, shape=target.sizes, preview=None, kept=())
    kept = dict(zip(source.labels, leaf.kept, strict=True))
    entries, copies = math.prod(map(len, kept.values())), 1
    for label, size in zip(target.labels, target.sizes, strict=True):
        if label not in kept:
            most = MOST_COPIES if entries * MOST_COPIES <= MOST_ENTRIES else 1
            kept[label] = tuple(range(size)) if size <= most else (*range(most - 1), size - 1)[-most:]
            entries, copies = entries * len(kept[label]), copies * size
    wanted = target.labels
    return replace(
        leaf,
        shape=target.sizes,
        preview=_arranged(leaf.preview, source.labels, wanted, kept, {}),
        kept=tuple(kept[label] for label in wanted),
        nan_count=leaf.nan_count * copies,
        inf_count=leaf.inf_count * copies,
    )


def _arranged(
    block: Nested,
    source: Sequence[int],
    wanted: Sequence[int],
    kept: dict[int, tuple[int, ...]],
    at: dict[int, int],
) -> Nested:
    """Returns the entries along the axes `wanted`, `at` saying where the others stand."""
    if wanted:
        label, rest = wanted[0], wanted[1:]
        if label not in source:
            return [_arranged(block, source, rest, kept, at)] * len(kept[label])
        return [_arranged(block, source, rest, kept, {**at, label: n}) for n in range(len(kept[label]))]
    for label in source:
        block = cast("list[Nested]", block)[at[label]]
    return block
