"""The values that do not fit each other, axis by axis: what the ruler draws and what text says of it.

    Mismatch, Report ──▶ lanes ──▶ read ──▶ Ruler: a row per value, a bar per axis ──▶ figures/ruler, told

All bars have one scale, so equal sizes are equally long; where sizes differ a hundredfold and more,
lengths go by the square root, and the ruler says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from explainer.report import Lane, Mismatch, Report
from explainer.source import short_dtype
from explainer.views import lanes

MOST_BARS = 8
MOST_KINS = 3
MOST_SEEN = 4  # values that are taken in at a glance
WIDE = 32  # characters of the longest bar in text
LINEAR = 100  # sizes that differ by less are drawn to one linear scale

_AXES_KNOWN = ("no_such_axis", "nothing_mapped")
"""Mistakes in which the axis of every value is known, though none may have one."""

Role = Literal["mapped", "taken", "free"]
SIGNS: dict[Role, str] = {"mapped": "█", "taken": "░", "free": "─"}
CONFLICT = "╳"


@dataclass(frozen=True, slots=True)
class Bar:
    """One axis. `axis` is its number where things failed, None if an outer level took it before.

    A size that is stated, and no array's (axis_size), has neither number.

    `whole` is its number in the whole value, where that is another one. `share` is its length, 1 for
    the longest bar. Axes of one size have one `kin`; None: no other axis has this size.
    """

    axis: int | None
    size: int
    role: Role
    share: float
    whole: int | None = None
    conflict: bool = False
    level: int | None = None  # that maps it, or took it
    level_name: str = ""
    kin: int | None = None
    note: str = ""  # what else is known of an axis that does not fit: "3 examples"

    @property
    def name(self) -> str:
        """Returns "axis 0", with its number in the whole value where that differs: "axis 0 (full 1)"."""
        if self.axis is None:
            return "stated" if self.whole is None else f"full axis {self.whole}"
        return f"axis {self.axis}" + (f" (full {self.whole})" if self.whole is not None else "")

    @property
    def words(self) -> str:
        """Returns what befalls it: "mapped by i", "taken by i", "does not fit"."""
        said = {"mapped": f"mapped by {self.level_name}", "taken": f"taken by {self.level_name}", "free": ""}
        return ", ".join(filter(None, (said[self.role] if self.level_name else "", self.misfit)))

    @property
    def misfit(self) -> str:
        """Returns that it does not fit: "does not fit: 3 examples", "" for an axis that does."""
        return ("does not fit" + (f": {self.note}" if self.note else "")) if self.conflict else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One value. `words` stand in for its axes, or beside them: "a scalar", "shared", "has no axis 1"."""

    name: str
    type: str
    bars: tuple[Bar, ...]
    words: str
    culprit: bool
    axes_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Ruler:
    """All rows to one scale. `groups` tells who has which size: "size 3: X; size 4: Y, Z"."""

    rows: tuple[Row, ...]
    linear: bool
    groups: str = ""
    left_out: int = 0  # values that are not drawn

    @property
    def notes(self) -> tuple[str, ...]:
        """Returns what the reader must know of the drawing."""
        found = []
        if not self.linear:
            found.append("Lengths go by the square root of the sizes.")
        if self.left_out:
            found.append(f"{self.left_out:,} more value{' is' if self.left_out == 1 else 's are'} not drawn.")
        return tuple(found)


def read(mismatch: Mismatch, report: Report) -> Ruler:
    """Returns the ruler of a mismatch; of many lanes those that do not fit are kept first."""
    values = lanes.tidy(mismatch)
    kept = lanes.kept(values, mismatch, report)
    sizes = [size for lane in kept for _, _, size, _ in _axes(lane)]
    linear = max(sizes, default=0) < LINEAR * min((size for size in sizes if size), default=1)
    drawing = _Drawing(mismatch, report, max(sizes, default=0), linear, _kins(kept))
    return Ruler(tuple(map(drawing.row, kept)), linear, _groups(values), len(values) - len(kept))


def told(mismatch: Mismatch, report: Report) -> list[str]:
    """Returns the ruler as lines of text with aligned columns.

    X  f32[3, 2]  axis 0  ╳╳╳   3  mapped by i, does not fit
                  axis 1  ──    2
    """
    ruler = read(mismatch, report)
    name = max((len(row.name) for row in ruler.rows), default=0)
    types = max((len(row.type) for row in ruler.rows), default=0)
    bars = [_told_bar(bar, ruler.linear) for row in ruler.rows for bar in row.bars]
    axes = max((len(bar.name) for row in ruler.rows for bar in row.bars), default=0)
    widths = _Widths(name, types, axes, max(map(len, bars), default=0))
    lines = [line.rstrip() for row in ruler.rows for line in _told_row(row, widths, ruler.linear)]
    return [*lines, *([ruler.groups] if ruler.groups else []), *ruler.notes]


def described(ruler: Ruler) -> str:
    """Returns the ruler in one paragraph, for who does not see it."""
    rows = []
    for row in ruler.rows:
        axes = [f"{bar.name} of size {bar.size:,}{_aside(bar.words)}" for bar in row.bars]
        rows.append(
            ": ".join(filter(None, (f"{row.name} {row.type}".strip(), ", ".join([*axes, *_said(row)]))))
        )
    return ". ".join([*rows, *([ruler.groups] if ruler.groups else []), *ruler.notes])


def _aside(words: str) -> str:
    return f" ({words})" if words else ""


def _said(row: Row) -> list[str]:
    more = [f"{row.axes_left_out} more axes"] if row.axes_left_out else []
    return [*more, *([row.words] if row.words else [])]


@dataclass(frozen=True, slots=True)
class _Widths:
    """How many characters the columns of a ruler in text take."""

    name: int
    type: int
    axis: int
    bar: int


