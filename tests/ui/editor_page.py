"""A page with the editor, a single line, what Python has of them, and equations: for the browser tests."""

import json

import streamlit as st

from explainer.ui.editor import Hint, HintPart, Link, Mark, editor, runs, text

PAIRS = "def dist(x, y):\n    d = x - y\n    return jnp.sum(d)\n"
BROKEN = "def f(x):\n    s = 'é𝔘' + undefined\n    return s\n"
HINT = Hint(
    2,
    (
        HintPart("d: "),
        HintPart("f32[2] in ", room="wide"),
        HintPart("f32["),
        HintPart("i:3", level=0),
        HintPart(",2]"),
    ),
)
LINKS = (
    Link(2, 8, 2, 13, equations=(0,), parts=(HintPart("f32[2]"),), words="sub"),
    Link(3, 11, 3, 21, equations=(1,), inside=(2,), words="reduce_sum, 1 inside"),
    Link(3, 19, 3, 20, equations=(2,), words="neg"),
)
ROWS = "".join(f'<div class="pg-e{n}" tabindex="0">equation {n}</div>' for n in range(4))
MARK = Mark(2, 15, 2, 24, "NameError: name 'undefined' is not defined")


def edit() -> None:
    """Draws both fields; the button puts other code into the editor."""
    version = st.session_state.setdefault("version", 0)
    code, hints, marks, links = [(PAIRS, [HINT], [], LINKS), (BROKEN, [], [MARK], ())][version % 2]
    typed = editor(
        code,
        key="code",
        label="Function",
        version=version,
        hints=hints,
        marks=marks,
        links=links,
        for_code=code,
    )
    st.session_state.setdefault("kept", "(0, None)")
    axes = editor(st.session_state.kept, key="axes", label="in_axes", single_line=True, on_change=_keep)
    st.button("Load", on_click=_load)
    held = {"code": typed, "axes": axes, "runs": [runs("code"), runs("axes")]}
    st.code(json.dumps(held), language=None, wrap_lines=True)
    st.html(ROWS)


def other() -> None:
    """Draws a page without the editor."""
    st.code(f"kept: {st.session_state.kept}", language=None)


def _keep() -> None:
    st.session_state.kept = text(st.session_state.kept, key="axes")


def _load() -> None:
    st.session_state.version += 1


st.navigation([st.Page(edit, default=True), st.Page(other)], position="top").run()
