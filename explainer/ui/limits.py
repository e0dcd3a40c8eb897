"""What one explanation may use here, and what shuts its code in: told before any of it is met.

sandbox.Limits, Report.isolation ─▶ popover beside the status line
"""

from __future__ import annotations

import streamlit as st

from explainer import sandbox
from explainer.report import PRINTED_CHARACTERS, Isolation
from explainer.ui import markup
from explainer.ui.markup import Html, escape, tag

ROWS = (
    ("deadline_s", "time", "{:g} s"),
    ("memory_mb", "memory", "{:,} MiB"),
    ("threads", "threads", "{:,}"),
    ("output_kb", "native output", "{:,} KiB"),
    ("source_kb", "code, arguments", "{:,} KiB"),
    ("answer_mb", "explanation", "{:,} MiB"),
)
LEVELS = {
    "sealed": "The code is shut in: nothing it does reaches this machine, its files or its network.",
    "contained": "The code is shut in: it reaches no file, process or network of this machine.",
    "bare": "The code is not shut in.",
}
FOOT = (
    "Past a limit it is stopped, and what was found before stays on the page. "
    "Who runs the app can set a limit by the variable that stands beside it."
)


def popover(isolation: Isolation) -> None:
    """Shows a button that tells the limits of one explanation and the level of isolation."""
    with st.popover("Limits", icon=":material/speed:", type="tertiary"):
        markup.show(tag("div", markup.join((_table(), _isolation(isolation))), "pg-limits"))


def _table() -> Html:
    try:
        limits, variables = sandbox.Limits(), sandbox.VARIABLES
    except sandbox.SettingError as error:
        return tag("p", escape(f"{error}."))
    rows = [_row(words, unit.format(getattr(limits, field)), variables[field]) for field, words, unit in ROWS]
    rows.insert(3, _row("printed text", f"{PRINTED_CHARACTERS:,} characters", ""))
    head = tag("p", escape("One explanation may use at most:"))
    foot = tag("p", escape(FOOT))
    return markup.join((head, tag("table", markup.join(rows)), foot))


def _row(words: str, value: str, variable: str) -> Html:
    cells = (tag("td", escape(words)), tag("td", escape(value)), tag("td", tag("code", escape(variable))))
    return tag("tr", markup.join(cells))


def _isolation(isolation: Isolation) -> Html:
    text = LEVELS.get(isolation.level, "")
    why = tag("ul", markup.join([tag("li", escape(reason)) for reason in isolation.reasons]))
    return markup.join((tag("p", escape(text)), why)) if text else Html("")
