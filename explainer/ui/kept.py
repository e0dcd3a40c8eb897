"""Kept: the text that only the browser's tab has, being too long for an address, handed to the next session.

    sessionStorage ── when the connection drops, or when asked ──▶ session.bring_back

The browser says it before it must: whatever message reaches the next process first brings the text along,
with the state of every field. So nothing is drawn, or run, from anything else in between.
"""

from __future__ import annotations

from functools import cache

import streamlit as st
from streamlit.components import v2
from streamlit.components.v2.types import ComponentRenderer

from explainer.ui import session

_SCRIPT = """
const app = document.querySelector('[data-test-connection-state]');
let say;  // the way to Python
let asked;
let told = false;

function tell() {
  const name = new URL(window.location.href).searchParams.get('kept');
  if (!name) return;
  told = true;
  say('kept', { name, word: held(name) });
}

function held(name) {
  try {
    const { name: of, word } = JSON.parse(sessionStorage.getItem('explainer-draft'));
    return of === name ? word : '';
  } catch { return ''; }  // nothing there, or the browser stores nothing for this page
}

if (app) {
  new MutationObserver(() => {
    if (app.dataset.testConnectionState !== 'CONNECTED' && !told) tell();
  }).observe(app, { attributeFilter: ['data-test-connection-state'] });
}

export default function ({ data, setStateValue }) {
  say = setStateValue;
  if (data.awaited && asked !== data.awaited) {
    asked = data.awaited;
    tell();
  } else if (!data.awaited && told) {
    told = false;
    say('kept', null);
  }
}
"""


def hand_over() -> None:
    """Takes the kept text from the browser if this session waits for it; ends the run until it is here."""
    state = session.current()
    said = _component()(key="kept", data={"awaited": state.awaited}, on_kept_change=_heard).get("kept")
    if not state.awaited:
        return
    if not isinstance(said, dict) or said.get("name") != state.kept:
        st.stop()
    session.bring_back(str(said.get("word")))


def _heard() -> None:
    """Makes Streamlit keep the value: it is read where the component is drawn."""


@cache
def _component() -> ComponentRenderer:
    return v2.component("vmap_explainer_kept", js=_SCRIPT, isolate_styles=False)
