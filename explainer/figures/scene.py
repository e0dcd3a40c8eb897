"""Where everything stands: columns of arrays around and inside the boxes of the levels.

    inputs | for each i: [ slices | for each j: [ slices → result ] | row ] | outputs

An array appears once per column: whole in column 0, less its first mapped axis in column 1,
and so on to the innermost box, where the function sees one example; the outputs mirror that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from explainer.figures import labels, style, text
from explainer.figures.layout import Placement, Point, Rect, place
from explainer.figures.plan import Drawn, Nest

MARGIN = 10
PAD = 18  # inside a box, left and right
BETWEEN = 24  # between a column and the next box
ARROW = 48
TITLE = 34
FOOT = 12
BLOCK_GAP = 14
LABEL = 19
NOTE = 15
HEADING = 20
PAPER = 4  # the sheets of rank 3 and 4 reach this far beyond their cells
BRACE = 12
GAP_TEXT = 16.0
HALF = style.PITCH // 2


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text: anchored at its middle, left or right end."""

    x: float
    y: float
    html: str
    anchor: str = "center"
    size: float = style.LABEL_TEXT
    colour: str = "$ink"
    family: str = style.MONO


@dataclass(frozen=True, slots=True)
class Spot:
    """One array in one column, on paper."""

    array: Drawn
    column: int
    placement: Placement
    x: int
    y: int

    def points(self) -> list[Point]:
        return [(x + self.x, y + self.y) for x, y in self.placement.cells]

    def indices(self) -> list[tuple[int | None, ...]]:
        """Returns the full index of each cell, None on axes that outer levels mapped."""
        axes = self.array.drawn_axes(self.column)
        rank = len(self.array.shape)
        cells = []
        for entries in product(*(self.array.shown[axis] for axis in axes)):
            at = dict(zip(axes, entries, strict=True))
            folded = dict.fromkeys(self.array.folded, 0)
            cells.append(tuple(at.get(axis, folded.get(axis)) for axis in range(rank)))
        return cells

    def misfits(self) -> tuple[Rect, ...]:
        """Returns frames around what does not fit: the entries of an axis one by one, or all cells."""
        mark = self.array.mark
        if mark is None or mark.column != self.column:
            return ()
        drawn = [axis for axis in mark.axes if axis in self.array.drawn_axes(self.column)]
        if drawn:
            return tuple(
                rect for index in self.array.shown[drawn[0]] for rect in self.windows(drawn[0], index)
            )
        around = Rect(0, 0, self.placement.width, self.placement.height)
        return (around.moved(self.x, self.y),)

    def windows(self, axis: int, index: int) -> tuple[Rect, ...]:
        """Returns frames around cells `index` of `axis`: one a sheet; one in all for rank 4, axis 0."""
        axes = self.array.drawn_axes(self.column)
        mine = {number for number, cell in enumerate(self.indices()) if cell[axis] == index}
        rects = []
        for sheet in self.placement.sheets:
            points = [self.placement.cells[number] for number in sheet.cells if number in mine]
            if points:
                xs, ys = [x for x, _ in points], [y for _, y in points]
                around = Rect(min(xs) - HALF, min(ys) - HALF, max(xs) + HALF, max(ys) + HALF)
                rects.append(around.moved(self.x, self.y))
        if rects and len(axes) == 4 and axes[0] == axis:
            whole = rects[0]
            for rect in rects[1:]:
                whole = whole.union(rect)
            return (Rect(whole.left - 4, whole.top - 4, whole.right + 4, whole.bottom + 4),)
        return tuple(rects)


@dataclass(frozen=True, slots=True)
class Box:
    """The box of one level: inside it stands what that level calls for each example."""

    level: int
    rect: Rect
    title: str


