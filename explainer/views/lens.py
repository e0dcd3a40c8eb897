"""The lens: which part of every value belongs to one example, in one iteration of each loop.

    Report, example (i, j), iterations ──▶ rows ──▶ Row: the value over all examples, and this one's part

Pure look-ups in what the report kept; nothing is computed anew, and what was not kept is said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from explainer.intermediates import Bad, Loop, Proof, Values
from explainer.report import BatchedAval, Equation, Leaf, Level, Report
from explainer.views import level_text
from explainer.xray import MappedLeaf

Place = tuple[int, ...]
"""One example: an index per level, outermost first."""

Nested = object  # nested lists of plain scalars: Python has no finite type for it


@dataclass(frozen=True, slots=True)
class Row:
    """One value of the run: an argument, an output of an equation, or a result.

    `aval` says where every level's axis sits, `value` holds all examples. Without a value `missing` says why.
    """

    kind: str  # "argument", "equation", "result"
    name: str
    aval: BatchedAval
    value: Leaf | None
    missing: str = ""
    equation: Equation | None = None

    @property
    def depth(self) -> int:
        return 0 if self.equation is None else self.equation.depth

    @property
    def shared(self) -> bool:
        """Whether no level maps it: one value for all examples."""
        return all(axis is None for axis in self.aval.batch_dims)


def levels(report: Report) -> tuple[Level, ...]:
    """Returns the levels that an example is picked from: those with a known size that hold examples."""
    stated = tuple(level for level in report.levels if not level.captured)
    return stated if all(level.axis_size for level in stated) else ()


def start(report: Report) -> Place:
    """Returns the example to begin with: the one with the first nan or inf, or the first of all."""
    sizes = [level.axis_size or 1 for level in levels(report)]
    bad = next((bad for bad in _values(report).bad if len(bad.example) == len(sizes)), None)
    return tuple(0 for _ in sizes) if bad is None else bad.example


def clamped(report: Report, place: Sequence[int]) -> Place:
    """Returns the nearest example that exists: (7, 1) with sizes 3 and 4 -> (2, 1)."""
    sizes = [level.axis_size or 1 for level in levels(report)]
    given = [*place, *(0 for _ in sizes)][: len(sizes)]
    return tuple(min(max(index, 0), size - 1) for index, size in zip(given, sizes, strict=True))


def rows(report: Report, iterations: Mapping[int, int] | None = None) -> list[Row]:
    """Lists arguments, equations in program order, results; `iterations` picks one per loop, by equation."""
    chosen = {loop.equation: loop.kept[0] for loop in _values(report).loops if loop.kept} | dict(
        iterations or {}
    )
    lookup = {(seen.equation, seen.output, seen.iterations): seen.value for seen in _values(report).seen}
    found = _arguments(report)
    by_equation = _by_equation(report)
    for equation in report.equations:
        around = _loops_around(equation, *by_equation)
        numbers = tuple(chosen.get(loop.equation, 0) for loop in around)
        for n, aval in enumerate(equation.outputs):
            if aval.name == "_":
                continue
            value = lookup.get((equation.id, n, numbers))
            missing = "" if value is not None else _missing(report, equation, aval, around, numbers)
            found.append(Row("equation", aval.name, aval, value, missing, equation))
    return found + _results(report)


def loops_around(report: Report, equation: Equation) -> list[Loop]:
    """Returns the loops that an equation stands in, outermost first."""
    return _loops_around(equation, *_by_equation(report))


def _by_equation(report: Report) -> tuple[dict[int, Loop], dict[int, Equation]]:
    """Returns the loops and the equations by the equation's id."""
    loops = {loop.equation: loop for loop in _values(report).loops}
    return loops, {each.id: each for each in report.equations}


def _loops_around(
    equation: Equation, loops: Mapping[int, Loop], equations: Mapping[int, Equation]
) -> list[Loop]:
    found = []
    parent = equation.parent
    while parent is not None:
        if parent in loops:
            found.append(loops[parent])
        parent = equations[parent].parent
    return found[::-1]


def finished(report: Report, row: Row, place: Place, iterations: Mapping[int, int]) -> bool:
    """Tells whether a value is of an iteration of a while that this example no longer takes part in."""
    if row.equation is None:
        return False
    around = loops_around(report, row.equation)
    for depth, loop in enumerate(around):
        if loop.test is None or row.equation.id == loop.test:
            continue
        numbers = tuple(
            iterations.get(each.equation, each.kept[0] if each.kept else 0) for each in around[: depth + 1]
        )
        test = next((each for each in report.equations if each.id == loop.test), None)
        seen = [
            each for each in _values(report).seen if (each.equation, each.iterations) == (loop.test, numbers)
        ]
        if test is None or not test.outputs or not seen:
            continue
        outcome = own(Row("equation", "", test.outputs[0], seen[0].value), place)
        if outcome is not None and outcome.preview is False:
            return True
    return False


def _missing(
    report: Report, equation: Equation, aval: BatchedAval, around: Sequence[Loop], numbers: Sequence[int]
) -> str:
    if _values(report).note:
        return _values(report).note
    if not aval.tracked:
        return level_text.untracked(equation)
    if any(number >= loop.count for loop, number in zip(around, numbers, strict=True)):
        return "did not run: the loop had ended"
    if "branches" in equation.body:
        return "not run: another branch was taken"
    return "not kept"


