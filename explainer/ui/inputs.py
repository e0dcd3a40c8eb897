"""The fields of the request but its axes: examples, the code, the mapped expression, arguments.

Session.draft ─▶ fields ─▶ Session.draft
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer import export, lessons, links, source
from explainer.lessons import Lesson
from explainer.spec import Argument
from explainer.ui import draft as drafts
from explainer.ui import markup, rows, session
from explainer.ui.draft import ArgumentRow
from explainer.ui.editor import editor
from explainer.ui.fills import read_fill
from explainer.ui.marks import Margin

_NARROWEST, _WIDEST = 64, 168  # of the field for an argument's name, px
_FRAME, _LETTER = 22, 7.6  # what its frame takes, and each character


def examples(offered: Sequence[Lesson] = lessons.LESSONS) -> DeltaGenerator:
    """Shows the menu of worked examples and what the open one teaches; returns the place of `way_back`."""
    state = session.current()
    current = lessons.find(state.lesson) if state.lesson else None
    if st.session_state.get("lesson") != state.lesson:
        st.session_state["lesson"] = state.lesson
    with st.container(horizontal=True, vertical_alignment="bottom", key="examples"):
        listed = offered if current is None or current in offered else (*offered, current)
        ids = [lesson.id for lesson in listed]
        st.selectbox(
            "Examples",
            ids,
            index=None,
            key="lesson",
            format_func=_menu_entry,
            placeholder="Examples",
            on_change=_open_example,
            label_visibility="collapsed",
        )
        _share()
    lesson = current
    message, summary = st.empty(), st.empty()
    if state.message:
        message.warning(markup.markdown(state.message))
    if lesson:
        summary.html(markup.tag("div", markup.escape(lesson.summary), "pg-note"))
    return st.container(horizontal=True, key="way-back")


def code(written: Margin) -> None:
    """Shows a large editor for whatever is pasted: it is run as a script."""
    state = session.current()
    markup.heading("Code that goes wrong", "a script, a function or a traceback; it runs at once")
    typed = editor(
        state.draft.code,
        key="code",
        label="Code that goes wrong",
        version=state.draft.version,
        hints=written.hints,
        marks=written.marks,
        links=written.links,
        spots=written.spots,
        for_code=written.code,
        lines=(14, 30),
        label_visible=False,
        placeholder="Paste it here.\n\nimport jax\nimport jax.numpy as jnp\n\njax.vmap(f)(x, y)",
    )
    state.draft = replace(state.draft, code=typed)


def function(written: Margin) -> None:
    """Shows the code editor and the expression that is mapped."""
    state = session.current()
    draft = state.draft
    script = draft.request().is_script
    _title(script)
    code = editor(
        draft.code,
        key="code",
        label="Function, for one example",
        version=draft.version,
        hints=written.hints,
        marks=written.marks,
        links=written.links,
        spots=written.spots,
        for_code=written.code,
        lines=(4, 22),
        label_visible=False,
        placeholder="def f(x):\n    return jnp.sin(x)",
    )
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="mapped"):
        markup.show(markup.tag("span", "What is mapped", "pg-note"), fit=True)
        mapped = editor(
            draft.function,
            key="function",
            label="What is mapped",
            version=draft.version,
            marks=written.function_marks,
            links=written.function_links,
            spots=written.function_spots,
            for_code=written.function,
            single_line=True,
            label_visible=False,
            placeholder="f, jax.grad(f); empty: a script",
        )
    state.draft = replace(state.draft, code=code, function=mapped)


def _title(script: bool) -> None:
    """Shows what the code is, and the way from a function to a script."""
    with st.container(horizontal=True, vertical_alignment="center", key="icons-code"):
        if script:
            markup.heading("Script", "runs top to bottom; every vmap call is listed")
            return
        markup.heading("Function, for one example")
        st.button(
            "Run as a script",
            icon=":material/play_arrow:",
            key="as-script",
            type="tertiary",
            help="Run the code top to bottom and list every vmap call that it makes. "
            "The fields below are emptied; they can be brought back.",
            on_click=session.run_as_script,
        )


def arguments(blamed: Collection[str]) -> None:
    """Shows one row per argument: name, value, how it is filled, whether it goes by name.

    The `blamed` ones are those that the last failure comes from.
    """
    state = session.current()
    rows.heading("arguments", "Arguments", "", "Add an argument", drafts.add_argument)
    nothing = st.empty()
    if not state.draft.arguments:
        script = state.draft.request().is_script
        words = "a script makes its own arrays." if script else "the function is called with nothing."
        nothing.html(markup.tag("div", f"No arguments: {words}", "pg-note"))
    longest = max((len(row.argument.name) for row in state.draft.arguments), default=0)
    width = min(max(_NARROWEST, _FRAME + round(longest * _LETTER)), _WIDEST)
    for row in state.draft.arguments:
        _argument(row, row.argument.name in blamed, width)
    rows.clear_rest("arguments", len(state.draft.arguments))


def wanted() -> None:
    """Shows the field for the output that the user wants; the ways to get it are told beside the picture."""
    state = session.current()
    request = state.draft.request()
    if request.is_script or not request.function.strip():
        return
    key = f"wanted:{state.draft.version}"
    with st.container(key="spec-wanted"):
        typed = st.text_input(
            "Wanted output",
            value=state.draft.wanted,
            key=key,
            placeholder="f32[3,4] or n d, m d -> n m",
            help="A shape, or the axes of the arguments and of the result by name. "
            "The levels that give it are looked for.",
        )
    state.draft = drafts.set_wanted(state.draft, typed or "")


def jax_code() -> None:
    """Shows the same request as plain JAX, ready to copy and run."""
    request = session.current().draft.request()
    if not request.function.strip():
        return
    markup.heading("The same in JAX")
    st.code(export.call(request), wrap_lines=True)
    with st.expander("As a script that runs as it stands"):
        st.code(export.script(request))


def way_back(place: DeltaGenerator) -> None:
    """Shows how to undo: the edits of an example, or the example that replaced own text."""
    state = session.current()
    lesson = lessons.find(state.lesson) if state.lesson else None
    edited = lesson is not None and state.draft.request() != lesson.request
    with place:
        if edited:
            st.button(
                "Undo all edits", icon=":material/restart_alt:", type="tertiary", on_click=_open_example
            )
        if state.undo is not None:
            st.button(state.undo_words, icon=":material/undo:", type="tertiary", on_click=session.undo)


def _menu_entry(lesson_id: str) -> str:
    lesson = lessons.find(lesson_id)
    return f"{lesson.topic} · {lesson.title}" if lesson else lesson_id


def _open_example() -> None:
    lesson = lessons.find(st.session_state["lesson"] or "")
    if lesson:
        session.load(lesson.request, lesson.id)


def _share() -> None:
    with st.popover("Share", icon=":material/link:", key="share", on_change="rerun") as box:
        if not box.open:
            return
        try:
            word = links.encode(session.current().draft.request())
        except links.LinkError as error:
            st.write(markup.markdown(str(error)))
            return
        base = (st.context.url or "").split("?")[0].rstrip("/")
        st.write("Copy this link; it opens the page with what stands in the fields now.")
        st.code(f"{base}/?r={word}", language=None, wrap_lines=True)


def _argument(row: ArgumentRow, blamed: bool, width: int) -> None:
    argument, uid = row.argument, row.uid
    key = f"argument-{uid}-blamed" if blamed else f"argument-{uid}"
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=key):
        name = st.text_input(
            "Name",
            value=argument.name,
            width=width,
            label_visibility="collapsed",
            key=f"name:{uid}",
        )
        value = st.text_input(
            f"Value of {markup.markdown(argument.name)}",
            value=argument.value,
            label_visibility="collapsed",
            placeholder="f32[3,2] or an expression",
            key=f"value:{uid}",
        )
        _fill(uid, value or "", st.empty())
        by_name = st.checkbox("kw", key=f"keyword:{uid}", value=argument.keyword)
        st.button(
            "Remove this argument",
            icon=":material/close:",
            key=f"icon:drop:{uid}",
            type="tertiary",
            help="Remove this argument",
            on_click=session.edit,
            args=(drafts.remove_argument, uid),
        )
    state = session.current()
    state.draft = drafts.set_argument(state.draft, uid, Argument(name or "", value or "", by_name))


def _fill(uid: int, value: str, slot: DeltaGenerator) -> None:
    """Shows how a shape spec is filled; an expression has no such choice."""
    fill = read_fill(value)
    if fill is None:
        return
    key = f"fill:{uid}"
    st.session_state[key] = fill
    slot.selectbox(
        "Filled with",
        source.FILLS,
        key=key,
        on_change=_refill,
        args=(uid,),
        label_visibility="collapsed",
        width=106,
    )


def _refill(uid: int) -> None:
    fill: source.Fill = next(fill for fill in source.FILLS if fill == st.session_state[f"fill:{uid}"])
    key = f"value:{uid}"
    st.session_state[key] = source.with_fill(st.session_state[key], fill)
