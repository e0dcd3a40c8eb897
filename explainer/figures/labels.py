"""The words on the still picture: titles of boxes, names and shapes of arrays, what is left out.

Labels that name a level carry its colour; everything from the user is escaped here.
"""

from __future__ import annotations

from explainer.figures import style, text
from explainer.figures.plan import Drawn, Nest

MISFIT = "✗"
"""Begins a line that tells what does not fit."""


def hue(level: int, words: str) -> str:
    """Returns words in bold and in a level's colour; `words` must be safe already."""
    return f'<span style="color:{style.level_token(level)}"><b>{words}</b></span>'


def box_title(nest: Nest, level: int) -> str:
    """Returns what a box does: "for each i: vmap over j", and innermost "for each j: dist".

    A level over devices: "on each device i: dist".
    """
    function = f"<b>{text.escape(text.shorten(nest.function, 34))}</b>"
    if nest.plain:
        return function
    inner = level + 1 == len(nest.loops)
    further = "" if inner else f"{_transform(nest, level + 1)} over {hue(level + 1, _name(nest, level + 1))}"
    what = further or function
    return f"{_each(nest, level)} {hue(level, _name(nest, level))}: {what}"


def title_width(nest: Nest, level: int) -> float:
    """Returns about how wide a title is, with room around it."""
    inner = level + 1 == len(nest.loops)
    further = "" if inner else f"{_transform(nest, level + 1)} over {_name(nest, level + 1)}"
    words = further or text.shorten(nest.function, 34)
    lead = "" if nest.plain else f"{_each(nest, level)} {_name(nest, level)}: "
    return (len(lead) + len(words) * 1.12) * style.TITLE_TEXT * 0.56 + 28


def caption(nest: Nest, array: Drawn, column: int) -> str:
    """Returns name and shape as HTML; a size that a level still maps is in that level's colour."""
    sizes = []
    for axis in array.axes_at(column):
        level = array.mapped.index(axis) if axis in array.mapped else None
        size = str(array.shape[axis])
        sizes.append(size if level is None else hue(level, size))
    shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    return f'{reference(nest, array, column, True)} <span style="color:$mute">{shape}</span>'


def reference(nest: Nest, array: Drawn, column: int, html: bool) -> str:
    """Returns how one writes what stands in a column: X, X[i], Y[:, j]."""
    entries = [":"] * len(array.shape)
    for level, axis in enumerate(array.mapped[:column]):
        if axis is not None:
            name = text.shorten(nest.loops[level].name, 8)
            entries[axis] = hue(level, text.escape(name)) if html else name
    while entries and entries[-1] == ":":
        entries.pop()
    label = text.escape(array.label) if html else array.label
    return f"{label}[{','.join(entries)}]" if entries else label


def notes(nest: Nest, array: Drawn, column: int) -> tuple[str, ...]:
    """Returns the small lines below a name: who shares the array, and which indices are drawn."""
    mark = array.mark if array.mark and array.mark.column == column else None
    lines = [f"{MISFIT} {mark.words}"] if mark else []
    if column < len(nest.loops) and not nest.plain and array.mapped[column] is None and not mark:
        name = text.shorten(nest.loops[column].name, 12)
        lines.append(f"one for every {name}" if array.output else f"shared by every {name}")
    if column == 0:
        for axis, kept in enumerate(array.shown):
            words = text.selection(kept, array.shape[axis])
            if words:
                lines.append(words if len(array.shape) == 1 else f"axis {axis}: {words}")
    return tuple(lines)


def tick_side(nest: Nest, array: Drawn, column: int) -> str:
    """Returns where the index numbers of the axis mapped next stand: above, left, or "" without one."""
    if column >= len(nest.loops) or array.mapped[column] is None:
        return ""
    axes = array.drawn_axes(column)
    from_last = len(axes) - 1 - axes.index(array.mapped[column])
    return "above" if from_last % 2 == 0 else "left"


def tick_width(nest: Nest, array: Drawn, column: int) -> int:
    """Returns the room for index numbers on the left, 0 without any there."""
    if tick_side(nest, array, column) != "left":
        return 0
    axis = array.mapped[column]
    shown = () if axis is None else array.shown[axis]
    return int(style.text_width(str(shown[-1]) if shown else "", style.SMALL_TEXT)) + 10


def _each(nest: Nest, level: int) -> str:
    return "for each" if _transform(nest, level) == "vmap" else "on each device"


def _transform(nest: Nest, level: int) -> str:
    return nest.loops[level].transform


def _name(nest: Nest, level: int) -> str:
    return text.escape(text.shorten(nest.loops[level].name, 12))
