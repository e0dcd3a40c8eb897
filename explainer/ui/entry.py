"""The debugger's start: what to paste, mistakes to try, how a function alone is mapped.

text ─▶ nothing: examples | functions only: name the one to map
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import streamlit as st

from explainer import lessons
from explainer.spec import Argument, Request, Vmap
from explainer.ui import markup, session
from explainer.ui.markup import escape, tag

_MOST = 6  # functions of a pasted text that are offered
_SHOWN = 9  # mistakes to try


@dataclass(frozen=True, slots=True)
class Defined:
    """A function that stands in a pasted text, with the names of its positional arguments."""

    name: str
    arguments: tuple[str, ...]


def started() -> bool:
    """Tells whether there is something to run; if not, shows what to do."""
    request = session.current().draft.request()
    place = st.empty()
    if request == Request():
        with place.container(key="welcome", gap="small"):
            _welcome()
    return request != Request()


def mappable(request: Request, *, shown: bool) -> None:
    """Offers to map the functions of a text that calls no vmap itself."""
    place = st.empty()
    found = functions(request.code) if shown and request.is_script else ()
    if not found:
        return
    with place.container(key="mappable", gap="xsmall"):
        words = "Which function shall be mapped? Its arguments and axes can then be filled in."
        markup.show(tag("p", escape(words), "pg-note"))
        with st.container(horizontal=True):
            for each in found[:_MOST]:
                st.button(
                    f"Map {markup.markdown(each.name)}",
                    key=f"map-{each.name}",
                    on_click=_state,
                    args=(request.code, each),
                )


def functions(code: str) -> tuple[Defined, ...]:
    """Lists the functions that a text defines at its top level, the last first."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = [(node.name, (*node.args.posonlyargs, *node.args.args)) for node in found]
    return tuple(Defined(name, tuple(each.arg for each in given)) for name, given in reversed(names))


def _welcome() -> None:
    words = (
        "Paste code into the editor. A script is run as it is; what goes wrong in its vmap calls is "
        "explained, with fixes that were tried. Or look at one of these:"
    )
    markup.show(tag("p", escape(words), "pg-lead"))
    with st.container(key="tries", gap="xxsmall"):
        for lesson in lessons.broken()[:_SHOWN]:
            st.button(
                markup.markdown(lesson.title),
                key=f"try-{lesson.id}",
                icon=":material/bug_report:",
                type="tertiary",
                on_click=session.load,
                args=(lesson.request, lesson.id),
            )


def _state(code: str, function: Defined) -> None:
    arguments = tuple(Argument(name, "f32[3]") for name in function.arguments)
    session.load(Request(code, function.name, arguments, (Vmap(),)), None)
