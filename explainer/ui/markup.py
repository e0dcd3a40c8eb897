"""HTML and Markdown from untrusted text: everything a child produced goes through here.

Names, messages, printed text and reprs come from foreign code; `Html` is text that is safe to show.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

import streamlit as st

from explainer.report import BatchedAval
from explainer.source import short_dtype
from explainer.views.markup import Html as Html
from explainer.views.markup import escape as escape
from explainer.views.markup import join as join

_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)  # where a bare address can be broken
_JOINER = "\u2060"  # has no width, and no address holds it
_GLOW = "background:var(--pg-tint);box-shadow:inset 3px 0 var(--pg-glow)"
_CODE = re.compile(r"`([^`\n]+)`")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&\"'])")


def coded(text: str) -> Html:
    """Returns any text so that it shows as it is, but what stands in backticks as code."""
    return Html(_CODE.sub(r'<code class="pg-code">\1</code>', escape(text)))


def markdown(text: str) -> str:
    """Returns text for a widget's label: every Markdown sign escaped, no address a link, on one line."""
    return _MARKDOWN.sub(r"\\\1", _LINK.sub(_JOINER, " ".join(text.split())))


def tag(name: str, content: str, css: str = "", **attributes: str) -> Html:
    """Returns one element round content that is safe already."""
    extra = "".join(f' {key.replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    return Html(
        f'<{name} class="{css}"{extra}>{content}</{name}>' if css else f"<{name}{extra}>{content}</{name}>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Html]], css: str = "") -> Html:
    """Returns a table that scrolls sideways rather than being clipped."""
    return table_of(head, join(row(cells) for cells in rows), css)


def table_of(head: Sequence[str], rows: Html, css: str = "") -> Html:
    """Returns a table of rows that are made already."""
    top = "".join(f"<th>{escape(title)}</th>" for title in head)
    return Html(
        f'<div class="pg-scroll"><table class="pg-table {css}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def row(cells: Sequence[Html], css: str = "", under: Html | None = None) -> Html:
    """Returns a row of a table, and what is said under it, as wide as what one sees of the table."""
    made = tag("tr", "".join(tag("td", cell) for cell in cells), f"{css} pg-over" if under else css)
    if under is None:
        return made
    aside = tag("td", tag("div", under, "pg-aside"), colspan=str(len(cells)))
    return join((made, tag("tr", aside, f"{css} pg-under".strip())))


def level(index: int, text: str) -> Html:
    """Returns text in the colour of a level."""
    return tag("span", escape(text), f"pg-level pg-l{index % 4}")


def shape(sizes: Sequence[int], named: dict[int, tuple[int, str]] | None = None) -> Html:
    """Returns a shape; `named` gives axes to levels: {0: (0, "i")} -> (i:3, 2) with i:3 coloured."""
    return Html(f"({_sizes(sizes, named or {})}{',' if len(sizes) == 1 else ''})")


def aval(value: BatchedAval, names: Sequence[str]) -> Html:
    """Returns the batched type with each level's axis marked: f32[i:3, j:4, 2]."""
    named = {
        axis: (n, names[n]) for n, axis in enumerate(value.batch_dims) if axis is not None and n < len(names)
    }
    return Html(f"{escape(short_dtype(value.dtype))}[{_sizes(value.batched_shape, named)}]")


def dtype_shape(dtype: str, sizes: Sequence[int]) -> Html:
    """Returns a type as JAX writes it: f32[3, 2]."""
    return escape(f"{short_dtype(dtype)}[{', '.join(map(str, sizes))}]")


def link(text: str, url: str) -> Html:
    """Returns a link that opens beside the page, which keeps its state."""
    return tag("a", escape(text), "pg-link", href=url, target="_blank", rel="noopener")


def equation_class(equation: int | None) -> str:
    """Returns the class of all that shows one equation; whatever has the same one lights up together."""
    return "" if equation is None else f"pg-e{equation}"


def lights(equations: Iterable[int | None]) -> Html:
    """Returns the style that lights up an equation everywhere while the pointer rests on one place of it."""
    names = sorted({equation_class(each) for each in equations if each is not None})
    return Html(
        "<style>" + "".join(f".stApp:has(.{name}:hover) .{name}{{{_GLOW}}}" for name in names) + "</style>"
    )


def show(content: Html, *, fit: bool = False) -> None:
    """Puts safe HTML on the page, as wide as the column or just as wide as it is."""
    st.html(content, width="content" if fit else "stretch")


def heading(text: str, small: str = "") -> None:
    """Puts a heading of ours on the page."""
    aside = tag("small", escape(small)) if small else ""
    show(tag("h3", escape(text) + aside, "pg-h"))


def _sizes(sizes: Sequence[int], named: dict[int, tuple[int, str]]) -> str:
    parts = (
        level(named[n][0], f"{named[n][1]}:{size}") if n in named else str(size)
        for n, size in enumerate(sizes)
    )
    return ", ".join(parts)
