"""Axis specs as text: from one chosen axis per leaf to what `jax.vmap` takes.

    report.Level ─ in_template, chosen axes ─▶ "(0, None)" ─▶ Request

The template is the tree of the arguments with a hole per leaf, as the worker saw it. Nothing
is evaluated here, and templates are filled by hand: they come from a child that ran foreign code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from explainer.report import AxesTemplate

Axis = int | None

_PIECE = re.compile(r"\{\{|\}\}|\{(\d{1,9})\}")


def write_in_axes(template: AxesTemplate, axes: Sequence[Axis]) -> str:
    """Returns in_axes for these axes of the leaves, counted over all arguments.

    ("{0}", "{1}"), (0, None)                -> "(0, None)"
    ("{{'w': {0}, 'b': {1}}}", "{2}"), 0 0 1 -> "(0, 1)"
    ("{0}",), (0,)                           -> "0"
    ("{{'w': {0}, 'b': {1}}}",), (0, None)   -> "({'w': 0, 'b': None},)"
    """
    parts = [_part(text, axes) for text in template.parts]
    if len(parts) == 1:
        return parts[0] if _is_axis(parts[0]) else f"({parts[0]},)"
    return f"({', '.join(parts)})"


def write_out_axes(template: AxesTemplate, axes: Sequence[Axis]) -> str:
    """Returns out_axes for these axes of the output leaves.

    ("{0}",), (-1,) -> "-1"        ("({0}, {1})",), (0, 1) -> "(0, 1)", (0, 0) -> "0"
    """
    used = [axes[hole] for text in template.parts for hole in holes(text)]
    if used and all(axis == used[0] for axis in used):
        return str(used[0])
    parts = [_part(text, axes) for text in template.parts]
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def holes(text: str) -> tuple[int, ...]:
    """Returns the leaves a template part has a hole for: "({0}, {2})" -> (0, 2)."""
    return tuple(int(found[1]) for found in _PIECE.finditer(text) if found[1] is not None)


def choices(rank: int, current: Axis, *, shared: bool) -> tuple[Axis, ...]:
    """Returns the axes a control offers for a leaf of this rank, the current one always among them.

    An input can be shared (None), an output has -1 beside its positions:
    rank 2, shared -> (0, 1, None)    rank 3, shared -> (0, 1, 2, -1, None)    rank 2 -> (0, 1, -1)
    """
    offered: list[Axis] = list(range(rank))
    if rank >= (3 if shared else 2):
        offered.append(-1)
    if isinstance(current, int) and current not in offered:
        offered.append(current)
    if shared or current is None:
        offered.append(None)
    return tuple(offered)


def _part(text: str, axes: Sequence[Axis]) -> str:
    """Returns one argument's spec: a prefix where one says it all, None where there is no leaf."""
    used = [axes[hole] for hole in holes(text)]
    if not used:
        return "None"
    static = "None" in _fill(text, [0] * len(axes))  # a leaf that a number as prefix would map as well
    if all(axis == used[0] for axis in used) and (used[0] is None or not static):
        return str(used[0])
    return _fill(text, axes)


def _fill(text: str, axes: Sequence[Axis]) -> str:
    def piece(found: re.Match[str]) -> str:
        return str(axes[int(found[1])]) if found[1] is not None else found[0][0]

    return _PIECE.sub(piece, text)


def _is_axis(text: str) -> bool:
    return text == "None" or text.removeprefix("-").isdecimal()
