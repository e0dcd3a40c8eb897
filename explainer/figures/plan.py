"""What is drawn: the nest of levels, its arrays, and the indices shown of each axis.

    Report ──▶ read ──▶ Nest ──▶ nest.cut(limits) ──▶ scene, frames

Axes keep their number in the full array all the way in, so a cell's value is always looked
up by its full index. Only what the report states is used: a level whose axes or sizes are
not known, and all below it, is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from explainer.figures import text
from explainer.report import ArgumentReport, Leaf, Level, MappedLeaf, Report

MAX_LEVELS = 3
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

    @property
    def label(self) -> str:
        """Returns the name in its group: params['w'] -> w, args[0].layers[1] -> 0.layers.1."""
        if not self.group:
            return text.shorten(self.path, 20)
        keys = _SUBSCRIPT.sub(r".\1", self.path.removeprefix(self.group)).strip(".")
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


def read(report: Report) -> Nest | None:
    """Returns what the report lets us draw, None if that is nothing."""
    if not report.stated:
        return _lone_call(report)
    chain, notes = _chain(report.stated)
    if not chain:
        return _stalled(report)
    own = _belongs(report, chain[0])
    arguments = report.arguments if own else ()
    loops = tuple(
        Loop(level.name, level.axis_size or 0, level.function, level.out_axes, transform=level.transform)
        for level in chain
    )
    inputs = _arrays([level.inputs for level in chain], arguments)
    traced = all(level.outputs and _consistent(chain, at, True) for at, level in enumerate(chain))
    outputs = (
        _arrays([level.outputs for level in chain], None, report.outputs if own else ()) if traced else ()
    )
    return _nest(report, chain[-1].function, loops, inputs, outputs, notes) if inputs else None


def _lone_call(report: Report) -> Nest | None:
    """Returns one call of the function with whole arguments, for a request without levels."""
    if report.request.levels or not report.arguments or (report.failure and report.failure.stage == "parse"):
        return None
    leaves = [_unmapped(leaf) for argument in report.arguments for leaf in argument.leaves]
    inputs = _arrays([leaves], report.arguments)
    outputs = _arrays([[_unmapped(leaf) for leaf in report.outputs]], None, report.outputs)
    function = report.request.function
    return _nest(report, function, (Loop("", 1, function, "", plain=True),), inputs, outputs, ())


def _stalled(report: Report) -> Nest | None:
    """Returns the outermost level's inputs as they stand, when their mapped axes differ in size."""
    top = next(level for level in report.stated if level.parent is None)
    sizes: dict[int, str] = {}
    for leaf in top.inputs:
        if leaf.index is not None and 0 <= leaf.index < len(leaf.shape):
            sizes.setdefault(leaf.shape[leaf.index], leaf.path)
        elif leaf.axis is not None:
            return None
    if report.failure is None or len(sizes) < 2:
        return None
    counts = [f"{size:,} in {text.shorten(path, 24)}" for size, path in sizes.items()]
    stopped = f"{top.name} runs over {', but over '.join(counts)}"
    inputs = _arrays([top.inputs], report.arguments if _belongs(report, top) else ())
    loop = Loop(top.name, 0, top.function, top.out_axes, stalled=True)
    nest = _nest(report, top.function, (loop,), inputs, (), ())
    return replace(nest, stopped=stopped)


def _nest(
    report: Report,
    function: str,
    loops: tuple[Loop, ...],
    inputs: tuple[Drawn, ...],
    outputs: tuple[Drawn, ...],
    notes: tuple[str, ...],
) -> Nest:
    finished = bool(outputs) and (all(map(_known, outputs)) or _over(report, outputs))
    failure = None if finished else report.failure
    return Nest(
        function=function or "function",
        loops=loops,
        inputs=inputs,
        outputs=outputs,
        arguments=tuple((argument.name, argument.keyword) for argument in report.arguments),
        notes=notes,
        stopped=f"{failure.stage} failed with {failure.error_type}" if failure else "",
        finished=finished,
    )


def _over(report: Report, outputs: Sequence[Drawn]) -> bool:
    """Tells that no values will come: nobody saw the results of a call made inside jit, say."""
    ended = bool(report.stages) and all(stage.status != "running" for stage in report.stages)
    return ended and all(array.leaf is not None for array in outputs)


