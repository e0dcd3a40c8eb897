"""One call of jax.vmap out of many: a Report about it alone, to be drawn like a nest that was asked for.

    Report, level ──▶ focus ──▶ Report: the levels around the call, outermost first, as its stated nest

What the call's function is handed and what it returns become the arguments and the outputs, in full
over all those levels; levels found inside it stay captured ones. Pure look-ups: nothing is computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from explainer.intermediates import Loop, Values
from explainer.report import (
    ArgumentReport,
    BatchedAval,
    Crossing,
    Equation,
    Failure,
    Layer,
    Leaf,
    Level,
    Mismatch,
    Report,
)
from explainer.views.axis_order import AxisOrder, arranged
from explainer.xray import Jaxprs, MappedLeaf

WHOLE = "Time, memory and HLO are those of the whole program, so they are not shown for one call."


def focus(report: Report, level: int | None) -> Report:
    """Returns the report about one captured level; the report itself for None or a level it states."""
    picked = next((each for each in report.levels if each.id == level), None)
    if picked is None or not picked.captured:
        return report
    around = _around(report, picked)
    chain = around if _followed(picked) else (picked,)
    view = _View(chain, _inside(report, picked))
    given = _given(picked, chain)
    results = [_result(n, value, picked, chain) for n, value in enumerate(_leaves(picked, chain))]
    equations = _equations(report, view)
    return replace(
        report,
        arguments=_arguments(given),
        levels=(*_nest(view, given, results), *map(view.inner, view.inside)),
        equations=equations,
        jaxpr=view.texts(picked.jaxpr),
        outputs=tuple(each.leaf for each in results),
        check=None,
        timing=None,
        memory=None,
        hlo=None,
        failure=view.failure(report.failure),
        notes=(*report.notes, *_notes(report, picked, len(chain) < len(around))),
        values=_values(report, view, equations),
        returned=tuple(view.crossing(value) for value in picked.leaves) if _followed(picked) else (),
        layers=tuple(map(view.layer, report.layers)),
        readings=tuple(replace(each, levels=()) for each in report.readings if level in each.levels),
        unspoken=tuple(replace(each, levels=()) for each in report.unspoken if level in each.levels),
    )


@dataclass(frozen=True, slots=True)
class _Array:
    """An array over the levels of the chain: its value, and the axis each level has in it.

    `axes` holds, by place in the chain, the axis as the call words it (-1, say) where that is known.
    """

    group: str
    leaf: Leaf
    layout: AxisOrder
    axes: Mapping[int, int | None]

    def mapped(self, place: int) -> MappedLeaf:
        """Returns the array as one level of the chain sees it."""
        index = self.layout.index(place)
        axis = self.axes.get(place, index) if index is not None else None
        return MappedLeaf(self.leaf.path, self.leaf.dtype, self.layout.shape(place), axis, index)


@dataclass(frozen=True, slots=True)
class _View:
    """The levels of the focused report: the chain down to the call, and what was captured inside it."""

    chain: tuple[Level, ...]
    inside: tuple[Level, ...]

    @property
    def ids(self) -> dict[int, int]:
        """Returns old id -> new id."""
        return {level.id: n for n, level in enumerate((*self.chain, *self.inside))}

    def aval(self, aval: BatchedAval) -> BatchedAval:
        """Returns a value with an entry per level of the focused report."""
        ids = list(self.ids)
        because = tuple(aval.because[n] for n in ids) if aval.because else ()
        return replace(aval, batch_dims=tuple(aval.batch_dims[n] for n in ids), because=because)

    def crossing(self, value: Crossing) -> Crossing:
        return replace(value, aval=self.aval(value.aval))

    def texts(self, jaxprs: Jaxprs | None) -> Jaxprs | None:
        if jaxprs is None:
            return None
        levels = (replace(each, level=self.ids.get(each.level or 0)) for each in jaxprs.levels)
        return replace(jaxprs, levels=tuple(levels))

    def inner(self, level: Level) -> Level:
        """Returns a level inside the call with its new number."""
        ids = self.ids
        return replace(
            level,
            id=ids[level.id],
            parent=None if level.parent is None else ids[level.parent],
            enters=tuple(map(self.crossing, level.enters)),
            leaves=tuple(map(self.crossing, level.leaves)),
            jaxpr=self.texts(level.jaxpr),
        )

    def layer(self, layer: Layer) -> Layer:
        """Returns a layer of the whole stack with the new number of its level."""
        return layer if layer.level is None else replace(layer, level=self.ids.get(layer.level))

    def failure(self, failure: Failure | None) -> Failure | None:
        if failure is None:
            return None
        levels = tuple(self.ids[n] for n in failure.blame.levels if n in self.ids)
        blame = replace(failure.blame, levels=levels)
        return replace(failure, blame=blame, mismatch=self.mismatch(failure.mismatch))

    def mismatch(self, mismatch: Mismatch | None) -> Mismatch | None:
        """Returns what does not fit with the new numbers of the levels; None at a level left out."""
        ids: dict[int | None, int | None] = {None: None, **self.ids}
        if mismatch is None or mismatch.level not in ids:
            return None
        lanes = tuple(replace(lane, taken=tuple(map(ids.get, lane.taken))) for lane in mismatch.lanes)
        return Mismatch(lanes, ids[mismatch.level])


def _around(report: Report, level: Level) -> tuple[Level, ...]:
    """Returns the levels from the outermost one down to this one."""
    by_id = {each.id: each for each in report.levels}
    chain = [level]
    while chain[0].parent is not None:
        chain.insert(0, by_id[chain[0].parent])
    return tuple(chain)


def _inside(report: Report, picked: Level) -> tuple[Level, ...]:
    """Returns the levels made under this one; each stands behind its parent in a report."""
    inside = {picked.id: picked}
    for level in report.levels:
        if level.parent in inside:
            inside[level.id] = level
    return tuple(inside.values())[1:]


def _followed(level: Level) -> bool:
    """Tells whether it is known where every level's axis sits in all that the call takes and returns."""
    crossings = (*level.enters, *level.leaves)
    return bool(level.enters) and all(value.aval.tracked for value in crossings)


