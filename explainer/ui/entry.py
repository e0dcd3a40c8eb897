"""The debugger's start: what to paste, mistakes to try, what a traceback says, how a function is mapped.

text ─▶ nothing: examples | a traceback: what it says | functions only: name the one to map
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

import streamlit as st

from explainer import lessons
from explainer.spec import Argument, Request, Vmap
from explainer.ui import markup, session
from explainer.ui.markup import escape, tag
from explainer.views import pasted
from explainer.views.pasted import Frame, Pasted

_MOST = 6  # functions of a pasted text that are offered
_SHOWN = 9  # mistakes to try


@dataclass(frozen=True, slots=True)
class Defined:
    """A function that stands in a pasted text, with the names of its positional arguments."""

    name: str
    arguments: tuple[str, ...]


def started() -> bool:
    """Tells whether there is something to run; if not, shows what to do, or what a traceback says."""
    request = session.current().draft.request()
    place = st.empty()
    told = pasted.read(request.code) if request.is_script and _tree(request.code) is None else None
    if request == Request():
        with place.container(key="welcome", gap="small"):
            _welcome()
    elif told is not None:
        with place.container(key="traceback", gap="small"):
            _traceback(told)
    return request != Request() and told is None


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
    tree = _tree(code)
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)] if tree else []
    names = [(node.name, (*node.args.posonlyargs, *node.args.args)) for node in found]
    return tuple(Defined(name, tuple(each.arg for each in given)) for name, given in reversed(names))


def _tree(code: str) -> ast.Module | None:
    """Returns the text as Python reads it, None if it is no Python."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


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


def _traceback(told: Pasted) -> None:
    """Shows what a traceback says, where it comes from, and the way to what can be run."""
    title = tag("h4", escape(f"A traceback of {told.error_type}"))
    said = tag("p", escape(told.explanation or told.message), "pg-words")
    missing = tag("p", escape(told.missing), "pg-where") if told.missing else ""
    markup.show(tag("div", title + said + missing, "pg-card", role="alert"))
    if told.request is not None:
        st.button(
            "Run what it tells",
            icon=":material/play_arrow:",
            key="reproduce",
            help="Puts a request that fails in the same way into the fields; the text can be brought back.",
            on_click=session.load,
            args=(told.request, None),
        )
    if told.frames:
        markup.heading("Your code in it", "outermost first")
        lines = "\n".join(_frame_text(frame) for frame in told.frames)
        st.code(lines, language=None, wrap_lines=True)
    if told.message:
        with st.expander("The error as it was raised"):
            st.code(f"{told.error_type}: {told.message}", language=None, wrap_lines=True)


def _frame_text(frame: Frame) -> str:
    where = f"{frame.file}, line {frame.line}" + (f", in {frame.function}" if frame.function else "")
    return f"{where}\n    {frame.text}" if frame.text else where


def _state(code: str, function: Defined) -> None:
    arguments = tuple(Argument(name, "f32[3]") for name in function.arguments)
    session.load(Request(code, function.name, arguments, (Vmap(),)), None)
