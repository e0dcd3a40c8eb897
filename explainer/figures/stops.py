"""Where the animation of a failing request stops, and what it marks there.

Report, levels that can be drawn ──▶ halted: the level that could not begin
Nest, Failure.mismatch ──▶ marked: the same nest with the values that do not fit marked
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from explainer.figures import text
from explainer.figures.plan import Drawn, Mark, Nest
from explainer.report import Lane, Level, MappedLeaf, Mismatch, Report
from explainer.views.lanes import tidy

MOST_TOLD = 3


def until(report: Report, chain: tuple[Level, ...]) -> tuple[Level, ...]:
    """Returns the levels of a chain before the one that could not begin, if the failure names one."""
    mismatch = report.failure.mismatch if report.failure else None
    at = next((n for n, level in enumerate(chain) if mismatch and _refused(level, mismatch)), len(chain))
    return chain[:at]


def halted(report: Report, chain: Sequence[Level], most: int) -> Level | None:
    """Returns the level right inside those of the chain, if it could not begin and is not one too many."""
    if report.failure is None or len(chain) >= most:
        return None
    parent = chain[-1].id if chain else None
    inside = [level for level in report.stated if level.parent == parent]
    if len(inside) != 1 or not inside[0].inputs or not _follows(inside[0], chain):
        return None
    sizes = {size for leaf in inside[0].inputs for size in _size(leaf)}
    lacking = any(leaf.axis is not None and not _exists(leaf) for leaf in inside[0].inputs)
    mismatch = report.failure.mismatch
    own = mismatch is not None and _refused(inside[0], mismatch)
    return inside[0] if own or len(sizes) > 1 or lacking else None


def marked(nest: Nest, report: Report, level: Level | None) -> Nest:
    """Returns a nest that stopped with what does not fit marked, and why it stopped; `level` is halted's."""
    if not nest.stopped or nest.outputs:
        return nest
    mismatch = report.failure.mismatch if report.failure else None
    lanes = {lane.name: lane for lane in tidy(mismatch)} if mismatch else {}
    leaves = level.inputs if level else (None,) * len(nest.inputs)
    column = len(nest.loops) - (0 if level is None else 1)
    pairs = zip(nest.inputs, leaves, strict=True)
    inputs = tuple(replace(array, mark=_mark(array, column, leaf, lanes)) for array, leaf in pairs)
    why = _reason(nest, inputs, tuple(lanes.values()))
    if not why and level is not None:
        blamed = set(report.failure.blame.paths) if report.failure else set()
        unfit = [_noted(lane) for lane in lanes.values() if lane.note and lane.name in blamed]
        why = "; ".join(unfit[:MOST_TOLD])
    return replace(nest, inputs=inputs, stopped=why or _raised(report) or nest.stopped)


def _noted(lane: Lane) -> str:
    return (
        f"{lane.name} is {lane.note}" if lane.note.startswith(("no ", "a ")) else f"{lane.name}: {lane.note}"
    )


def _raised(report: Report) -> str:
    """Returns where the code raised: "TypeError at line 3"; "" where no line is known, or none was run."""
    failure = report.failure
    if failure is None or failure.stage not in ("trace", "run"):
        return ""
    lines = [span.line for span in failure.blame.spans if span.source == "code"]
    return f"{failure.error_type} at line {lines[0]}" if lines else ""


def _refused(level: Level, mismatch: Mismatch) -> bool:
    """Tells whether a level could not take what it was handed; results that do not fit come out of it."""
    handed = {leaf.path for leaf in level.inputs}
    return mismatch.level == level.id and any(lane.name in handed for lane in mismatch.lanes)


def _follows(level: Level, chain: Sequence[Level]) -> bool:
    """Tells whether a level is handed what the one around it hands on."""
    if not chain:
        return True
    around = chain[-1].inputs
    return len(level.inputs) == len(around) and all(
        leaf.shape == _left(outer) for leaf, outer in zip(level.inputs, around, strict=True)
    )


def _left(leaf: MappedLeaf) -> tuple[int, ...]:
    return leaf.shape if leaf.index is None else leaf.shape[: leaf.index] + leaf.shape[leaf.index + 1 :]


def _exists(leaf: MappedLeaf) -> bool:
    return leaf.index is not None and 0 <= leaf.index < len(leaf.shape)


def _size(leaf: MappedLeaf) -> tuple[int, ...]:
    return leaf.shape[leaf.index : leaf.index + 1] if leaf.index is not None and _exists(leaf) else ()


def _mark(array: Drawn, column: int, leaf: MappedLeaf | None, lanes: Mapping[str, Lane]) -> Mark | None:
    """Returns what does not fit of an array in the column where things failed."""
    if leaf is not None and leaf.axis is not None and not _exists(leaf):
        return Mark(column, (), f"has no axis {leaf.axis}")
    lane = lanes.get(array.path)
    if lane is None or lane.shape != array.shape_at(column):
        return None
    axes = tuple(axis for axis in lane.conflicts if 0 <= axis < len(lane.shape))
    if not axes:
        return None
    whole = tuple(array.axes_at(column)[axis] for axis in axes)
    return Mark(column, whole, f"axis {axes[0]} has {lane.shape[axes[0]]:,}")


def _reason(nest: Nest, arrays: Sequence[Drawn], lanes: Sequence[Lane]) -> str:
    """Returns in a few words why nothing goes on: i runs over 3 in X, but over 4 in Y."""
    last = nest.loops[-1]
    told = [f"{array.name}: {array.mark.words}" for array in arrays if array.mark]
    if not last.stalled:
        return "; ".join(told[:MOST_TOLD])
    sizes = _sizes(arrays, len(nest.loops) - 1, lanes)
    if len(sizes) > 1:
        counts = [f"over {size:,} in {path}" for size, path in sizes.items()]
        but = ", but " if len(counts) == 2 else ", "
        shown = counts if len(counts) == MOST_TOLD + 1 else counts[:MOST_TOLD]
        more = f", and {len(counts) - len(shown)} sizes more" if len(counts) > len(shown) else ""
        return f"{last.name} runs {but.join(shown)}{more}"
    lacking = [f"{array.name} {array.mark.words}" for array in arrays if array.mark and not array.mark.axes]
    where = f" inside {nest.loops[-2].name}" if len(nest.loops) > 1 else ""
    if lacking:
        return f"{', '.join(lacking[:MOST_TOLD])}{where}"
    return "" if sizes else f"{last.name} maps no axis, so nothing says how many examples there are"


def _sizes(arrays: Sequence[Drawn], level: int, lanes: Sequence[Lane]) -> dict[int, str]:
    """Returns who is the first with each size of the axes that a level maps; axis_size, say, is not drawn."""
    found: dict[int, str] = {}
    for array in arrays:
        axis = array.mapped[level]
        if axis is not None:
            found.setdefault(array.shape[axis], array.name)
    drawn = {array.path for array in arrays}
    for lane in lanes:
        if lane.name not in drawn and lane.axis is not None and 0 <= lane.axis < len(lane.shape):
            found.setdefault(lane.shape[lane.axis], text.shorten(lane.name, 24))
    return found
