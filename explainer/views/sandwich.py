"""The sandwich: layer inside layer, the shapes that go in and come out of each, and what it did to them.

    Report.layers ──▶ sandwich ──▶ Slice per layer ──▶ text, page, ui

What a slice says is read off the shapes that were seen, never off what such a layer usually does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explainer.layers import MOST, Layer
from explainer.report import MappedLeaf, Report
from explainer.source import short_dtype

Leaves = tuple[MappedLeaf, ...]
MOST_LEAVES = 6  # that a slice names on one side
MOST_SOURCE = 60  # characters of the user's expression
_WIDTH = 88  # of sentences in the text form
STEP = "step"  # the name of the axis that a scan goes along


@dataclass(frozen=True, slots=True)
class Slice:
    """One layer of the sandwich; `inside` are those that stand in it, in the order of their calls.

    `sees` and `gives` are what its function was handed and returned, where that is worth a line: it differs
    from what stands outside, or nothing stands inside that would tell.
    """

    layer: Layer
    depth: int
    sentence: str
    inside: tuple[Slice, ...]
    called: str  # line and expression; "" where they are those of the layer around

    @property
    def title(self) -> str:
        """Returns the layer by name: vmap i, value_and_grad, if true."""
        kind = self.layer.kind.replace("_", " ") if self.layer.part else self.layer.kind
        return " ".join(filter(None, (kind, self.layer.name)))

    @property
    def where(self) -> str:
        """Returns where it was called, by whom, how often: line 7: step(w, X) · inside jax.jacfwd · × 3."""
        layer = self.layer
        made = f"inside {layer.made_by}" if layer.made_by else ""
        many = f"× {layer.count:,}" if layer.count > 1 else ""
        return " · ".join(filter(None, (self.called, made, many)))

    @property
    def sees(self) -> Leaves:
        return self.layer.handed if self.core or _differ(self.layer.handed, self.layer.arrived) else ()

    @property
    def gives(self) -> Leaves:
        return self.layer.returned if self.core or _differ(self.layer.returned, self.layer.left) else ()

    @property
    def core(self) -> bool:
        """Tells whether the function itself is in the middle: no layer inside would show what it is handed.

        The vmap inside jacrev maps the pullback, not the function.
        """
        return not self.layer.part and all(each.layer.made_by == "jax.jacrev" for each in self.inside)


def sandwich(report: Report) -> tuple[Slice, ...]:
    """Returns the outermost slices, each with those inside it; () if only stated levels are known."""
    if len(report.layers) <= len(report.request.levels):
        return ()
    inside: dict[int | None, list[Layer]] = {}
    for layer in report.layers:
        inside.setdefault(layer.parent, []).append(layer)
    return _slices(None, 0, inside)


def _slices(parent: Layer | None, depth: int, inside: dict[int | None, list[Layer]]) -> tuple[Slice, ...]:
    found = []
    for layer in inside.get(None if parent is None else parent.id, ()):
        below = inside.get(layer.id, ())
        called = "" if parent is not None and parent.span == layer.span else _called(layer)
        made = _slices(layer, depth + 1, inside)
        found.append(Slice(layer, depth, sentence(layer, below), made, called))
    return tuple(found)


def _called(layer: Layer) -> str:
    """Returns the user's line and expression: line 7: step(w, X)."""
    span, source = layer.span, " ".join(layer.source.split())
    if span is None or span.source in ("function", ""):
        return ""
    file = "" if span.source == "code" else f"{span.source}, "
    short = source if len(source) <= MOST_SOURCE else f"{source[: MOST_SOURCE - 1]}…"
    return f"{file}line {span.line}: {short}" if short else f"{file}line {span.line}"


def flat(slices: Sequence[Slice]) -> list[Slice]:
    """Lists slices from the outermost in, each followed by those inside it."""
    return [each for one in slices for each in (one, *flat(one.inside))]


def axis_name(layer: Layer) -> str:
    """Returns what the axis is called that a layer takes off: the level's name, or "step"."""
    return layer.name or STEP