@dataclass(frozen=True, slots=True)
class Brace:
    """A brace left of the leaves of one tree."""

    x: int
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Scene:
    """The whole still picture, in px."""

    spots: dict[tuple[str, int], Spot]
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    braces: tuple[Brace, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Block:
    """One array with its index numbers and words, relative to the top left of its column."""

    array: Drawn
    placement: Placement
    x: int
    y: int
    label: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    column: int
    output: bool
    blocks: tuple[_Block, ...]
    headings: tuple[tuple[str, int, int], ...]  # tree, top, bottom
    width: int
    height: int


def compose(nest: Nest) -> Scene:
    """Places a nest that was cut to size."""
    depth = len(nest.loops)
    entering = [_column(nest, nest.inputs, column, False) for column in range(depth + 1)]
    leaving = (
        [_column(nest, nest.outputs, column, True) for column in range(depth + 1)] if nest.outputs else []
    )
    tops, bottoms = _extents(entering, leaving, depth)
    middle = MARGIN + max(tops[0], entering[0].height / 2, leaving[0].height / 2 if leaving else 0)
    lowest = middle + max(bottoms[0], entering[0].height / 2, leaving[0].height / 2 if leaving else 0)
    xs_in, xs_out, edges, width = _across(nest, entering, leaving)
    spots: dict[tuple[str, int], Spot] = {}
    words: list[Label] = []
    braces: list[Brace] = []
    placed = [*zip(entering, xs_in, strict=True), *zip(leaving, xs_out, strict=True)]
    for column, x in placed:
        y = round(middle - column.height / 2)
        _put(nest, column, x, y, spots, words, braces)
    boxes = []
    for level in range(depth):
        left, right = edges[level]
        rect = Rect(left, round(middle - tops[level]), right, round(middle + bottoms[level]))
        boxes.append(Box(level, rect, labels.box_title(nest, level)))
    words += [
        Label(box.rect.left + 14, box.rect.top + 17, box.title, "left", style.TITLE_TEXT, family=style.SANS)
        for box in boxes
    ]
    if leaving:
        arrow = (
            xs_in[depth] + entering[depth].width + (xs_out[depth] - xs_in[depth] - entering[depth].width) / 2
        )
        words.append(Label(arrow, middle, "→", size=22, colour="$mute", family=style.SANS))
    return Scene(spots, tuple(boxes), tuple(words), tuple(braces), width, round(lowest + MARGIN))


def _column(nest: Nest, arrays: Sequence[Drawn], column: int, output: bool) -> _Column:
    blocks: list[_Block] = []
    headings: list[tuple[str, int, int]] = []
    group, started, y = "", 0, 0
    for array in arrays:
        if array.group != group and group:
            headings.append((group, started, y - BLOCK_GAP))
        if array.group != group and array.group:
            started, y = y, y + HEADING
        group = array.group
        block, y = _block(nest, array, column, y)
        blocks.append(block)
    if group:
        headings.append((group, started, y - BLOCK_GAP))
    indent = BRACE if headings else 0
    width = max((_block_width(nest, block, column) for block in blocks), default=style.PITCH)
    width = max([width, *(int(style.text_width(tree, style.LABEL_TEXT)) for tree, _, _ in headings)])
    moved = []
    for block in blocks:
        left = indent + (width - _block_width(nest, block, column)) // 2 + _reach(nest, block, column)
        moved.append(_Block(block.array, block.placement, left, block.y, block.label, block.notes))
    return _Column(column, output, tuple(moved), tuple(headings), width + indent, max(0, y - BLOCK_GAP))


def _block(nest: Nest, array: Drawn, column: int, y: int) -> tuple[_Block, int]:
    placement = place([array.shown[axis] for axis in array.drawn_axes(column)])
    side = labels.tick_side(nest, array, column)
    paper = PAPER if len(array.drawn_axes(column)) > 2 else 0
    top = y + paper + (17 if side == "above" else 4)
    notes = labels.notes(nest, array, column)
    block = _Block(array, placement, 0, top, labels.caption(nest, array, column), notes)
    return block, top + placement.height + paper + LABEL + NOTE * len(notes) + BLOCK_GAP


def _reach(nest: Nest, block: _Block, column: int) -> int:
    """Returns how far a block reaches left of, and by symmetry right of, its cells."""
    spare = max(0, _label_width(nest, block, column) - block.placement.width) // 2
    return max(spare, labels.tick_width(nest, block.array, column))


def _block_width(nest: Nest, block: _Block, column: int) -> int:
    return block.placement.width + 2 * _reach(nest, block, column)


def _label_width(nest: Nest, block: _Block, column: int) -> int:
    sizes = text.shape(block.array.shape_at(column))
    words = f"{labels.reference(nest, block.array, column, False)} {sizes}"
    notes = max((style.text_width(note, style.SMALL_TEXT, style.SANS) for note in block.notes), default=0)
    return int(max(style.text_width(words, style.LABEL_TEXT), notes)) + 6


def _extents(entering: list[_Column], leaving: list[_Column], depth: int) -> tuple[list[float], list[float]]:
    """Returns how far each box reaches above and below the middle line."""
    tops, bottoms = [0.0] * depth, [0.0] * depth
    for level in reversed(range(depth)):
        columns = [entering[level + 1], *([leaving[level + 1]] if leaving else [])]
        half = max(column.height for column in columns) / 2
        above = half if level + 1 == depth else max(half, tops[level + 1])
        below = half if level + 1 == depth else max(half, bottoms[level + 1])
        tops[level], bottoms[level] = above + TITLE, below + FOOT
    return tops, bottoms


def _across(
    nest: Nest, entering: list[_Column], leaving: list[_Column]
) -> tuple[list[int], list[int], list[tuple[int, int]], int]:
    """Returns the left edge of each column, in and out, of each box (left, right), and the whole width."""
    depth = len(nest.loops)
    xs_in, lefts, x = [MARGIN], [], MARGIN + entering[0].width
    for level in range(depth):
        lefts.append(x + BETWEEN)
        xs_in.append(x + BETWEEN + PAD)
        x = xs_in[-1] + entering[level + 1].width
    inside = entering[depth].width + 2 * PAD + (ARROW + leaving[depth].width if leaving else 0)
    spare = max(0, round(labels.title_width(nest, depth - 1) - inside))
    rights = [0] * depth
    xs_out = [0] * len(leaving)
    if leaving:
        x = x + ARROW + spare
        for level in reversed(range(depth)):
            xs_out[level + 1] = x
            rights[level] = x + leaving[level + 1].width + PAD
            x = rights[level] + BETWEEN
        xs_out[0] = x
        return xs_in, xs_out, list(zip(lefts, rights, strict=True)), x + leaving[0].width + MARGIN
    x += spare + PAD
    for level in reversed(range(depth)):
        rights[level] = x
        x += BETWEEN // 2
    return xs_in, xs_out, list(zip(lefts, rights, strict=True)), x + MARGIN


def _put(
    nest: Nest,
    column: _Column,
    x: int,
    y: int,
    spots: dict[tuple[str, int], Spot],
    words: list[Label],
    braces: list[Brace],
) -> None:
    for block in column.blocks:
        spot = Spot(block.array, column.column, block.placement, x + block.x, y + block.y)
        spots[block.array.key, column.column] = spot
        centre = spot.x + block.placement.width / 2
        paper = PAPER if len(spot.array.drawn_axes(spot.column)) > 2 else 0
        line = spot.y + block.placement.height + paper + 12
        words.append(Label(centre, line, block.label))
        for number, note in enumerate(block.notes):
            below = line + 16 + NOTE * number
            colour = "$bad" if note.startswith(labels.MISFIT) else "$mute"
            words.append(
                Label(
                    centre, below, text.escape(note), size=style.SMALL_TEXT, colour=colour, family=style.SANS
                )
            )
        for gap in block.placement.gaps:
            words.append(
                Label(
                    spot.x + gap.at[0],
                    spot.y + gap.at[1],
                    gap.symbol,
                    "center",
                    GAP_TEXT,
                    "$mute",
                    style.SANS,
                )
            )
        words += _ticks(nest, spot)
    for tree, top, bottom in column.headings:
        name = text.escape(text.shorten(tree, 20))
        words.append(Label(x + BRACE, y + top + 8, f"<b>{name}</b>", "left"))
        braces.append(Brace(x + 1, y + top + 4, y + bottom))


def _ticks(nest: Nest, spot: Spot) -> list[Label]:
    """Returns the index numbers of the axis that the next level maps, in that level's colour."""
    side = labels.tick_side(nest, spot.array, spot.column)
    axis = spot.array.mapped[spot.column] if side else None
    if axis is None:
        return []
    ticks = []
    paper = PAPER if len(spot.array.drawn_axes(spot.column)) > 2 else 0
    for index in spot.array.shown[axis]:
        rects = spot.windows(axis, index)
        nearest = min((rect.left for rect in rects), default=0)
        for rect in rects:
            if side == "above":
                x, y, anchor = (rect.left + rect.right) / 2, rect.top - 7 - paper, "center"
            elif rect.left == nearest:
                x, y, anchor = rect.left - 5 - paper, (rect.top + rect.bottom) / 2, "right"
            else:
                continue
            colour = style.level_token(spot.column)
            ticks.append(Label(x, y, f"<b>{index}</b>", anchor, style.SMALL_TEXT, colour))
    return ticks
