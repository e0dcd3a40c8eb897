"""Plausible: is a worker's Report one that an explanation could be, small enough and free of circles?

    wire ── Report of a declared type ─▶ require() ─▶ passes, or Implausible says what is wrong

Its types are checked already. What is checked here costs the reader's side time or memory when it is shown:
a chain of holders that bites its own tail is followed for ever, a depth is written as so many blanks. Or it
would end in an error of ours: levels and axes are looked up by their numbers.
Whether the explanation is true is not: who sends a lie reads it himself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import astuple

from explainer.report import BatchedAval, Blame, Crossing, Fix, Lane, Leaf, MappedLeaf, Report, Span
from explainer.spec import STAGES, Request

FIXES_CAP = 1 << 19  # characters of all their texts
REQUESTS_CAP = 1 << 22  # characters of all that fixes make of the request
FIXES_MOST = 200
LANES_CAP = 10_000  # of a mismatch: one for each leaf of a tree
BLAMED_CAP = 5_000
LAYERS_CAP = 5_000
RANK_CAP = 64
LINE_CAP = COLUMN_CAP = 1_000_000
SOURCE_CAP = 4_000  # characters of a text's name: Python reads no number of more than 4,300 digits
ENTRY_CAP = 1_000  # characters of one entry of a preview: a number, a key
PREVIEW_CAP = 10_000  # entries of one array; an honest worker sends 4,096 at most
PREVIEWS_CAP = 1_000_000  # entries of all arrays
NOTES_CAP = 1_000
PRINTED_CAP = 1 << 20  # characters; honest code is stopped far below
LEVELS_CAP = 1_000  # an honest worker lists 300 calls, and the levels that are stated
DEPTH_CAP = 400  # bodies, levels or layers inside one another


class Implausible(Exception):
    """Reports what no explanation has."""


def require(report: Report) -> None:
    """Raises Implausible for a Report that cannot be shown in the time of an honest one."""
    _require_few(report)
    _require_forest("equation", [(each.id, each.parent) for each in report.equations])
    _require_forest("level", [(each.id, each.parent) for each in report.levels])
    if any(level.id != n or (level.parent or 0) > n for n, level in enumerate(report.levels)):
        raise Implausible("levels that are not numbered from the outermost on")
    _require_forest("layer", [(each.id, each.parent) for each in report.layers])
    _require_places(report)
    _require_values(report)
    deepest = max((abs(each.depth) for each in report.equations), default=0)
    if deepest > DEPTH_CAP:
        raise Implausible(f"an equation {deepest:,} bodies deep; at most {DEPTH_CAP} are taken")
    entries = sum(map(_entries, _leaves(report)))
    if entries > PREVIEWS_CAP:
        raise Implausible(f"previews of {entries:,} entries; at most {PREVIEWS_CAP:,} are taken")


def _require_few(report: Report) -> None:
    """Raises Implausible for more of something than any explanation has.

    Stages are made anew at each heartbeat, and a fix is shown as a diff.
    """
    fixes = sum(len(fix.before) + len(fix.after) for fix in _fixes(report))
    requests = sum(_size(fix.request) for fix in _fixes(report))
    blamed = [
        len(each) for one in _blames(report) for each in (one.arguments, one.paths, one.levels, one.spans)
    ]
    said = [len(each.levels) for each in (*report.readings, *report.unspoken)]
    for what, size, most in (
        ("stages", len(report.stages), len(STAGES)),
        ("levels", len(report.levels), LEVELS_CAP),
        ("fixes", sum(1 for _ in _fixes(report)), FIXES_MOST),
        ("characters of fixes", fixes, FIXES_CAP),
        ("characters of fixed requests", requests, REQUESTS_CAP),
        ("layers", len(report.layers), LAYERS_CAP),
        ("readings", len(report.readings) + len(report.unspoken), NOTES_CAP),
        ("levels of a reading", max(said, default=0), LEVELS_CAP),
        ("names that are blamed", max(blamed, default=0), BLAMED_CAP),
        ("values that do not fit", len(_lanes(report)), LANES_CAP),
        ("axes of one of them", max(map(_axes, _lanes(report)), default=0), RANK_CAP),
        ("notes", len(report.notes), NOTES_CAP),
        ("findings", len(report.findings), NOTES_CAP),
        ("characters of output", len(report.printed), PRINTED_CAP),
    ):
        if size > most:
            raise Implausible(f"{size:,} {what}; at most {most:,} are taken")


def _require_forest(what: str, holders: list[tuple[int, int | None]]) -> None:
    """Raises Implausible unless every holder is one of them, and none holds itself, however far around."""
    parents = dict(holders)
    if len(parents) < len(holders):
        raise Implausible(f"two {what}s have one id")
    depths: dict[int, int] = {}
    for each in parents:
        chain: list[int] = []
        here: int | None = each
        while here is not None and here not in depths:
            if here not in parents:
                raise Implausible(f"the holder of a {what} is not there")
            chain.append(here)
            if len(chain) > DEPTH_CAP:
                raise Implausible(f"{what}s more than {DEPTH_CAP} deep in one another")
            here = parents[here]
        depth = 0 if here is None else depths[here]
        for n, one in enumerate(reversed(chain), depth + 1):
            depths[one] = n
        if depths[each] > DEPTH_CAP:
            raise Implausible(f"{what}s more than {DEPTH_CAP} deep in one another")


def _require_places(report: Report) -> None:
    """Raises Implausible for axes, places in the text and seconds that do not exist."""
    for aval in _avals(report):
        _require_dims(aval, len(report.levels))
    for leaf in _mapped(report):
        if leaf.index is not None and not 0 <= leaf.index < len(leaf.shape):
            raise Implausible("a leaf that is mapped along an axis it does not have")
    for span in _spans(report):
        if not (0 <= span.line <= span.end_line <= LINE_CAP and 0 <= span.column <= COLUMN_CAP):
            raise Implausible("a place that is in no text")
    if any(len(name) > SOURCE_CAP for name in _sources(report)):
        raise Implausible("a text with a name that none has")
    if report.timing is not None and not all(
        math.isfinite(each) and each >= 0 for each in astuple(report.timing) if isinstance(each, float)
    ):
        raise Implausible("seconds that are none")


def _require_dims(aval: BatchedAval, levels: int) -> None:
    """Raises Implausible unless a value has an entry per level, None or an axis that it has."""
    if len(aval.batch_dims) != levels or len(aval.because) not in (0, levels):
        raise Implausible("a value without an entry for each level")
    rank = len(aval.batched_shape)
    axes = [axis for axis in aval.batch_dims if axis is not None]
    if not all(0 <= axis < rank for axis in axes):
        raise Implausible("a value that is batched along an axis it does not have")
    if aval.tracked and len(set(axes)) != rank - len(aval.shape):
        raise Implausible("a value with other axes than its own and those of the levels")


def _require_values(report: Report) -> None:
    """Raises Implausible for values of equations that are not there."""
    if report.values is None:
        return
    outputs = {equation.id: len(equation.outputs) for equation in report.equations}
    wrong = report.values.proof.wrong
    named = [loop.equation for loop in report.values.loops] + [bad.equation for bad in report.values.bad]
    named += [] if wrong is None else [wrong.equation]
    if not all(number in outputs for number in named):
        raise Implausible("a value of an equation that is not there")
    if not all(0 <= seen.output < outputs.get(seen.equation, 0) for seen in report.values.seen):
        raise Implausible("a value of an output that is not there")


def _size(request: Request) -> int:
    texts = (request.code, *(each.value for each in request.arguments))
    return sum(map(len, texts)) + sum(len(each.in_axes) + len(each.out_axes) for each in request.levels)


def _axes(lane: Lane) -> int:
    return max(len(lane.full), len(lane.taken), len(lane.conflicts))


def _lanes(report: Report) -> tuple[Lane, ...]:
    mismatch = report.failure.mismatch if report.failure is not None else None
    return () if mismatch is None else mismatch.lanes


def _blames(report: Report) -> Iterator[Blame]:
    yield from (finding.blame for finding in report.findings)
    if report.failure is not None:
        yield report.failure.blame


def _mapped(report: Report) -> Iterator[MappedLeaf]:
    for level in report.levels:
        yield from level.inputs
        yield from level.outputs
    for layer in report.layers:
        for leaves in (
            layer.arrived,
            layer.handed,
            layer.returned,
            layer.left,
            layer.pulled,
            layer.gradients,
        ):
            yield from leaves


def _spans(report: Report) -> Iterator[Span]:
    for equation in report.equations:
        yield from equation.callers
        yield from () if equation.span is None else (equation.span,)
    for one in (*report.levels, *report.layers, *_lanes(report)):
        yield from () if one.span is None else (one.span,)
    for blame in _blames(report):
        yield from blame.spans


def _sources(report: Report) -> Iterator[str]:
    yield from (span.source for span in _spans(report))
    yield from (fix.place for fix in _fixes(report))


def _avals(report: Report) -> Iterator[BatchedAval]:
    for equation in report.equations:
        yield from equation.outputs
    for one in _crossings(report):
        yield one.aval


def _crossings(report: Report) -> Iterator[Crossing]:
    yield from report.returned
    for level in report.levels:
        yield from level.enters
        yield from level.leaves


def _fixes(report: Report) -> Iterator[Fix]:
    yield from report.fixes
    for finding in report.findings:
        yield from finding.fixes
    yield from report.wanted.solutions if report.wanted else ()


def _leaves(report: Report) -> Iterator[Leaf]:
    for argument in report.arguments:
        yield from argument.leaves
    yield from report.outputs
    for fix in _fixes(report):
        yield from fix.outputs
    for one in _crossings(report):
        yield from (one.value,) if one.value is not None else ()
    if report.values is not None:
        yield from (seen.value for seen in report.values.seen)


def _entries(leaf: Leaf) -> int:
    """Counts the entries of a preview; raises Implausible unless they are plain, and those at `kept`."""
    if len(leaf.kept) not in (0, len(leaf.shape)):
        raise Implausible("indices of another rank than the array")
    if leaf.preview is None:
        return 0
    if len(leaf.kept) != len(leaf.shape):
        raise Implausible("a preview without indices for each axis")
    rows: list[object] = [leaf.preview]
    for axis in leaf.kept:
        if not all(isinstance(row, list) and len(row) == len(axis) for row in rows):
            raise Implausible("a preview is not of the shape of its indices")
        rows = [entry for row in rows if isinstance(row, list) for entry in row]
        if len(rows) > PREVIEW_CAP:
            break
    if len(rows) > PREVIEW_CAP:
        raise Implausible(f"a preview of {len(rows):,} entries; at most {PREVIEW_CAP:,} are taken")
    _require_plain(rows)
    return len(rows)


def _require_plain(entries: Iterable[object]) -> None:
    for entry in entries:
        if not isinstance(entry, (bool, int, float, str, type(None))):
            raise Implausible(f"a preview holds {type(entry).__name__}")
        if isinstance(entry, str) and len(entry) > ENTRY_CAP:
            raise Implausible(f"an entry of {len(entry):,} characters; at most {ENTRY_CAP:,} are taken")