def _belongs(report: Report, top: Level) -> bool:
    """Tells whether a level maps the request's own arguments, not arrays made inside a function."""
    leaves = [leaf for argument in report.arguments for leaf in argument.leaves]
    return len(leaves) == len(top.inputs) and all(map(_same, leaves, top.inputs))


def _chain(levels: tuple[Level, ...]) -> tuple[tuple[Level, ...], tuple[str, ...]]:
    """Returns the outermost level and the first one inside it, and so on, as far as they are known."""
    chain: list[Level] = []
    notes: list[str] = []
    parent: int | None = None
    while children := [level for level in levels if level.parent == parent]:
        if len(children) > 1:
            notes.append(f"{len(children)} vmaps stand side by side; the first one is drawn.")
        if len(chain) == MAX_LEVELS:
            deeper = children[0].function
            notes.append(f"{MAX_LEVELS} levels are animated; those inside ({deeper}) run within each call.")
            break
        chain.append(children[0])
        parent = children[0].id
    for at in range(len(chain)):
        if not _consistent(chain, at, False):
            if at:
                notes.append(f"Level {chain[at].name} is not drawn: its axes could not be resolved.")
            return tuple(chain[:at]), tuple(notes)
    return tuple(chain), tuple(notes)


def _consistent(chain: Sequence[Level], at: int, outputs: bool) -> bool:
    """Tells whether a level's leaves are those of the level around it less its mapped axis."""
    level = chain[at]
    leaves = level.outputs if outputs else level.inputs
    if level.axis_size is None or not all(_resolved(leaf, level.axis_size) for leaf in leaves):
        return False
    if at == 0:
        return True
    around = chain[at - 1].outputs if outputs else chain[at - 1].inputs
    return len(leaves) == len(around) and all(
        leaf.shape == _inner(outer) for leaf, outer in zip(leaves, around, strict=True)
    )


def _resolved(leaf: MappedLeaf, size: int) -> bool:
    if leaf.index is None:
        return leaf.axis is None
    return 0 <= leaf.index < len(leaf.shape) and leaf.shape[leaf.index] == size


def _inner(leaf: MappedLeaf) -> tuple[int, ...]:
    if leaf.index is None:
        return leaf.shape
    return (*leaf.shape[: leaf.index], *leaf.shape[leaf.index + 1 :])


def _same(leaf: Leaf, mapped: MappedLeaf) -> bool:
    return (leaf.path, leaf.shape) == (mapped.path, mapped.shape)


def _unmapped(leaf: Leaf) -> MappedLeaf:
    return MappedLeaf(leaf.path, leaf.dtype, leaf.shape, None, None)


def _known(array: Drawn) -> bool:
    return array.leaf is not None and (array.leaf.preview is not None or 0 in array.shape)


def _arrays(
    levels: Sequence[Sequence[MappedLeaf]],
    arguments: tuple[ArgumentReport, ...] | None,
    outputs: tuple[Leaf, ...] = (),
) -> tuple[Drawn, ...]:
    """Returns the arrays of a nest with their values: inputs of these arguments, or outputs for None."""
    values = outputs
    if arguments is not None:
        values = tuple(leaf for argument in arguments for leaf in argument.leaves)
    groups = list(_groups(levels[0], arguments))
    arrays = []
    for at, leaf in enumerate(levels[0]):
        value = values[at] if at < len(values) and values[at].shape == leaf.shape else None
        arrays.append(
            Drawn(
                key=f"{'out' if arguments is None else 'in'}{at}",
                path=leaf.path,
                group=groups[at],
                output=arguments is None,
                shape=leaf.shape,
                mapped=_mapped_axes([level[at] for level in levels]),
                leaf=value,
            )
        )
    return tuple(arrays)


def _groups(leaves: Sequence[MappedLeaf], arguments: tuple[ArgumentReport, ...] | None) -> Iterator[str]:
    """Yields, per leaf, the tree it belongs to: its argument, or "out" for several outputs."""
    if arguments is None:
        yield from ("out" if len(leaves) > 1 and leaf.path.startswith("out[") else "" for leaf in leaves)
    elif not arguments:
        yield from ("" for _ in leaves)
    else:
        for argument in arguments:
            yield from ("" if leaf.path == argument.name else argument.name for leaf in argument.leaves)


def _mapped_axes(leaves: Sequence[MappedLeaf]) -> tuple[int | None, ...]:
    left = list(range(len(leaves[0].shape)))
    return tuple(None if leaf.index is None else left.pop(leaf.index) for leaf in leaves)


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
