"""Which values of a mismatch are worth drawing, and which of them do not fit.

Mismatch, Report ──▶ tidy ──▶ kept: at most MOST_ROWS lanes ──▶ views/mismatch
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from explainer.report import Lane, Mismatch, Report

MOST_ROWS = 12
MOST_ALIKE = 3  # values of one size that fit, where not all are drawn
MOST_ALIKE_MISFITS = 6

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def tidy(mismatch: Mismatch) -> tuple[Lane, ...]:
    """Returns the lanes, each value once and numbers in the code left out, their notes on one line.

    x f32[] "traced", x f32[] full (3,) taken (0,)  ->  x f32[] full (3,) taken (0,) "traced"
    """
    found: dict[tuple[str, str, tuple[int, ...]], Lane] = {}
    for lane in mismatch.lanes:
        note = " ".join(_ADDRESS.sub("", lane.note).split())
        key = lane.name, lane.dtype, lane.shape
        same = found.get(key)
        if same is not None:
            fuller = lane if len(lane.full) > len(same.full) else same
            found[key] = replace(fuller, note=same.note or note, conflicts=same.conflicts or lane.conflicts)
        elif mismatch.level is not None or any(char.isalpha() for char in lane.name):
            found[key] = replace(lane, note=note)
    return tuple(found.values())


def kept(lanes: Sequence[Lane], mismatch: Mismatch, report: Report) -> list[Lane]:
    """Returns the lanes to draw in their order: all of them, or those that do not fit and a few that do."""
    if len(lanes) <= MOST_ROWS:
        return list(lanes)
    alike: dict[object, int] = {}

    def rank(lane: Lane) -> tuple[int, bool]:
        fits = not culprit(lane, mismatch, report)
        key = fits, lane.shape[lane.axis] if lane.axis is not None and maps(lane) else None
        alike[key] = alike.get(key, 0) + 1
        return alike[key], fits

    ranked = [(rank(lane), at) for at, lane in enumerate(lanes)]
    few = [each for each in ranked if each[0][0] <= (MOST_ALIKE if each[0][1] else MOST_ALIKE_MISFITS)]
    chosen = sorted(at for _, at in sorted(few)[:MOST_ROWS])
    return [lanes[at] for at in chosen]


def culprit(lane: Lane, mismatch: Mismatch, report: Report) -> bool:
    """Tells whether a value does not fit: an axis of it, or what is noted of one that is blamed."""
    if lane.conflicts:
        return True
    if not lane.note or lane.axis is not None:
        return False
    blame = report.failure.blame if report.failure else None
    if blame is None or mismatch.level is None:
        return mismatch.level is None
    beginnings = tuple(f"{path}{sign}" for path in blame.paths for sign in "[.")
    return lane.name in (*blame.paths, *blame.arguments) or lane.name.startswith(beginnings)


def maps(lane: Lane) -> bool:
    """Tells whether the level maps an axis of the value that is there."""
    return lane.axis is not None and 0 <= lane.axis < len(lane.shape)