def leaf_text(leaf: MappedLeaf, name: str) -> str:
    """Returns an array with the axis of its layer by name: X f32[i:8, 3]."""
    sizes = (f"{name}:{size}" if axis == leaf.index else str(size) for axis, size in enumerate(leaf.shape))
    return f"{leaf.path} {short_dtype(leaf.dtype)}[{', '.join(sizes)}]".lstrip()


def leaves_text(leaves: Leaves, name: str = "") -> str:
    """Returns arrays in a line, the first few of many."""
    more = f", {len(leaves) - MOST_LEAVES:,} more" if len(leaves) > MOST_LEAVES else ""
    return ", ".join(leaf_text(leaf, name) for leaf in leaves[:MOST_LEAVES]) + more


def sentence(layer: Layer, inside: Sequence[Layer]) -> str:
    """Returns what a layer did to shapes, in one sentence; "" where too little was seen."""
    if layer.same is not None:
        return "JAX traced it before with these shapes, and used that trace again."
    said = _SAID.get(layer.kind, _plain)(layer, inside)
    return said or _plain(layer, inside)


def _plain(layer: Layer, inside: Sequence[Layer]) -> str:
    """Tells whether shapes pass as they are."""
    if {"arrived", "left"} & set(layer.unseen):
        return ""
    if layer.part:
        return _changed(layer.arrived, layer.left)
    known = not {"handed", "returned"} & set(layer.unseen)
    if known and not _differ(layer.handed, layer.arrived) and not _differ(layer.returned, layer.left):
        return "Changes no shape: its function sees what it is given, and it gives back what that returns."
    return _changed(layer.arrived, layer.left)


def _changed(before: Leaves, after: Leaves) -> str:
    return "" if _differ(before, after) else "What comes out has the shapes of what goes in."


def _mapped(layer: Layer, inside: Sequence[Layer]) -> str:
    """vmap: "Takes axis 0 (8 examples) off X; w goes in whole. Puts it back as axis 0 of out."."""
    taken, whole = _split(layer.arrived)
    parts = [f"Takes {_axes(taken)} off" if taken else "Takes no axis off"]
    if whole:
        parts.append(f"{_names(whole)} {_go(whole, 'goes', 'go')} in whole")
    put, single = _split(layer.left)
    back = [f"Puts it back as {_axes(put, of=' of ')}"] if put else []
    if single:
        back.append(f"{_names(single)} {_go(single, 'comes', 'come')} out as one copy")
    return ". ".join(filter(None, ("; ".join(parts), "; ".join(back)))) + "."


