"""The address bar: it names what stands in the fields, so that a reload loses nothing.

    Draft ─▶ {"example": id, "r": word, …} ══ history.replaceState ══▶ session on the next load

Edits add no steps to the browser's history. What is too long for an address is kept in the browser's tab
(sessionStorage); the address then names it, and the next session asks the tab for it.
"""

from __future__ import annotations

import secrets
from functools import cache

import streamlit as st
from streamlit.components import v2
from streamlit.components.v2.types import ComponentRenderer

from explainer import lessons, links
from explainer.ui import keeping, session

_KEY = "address"
_SCRIPT = """
const KEY = 'explainer-draft';
let asked;

function kept(name) {
  try {
    const held = JSON.parse(sessionStorage.getItem(KEY));
    return held.name === name ? held.word : '';
  } catch { return ''; }  // nothing there, or the browser stores nothing for this page
}

function keep(name, word) {
  try {
    if (name) sessionStorage.setItem(KEY, JSON.stringify({ name, word }));
    else sessionStorage.removeItem(KEY);
  } catch { /* the browser stores nothing for this page */ }
}

export default function ({ data, setTriggerValue }) {
  const { awaited, word, ...query } = data;
  if (awaited) {
    if (asked !== awaited) setTriggerValue('kept', { awaited, word: kept(query.kept) });
    asked = awaited;
    return;
  }
  keep(query.kept, word);
  const url = new URL(window.location.href);
  for (const name of ['example', 'r', 'at', 'd', 'kept']) {
    if (query[name]) url.searchParams.set(name, query[name]); else url.searchParams.delete(name);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, '', url);
}
"""


def open_page(name: str) -> None:
    """Makes a page the one on screen; first waits for the text that only the browser has."""
    state = session.current()
    if state.awaited:
        _mount({"kept": state.kept, "awaited": state.awaited})
        st.stop()
    session.show_page(name)


def follow() -> None:
    """Puts what stands in the fields into the address."""
    state, asked = session.current(), query()
    state.kept = asked.get("kept", state.kept)
    _mount(asked | {"word": links.pack(state.draft)} if "kept" in asked else asked)


def query() -> dict[str, str]:
    """Returns the query that opens the page as it stands; "" for an example or a request it does without."""
    state = session.current()
    lesson = lessons.find(state.lesson) if state.lesson else None
    example = lesson.id if lesson else ""
    request, at = state.draft.request(), keeping.numbered(state.draft)
    if state.page == session.DEBUGGER and state.draft == session.blank():
        return {"example": "", "r": ""}
    place = {} if at in ("", "0.0") else {"at": at}
    if at and lesson and request == lesson.request:
        return {"example": "" if lesson is lessons.LESSONS[0] else example, "r": "", **place}
    whole = {"example": example, "r": "", **place}
    name, value = ("r", request) if at else ("d", state.draft)
    word = links.pack(value)
    if len(word) <= links.LONGEST:
        return whole | {name: word}
    return whole | {"kept": state.kept or secrets.token_hex(4)}


def _mount(data: dict[str, str]) -> None:
    _component()(key=_KEY, data=data, on_kept_change=_brought)


def _brought() -> None:
    """Takes in what the browser has kept, once, and only if this session has asked for it."""
    told = st.session_state[_KEY].get("kept")
    state = session.current()
    if isinstance(told, dict) and told.get("awaited") == state.awaited != "":
        session.bring_back(str(told.get("word")))


@cache
def _component() -> ComponentRenderer:
    return v2.component("vmap_explainer_address", js=_SCRIPT, isolate_styles=False)
