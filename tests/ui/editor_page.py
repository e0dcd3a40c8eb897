"""A page with the editor, a single line and what Python has of them: the browser tests look at it."""

import json

import streamlit as st

from explainer.ui.editor import Hint, HintPart, Mark, editor, runs, text

PAIRS = "def dist(x, y):\n    d = x - y\n    return jnp.sum(d)\n"
BROKEN = "def f(x):\n    s = 'é𝔘' + undefined\n    return s\n"
HINT = Hint(2, (HintPart("d: f32["), HintPart("3", level=0), HintPart(",2]")))
MARK = Mark(2, 15, 2, 24, "NameError: name 'undefined' is not defined")


def edit() -> None:
    """Draws both fields; the button puts other code into the editor."""
    version = st.session_state.setdefault("version", 0)
    code, hints, marks = [(PAIRS, [HINT], []), (BROKEN, [], [MARK])][version % 2]
    typed = editor(
        code, key="code", label="Function", version=version, hints=hints, marks=marks, for_code=code
    )
    st.session_state.setdefault("kept", "(0, None)")
    axes = editor(st.session_state.kept, key="axes", label="in_axes", single_line=True, on_change=_keep)
    st.button("Load", on_click=_load)
    held = {"code": typed, "axes": axes, "runs": [runs("code"), runs("axes")]}
    st.code(json.dumps(held), language=None, wrap_lines=True)


def other() -> None:
    """Draws a page without the editor."""
    st.code(f"kept: {st.session_state.kept}", language=None)


def _keep() -> None:
    st.session_state.kept = text(st.session_state.kept, key="axes")


def _load() -> None:
    st.session_state.version += 1


st.navigation([st.Page(edit, default=True), st.Page(other)], position="top").run()