def _cut(layer: Layer, inside: Sequence[Layer]) -> str:
    """shard_map: "Cuts axis 0 (size 4) of x into 2 pieces, one a device"."""
    cut, whole = _split(layer.arrived)
    before = [leaf.shape[leaf.index or 0] for leaf in cut]
    after = [leaf.shape[leaf.index or 0] for leaf in layer.handed if leaf.index is not None]
    pieces = {one // other for one, other in zip(before, after, strict=False) if other}
    if len(pieces) != 1:
        return ""
    parts = [f"Cuts {_axes(cut)} into {pieces.pop():,} pieces, one a device"]
    if whole:
        parts.append(f"{_names(whole)} {_go(whole, 'goes', 'go')} whole to each")
    joined, _ = _split(layer.left)
    back = [f"Joins the pieces of {_names(joined)} again"] if joined else []
    return ". ".join(("; ".join(parts), *back)) + "."


def _split(leaves: Leaves) -> tuple[Leaves, Leaves]:
    """Returns the leaves with an axis of the layer's, and those without."""
    with_axis = tuple(leaf for leaf in leaves if leaf.index is not None)
    return with_axis, tuple(leaf for leaf in leaves if leaf.index is None)


def _axes(leaves: Leaves, of: str = " of ") -> str:
    """Returns the axes of leaves by number: "axis 0 (size 8) of X, w; axis 1 (size 8) of Y"."""
    by_axis: dict[tuple[int, int], list[MappedLeaf]] = {}
    for leaf in leaves:
        index = leaf.index or 0
        by_axis.setdefault((index, leaf.shape[index]), []).append(leaf)
    return " and ".join(
        f"axis {axis} (size {size:,}){of}{_names(some)}" for (axis, size), some in by_axis.items()
    )


def _names(leaves: Sequence[MappedLeaf]) -> str:
    names = [leaf.path or "an array" for leaf in leaves[:3]]
    more = [f"{len(leaves) - 3:,} more"] if len(leaves) > 3 else []
    return ", ".join((*names, *more))


def _go(leaves: Sequence[MappedLeaf], one: str, many: str) -> str:
    return one if len(leaves) == 1 else many


def _gradient(layer: Layer, inside: Sequence[Layer]) -> str:
    """grad: "The gradient has the shape of w: f32[3]. The result f32[] itself is not given back."."""
    if not layer.gradients:
        return ""
    sources = _sources(layer)
    shape = leaves_text(tuple(layer.gradients))
    alike = [leaf.shape for leaf in layer.gradients] == [leaf.shape for leaf in sources]
    first = f"Gives back {shape}" + (
        f", the {_go(sources, 'shape', 'shapes')} of {_names(sources)}" if alike else ""
    )
    if layer.kind == "grad":
        return f"{first}; the result {_types(layer.returned)} is not given back."
    return f"{first}, beside the result {_types(layer.returned)}."


def _sources(layer: Layer) -> Leaves:
    """Returns what a layer differentiates by."""
    by = set(layer.by)
    return tuple(leaf for leaf in layer.handed if leaf.path in by)


def _types(leaves: Leaves) -> str:
    return leaves_text(tuple(MappedLeaf("", leaf.dtype, leaf.shape, None, None) for leaf in leaves))


def _pullback(layer: Layer, inside: Sequence[Layer]) -> str:
    """vjp: "Returns out; its pullback took f32[2], the shape of out, and gave dx f32[3]."."""
    if not layer.gradients:
        return "Gives back the result as it is, and a function for the derivative, whose call was not seen."
    alike = [leaf.shape for leaf in layer.pulled] == [leaf.shape for leaf in layer.returned]
    like = ", the shape of the result," if alike else ""
    return f"Its pullback took {_types(layer.pulled)}{like} and gave {leaves_text(layer.gradients)}."


def _tangents(layer: Layer, inside: Sequence[Layer]) -> str:
    """jvp: "Each tangent has the shape of its value, on the way in and on the way out."."""
    into, out = _tangent_shapes(layer.arrived), _tangent_shapes(layer.left)
    handed, returned = ([leaf.shape for leaf in leaves] for leaves in (layer.handed, layer.returned))
    if (into, out) != (handed, returned) or layer.unseen:
        return ""
    return "A tangent goes along with each array, and has its shape, on the way in and on the way out."


def _tangent_shapes(leaves: Leaves) -> list[tuple[int, ...]]:
    return [leaf.shape for leaf in leaves if leaf.path.startswith("tangent")]


def _jacobian(layer: Layer, inside: Sequence[Layer]) -> str:
    """jacrev: "The Jacobian f32[2, 3] has the axes of the result (2), then those of x (3)."."""
    sources = _sources(layer)
    if not len(layer.left) == len(sources) == len(layer.returned) == 1:
        return ""
    (jacobian,), (given,), (result,) = layer.left, sources, layer.returned
    if jacobian.shape != (*result.shape, *given.shape):
        return ""
    first = f"the axes of the result {_types(layer.returned)}, then those" if result.shape else "the axes"
    return f"The Jacobian {_types(layer.left)} has {first} of {given.path} {_types(sources)}."


def _scanned(layer: Layer, inside: Sequence[Layer]) -> str:
    """scan: "Takes one step after the other off axis 0 (size 3) of xs; init passes from step to step."."""
    along, whole = _split(layer.arrived)
    if not along:
        return _pieces(layer) if layer.kind == "map" else _carried(layer, inside)
    parts = [f"Goes along {_axes(along)}: its function sees one step"]
    if whole:
        parts.append(f"{_names(whole)} {_go(whole, 'passes', 'pass')} from step to step")
    collected, _ = _split(layer.left)
    back = [f"The steps are stacked as {_axes(collected)}"] if collected else []
    return ". ".join(("; ".join(parts), *back)) + "."


def _pieces(layer: Layer) -> str:
    if len(layer.arrived) != 1 or len(layer.handed) != 1:
        return ""
    return f"Cuts {layer.arrived[0].path} into pieces: its function sees {_types(layer.handed)} at a time."


def _carried(layer: Layer, inside: Sequence[Layer]) -> str:
    if _differ(layer.arrived, layer.left) or layer.unseen:
        return ""
    return "What goes from step to step keeps its shape, and so it comes out."


def _looped(layer: Layer, inside: Sequence[Layer]) -> str:
    if _differ(layer.arrived, layer.left) or {"arrived", "left"} & set(layer.unseen):
        return ""
    return f"{_names(layer.arrived)} passes from step to step with the same shape, and comes out with it."


def _branched(layer: Layer, inside: Sequence[Layer]) -> str:
    """cond: "Both are traced, with the same shapes, and give the same: f32[3]."."""
    branches = [each for each in inside if each.part]
    if len(branches) < 2 or any(_differ(each.left, branches[0].left) for each in branches):
        return ""
    count = "Both branches" if len(branches) == 2 else f"All {len(branches)} branches"
    return f"{count} are traced, and each gives {_types(branches[0].left)}."


def _associative(layer: Layer, inside: Sequence[Layer]) -> str:
    if layer.unseen or _differ(layer.arrived, layer.left):
        return ""
    return (
        f"Its function combines slices, {_types(layer.handed)} in its first call; "
        "what comes out has the shapes of what goes in."
    )


def _differ(one: Leaves, other: Leaves) -> bool:
    return [(leaf.dtype, leaf.shape) for leaf in one] != [(leaf.dtype, leaf.shape) for leaf in other]


_SAID: dict[str, Callable[[Layer, Sequence[Layer]], str]] = {
    "vmap": _mapped,
    "pmap": _mapped,
    "shard_map": _cut,
    "grad": _gradient,
    "value_and_grad": _gradient,
    "vjp": _pullback,
    "fwd_and_bwd": _pullback,
    "linearize": _pullback,
    "jvp": _tangents,
    "jacfwd": _jacobian,
    "jacrev": _jacobian,
    "scan": _scanned,
    "map": _scanned,
    "fori_loop": _looped,
    "while_loop": _looped,
    "cond": _branched,
    "switch": _branched,
    "associative_scan": _associative,
}


def told(report: Report) -> list[str]:
    """Returns the sandwich as lines: each layer with what goes in and, after what is inside it, comes out."""
    slices = sandwich(report)
    many = [f"Only the first {MOST} places were noted."] if len(flat(slices)) >= MOST else []
    return [*(line for each in slices for line in _lines(each)), *many]


def _lines(one: Slice) -> list[str]:
    layer, name = one.layer, axis_name(one.layer)
    where = f"  {one.where}" if one.where else ""
    lines = [f"{one.title}({layer.function}){where}"]
    if "arrived" not in layer.unseen:
        lines.append(f"  in   {leaves_text(layer.arrived, name) or 'no arrays'}")
    if one.sentence:
        lines += [f"       {line}" for line in textwrap.wrap(one.sentence, _WIDTH)]
    if one.core and (one.sees or one.gives):
        lines.append(f"    {layer.function}: {leaves_text(one.sees)} -> {leaves_text(one.gives)}")
    lines += [f"    {line}" for each in one.inside for line in _lines(each)]
    if "left" not in layer.unseen:
        lines.append(f"  out  {leaves_text(layer.left, name) or 'no arrays'}")
    return lines