def _told_row(row: Row, widths: _Widths, linear: bool) -> Iterator[str]:
    head = f"{row.name:{widths.name}}  {row.type:{widths.type}}  "
    for bar in row.bars:
        drawn = f"{_told_bar(bar, linear):{widths.bar}}  {bar.size:<7,}"
        yield f"{head}{bar.name:{widths.axis}}  {drawn}  {bar.words}"
        head = " " * len(head)
    for words in _said(row):
        yield f"{head}{CONFLICT if row.culprit and words == row.words else '·'} {words}"
        head = " " * len(head)


def _told_bar(bar: Bar, linear: bool) -> str:
    """Returns a character per entry where that is not too long, else as much as its share."""
    length = bar.share * WIDE
    if linear and bar.share and bar.size / bar.share <= WIDE:
        length = bar.size
    return (CONFLICT if bar.conflict else SIGNS[bar.role]) * (max(1, round(length)) if bar.size else 0)


def _axes(lane: Lane) -> Iterator[tuple[int | None, int | None, int, int | None]]:
    """Yields each axis: its number here, in the whole value if that differs, size, and who took it before.

    f32[4,2], full (3, 4, 2), taken (0, None, None)  ->  (None, 0, 3, 0), (0, 1, 4, None), (1, 2, 2, None)
    """
    levels = lane.taken if len(lane.taken) == len(lane.full) else ()
    left = tuple(size for size, level in zip(lane.full, levels, strict=False) if level is None)
    if not levels or left != lane.shape:
        yield from ((axis, None, size, None) for axis, size in enumerate(lane.shape))
        return
    axis = 0
    for whole, (size, level) in enumerate(zip(lane.full, levels, strict=True)):
        if level is not None:
            yield None, whole, size, level
        else:
            yield axis, whole if whole != axis else None, size, None
            axis += 1


def _kins(values: Sequence[Lane]) -> dict[int, int]:
    """Numbers the sizes that more than one axis has, those first that have to fit."""
    stake = [lane.shape[axis] for lane in values for axis in _at_stake(lane)]
    sizes = [size for lane in values for _, _, size, _ in _axes(lane)]
    shared = [size for size in dict.fromkeys((*stake, *sizes)) if sizes.count(size) > 1]
    return {size: number for number, size in enumerate(shared[:MOST_KINS])}


def _at_stake(lane: Lane) -> tuple[int, ...]:
    mapped = (lane.axis,) if lane.axis is not None and lanes.maps(lane) else ()
    return tuple(axis for axis in dict.fromkeys((*mapped, *lane.conflicts)) if 0 <= axis < len(lane.shape))


def _groups(values: Sequence[Lane]) -> str:
    """Returns who has which size, when there are too many to see it at once."""
    sizes: dict[int, list[str]] = {}
    for lane in values:
        for axis in _at_stake(lane):
            sizes.setdefault(lane.shape[axis], []).append(lane.name)
    if len(values) <= MOST_SEEN or len(sizes) < 2:
        return ""
    return "; ".join(f"size {size:,}: {_listing(names)}" for size, names in sizes.items())


def _listing(names: Sequence[str]) -> str:
    left = len(names) - MOST_SEEN
    return ", ".join(names) if left <= 1 else f"{', '.join(names[:MOST_SEEN])} and {left:,} more"


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What all rows of one ruler have in common."""

    mismatch: Mismatch
    report: Report
    longest: int
    linear: bool
    kins: dict[int, int]

    def row(self, lane: Lane) -> Row:
        bars = [self._bar(lane, *found) for found in _axes(lane)]
        what = f"{short_dtype(lane.dtype)}[{', '.join(map(str, lane.shape))}]" if lane.dtype else ""
        shown = tuple(bars[:MOST_BARS])
        return Row(
            lane.name,
            what,
            shown,
            self._words(lane),
            lanes.culprit(lane, self.mismatch, self.report),
            len(bars) - len(shown),
        )

    def _bar(self, lane: Lane, axis: int | None, whole: int | None, size: int, taker: int | None) -> Bar:
        mapped = axis is not None and axis == lane.axis and self.mismatch.level is not None
        level = self.mismatch.level if mapped else taker
        stated = not lane.dtype
        return Bar(
            axis=None if stated else axis,
            size=size,
            role="mapped" if mapped else "taken" if axis is None else "free",
            share=self._share(size),
            whole=whole,
            conflict=axis in lane.conflicts,
            note=lane.note if axis in lane.conflicts[:1] else "",
            level=level,
            level_name="" if level is None or stated else self._level_name(level),
            kin=self.kins.get(size),
        )

    def _share(self, size: int) -> float:
        share = size / max(self.longest, 1)
        return share if self.linear else math.sqrt(share)

    def _words(self, lane: Lane) -> str:
        if lane.axis is not None or any(axis < len(lane.shape) for axis in lane.conflicts):
            return "" if lane.conflicts else lane.note
        scalar = "a scalar" if lane.dtype and not lane.shape else ""
        level = self.mismatch.level
        if lane.note or level is None or not self._tells_axes():
            return lane.note or scalar
        return ", ".join(filter(None, (scalar, f"shared by every {self._level_name(level)}")))

    def _tells_axes(self) -> bool:
        """Tells whether a lane without an axis is shared: not a result, nor under specs that misfit."""
        failure = self.report.failure
        if failure is not None and failure.stage == "batch":
            return False
        known = failure is not None and failure.kind in _AXES_KNOWN
        return known or any(lane.axis is not None for lane in self.mismatch.lanes)

    def _level_name(self, level: int) -> str:
        known = {each.id: each.name for each in self.report.levels}
        return known.get(level) or "ijklmnopqrstuvwxyz"[level % 18]
