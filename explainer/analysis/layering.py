"""Layering: the stack of transformations that a run met, and the levels that the request states, in order.

Capture.stack, Report.levels ──▶ layers ──▶ Report.layers
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from explainer.analysis.internals import Entered, Piece
from explainer.analysis.spans import Sources
from explainer.analysis.values import dtype_name
from explainer.layers import Layer
from explainer.report import Level, MappedLeaf

FIELDS = ("arrived", "handed", "returned", "left")


def layers(entered: Sequence[Entered], levels: Sequence[Level], sources: Sources) -> tuple[Layer, ...]:
    """Describes every layer: the stated levels, and in them what was entered, in the order of the calls."""
    by_id = {level.id: level for level in levels}
    whole = sources.mapped
    stated = [level for level in levels if not level.captured]
    first = len(stated)
    around = [_of_level(level.id, level.parent, level, level.function, level.span) for level in stated]
    inside = []
    for each in entered:
        parent = each.parent + first if each.parent is not None else (first - 1 if stated else None)
        function = _function(each, entered)
        span = next(iter(sources.of_sites(each.sites)), whole)
        level = None if each.level is None else by_id.get(each.level)
        if level is not None:
            made = _of_level(each.number + first, parent, level, function, span, each)
        else:
            made = _of_call(each, each.number + first, parent, function, span, first)
        inside.append(replace(made, source=sources.text(span)))
    return (*around, *inside)


def _of_level(
    number: int, parent: int | None, level: Level, function: str, span: Any, entered: Entered | None = None
) -> Layer:
    """Describes a level; inside of it, its axis is gone."""
    outputs = level.outputs
    return Layer(
        id=number,
        parent=parent,
        kind=level.transform,
        function=function,
        span=span,
        arrived=level.inputs,
        handed=tuple(_one(leaf, level) for leaf in level.inputs),
        returned=tuple(_one(leaf, level) for leaf in outputs),
        left=outputs,
        unseen=() if outputs else ("returned", "left"),
        level=level.id,
        name=level.name,
        made_by=level.made_by,
        count=1 if entered is None else entered.count,
    )


def _one(leaf: MappedLeaf, level: Level) -> MappedLeaf:
    """Returns a leaf as one example sees it: (8, 3), axis 0 -> (3,); as one of 4 devices does -> (2, 3)."""
    if leaf.index is None:
        return leaf
    if level.transform == "shard_map":
        sizes = list(leaf.shape)
        sizes[leaf.index] //= level.axis_size or 1
        return replace(leaf, shape=tuple(sizes))
    shape = leaf.shape[: leaf.index] + leaf.shape[leaf.index + 1 :]
    return MappedLeaf(leaf.path, leaf.dtype, shape, None, None)


def _of_call(each: Entered, number: int, parent: int | None, function: str, span: Any, first: int) -> Layer:
    axes = _scanned(each)
    return Layer(
        id=number,
        parent=parent,
        kind=each.part or each.kind,
        function=function,
        span=span,
        arrived=tuple(_leaves(each.arrived, axes.get("arrived", ()))),
        handed=tuple(_leaves(each.handed)),
        returned=tuple(_leaves(each.returned)),
        left=tuple(_leaves(each.left, axes.get("left", ()))),
        pulled=tuple(_leaves(each.pulled)),
        gradients=tuple(_leaves(each.gradients)),
        by=each.by,
        unseen=tuple(name for name in FIELDS if getattr(each, name) is None),
        part=bool(each.part),
        made_by=each.made_by,
        count=each.count,
        same=None if each.same is None else each.same + first,
    )


def _leaves(pieces: Iterable[Piece] | None, axes: Sequence[int | None] = ()) -> Iterable[MappedLeaf]:
    for n, (path, aval) in enumerate(pieces or ()):
        axis = axes[n] if n < len(axes) else None
        yield MappedLeaf(path, dtype_name(aval.dtype), tuple(aval.shape), axis, axis)


def _scanned(each: Entered) -> dict[str, list[int | None]]:
    """Finds the leaves whose axis 0 a scan or map goes along: those that its function sees without it."""
    if each.kind not in ("scan", "map") or each.handed is None or each.arrived is None:
        return {}
    arrived = [
        0 if _stepped(out, into) else None for out, into in zip(each.arrived, each.handed, strict=False)
    ]
    if each.returned is None or each.left is None:
        return {"arrived": arrived}
    left = [0 if _stepped(out, one) else None for out, one in zip(each.left, each.returned, strict=False)]
    return {"arrived": arrived, "left": left}


def _stepped(whole: Piece, one: Piece) -> bool:
    return tuple(whole[1].shape[1:]) == tuple(one[1].shape) and len(whole[1].shape) == len(one[1].shape) + 1


def _function(each: Entered, entered: Sequence[Entered]) -> str:
    """Names what a layer is around: its own function, or the layer that it calls itself."""
    inner = [other for other in entered if other.parent == each.number and other.direct and not other.part]
    if each.kind in ("jacfwd", "jacrev") or len(inner) != 1:
        return each.name
    return f"{inner[0].kind}({_function(inner[0], entered)})"
