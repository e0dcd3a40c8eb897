"""What a failed call was handed, level by level: where each axis sits in an array, and its values.

    FailedCall ──▶ enters ──▶ Level.enters, for the picture of the call

Only for a call that was handed arrays themselves: what was traced by then has no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from explainer.analysis import axes, values
from explainer.analysis.failing.failed import FailedCall
from explainer.analysis.parsing import Operand, ParsedLevel, Program
from explainer.report import BatchedAval, Crossing, Leaf
from explainer.source import ShapeSpec

MOST_CELLS = 1_000_000  # of all arrays together; beyond, the shapes alone are drawn


@dataclass(slots=True)
class _Array:
    """An array on its way through the levels: the axes that are left, and those that levels took."""

    path: str
    leaf: Leaf
    left: list[int]
    taken: dict[int, int] = field(default_factory=dict)  # id of a level -> its axis in the whole array
    fits: bool = True  # so far, every level's axis was one of it

    def take(self, level: int, axis: object) -> None:
        """Takes the axis of one level: axis -1 of what is left of f32[3,4] without axis 0 is axis 1."""
        if axis is None:
            return
        count = len(self.left)
        if not isinstance(axis, int) or not -count <= axis < count:
            self.fits = False
            return
        self.taken[level] = self.left.pop(axis % count)

    def crossing(self, levels: int) -> Crossing:
        """Returns the array as it enters the levels that took their axes, of all `levels` there are."""
        whole = self.leaf.shape
        shape = tuple(whole[axis] for axis in self.left)
        dims = tuple(self.taken.get(level) for level in range(levels))
        return Crossing(
            self.path, BatchedAval(self.path, self.leaf.dtype, shape, dims, whole, self.fits), value=self.leaf
        )


def enters(call: FailedCall, ids: Sequence[int], levels: int) -> list[tuple[Crossing, ...]]:
    """Returns what enters each level of a call, as far as its axes can be told; `levels` are in the report.

    An array that lacks the axis asked for enters untracked, its values known all the same.
    """
    program = call.program
    if call.around or call.under or not program.levels:
        return []
    arrays = _arrays(program)
    found: list[tuple[Crossing, ...]] = []
    for level, number in zip(program.levels, ids, strict=True):
        if arrays is None or not all(array.fits for array in arrays):
            break
        mapped = _mapped(program, level, len(arrays))
        for array, axis in zip(arrays, mapped, strict=True):
            array.take(number, axis)
        found.append(tuple(array.crossing(levels) for array in arrays))
    return found


def _mapped(program: Program, level: ParsedLevel, count: int) -> Sequence[object]:
    """Returns the axis of each array; where in_axes do not fit the arguments, none can be told."""
    mapped = axes.array_axes(program, level)
    return [""] * count if mapped is None else mapped


def _arrays(program: Program) -> list[_Array] | None:
    """Returns the arrays of a call with their values; None where one has none, or they are many."""
    operands = [program.operands[position] for position in axes.array_operands(program)]
    if any(isinstance(operand.value, ShapeSpec) for operand in operands):
        return None
    if sum(operand.value.size for operand in operands) > MOST_CELLS:
        return None
    try:
        return [_array(operand) for operand in operands]
    except Exception:  # noqa: BLE001  (an array the user's code deleted: the shapes are still shown)
        return None


def _array(operand: Operand) -> _Array:
    leaf = values.leaf(operand.path, operand.value)
    return _Array(operand.path, leaf, list(range(len(leaf.shape))))
