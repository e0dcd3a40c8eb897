"""The address bar: it names what stands in the fields, so that a reload loses nothing.

    Draft ─▶ {"example": id, "r": word, …} ══ history.replaceState ══▶ session on the next load

Edits add no steps to the browser's history. What is too long for an address is kept in the browser's tab
(sessionStorage); the address then names it, and the next session gets it from there: see `kept`.
"""

from __future__ import annotations

import secrets
from functools import cache

from streamlit.components import v2
from streamlit.components.v2.types import ComponentRenderer

from explainer import lessons, links
from explainer.ui import keeping, kept, session

_SCRIPT = """
function keep(name, word) {
  try {
    if (name) sessionStorage.setItem('explainer-draft', JSON.stringify({ name, word }));
    else sessionStorage.removeItem('explainer-draft');
  } catch { /* the browser stores nothing for this page */ }
}

export default function ({ data: { word, ...query } }) {
  keep(query.kept, word);
  const url = new URL(window.location.href);
  for (const name of ['example', 'r', 'at', 'd', 'kept']) {
    if (query[name]) url.searchParams.set(name, query[name]); else url.searchParams.delete(name);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, '', url);
}
"""


def open_page(name: str) -> None:
    """Makes a page the one on screen, with what stood in its fields."""
    kept.hand_over()
    session.show_page(name)


def follow() -> None:
    """Puts what stands in the fields into the address."""
    state, asked = session.current(), query()
    state.kept = asked.get("kept", state.kept)
    data = asked | {"word": links.pack(state.draft)} if "kept" in asked else asked
    _component()(key="address", data=data)


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


@cache
def _component() -> ComponentRenderer:
    return v2.component("vmap_explainer_address", js=_SCRIPT, isolate_styles=False)
