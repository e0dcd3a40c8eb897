"""What is drawn: the nest of levels, its arrays, and the indices shown of each axis.

    nests.read ──▶ Nest ──▶ nest.cut(limits) ──▶ scene, frames

Axes keep their number in the full array all the way in, so a cell's value is always looked
up by its full index.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from explainer.figures import text
from explainer.report import Leaf

MAX_RANK = 4
Index = tuple[int, ...]

_SUBSCRIPT = re.compile(r"\[['\"]?([^\]]*?)['\"]?\]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is drawn at most: indices of a mapped axis, of another axis, and arrays."""

    examples: int
    entries: int
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Loop:
    """One level as a loop over the drawn examples.

    `plain` marks the lone call of a nest without levels, `stalled` a level whose arrays disagree on
    its size: each array is then drawn with its own indices, and nothing moves.
    """

    name: str
    size: int
    function: str
    out_axes: str
    shown: Index = ()
    plain: bool = False
    stalled: bool = False
    transform: str = "vmap"


@dataclass(frozen=True, slots=True)
class Mark:
    """What does not fit: whole axes of an array in one column, or all of it for no axes; told in a word."""

    column: int
    axes: Index
    words: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """An array of the scene. `mapped` holds, per level, the axis of the full array it maps, or None.

    (3, 4, 2) mapped by i over axis 0 and by j over axis 1: mapped=(0, 1), axes_at(1)=(1, 2)
    """

    key: str
    path: str
    group: str  # the argument it is a leaf of, "" if it is the argument
    output: bool
    shape: tuple[int, ...]
    mapped: tuple[int | None, ...]
    leaf: Leaf | None
    shown: tuple[Index, ...] = ()
    folded: Index = ()  # axes drawn at their first index only
    mark: Mark | None = None

    @property
    def label(self) -> str:
        """Returns the name in its group: params['w'] -> w, args[0].layers[1] -> 0.layers.1."""
        if not self.group:
            return text.shorten(self.path, 20)
        path = text.shorten(self.path.removeprefix(self.group), 200)  # the expression takes its square
        keys = _SUBSCRIPT.sub(r".\1", path).strip(".")
        return text.shorten(keys or self.path, 18)

    @property
    def name(self) -> str:
        return text.shorten(self.path, 24)

    def axes_at(self, column: int) -> Index:
        """Returns the axes that are left after `column` levels were mapped."""
        gone = set(self.mapped[:column])
        return tuple(axis for axis in range(len(self.shape)) if axis not in gone)

    def drawn_axes(self, column: int) -> Index:
        return tuple(axis for axis in self.axes_at(column) if axis not in self.folded)

    def shape_at(self, column: int) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.axes_at(column))

    def values(self) -> Values:
        return Values.of(self.leaf, self.shape)


@dataclass(frozen=True, slots=True)
class Values:
    """The known entries of an array, by full index."""

    preview: object
    position: tuple[dict[int, int], ...]

    @classmethod
    def of(cls, leaf: Leaf | None, shape: tuple[int, ...]) -> Values:
        if leaf is None or leaf.preview is None or len(leaf.kept) != len(shape):
            return cls(None, ())
        return cls(leaf.preview, tuple({index: at for at, index in enumerate(kept)} for kept in leaf.kept))

    def at(self, index: Sequence[int]) -> object:
        """Returns one entry, None where the report does not hold it."""
        node = self.preview
        for position, entry in zip(self.position, index, strict=False):
            at = position.get(entry)
            if at is None or not isinstance(node, list | tuple) or at >= len(node):
                return None
            node = node[at]
        return None if isinstance(node, list | tuple) else node


@dataclass(frozen=True, slots=True)
class Nest:
    """Everything one scene shows, not yet cut to size."""

    function: str
    loops: tuple[Loop, ...]
    inputs: tuple[Drawn, ...]
    outputs: tuple[Drawn, ...]
    arguments: tuple[tuple[str, bool], ...]  # name, keyword: as they stand in the call
    notes: tuple[str, ...]
    stopped: str  # why there are no results, "" if the run did not fail
    finished: bool  # values of the outputs are known, or will not be

    @property
    def plain(self) -> bool:
        return self.loops[0].plain

    @property
    def calls(self) -> int:
        return math.prod(loop.size for loop in self.loops)

    def cut(self, limits: Limits) -> Nest:
        """Returns the nest with the indices and arrays to draw chosen."""
        notes = list(self.notes)
        loops = tuple(
            replace(loop, shown=_common(loop, level, self.inputs + self.outputs, limits.examples))
            for level, loop in enumerate(self.loops)
        )
        inputs = tuple(_cut_array(array, loops, limits.entries) for array in self.inputs[: limits.inputs])
        outputs = tuple(_cut_array(array, loops, limits.entries) for array in self.outputs[: limits.outputs])
        for all_of, drawn, word in ((self.inputs, inputs, "input"), (self.outputs, outputs, "output")):
            if len(drawn) < len(all_of):
                notes.append(f"{len(drawn)} of {len(all_of)} {word} arrays are drawn.")
        for array in inputs + outputs:
            if array.folded:
                axes = ", ".join(map(str, array.folded))
                notes.append(
                    f"{array.name} has rank {len(array.shape)}: axis {axes} is drawn at index 0 only."
                )
        return replace(self, loops=loops, inputs=inputs, outputs=outputs, notes=tuple(notes))


def _common(loop: Loop, level: int, arrays: Sequence[Drawn], limit: int) -> Index:
    """Returns the examples to draw: those whose values are known for every array that has them."""
    known = set(range(min(loop.size, 4096))) | {loop.size - 1}
    for array in arrays:
        axis = array.mapped[level]
        if axis is not None and array.leaf is not None and array.leaf.kept:
            known &= set(array.leaf.kept[axis])
    return _pick(loop.size, limit, tuple(sorted(known)))


def _pick(size: int, limit: int, known: Index) -> Index:
    """Returns the first known indices and the last one, at most `limit`; without known ones the first."""
    if size == 0:
        return ()
    known = tuple(index for index in known if 0 <= index < size) or (0,)
    if len(known) <= limit:
        return known
    return known[:limit] if limit == 1 else (*known[: limit - 1], known[-1])


def _cut_array(array: Drawn, loops: Sequence[Loop], limit: int) -> Drawn:
    free = [axis for axis in range(len(array.shape)) if axis not in array.mapped]
    folded = tuple(free[: max(0, len(array.shape) - MAX_RANK)])
    shown = []
    for axis, size in enumerate(array.shape):
        if axis in array.mapped and not loops[array.mapped.index(axis)].stalled:
            shown.append(loops[array.mapped.index(axis)].shown)
        else:
            known = array.leaf.kept[axis] if array.leaf and array.leaf.kept else tuple(range(min(size, 64)))
            known = known if array.leaf and array.leaf.kept else (*known, size - 1)
            shown.append(_pick(size, 1 if axis in folded else limit, tuple(sorted(set(known)))))
    return replace(array, shown=tuple(shown), folded=folded)