def _arguments(report: Report) -> list[Row]:
    leaves = {leaf.path: leaf for argument in report.arguments for leaf in argument.leaves}
    chain = [{leaf.path: leaf for leaf in level.inputs} for level in levels(report)]
    return [
        Row("argument", path, _aval(leaf, [level.get(path) for level in chain]), leaf)
        for path, leaf in leaves.items()
        if leaf.preview is not None
    ]


def _results(report: Report) -> list[Row]:
    chain = [level.outputs for level in levels(report)]
    return [
        Row("result", leaf.path, _aval(leaf, [outs[n] if n < len(outs) else None for outs in chain]), leaf)
        for n, leaf in enumerate(report.outputs)
    ]


def _aval(leaf: Leaf, mapped: Sequence[MappedLeaf | None]) -> BatchedAval:
    """Returns where each level's axis sits in a whole array: level by level, outermost first."""
    free = list(range(len(leaf.shape)))
    dims: list[int | None] = []
    for each in mapped:
        index = None if each is None else each.index
        dims.append(None if index is None else free.pop(index))
    shape = tuple(leaf.shape[axis] for axis in free)
    return BatchedAval(leaf.path, leaf.dtype, shape, tuple(dims), leaf.shape)


def own(row: Row, place: Place) -> Leaf | None:
    """Returns one example's part of a value, None where its index was not kept.

    f32[i:3, j:4, 2] at (1, 2) -> f32[2]
    """
    leaf = row.value
    if leaf is None or leaf.preview is None:
        return None
    at = lit(row, place)
    if any(index not in leaf.kept[axis] for axis, index in at.items()):
        return None
    part = _pick(
        leaf.preview,
        [leaf.kept[axis].index(at[axis]) if axis in at else None for axis in range(len(leaf.shape))],
    )
    rest = [axis for axis in range(len(leaf.shape)) if axis not in at]
    return Leaf(
        row.name,
        leaf.dtype,
        tuple(leaf.shape[axis] for axis in rest),
        part,
        tuple(leaf.kept[axis] for axis in rest),
    )


def lit(row: Row, place: Place) -> dict[int, int]:
    """Returns the example's index along each batch axis of a value: {0: 1, 1: 2}; {} where it is shared."""
    return {axis: index for axis, index in zip(row.aval.batch_dims, place, strict=False) if axis is not None}


def _pick(block: Nested, indices: Sequence[int | None]) -> Nested:
    if not indices:
        return block
    parts = cast("list[Nested]", block)
    if indices[0] is None:
        return [_pick(part, indices[1:]) for part in parts]
    return _pick(parts[indices[0]], indices[1:])


def kept_words(row: Row, place: Place, names: Sequence[str]) -> str:
    """Returns which examples of a value were kept, where the one asked for was not: "kept: i 0 to 6, 99"."""
    if row.value is None:
        return ""
    said = []
    for name, axis, index in zip(names, row.aval.batch_dims, place, strict=False):
        if axis is not None and index not in row.value.kept[axis]:
            *first, last = row.value.kept[axis]
            said.append(f"{name} {f'0 to {first[-1]}, ' if first else ''}{last}")
    return f"kept: {'; '.join(said)}" if said else ""


def told(report: Report) -> list[str]:
    """Lists in sentences what the values prove, and where the first nan and inf are."""
    proof = proof_words(_values(report).proof)
    return [*([f"{proof}."] if proof else []), *(bad_words(report, bad) for bad in _values(report).bad)]


def proof_words(proof: Proof) -> str:
    """Returns in a sentence what the comparison with the examples' own runs found; "" without levels."""
    if proof.holds is None:
        return f"Axes not checked on values: {proof.note}" if proof.note else ""
    share = f"{proof.examples:,}" if proof.examples == proof.of else f"{proof.examples:,} of {proof.of:,}"
    words = f"{proof.values:,} values checked at {share} example{'' if proof.of == 1 else 's'}"
    if proof.wrong is not None:
        return f"{words}: NOT every claimed axis holds, first at equation {proof.wrong.equation}"
    unsure = (
        f" ({proof.undecided:,} say nothing: rounding alone moves them as much)" if proof.undecided else ""
    )
    return f"{words}: every claimed axis holds{unsure}"


def bad_words(report: Report, bad: Bad) -> str:
    """Returns in a sentence where the first nan or inf was made, and of what."""
    equation = next(each for each in report.equations if each.id == bad.equation)
    by_id = {level.id: level.name for level in report.levels}
    names = [by_id.get(number, "?") for number in bad.levels]
    where = ", ".join(f"{name} = {index}" for name, index in zip(names, bad.example, strict=False))
    loops = loops_around(report, equation)
    if bad.iterations and len(bad.iterations) == len(loops):
        where = ", ".join(filter(None, (where, f"iteration {', '.join(map(str, bad.iterations))}")))
    source = " ".join(equation.source.split())
    made = f"{equation.primitive} (equation {equation.id})" + (f" of {source}" if source else "")
    head = f"First {bad.kind}{f' at {where}' if where else ''}"
    if not bad.origin:
        words = f"{head}: in {made}, whose inputs hold {bad.kind} already"
    elif bad.inputs:
        words = f"{head}: made by {made}, from {' and '.join(bad.inputs)} among its inputs"
    else:
        words = f"{head}: made by {made}"
    return (
        words + ("" if bad.reaches_results else ". No result holds it: what comes after leaves it out") + "."
    )


def _values(report: Report) -> Values:
    return report.values or Values()