def _given(picked: Level, chain: Sequence[Level]) -> list[_Array]:
    """Returns what the function is handed, by argument; without more knowledge the call's own arguments."""
    if _followed(picked):
        found = [_entering(n, value, picked, chain) for n, value in enumerate(picked.enters)]
    else:
        known = _values_of(picked)
        found = [_alone(leaf, picked, known.get(leaf.path)) for leaf in picked.inputs]
    taken: dict[str, int] = {}
    named = []
    for array in found:
        taken[array.leaf.path] = taken.get(array.leaf.path, 0) + 1
        named.append(_told_apart(array, taken[array.leaf.path]))
    groups = {group: n for n, group in enumerate(dict.fromkeys(array.group for array in named))}
    return sorted(named, key=lambda array: groups[array.group])


def _entering(number: int, value: Crossing, picked: Level, chain: Sequence[Level]) -> _Array:
    layout = _layout(value.aval, chain)
    path = value.path or value.aval.name
    last = len(chain) - 1
    asked = picked.inputs[number] if number < len(picked.inputs) and not value.shared else None
    target = layout
    if asked is not None and picked.transform == "pmap" and not last:  # whose devices are in front inside
        target = AxisOrder.of(asked.shape, [asked.index])
    own = asked is not None and (asked.index, asked.shape) == (target.index(last), target.shape(last))
    return _Array(
        _group(path),
        _leaf(path, value, layout, target),
        target,
        {last: asked.axis} if asked is not None and own else {},
    )


def _values_of(level: Level) -> dict[str, Leaf]:
    """Returns the arrays that a call was handed, by path, where they are known."""
    return {each.path: each.value for each in level.enters if each.value is not None}


