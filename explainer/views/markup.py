"""HTML from untrusted text: names, messages, printed text and reprs come from foreign code.

`Html` is text that is safe to show as it is; everything else passes `escape` on its way in.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NewType

from explainer.report import BatchedAval
from explainer.source import short_dtype
from explainer.views.fix_text import Line

Html = NewType("Html", str)


def escape(text: object) -> Html:
    """Returns any text so that it shows as it is."""
    return Html(html.escape(str(text)))


def tag(name: str, content: str, css: str = "", **attributes: str) -> Html:
    """Returns one element round content that is safe already."""
    given = ({"class": css} if css else {}) | attributes
    extra = "".join(f' {key.replace("_", "-")}="{html.escape(value)}"' for key, value in given.items())
    return Html(f"<{name}{extra}>{content}</{name}>")


def prose(text: str) -> Html:
    """Returns sentences with the code in them set as code: "`x @ W` fails" -> <code>x @ W</code> fails."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner
        return escape(text)
    return join(tag("code", escape(part)) if at % 2 else escape(part) for at, part in enumerate(parts))


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Returns safe parts as one; `between` must be safe too."""
    return Html(between.join(parts))


def diff_line(line: Line) -> Html:
    """Returns the sign of a line of a diff and its text, the words that differ marked."""
    parts, at = [escape(f"{line.sign} ")], 0
    for start, end in line.marks:
        parts += [escape(line.text[at:start]), tag("mark", escape(line.text[start:end]))]
        at = end
    return join([*parts, escape(line.text[at:])])


def table(head: Sequence[str], bodies: Iterable[Iterable[Sequence[Html]]]) -> Html:
    """Returns a table with one or more groups of rows; it scrolls sideways rather than being clipped.

    A row of a single cell is as wide as the table.
    """
    top = join(tag("th", escape(title), scope="col") for title in head)
    groups = join(tag("tbody", join(_row(cells, len(head)) for cells in rows)) for rows in bodies)
    return tag("div", tag("table", tag("thead", tag("tr", top)) + groups), "pg-scroll", tabindex="0")


def level(index: int, text: str) -> Html:
    """Returns text in the colour of a level."""
    return tag("b", escape(text), f"pg-l{index % 4}")


def type_text(dtype: str, sizes: Sequence[int]) -> Html:
    """Returns a type as JAX writes it: f32[3, 2]."""
    return escape(f"{short_dtype(dtype)}[{', '.join(map(str, sizes))}]")


def typed(dtype: str, sizes: Sequence[int], named: dict[int, tuple[int, str]]) -> Html:
    """Returns a type whose axes belong to levels: {0: (0, "i")} -> f32[i:3, 2] with i:3 coloured."""
    parts = (
        level(named[axis][0], f"{named[axis][1]}:{size}") if axis in named else escape(size)
        for axis, size in enumerate(sizes)
    )
    return Html(f"{escape(short_dtype(dtype))}[{join(parts, ', ')}]")


def aval(value: BatchedAval, names: Sequence[str]) -> Html:
    """Returns the batched type with each level's axis marked: f32[i:3, j:4, 2]."""
    dims = enumerate(value.batch_dims[: len(names)])
    named = {axis: (number, names[number]) for number, axis in dims if axis is not None}
    return typed(value.dtype, value.batched_shape, named)


def _row(cells: Sequence[Html], width: int) -> Html:
    if len(cells) == 1:
        return tag("tr", tag("td", cells[0], colspan=str(width)))
    return tag("tr", join(tag("td", cell) for cell in cells))
