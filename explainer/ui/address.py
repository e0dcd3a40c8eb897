"""The address bar: it names what stands in the fields, so that a reload loses nothing.

    Draft ─▶ {"example": id, "r": word} ══ history.replaceState ══▶ session on the next load

Edits add no steps to the browser's history. A request too long for a link leaves only the example.
"""

from __future__ import annotations

from functools import cache

from streamlit.components import v2
from streamlit.components.v2.types import ComponentRenderer

from explainer import lessons, links
from explainer.spec import Request
from explainer.ui import session

_SCRIPT = """
export default function ({ data }) {
  const url = new URL(window.location.href);
  for (const [name, value] of Object.entries(data)) {
    if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, '', url);
}
"""


def follow() -> None:
    """Puts what stands in the fields into the address."""
    _component()(key="address", data=query())


def query() -> dict[str, str]:
    """Returns the query that opens the page as it stands; "" for a part the address does without."""
    state = session.current()
    lesson = lessons.find(state.lesson) if state.lesson else None
    request = state.draft.request()
    if request == Request() and state.page == session.DEBUGGER:
        return {"example": "", "r": ""}
    example = lesson.id if lesson else ""
    if lesson and request == lesson.request:
        return {"example": "" if lesson is lessons.LESSONS[0] else example, "r": ""}
    try:
        return {"example": example, "r": links.encode(request)}
    except links.LinkError:
        return {"example": example, "r": ""}


@cache
def _component() -> ComponentRenderer:
    return v2.component("vmap_explainer_address", js=_SCRIPT, isolate_styles=False)
