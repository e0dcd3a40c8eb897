"""Retelling: the failure of a call in the user's code, told as that of a nest which is stated.

    FailedCall ──▶ levels, failure ──▶ Report.levels, Report.failure

The levels of the call join those that were found while the code ran, so that a page can show the chain
and a failure can name its levels by their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from explainer.analysis import axes, batching, internals
from explainer.analysis.explaining import failures
from explainer.analysis.failing import naming, valued
from explainer.analysis.failing.failed import FailedCall
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.errors import message
from explainer.report import (
    AxesTemplate,
    BatchedAval,
    Blame,
    Crossing,
    Failure,
    Lane,
    Level,
    Mismatch,
    Report,
    Span,
)
from explainer.spec import Request, Stage


def levels(call: FailedCall, found: Sequence[Level]) -> tuple[tuple[Level, ...], tuple[int, ...]]:
    """Adds the levels of a failed call to those found before; returns all, and the ids of the call's own.

    A level that was found already is not added again.
    """
    every, ids = list(found), []
    parent = max((level.id for level in found if not level.captured), default=None)
    for nest in call.around:
        for level in _as_captured(axes.levels(nest.program, nest.avals), nest.program, nest.span):
            parent = _put(every, replace(level, parent=parent))
    known = call.nest.outputs or call.nest.source is not None
    own = batching.levels(call.program, call.nest) if known else axes.levels(call.program, call.nest.avals)
    note = f"the call ended in {type(call.error).__name__}"
    for level in _as_captured(own, call.program, call.span):
        parent = _put(every, replace(level, parent=parent, outputs=(), note=note))
        ids.append(parent)
    return _with_values(every, call, ids), tuple(ids)


def widened(report: Report) -> Report:
    """Returns a report in which every value has an entry for each level, those added last included."""
    count = len(report.levels)

    def aval(value: BatchedAval) -> BatchedAval:
        missing = (None,) * (count - len(value.batch_dims))
        because = (*value.because, *missing) if value.because else ()
        return replace(value, batch_dims=(*value.batch_dims, *missing), because=because)

    def crossings(values: Sequence[Crossing]) -> tuple[Crossing, ...]:
        return tuple(replace(value, aval=aval(value.aval)) for value in values)

    equations = (replace(each, outputs=tuple(map(aval, each.outputs))) for each in report.equations)
    crossed = (
        replace(each, enters=crossings(each.enters), leaves=crossings(each.leaves)) for each in report.levels
    )
    return replace(
        report, equations=tuple(equations), levels=tuple(crossed), returned=crossings(report.returned)
    )


def _with_values(every: Sequence[Level], call: FailedCall, ids: Sequence[int]) -> tuple[Level, ...]:
    """Adds what enters the levels of the call, where it was handed arrays and not values under way."""
    entered = dict(zip(ids, valued.enters(call, ids, len(every)), strict=False))
    return tuple(replace(level, enters=entered.get(level.id, level.enters)) for level in every)


def _as_captured(own: Sequence[Level], program: Program, span: Span | None) -> list[Level]:
    """Puts stated levels as those that are found while code runs."""
    return [
        replace(
            level,
            function=naming.name(program.function),
            in_axes=internals.text(parsed.in_axes),
            out_axes=internals.text(parsed.out_axes),
            in_template=AxesTemplate(),
            out_template=AxesTemplate(),
            span=span,
            captured=True,
        )
        for level, parsed in zip(own, program.levels, strict=True)
    ]


def _put(every: list[Level], level: Level) -> int:
    """Adds a level unless it is there, as one whose function never came back; returns its id."""
    for n in reversed(range(len(every))):
        if every[n].captured and not every[n].outputs and _shape(every[n]) == _shape(level):
            every[n] = replace(every[n], note=every[n].note or level.note)
            return every[n].id
    number = max((one.id for one in every), default=-1) + 1
    every.append(replace(level, id=number))
    return number


def _shape(level: Level) -> tuple[object, ...]:
    """Returns what tells a level from others: its place, its axes, and the shapes it is handed.

    A number that is shared counts as an array for some and as a static value for others.
    """
    inputs = (leaf for leaf in level.inputs if leaf.shape or leaf.index is not None)
    leaves = tuple((leaf.dtype, leaf.shape, leaf.index) for leaf in inputs)
    return level.parent, level.in_axes, level.out_axes, level.axis_name, leaves


def failure(
    call: FailedCall, request: Request, sources: Sources, stage: Stage, ids: Sequence[int]
) -> Failure:
    """Explains a failed call; `ids` are those of its levels in the report, `stage` the one that it ended."""
    told = failures.describe(_scene(call, request, sources, stage))
    mismatch = None if told.mismatch is None else _renumbered(told.mismatch, ids)
    return replace(
        told,
        stage=stage,
        message=message(call.error) or type(call.error).__name__,
        explanation=told.explanation + _around(call),
        blame=_blame(told.blame, call, ids),
        mismatch=mismatch,
    )


def _scene(call: FailedCall, request: Request, sources: Sources, stage: Stage) -> failures.Scene:
    """Puts what is known as it is of a stated nest; where its own trace ended in the same error, by that."""
    program, nest = call.program, call.nest
    if nest.error is None:  # traced again, all is well: the error is of values, or of what happened around
        return failures.Scene(request, sources, stage, call.error)
    error = (
        nest.error if call.ended and not call.fitted else call.error
    )  # batched later, it has no frames of f
    if not call.fitted:
        return failures.Scene(request, sources, "trace", error, program, nest)
    found = batching.describe(program, nest, sources)
    report = Report(
        request,
        levels=(*batching.levels(program, nest), *found.captured),
        equations=found.equations,
        returned=found.returned,
    )
    return failures.Scene(request, sources, "batch", error, program, nest, report)


def _around(call: FailedCall) -> str:
    if not call.under:
        return ""
    names = " and ".join(call.under)
    return f" The call stands inside vmap over {names}: its values are those of one example."


def _blame(blame: Blame, call: FailedCall, ids: Sequence[int]) -> Blame:
    """Puts the report's ids in; adds the call, and the jax.vmap(...) of each level that is blamed."""
    made = (call.makings[k] for k in blame.levels if k < len(call.makings))
    spans = (*blame.spans, call.span, *made)
    return replace(
        blame,
        levels=tuple(ids[k] for k in blame.levels if k < len(ids)),
        spans=tuple(dict.fromkeys(span for span in spans if span is not None)),
    )


def _renumbered(mismatch: Mismatch, ids: Sequence[int]) -> Mismatch:
    lanes = tuple(_lane(lane, ids) for lane in mismatch.lanes)
    return Mismatch(lanes, None if mismatch.level is None else ids[mismatch.level])


def _lane(lane: Lane, ids: Sequence[int]) -> Lane:
    return replace(lane, taken=tuple(None if level is None else ids[level] for level in lane.taken))
