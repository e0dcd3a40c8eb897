"""The animation on a page: the player component, or Plotly's own controls where it cannot load.

    figures.animation ──▶ Animation ──▶ show ──▶ the cell a reader clicked

The component is a few lines of loader; player.js, player.css and plotly.js come from the
app's own static folder, so nothing is asked of any other host.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from plotly.basedatatypes import BaseFigure
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from explainer.figures import style
from explainer.figures.animation import Animation
from explainer.figures.native import native

STATIC = Path(__file__).resolve().parents[2] / "static"

LOADER = """
const url = name => new URL('app/static/' + name, document.baseURI).href;
const lib = () => window.__vmapPlayer ||= import(url('player.js?v=VERSION'));
export default component => {
  let off, gone = false;
  lib().then(module => { if (!gone) off = module.default(component, url); })
    .catch(error => {
      console.error(error);
      window.__vmapPlayer = null;
      component.setStateValue('broken', true);
    });
  return () => { gone = true; off && off(); };
}
"""


def show(animation: Animation, key: str) -> str | None:
    """Shows an animation; returns the example of the output cell just clicked, "1,2", or None."""
    state = st.session_state.get(key)
    if state is not None and state.get("broken"):
        st.caption("The player could not be loaded; Plotly's own controls stand in.")
        chart(native(animation, theme()), f"{key}-native")
        return None
    result = _component()(
        key=key,
        data={"fig": animation.payload, "meta": animation.meta},
        on_cell_change=_ignore,
        on_broken_change=_ignore,
    )
    return result.cell


def chart(figure: dict[str, object], key: str) -> None:
    """Shows a complete figure as it is: no theme on top, and no slow validation of our own output.

    On a narrow page it scrolls sideways: squeezed, the numbers in its cells would run into each other.
    """
    with st.container(key=f"wide-{key}"):
        st.plotly_chart(_Raw(figure), theme=None, key=key, width="content", config={"displayModeBar": False})


def theme() -> style.Theme:
    """Returns the theme of the reader's page."""
    return "dark" if st.context.theme.type == "dark" else "light"


class _Raw(BaseFigure):
    """A figure that hands out its dict unchecked; plotly.py would take 60 to 140 ms to validate it."""

    def __init__(self, figure: dict[str, object]) -> None:
        self.__dict__["_figure"] = figure

    def to_dict(self) -> dict[str, Any]:  # the base class says Any
        return self.__dict__["_figure"]


def _ignore() -> None:
    """Makes the component report a change; the value itself is read from its result."""


@cache
def _component() -> ComponentRenderer:
    version = hashlib.sha256(b"".join((STATIC / name).read_bytes() for name in ("player.js", "player.css")))
    loader = LOADER.replace("VERSION", version.hexdigest()[:12])
    return component("vmap_player", html="<div></div>", js=loader, isolate_styles=False)
