"""Jaxprs: the program for one example beside the one after each level, paired line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from explainer.report import JaxprText, Report
from explainer.ui import markup
from explainer.ui.markup import Html, escape, tag
from explainer.views.jaxpr_diff import Line, Row, diff
from explainer.views.level_text import transforms_text

_MOST = 400  # lines of each program that are compared; the plain text has all
_SIGNS = {
    "same": ("", ""),
    "grown": ("", ""),
    "changed": ("~", "~"),
    "replaced": ("−", "+"),
    "added": ("", "+"),
    "gone": ("−", ""),
}
_PAIRED = ("same", "grown", "changed")
_SAID = (
    ("added", "+ {} added by batching"),
    ("gone", "− {} gone"),
    ("changed", "~ {} with other parameters"),
)


def jaxprs(report: Report) -> None:
    """Shows two listings side by side; resting on a line lights up all that came from the same equation."""
    if report.jaxpr is None:
        return
    example, after = report.jaxpr.example, _after(report)
    if not after:
        markup.show(tag("p", "There is no vmap, so this is the whole program.", "pg-note"))
        _alone(example)
        _plain({"For one example": example})
        return
    titles = list(after)
    chosen = titles[-1]
    if len(titles) > 1:
        chosen = (
            st.segmented_control(
                "Batched by", titles, default=chosen, key=f"jaxpr of {titles}", required=True
            )
            or chosen
        )
    title = f"{chosen[0].upper()}{chosen[1:]}"
    _side_by_side(example, after[chosen], title)
    _plain({"For one example": example, title: after[chosen]})


def _after(report: Report) -> dict[str, JaxprText]:
    """Returns the programs by the levels they have: after vmap j; after vmap j, then i."""
    texts = report.jaxpr.levels if report.jaxpr else ()
    found = {}
    for text in texts:
        applied = [level for level in reversed(report.stated) if level.id >= (text.level or 0)]
        found[f"after {transforms_text(applied)}"] = text
    return found


def _side_by_side(example: JaxprText, batched: JaxprText, title: str) -> None:
    rows = diff(example, batched, _MOST)
    head = tag("div", "For one example", "pg-side pg-head") + tag("div", escape(title), "pg-side pg-head")
    body = "".join(
        "".join(map(_pair, run)) if paired else _run(tuple(run))
        for paired, run in groupby(rows, lambda row: row.kind in _PAIRED)
    )
    markup.show(tag("div", _summary(rows), "pg-note pg-key"))
    lines = [line for row in rows for line in (row.left, row.right) if line]
    _region(head + body, "pg-diff", "Jaxprs side by side", lines)
    if any(len(text.text.splitlines()) > _MOST for text in (example, batched)):
        markup.show(tag("p", f"The first {_MOST} lines of each are compared.", "pg-note"))


def _summary(rows: Sequence[Row]) -> Html:
    """Returns the count of each kind of line, with its sign, and what the mark in a line means."""
    counts = Counter[str]()
    for row in rows:
        if row.kind == "replaced":
            counts.update(("added", "gone"))
        else:
            counts[row.kind] += 1
    said = [escape(text.format(counts[kind])) for kind, text in _SAID if counts[kind]]
    if any(row.kind == "grown" for row in rows):
        said.append(Html(f"{tag('mark', 'underlined')}: not the same on both sides"))
    return Html(" · ".join(said) or "The same program.")


def _pair(row: Row) -> Html:
    left, right = _SIGNS[row.kind]
    return Html(_side(row.left, left, row.kind, "was") + _side(row.right, right, row.kind, "now"))


def _run(rows: Sequence[Row]) -> Html:
    """Returns lines without counterparts: those that are gone, beside those that are new."""
    gone = "".join(_side(row.left, _SIGNS[row.kind][0], row.kind, "was") for row in rows)
    new = "".join(_side(row.right, _SIGNS[row.kind][1], row.kind, "now") for row in rows)
    return tag("div", tag("div", gone) + tag("div", new), "pg-run")


def _side(line: Line | None, sign: str, kind: str, side: str) -> Html:
    if line is None:
        return Html("")
    number = escape(line.equation) if line.opens else ""
    indent = len(line.text) - len(line.text.lstrip())
    words = "".join(tag("mark", escape(text)) if new else escape(text) for text, new in line.parts).lstrip()
    content = tag("i", number) + tag("b", sign) + tag("span", words, style=f"--indent:{indent // 2}ch")
    return tag("div", content, f"pg-side pg-{side} pg-{kind} {markup.equation_class(line.equation)}".strip())


def _alone(jaxpr: JaxprText) -> None:
    rows = diff(jaxpr, jaxpr, _MOST)
    lines = [row.right for row in rows if row.right]
    body = "".join(_side(line, "", "same", "now") for line in lines)
    _region(body, "pg-diff pg-alone", "Jaxpr", lines)


def _region(content: str, css: str, name: str, lines: Sequence[Line]) -> None:
    markup.show(tag("div", content, css, tabindex="0", role="region", aria_label=name))
    markup.show(markup.lights(line.equation for line in lines))


def _plain(texts: dict[str, JaxprText]) -> None:
    with st.expander("Plain text to copy"):
        for title, text in texts.items():
            st.caption(markup.markdown(title))
            st.code(text.text, language=None)
