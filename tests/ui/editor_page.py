"""A page with the editor, a single line and what Python has of them: the browser tests look at it."""

import json

import streamlit as st

from explainer.ui.editor import Hint, HintPart, Mark, editor, runs

PAIRS = "def dist(x, y):\n    d = x - y\n    return jnp.sum(d)\n"
BROKEN = "def f(x):\n    s = 'é𝔘' + undefined\n    return s\n"
HINT = Hint(2, (HintPart("d: f32["), HintPart("3", level=0), HintPart(",2]")))
MARK = Mark(2, 15, 2, 24, "NameError: name 'undefined' is not defined")


def main() -> None:
    """Draws the page; the button puts other code into the editor."""
    version = st.session_state.setdefault("version", 0)
    code, hints, marks = [(PAIRS, [HINT], []), (BROKEN, [], [MARK])][version % 2]
    typed = editor(
        code, key="code", label="Function", version=version, hints=hints, marks=marks, for_code=code
    )
    axes = editor("(0, None)", key="axes", label="in_axes", single_line=True)
    st.button("Load", on_click=_load)
    held = {"code": typed, "axes": axes, "runs": [runs("code"), runs("axes")]}
    st.code(json.dumps(held), language=None, wrap_lines=True)


def _load() -> None:
    st.session_state.version += 1


main()
