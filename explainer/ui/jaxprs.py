"""Jaxprs: the program for one example beside the one after each level, linked line by line."""

from __future__ import annotations

import streamlit as st

from explainer.report import JaxprText, Report
from explainer.ui import markup
from explainer.ui.markup import Html, escape, tag

_MOST = 400  # lines with links; the plain text has all


def jaxprs(report: Report) -> None:
    """Shows two listings; resting on a line lights up the lines that came from the same equation."""
    if report.jaxpr is None:
        return
    titles = [f"after vmap {level.name}" for level in reversed(report.levels)]
    titles = titles[: len(report.jaxpr.levels)]
    chosen = titles[-1] if titles else None
    if len(titles) > 1:
        chosen = st.segmented_control(
            "Batched by", titles, default=titles[-1], key=f"jaxpr of {titles}", required=True
        )
    left, right = st.columns(2)
    with left:
        _listing("For one example", report.jaxpr.example)
    with right:
        if chosen in titles:
            _listing(f"{chosen[0].upper()}{chosen[1:]}", report.jaxpr.levels[titles.index(chosen)])
        else:
            markup.show(tag("p", "There is no vmap, so this is the whole program.", "pg-note"))
    markup.show(_links(report.jaxpr.example))


def _listing(title: str, jaxpr: JaxprText) -> None:
    lines = jaxpr.text.splitlines()
    rows = (_line(number, line, jaxpr) for number, line in enumerate(lines[:_MOST]))
    markup.show(tag("div", escape(title), "pg-note"))
    markup.show(tag("div", "".join(rows), "pg-listing", tabindex="0", role="region"))
    with st.expander("Plain text to copy"):
        st.code(jaxpr.text, language=None)


def _line(number: int, text: str, jaxpr: JaxprText) -> Html:
    equation = jaxpr.lines[number] if number < len(jaxpr.lines) else None
    label = tag("i", "" if equation is None else str(equation))
    return tag("div", label + escape(text), "" if equation is None else f"pg-e{equation}")


def _links(example: JaxprText) -> Html:
    """Returns the style that lights up an equation everywhere when one of its lines is under the pointer."""
    ids = sorted({line for line in example.lines[:_MOST] if line is not None})
    glow = "background:var(--pg-tint);border-left-color:var(--pg-l0)"
    return Html(
        "<style>" + "".join(f".stApp:has(.pg-e{n}:hover) .pg-e{n}{{{glow}}}" for n in ids) + "</style>"
    )
