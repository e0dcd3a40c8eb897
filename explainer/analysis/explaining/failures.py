"""Failures in words: what went wrong, where (the user's own name for it), what to do.

    error at a stage ──▶ describe ──▶ Failure (JAX's own message stays beside it)

Explanations come from the specs, shapes and levels, never from the text of JAX's message, which
changes between releases.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from explainer.analysis import devices
from explainer.analysis.explaining import (
    concrete,
    conflicts,
    misfits,
    mistakes,
    named_axes,
    outcomes,
    unread,
    wrapped,
)
from explainer.analysis.explaining.scene import Scene, Told, handed_leaves
from explainer.errors import LimitError
from explainer.report import Blame, Failure, Mismatch

_log = logging.getLogger(__name__)


def describe(scene: Scene) -> Failure:
    """Explains an error; the first explainer that knows the case speaks."""
    told = next((told for explain in _EXPLAINERS if (told := _attempt(explain, scene)) is not None), None)
    told = told or _otherwise(scene)
    blame = told.blame
    span = scene.sources.of_error(scene.error)
    if span is not None and not blame.spans:
        blame = replace(blame, spans=(span,))
    return Failure(
        stage=scene.stage,
        error_type=type(scene.error).__name__,
        message=mistakes.said_by(scene.error),
        explanation=told.explanation,
        blame=blame,
        limit=_limit(scene.error),
        mismatch=told.mismatch,
        kind=told.kind,
    )


def _attempt(explain: Callable[[Scene], Told | None], scene: Scene) -> Told | None:
    """Asks one explainer; it reads values of the user's, whose classes may raise anything."""
    try:
        return explain(scene)
    except Exception:  # noqa: BLE001  (the user's error counts: the next explainer may know it)
        _log.debug("%s failed to explain %r", explain.__qualname__, scene.error, exc_info=True)
        return None


def _limit(error: BaseException) -> str:
    if isinstance(error, LimitError):
        return error.limit
    return "memory" if mistakes.out_of_memory(error) else ""


def _otherwise(here: Scene) -> Told:
    span = here.sources.of_error(here.error)
    at = f" at `{here.sources.text(span)}`" if span is not None and here.sources.text(span) else ""
    said = mistakes.headline(here.error)
    if here.stage == "parse":
        where = unread.place(here.request, span.source) if span is not None else "the request"
        return Told(f"The text of {where} could not be evaluated{at}: {said}")
    program, nest = here.program, here.nest
    if here.stage != "trace" or program is None or nest is None or not nest.avals:
        what = "The script" if here.request.is_script else f"The {here.stage} stage"
        return Told(f"{what} failed{at}: {said}")
    if here.sources.raised(here.error):
        return Told(f"{program.name} raised {type(here.error).__name__}{at}: {said}", kind="raised")
    leaves = handed_leaves(program, len(nest.avals) - 1).values()
    mapped = [leaf for leaf in leaves if any(level is not None for level in leaf.taken)]
    return Told(
        f"{program.name} cannot be called on one example{at}: {said.rstrip('.')}. It is handed "
        f"{misfits.handed(program, nest)}. If a shape is not what you meant, change in_axes; "
        "otherwise the function itself must change.",
        Blame(
            tuple(dict.fromkeys(leaf.operand.argument for leaf in mapped)),
            tuple(leaf.path for leaf in mapped),
        ),
        "inside",
        Mismatch(tuple(leaf.lane() for leaf in leaves)),
    )


_EXPLAINERS: tuple[Callable[[Scene], Told | None], ...] = (
    unread.own_errors,
    unread.syntax,
    unread.unknown_name,
    named_axes.unbound_axis_name,
    misfits.in_axes,
    devices.no_such_axis,
    devices.unfit_call,
    devices.no_mesh,
    devices.too_late,
    mistakes.wrong_arguments,
    wrapped.constructor,
    concrete.needs_value,
    named_axes.sharded_twice,
    wrapped.gradient,
    wrapped.static_argument,
    conflicts.own_check,
    conflicts.in_function,
    mistakes.nothing_returned,
    mistakes.recursion,
    mistakes.not_arrays,
    mistakes.leaked,
    mistakes.not_finite,
    mistakes.memory,
    outcomes.out_axes,
    mistakes.not_mappable,
    mistakes.ended,
    mistakes.failed_again,
)