def _alone(leaf: MappedLeaf, level: Level, value: Leaf | None = None) -> _Array:
    """Returns an array of a call as the call sees it; what it cuts into pieces as the pieces side by side."""
    layout = AxisOrder.of(leaf.shape, [leaf.index])
    axis = leaf.axis
    if level.transform == "shard_map" and leaf.index is not None:
        count = level.axis_size or 1
        piece = [size // count if n == leaf.index else size for n, size in enumerate(leaf.shape)]
        layout, axis = AxisOrder.of((count, *piece), [0]), 0
    if value is None or value.shape != layout.shape(0):
        value = Leaf(leaf.path, leaf.dtype, layout.shape(0))
    return _Array(_group(leaf.path), value, layout, {0: axis})


def _told_apart(array: _Array, times: int) -> _Array:
    """Returns an array under a name of its own: a closed-over value may be called like an argument."""
    if times == 1:
        return array
    path = f"{array.leaf.path} ({times})"
    return replace(array, group=path, leaf=replace(array.leaf, path=path))


def _group(path: str) -> str:
    """Returns the argument that a leaf is of: params['w'] -> params; args[0] is one of its own."""
    if re.fullmatch(r"args\[\d+\]", path):
        return path
    return path.replace(".", "[").split("[")[0] or path


def _leaves(picked: Level, chain: Sequence[Level]) -> Iterable[Crossing | MappedLeaf]:
    return picked.leaves if _followed(picked) else picked.outputs


def _result(number: int, value: Crossing | MappedLeaf, picked: Level, chain: Sequence[Level]) -> _Array:
    """Returns a result, stacked by the innermost level first, each level where it puts its own results."""
    if isinstance(value, MappedLeaf):
        return replace(_alone(value, picked), group="")
    source = _layout(value.aval, chain)
    target = AxisOrder.of(value.aval.shape, [])
    axes: dict[int, int | None] = {}
    for place in reversed(range(len(chain))):
        stated = _stacked(chain[place], number, target, own=place == len(chain) - 1)
        if stated is not None:
            axes[place] = stated.axis
        index = stated.index if stated is not None else source.index(place)
        if index is not None:
            size = chain[place].axis_size or 0
            target = target.stacked(place, min(index, len(target.labels)), size)
    return _Array("", _leaf(value.path, value, source, target), target, axes)


def _stacked(level: Level, number: int, target: AxisOrder, own: bool) -> MappedLeaf | None:
    """Returns the result of a level that stacks arrays of this shape; None if it returns something else."""
    if number >= len(level.outputs):
        return None
    found = level.outputs[number]
    inner = AxisOrder.of(found.shape, [found.index]).shape(1)
    return found if inner == target.shape(0) and (own or found.index is not None) else None


def _layout(aval: BatchedAval, chain: Sequence[Level]) -> AxisOrder:
    return AxisOrder.at(aval.batched_shape, [aval.batch_dims[level.id] for level in chain])


def _leaf(path: str, value: Crossing, source: AxisOrder, target: AxisOrder) -> Leaf:
    """Returns the array with its values, if they are known, its axes in the order of `target`."""
    bare = Leaf(path, value.aval.dtype, target.shape(0))
    known = value.value
    if known is None or known.preview is None or known.shape != source.shape(0):
        return bare
    return arranged(replace(known, path=path), source, target)


def _arguments(given: Sequence[_Array]) -> tuple[ArgumentReport, ...]:
    groups: dict[str, list[Leaf]] = {}
    for array in given:
        groups.setdefault(array.group, []).append(array.leaf)
    return tuple(ArgumentReport(name, False, tuple(leaves)) for name, leaves in groups.items())


def _nest(view: _View, given: Sequence[_Array], results: Sequence[_Array]) -> list[Level]:
    """Returns the chain as a stated nest, numbered from the outermost level."""
    last = len(view.chain) - 1
    return [
        replace(
            level,
            id=place,
            parent=place - 1 if place else None,
            out_axes=level.out_axes if place == last or _all_stated(results, place) else "",
            inputs=tuple(array.mapped(place) for array in given),
            outputs=tuple(array.mapped(place) for array in results),
            captured=False,
            enters=(),
            leaves=(),
            jaxpr=view.texts(level.jaxpr) if place == last else None,
        )
        for place, level in enumerate(view.chain)
    ]


def _all_stated(results: Sequence[_Array], place: int) -> bool:
    """Tells whether a level's out_axes say where its axis is in the results of the call."""
    return all(place in array.axes or array.layout.index(place) is None for array in results)


def _equations(report: Report, view: _View) -> tuple[Equation, ...]:
    """Returns the equations of the call and of what it calls; those around them are not of it."""
    wanted = {view.chain[-1].id, *(level.id for level in view.inside)}
    own = {equation.id: equation for equation in report.equations if equation.level in wanted}
    base = min((each.depth for each in own.values()), default=0)
    return tuple(_equation(each, view, each.parent in own, base) for each in own.values())


def _equation(equation: Equation, view: _View, held: bool, base: int) -> Equation:
    return replace(
        equation,
        outputs=tuple(map(view.aval, equation.outputs)),
        depth=equation.depth - base,
        body=equation.body if held else "",
        parent=equation.parent if held else None,
        level=None if equation.level is None else view.ids[equation.level],
    )


def _values(report: Report, view: _View, equations: Sequence[Equation]) -> Values | None:
    """Returns the values of these equations, in the first kept iterations of loops around the call."""
    if report.values is None:
        return None
    own, ids = {equation.id for equation in equations}, view.ids
    outside = [loop.kept[0] if loop.kept else 0 for loop in _loops_around(report, own)]
    skip = len(outside)
    seen = (
        replace(each, iterations=each.iterations[skip:])
        for each in report.values.seen
        if each.equation in own and list(each.iterations[:skip]) == outside
    )
    bad = (
        replace(
            each,
            iterations=each.iterations[skip:],
            levels=tuple(ids[n] for n in each.levels if n in ids),
            example=tuple(index for n, index in zip(each.levels, each.example, strict=False) if n in ids),
        )
        for each in report.values.bad
        if each.equation in own
    )
    loops = tuple(loop for loop in report.values.loops if loop.equation in own)
    return replace(report.values, seen=tuple(seen), bad=tuple(bad), loops=loops)


def _loops_around(report: Report, own: set[int]) -> list[Loop]:
    """Returns the loops that the whole call stands in, outermost first."""
    loops = {loop.equation: loop for loop in (report.values or Values()).loops}
    by_id = {equation.id: equation for equation in report.equations}
    found = []
    parent = next((by_id[n].parent for n in own if by_id[n].parent not in own), None)
    while parent is not None:
        found += [loops[parent]] if parent in loops else []
        parent = by_id[parent].parent
    return found[::-1]


def _notes(report: Report, picked: Level, cut: bool) -> Iterable[str]:
    if picked.note:
        yield f"{picked.transform} {picked.name}: {picked.note}."
    elif cut and report.equations:
        yield (
            f"The levels around {picked.transform} {picked.name} are left out: where their axes sit in its "
            "values could not be followed."
        )
    if picked.transform == "shard_map":
        yield (
            f"shard_map {picked.name} cuts an axis into {picked.axis_size} pieces and joins them again. "
            "Here the pieces stand side by side, along an axis of devices in front."
        )
    if picked.count > 1:
        yield f"The first of {picked.count:,} calls from this place is shown."
    if report.timing is not None or report.hlo is not None:
        yield WHOLE
