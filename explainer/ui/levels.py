"""The vmap levels of the request: per level a control for every leaf, and the spec as text.

    Session.draft, Session.known ─▶ rows of controls ─▶ Session.draft

The text is the truth. The controls are drawn from the last report that understood this text;
choosing an axis writes the text anew. Text no report understood leaves the controls disabled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

import streamlit as st

from explainer import axes
from explainer.report import MappedLeaf, Report
from explainer.ui import draft as drafts
from explainer.ui import markup, rows, session, words
from explainer.ui.draft import Draft, LevelRow
from explainer.ui.session import Known

_SIDES = ("in", "out")
_MOST_CONTROLS = 12  # leaves with a control of their own; beyond that the text is quicker
_FAULT = markup.tag("small", "see the error", "pg-bad")
_BY_NAME = {"in": "What is passed by name is always mapped over axis 0.", "out": ""}
_MOST_AXES = 12  # axes a control offers
_NAMES_AND_SIZES = ("axis_name", "axis_size", "spmd_axis_name")
_UNDER_WAY_S = 1.0  # that a control's new value may need to the browser: on the way back comes the old one


def levels(blamed: Collection[int]) -> None:
    """Shows one row per level, outermost first, and a way to add one.

    The `blamed` ones, counted without muted levels, are those that the last failure comes from.
    """
    _read()
    nest = session.current().draft.levels
    aside = "outermost level first" if len(nest) > 1 else ""
    rows.heading("levels", "Axes", aside, "Add a level inside the others", drafts.add_level)
    nothing = st.empty()
    if not nest:
        script = session.current().draft.request().is_script
        words = "A script calls jax.vmap itself." if script else "The function gets the whole arguments."
        nothing.html(markup.tag("div", f"No vmap here. {words}", "pg-note"))
    active = 0
    for place, row in enumerate(nest):
        _level(row, place, None if row.muted else active, not row.muted and active in blamed)
        active += not row.muted
    rows.clear_rest("levels", len(nest))


def learn(report: Report) -> None:
    """Takes over from a report what its levels map, for the rows whose text it has understood."""
    state = session.current()
    active = [row for row in state.draft.levels if not row.muted]
    for row, level in zip(active, report.stated, strict=False):
        if level.in_axes == row.vmap.in_axes and level.inputs:
            known = tuple(leaf.axis for leaf in level.inputs)
            state.known[row.uid, "in"] = Known(level, level.in_axes, known)
        if level.out_axes == row.vmap.out_axes and level.outputs:
            known = tuple(leaf.axis for leaf in level.outputs)
            state.known[row.uid, "out"] = Known(level, level.out_axes, known)


def drawn() -> dict[tuple[int, str], tuple[object, ...]]:
    """Returns what the controls show, to tell whether a report has changed it."""
    state = session.current()
    uids = {row.uid for row in state.draft.levels}
    return {key: _looks(known, key[1]) for key, known in state.known.items() if key[0] in uids}


def _looks(known: Known, side: str) -> tuple[object, ...]:
    level = known.level
    leaves = level.inputs if side == "in" else level.outputs
    ranks = tuple((leaf.path, len(leaf.shape)) for leaf in leaves)
    template = level.in_template if side == "in" else level.out_template
    return known.text, known.axes, ranks, template, level.axis_size


def _read() -> None:
    """Takes over what was typed or chosen, before anything is drawn from it."""
    state = session.current()
    for row in state.draft.levels:
        typed = {"in_axes": f"in-text:{row.uid}", "out_axes": f"out-text:{row.uid}"}
        texts = {name: st.session_state[key] or "" for name, key in typed.items() if key in st.session_state}
        for name in _NAMES_AND_SIZES:
            if f"{name}:{row.uid}" in st.session_state:
                texts[name] = st.session_state[f"{name}:{row.uid}"] or None
        _set(row, **texts)


def _set(row: LevelRow, **texts: str | None) -> None:
    """Puts what was typed into a level."""
    state = session.current()
    state.draft = drafts.set_level(state.draft, row.uid, replace(row.vmap, **texts))


def _level(row: LevelRow, place: int, active: int | None, blamed: bool) -> None:
    uid = row.uid
    with st.container(key=f"level-{uid}-hue{'-off' if active is None else active % 4}"):
        _head(row, place, active, blamed)
        with st.container(horizontal=True, key=f"axes-{uid}"):
            if active is not None:
                _controls(row)
        _texts(row)
        if uid in session.current().advanced:
            _names(row)


def _texts(row: LevelRow) -> None:
    uid, typed = row.uid, {}
    with st.container(horizontal=True, key=f"spec-{uid}"):
        for side, text in (("in", row.vmap.in_axes), ("out", row.vmap.out_axes)):
            typed[f"{side}_axes"] = st.text_input(
                f"{side}_axes",
                value=text,
                key=f"{side}-text:{uid}",
                disabled=row.muted,
                label_visibility="collapsed",
                width="stretch" if side == "in" else 170,
            )
    _set(row, **typed)


def _head(row: LevelRow, place: int, active: int | None, blamed: bool) -> None:
    uid, last = row.uid, len(session.current().draft.levels) - 1
    with st.container(horizontal=True, vertical_alignment="center", key=f"icons-{uid}"):
        markup.show(_title(row, active, blamed))
        _icon("arrow_upward", f"icon:up:{uid}", "Move outwards", place == 0, drafts.swap_level, uid, -1)
        _icon("arrow_downward", f"icon:down:{uid}", "Move inwards", place == last, drafts.swap_level, uid, 1)
        label = "Put this level back" if row.muted else "Leave this level out for now"
        _icon(
            "visibility_off" if row.muted else "visibility",
            f"icon:mute:{uid}",
            label,
            False,
            drafts.mute_level,
            uid,
        )
        st.button(
            "Names and sizes",
            icon=":material/tune:",
            key=f"icon:names:{uid}",
            type="tertiary",
            help="axis_name, axis_size, spmd_axis_name",
            on_click=_advanced,
            args=(uid,),
        )
        _icon("close", f"icon:remove:{uid}", "Remove this level", False, drafts.remove_level, uid)


def _title(row: LevelRow, active: int | None, blamed: bool) -> markup.Html:
    if active is None:
        return markup.tag(
            "div", markup.tag("span", "vmap", "pg-off") + markup.tag("small", "left out"), "pg-name"
        )
    title = markup.level(active, words.level_name(active, row.vmap.axis_name))
    return markup.tag("div", title + (_FAULT if blamed else _examples(row, active)), "pg-name")


def _examples(row: LevelRow, active: int) -> markup.Html:
    """Returns how many examples the level walks over, if the report on screen is about these axes."""
    latest = session.current().latest
    level = latest.report.stated[active : active + 1] if latest and not latest.report.failure else ()
    size = next((each.axis_size for each in level if each.in_axes == row.vmap.in_axes), None)
    if size is None:
        return markup.Html("")
    return markup.tag("small", f"{size:,} example{'' if size == 1 else 's'}")


def _icon(icon: str, key: str, label: str, disabled: bool, change: Callable[..., Draft], *args: int) -> None:
    st.button(
        label, icon=f":material/{icon}:", key=key, help=label, disabled=disabled, type="tertiary",
        on_click=session.edit, args=(change, *args),
    )  # fmt: skip


def _controls(row: LevelRow) -> None:
    texts = {"in": row.vmap.in_axes, "out": row.vmap.out_axes}
    for side in _SIDES:
        known = session.current().known.get((row.uid, side))
        if known is None:
            continue
        leaves = known.level.inputs if side == "in" else known.level.outputs
        understood = known.text == texts[side]
        for number, leaf in enumerate(leaves[:_MOST_CONTROLS]):
            _control(row.uid, side, number, leaf, known, understood)
        if len(leaves) > _MOST_CONTROLS:
            more = len(leaves) - _MOST_CONTROLS
            markup.show(markup.tag("div", f"and {more} more: use the text below", "pg-note"))


def _control(uid: int, side: str, number: int, leaf: MappedLeaf, known: Known, understood: bool) -> None:
    axis = known.axes[number]
    template = known.level.in_template if side == "in" else known.level.out_template
    has_hole = any(number in axes.holes(part) for part in template.parts)
    offered = [
        str(choice) for choice in axes.choices(min(len(leaf.shape), _MOST_AXES), axis, shared=side == "in")
    ]
    key = f"axis:{side}:{uid}:{number}"
    before = st.session_state.get(key, str(axis))
    if before != str(axis):
        session.current().replaced[key] = before, time.monotonic()
    st.session_state[key] = str(axis)
    path = leaf.path if len(leaf.path) <= 24 else f"…{leaf.path[-23:]}"
    help_text = (
        None if has_hole else f"No control for this one: edit {side}_axes below. {_BY_NAME[side]}".strip()
    )
    st.segmented_control(
        markup.markdown(path),
        offered,
        key=key,
        required=True,
        disabled=not (understood and has_hole),
        help=help_text,
        on_change=_choose,
        args=(uid, side, number),
    )


def _choose(uid: int, side: str, number: int) -> None:
    """Writes the text of a spec anew after one control has changed.

    Not where the browser has only not heard yet that the text is another one: whatever it sends then, of
    another field, has the control's old value in it.
    """
    state, key = session.current(), f"axis:{side}:{uid}:{number}"
    known, chosen = state.known[uid, side], st.session_state[key]
    old, since = state.replaced.get(key, ("", 0.0))
    if chosen == old and time.monotonic() < since + _UNDER_WAY_S:
        return
    picked = list(known.axes)
    picked[number] = None if chosen == "None" else int(chosen)
    if side == "in":
        text = axes.write_in_axes(known.level.in_template, picked)
    else:
        text = axes.write_out_axes(known.level.out_template, picked)
    state.known[uid, side] = replace(known, text=text, axes=tuple(picked))
    st.session_state[f"{side}-text:{uid}"] = text


def _names(row: LevelRow) -> None:
    with st.container(horizontal=True, key=f"names-{row.uid}-fields"):
        for name in _NAMES_AND_SIZES:
            text = getattr(row.vmap, name) or ""
            st.text_input(name, value=text, key=f"{name}:{row.uid}", width=132, placeholder="None")


def _advanced(uid: int) -> None:
    session.current().advanced ^= {uid}
