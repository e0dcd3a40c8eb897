"""Where the cells of one array stand on paper, for ranks 0 to 4.

rank 0: one cell    rank 1: a row    rank 2: a grid
rank 3: sheets side by side, each a little higher; wrapped when they would get too wide
rank 4: a table of sheets, axis 0 downwards and axis 1 to the right

Every cell of every sheet stays visible: nothing lies behind anything else. Coordinates are
px from the array's top left corner, y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.figures.style import PITCH

SHEET_GAP = 14
ROW_GAP = 24  # between rows of sheets: room for index numbers
RISE = 6
SKIP = 18  # extra room where indices are left out
WIDEST = 470

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its edges."""

    left: int
    top: int
    right: int
    bottom: int

    def moved(self, dx: int, dy: int) -> Rect:
        return Rect(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def union(self, other: Rect) -> Rect:
        return Rect(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A two-dimensional piece: the C-order numbers of its cells and the paper around them."""

    cells: tuple[int, ...]
    rect: Rect


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where indices are left out."""

    at: Point
    symbol: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The cells of an array in C order, its sheets, its gaps and its size."""

    cells: tuple[Point, ...]
    sheets: tuple[Sheet, ...]
    gaps: tuple[Gap, ...]
    width: int
    height: int


def place(axes: Sequence[Sequence[int]]) -> Placement:
    """Returns the placement of an array whose axis n shows the indices axes[n]; at most four axes."""
    if len(axes) <= 2:
        return _grid(axes)
    if len(axes) == 3:
        return _sheets(axes)
    return _table(axes)


def sheet_rows(axes: Sequence[Sequence[int]]) -> int:
    """Returns over how many rows the sheets of a rank-3 array are wrapped."""
    return -(-len(axes[0]) // _per_row(axes))


def _grid(axes: Sequence[Sequence[int]]) -> Placement:
    rows, columns = ((0,), (0,)) if not axes else ((0,), axes[0]) if len(axes) == 1 else axes
    ys, height, row_gaps = _run(rows, PITCH)
    xs, width, column_gaps = _run(columns, PITCH)
    cells = tuple((x + PITCH // 2, y + PITCH // 2) for y in ys for x in xs)
    both = bool(row_gaps and column_gaps)  # then the marks keep to the edges, or they would meet
    middle = (PITCH // 2, PITCH // 2) if both else (width // 2, height // 2)
    gaps = [Gap((x, middle[1]), "⋯") for x in column_gaps] + [Gap((middle[0], y), "⋮") for y in row_gaps]
    rect = Rect(0, 0, max(width, PITCH), max(height, PITCH))
    return Placement(cells, (Sheet(tuple(range(len(cells))), rect),), tuple(gaps), rect.right, rect.bottom)


def _sheets(axes: Sequence[Sequence[int]]) -> Placement:
    sheet = _grid(axes[1:])
    per_row = _per_row(axes)
    single = per_row >= len(axes[0])
    xs, width, gaps = _run(axes[0][:per_row], sheet.width + SHEET_GAP)
    pieces = []
    marks = []
    for number in range(len(axes[0])):
        row, column = divmod(number, per_row)
        rise = (len(xs) - 1 - column) * RISE if single else 0
        pieces.append((xs[column], row * (sheet.height + ROW_GAP) + rise))
        if number and axes[0][number] != axes[0][number - 1] + 1:
            marks.append(_before(pieces[-1], column, sheet.height, bool(gaps)))
    return _assemble(sheet, pieces, marks)


def _before(piece: Point, column: int, height: int, spaced: bool) -> Gap:
    """Returns the mark of indices left out before a sheet: beside it, or above it at the start of a row."""
    x, y = piece
    if column:
        return Gap((x - (SHEET_GAP + (SKIP if spaced else 0)) // 2, y + height // 2), "⋯")
    return Gap((x + 2, y - ROW_GAP // 2), "⋯")


def _table(axes: Sequence[Sequence[int]]) -> Placement:
    sheet = _grid(axes[2:])
    ys, height, row_gaps = _run(axes[0], sheet.height + ROW_GAP)
    xs, width, column_gaps = _run(axes[1], sheet.width + SHEET_GAP)
    pieces = [(x, y) for y in ys for x in xs]
    marks = [Gap((x - SHEET_GAP // 2, (height - ROW_GAP) // 2), "⋯") for x in column_gaps]
    marks += [Gap((2, y - ROW_GAP // 2), "⋮") for y in row_gaps]
    return _assemble(sheet, pieces, marks)


def _assemble(sheet: Placement, pieces: Sequence[Point], marks: Sequence[Gap]) -> Placement:
    cells: list[Point] = []
    sheets: list[Sheet] = []
    gaps = list(marks)
    for dx, dy in pieces:
        numbers = tuple(range(len(cells), len(cells) + len(sheet.cells)))
        sheets.append(Sheet(numbers, sheet.sheets[0].rect.moved(dx, dy)))
        cells += [(x + dx, y + dy) for x, y in sheet.cells]
        gaps += [Gap((gap.at[0] + dx, gap.at[1] + dy), gap.symbol) for gap in sheet.gaps]
    width = max((piece.rect.right for piece in sheets), default=PITCH)
    height = max((piece.rect.bottom for piece in sheets), default=PITCH)
    return Placement(tuple(cells), tuple(sheets), tuple(gaps), width, height)


def _per_row(axes: Sequence[Sequence[int]]) -> int:
    """Returns how many sheets stand in one row, the rows as even as possible."""
    count = max(len(axes[0]), 1)
    width = _run(axes[2], PITCH)[1] + SHEET_GAP
    fitting = max(1, (WIDEST + SHEET_GAP) // max(width, 1))
    rows = -(-count // fitting)
    return -(-count // rows)


def _run(indices: Sequence[int], step: int) -> tuple[list[int], int, list[int]]:
    """Returns the start of each index along a line, the length, and the middle of each gap."""
    starts: list[int] = []
    gaps: list[int] = []
    cursor = 0
    for number, index in enumerate(indices):
        if number and index != indices[number - 1] + 1:
            gaps.append(cursor + SKIP // 2)
            cursor += SKIP
        starts.append(cursor)
        cursor += step
    return starts, cursor, gaps
