"""The list of vmap calls that the code made, and which of them the page shows.

    Explanation ─▶ list ─▶ the Explanation of one call ─▶ picture, tabs

A choice is kept as long as the call is still there, though its line may have moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from explainer.report import Level, Report
from explainer.ui import marks, markup, session
from explainer.ui.explanation import Explanation, redraw
from explainer.ui.session import Call
from explainer.views.focus import focus
from explainer.views.level_text import calls_text
from explainer.views.outline import Row, outline, starting

_MOST_RADIOS = 16  # beyond that a menu, which can be searched


def calls(shown: Explanation) -> Explanation:
    """Shows the list, if there is one, and returns the explanation of the call that is picked in it."""
    place = st.empty()
    rows = outline(shown.report)
    if not rows:
        return shown
    level = picked(shown)
    with place.container(key=marks.CALLS_KEY, gap="xxsmall"):
        _list(rows, level, shown.report)
    return _focused(shown, level)


def picked(shown: Explanation | None) -> int | None:
    """Returns the level that the user chose, as long as there is one like it; else the first to show."""
    if shown is None:
        return None
    report, chosen = shown.report, session.current().call
    rows = outline(report)
    if not rows:
        return None
    alike = [row.level for row in rows if chosen is not None and row.kind == chosen.kind]
    if chosen is not None and alike:
        return chosen.level if chosen.level in alike else alike[0]
    return starting(report)


def _list(rows: Sequence[Row], level: int | None, report: Report) -> None:
    by_level = {row.level: row for row in rows}
    found = [each for each in report.levels if each.captured]
    st.session_state["call"] = level
    markup.heading("Calls", _counted(found, report))
    few = len(rows) <= _MOST_RADIOS
    field = st.radio if few else st.selectbox
    field(
        "Call to show",
        list(by_level),
        key="call",
        format_func=lambda each: _label(by_level[each], marked=few),
        on_change=_choose,
        args=({each: row.kind for each, row in by_level.items()},),
        label_visibility="collapsed",
    )


def _counted(found: Sequence[Level], report: Report) -> str:
    failed = report.failure is not None and not report.failure.limit
    one = "; one is shown" if sum(level.count for level in found) > 1 else ""
    return f"{calls_text(found)} {'up to the error' if failed else 'in your code'}{one}"


def _label(row: Row, *, marked: bool) -> str:
    """Returns the row, indented; `marked`: as Markdown, which the buttons read and the menu does not."""
    return "\u2003" * row.depth + (markup.markdown(row.label) if marked else row.label)


def _choose(kinds: dict[int | None, str]) -> None:
    level = st.session_state["call"]
    session.current().call = Call(level, kinds.get(level, ""))


def _focused(shown: Explanation, level: int | None) -> Explanation:
    """Returns the explanation of one call, the one drawn before if it is still that."""
    state = session.current()
    if level is None:
        return shown
    whole, before, one = state.drawn or (None, None, shown)
    if whole is not shown or before != level:
        one = _about(shown, level)
        state.drawn = shown, level, one
    if state.good is shown:
        state.good = one
    return one


def _about(shown: Explanation, level: int) -> Explanation:
    report = focus(shown.report, level)
    picture = shown.picture if level == starting(shown.report) else redraw(report, None)
    return replace(shown, report=report, picture=picture, call=level)
