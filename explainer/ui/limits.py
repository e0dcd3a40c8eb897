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
    ("output_kb", "output past print", "{:,} KiB"),
    ("source_kb", "code and arguments", "{:,} KiB"),
    ("answer_mb", "the explanation itself", "{:,} MiB"),
)
LEVELS = {
    "sealed": "The code is shut in: nothing it does reaches this machine, its files or its network.",
    "contained": "The code is shut in: it reaches no file, process or network of this machine.",
    "bare": "The code is not shut in.",
}
FOOT = (
    "Past a limit it is stopped, and what was found before stays on the page. "
    f"So it is if it prints more than {PRINTED_CHARACTERS:,} characters. "
    "Who runs the app can set each limit in the list by the variable beside it."
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
    rows = [
        tag("tr", markup.join((tag("td", escape(words)), tag("td", escape(unit.format(value))), _code(name))))
        for field, words, unit in ROWS
        for value, name in [(getattr(limits, field), variables[field])]
    ]
    head = tag("p", escape("One explanation may use at most:"))
    foot = tag("p", escape(FOOT))
    return markup.join((head, tag("table", markup.join(rows)), foot))


def _code(name: str) -> Html:
    return tag("td", tag("code", escape(name)))


def _isolation(isolation: Isolation) -> Html:
    text = LEVELS.get(isolation.level, "")
    why = tag("ul", markup.join([tag("li", escape(reason)) for reason in isolation.reasons]))
    return markup.join((tag("p", escape(text)), why)) if text else Html("")
