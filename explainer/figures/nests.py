"""The nest of a report: which of its levels and arrays can be drawn, and where it stopped.

    Report ──▶ read ──▶ plan.Nest ──▶ scene, frames

Only what the report states is used: a level whose axes or sizes are not known, and all below it, is
left out. The level that failed is drawn, too, as far as its arrays reach: nothing moves into it, and
what does not fit is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explainer.figures import stops
from explainer.figures.plan import Drawn, Loop, Nest
from explainer.report import ArgumentReport, Leaf, Level, MappedLeaf, Report

MAX_LEVELS = 3


def read(report: Report) -> Nest | None:
    """Returns what the report lets us draw, None if that is nothing."""
    if not report.stated:
        lone = _lone_call(report)
        return lone and stops.marked(lone, report, None)
    known, notes = _chain(report.stated)
    chain = stops.until(report, known)
    halted = stops.halted(report, chain, MAX_LEVELS)
    if halted is not None:
        chain = (*chain, halted)
        notes = tuple(note for note in notes if note != _undrawn(halted))
    if not chain:
        return None
    own = _belongs(report, chain[0])
    arguments = report.arguments if own else ()
    loops = tuple(_loop(level, level is halted) for level in chain)
    inputs = _arrays([level.inputs for level in chain], arguments)
    traced = halted is None and all(
        level.outputs and _consistent(chain, at, True) for at, level in enumerate(chain)
    )
    outputs = (
        _arrays([level.outputs for level in chain], None, report.outputs if own else ()) if traced else ()
    )
    if not inputs:
        return None
    nest = _nest(report, chain[-1].function, loops, inputs, outputs, notes)
    return stops.marked(nest, report, halted)


def _loop(level: Level, stalled: bool) -> Loop:
    size = 0 if stalled else level.axis_size or 0
    return Loop(level.name, size, level.function, level.out_axes, stalled=stalled, transform=level.transform)


def _lone_call(report: Report) -> Nest | None:
    """Returns one call of the function with whole arguments, for a request without levels."""
    parsing = report.failure is not None and report.failure.stage == "parse"
    if report.request.levels or not report.arguments or parsing:
        return None
    leaves = [_unmapped(leaf) for argument in report.arguments for leaf in argument.leaves]
    inputs = _arrays([leaves], report.arguments)
    outputs = _arrays([[_unmapped(leaf) for leaf in report.outputs]], None, report.outputs)
    function = report.request.function
    return _nest(report, function, (Loop("", 1, function, "", plain=True),), inputs, outputs, ())


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
                notes.append(_undrawn(chain[at]))
            return tuple(chain[:at]), tuple(notes)
    return tuple(chain), tuple(notes)


def _undrawn(level: Level) -> str:
    return f"Level {level.name} is not drawn: its axes could not be resolved."


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
