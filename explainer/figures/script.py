"""What happens in which order: slice, pass, call and restack for every drawn example.

A script is plain data, so its length is known before anything is drawn. When playing every
call would take too long, the first example of each level is played in full; the others
follow with all their inner calls in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Phase = Literal["start", "slice", "pass", "call", "calls", "restack", "end"]


@dataclass(frozen=True, slots=True)
class Step:
    """One frame. `at` holds the position of the drawn example for the levels down to `level`.

    "calls" stands for all calls of the levels inside `level` at once.
    """

    phase: Phase
    level: int
    at: tuple[int, ...]


def write(
    sizes: Sequence[int], compress: bool, slicing: bool = True, results: bool = True
) -> tuple[Step, ...]:
    """Returns the steps for loops of these sizes; without results it ends inside the first call."""
    steps = [Step("start", 0, ())]
    if results:
        _visit(steps, sizes, compress, slicing, 0, (), True)
    elif all(sizes):
        for level in range(len(sizes)):
            at = (0,) * (level + 1)
            steps += [Step("slice", level, at)] if slicing else []
            steps.append(Step("pass", level, at))
    steps.append(Step("end", 0, ()))
    return tuple(steps)


def _visit(
    steps: list[Step],
    sizes: Sequence[int],
    compress: bool,
    slicing: bool,
    level: int,
    outer: tuple[int, ...],
    lead: bool,
) -> None:
    for position in range(sizes[level]):
        at = (*outer, position)
        first = lead and position == 0
        if first and slicing:
            steps.append(Step("slice", level, at))
        steps.append(Step("pass", level, at))
        if level + 1 == len(sizes):
            steps.append(Step("call", level, at))
        elif compress and position > 0:
            steps.append(Step("calls", level, at))
        else:
            _visit(steps, sizes, compress, slicing, level + 1, at, first)
        steps.append(Step("restack", level, at))
