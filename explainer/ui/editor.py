"""The code editor, a Streamlit widget: CodeMirror with shape hints, error marks, links to the equations.

    code, hints, marks, links ─▶ editor() ══ static/editor.js ══▶ the text now in the field

The field owns its text while `version` stands: reruns never move the cursor. A new `version` puts
`code` in its place. If the browser cannot load the script, a plain text field takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.components import v2
from streamlit.components.v2.types import ComponentRenderer

from explainer.figures import style

_SCRIPT = Path(__file__).parents[2] / "static" / "editor.js"
_BROKEN = "editor-broken"  # session key: this browser could not load the script
_LOADER = """
const url = new URL('app/static/editor.js?v=VERSION', document.baseURI).href;
let script;
export default function (component) {
  script ||= import(url);
  const { parentElement, setStateValue } = component;
  script.then((editor) => editor.mount(component), () => setStateValue('broken', true));
  return () => script.then((editor) => editor.unmount(parentElement), () => {});
}
"""
_CSS = """
.vx-label { font: 14px/1.6 var(--st-font); color: var(--st-text-color); margin-bottom: 4px; }
.vx-label:empty { display: none; }
.vx-problems, .vx-said { position: absolute; width: 1px; height: 1px; overflow: hidden; }
.vx-problems, .vx-said { clip-path: inset(50%); }
.vx-editor { position: relative; }
"""

Severity = Literal["error", "warning", "info", "active"]


@dataclass(frozen=True, slots=True)
class HintPart:
    """A piece of a hint; `level` gives it the colour of that vmap level.

    `room` says where it is shown: everywhere, only in a wide editor, or only in a narrow one.
    """

    text: str
    level: int | None = None
    room: Literal["", "wide", "narrow"] = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """A grey pill at the end of a line (1-based): `d: f32[2]`."""

    line: int
    parts: tuple[HintPart, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An expression and the equations that light up with it: elements of class `pg-e<id>`.

    `equations` are its own, `inside` those of the functions that it called. Pointing at the
    expression, or putting the cursor there, shows `parts` and `words` beside it.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    equations: tuple[int, ...]
    inside: tuple[int, ...] = ()
    parts: tuple[HintPart, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the text, as a Mark has it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the page that stands for parts of the text: pointing at it, or focus in it, lights them.

    `selector` is its CSS selector: ".pg-found-2".
    """

    selector: str
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked range: 1-based lines, 0-based columns in characters, end exclusive.

    "active" highlights the line and the range; the others underline the range, tint the line,
    put a dot in the gutter and show `message` under the pointer.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    message: str = ""
    severity: Severity = "error"


def editor(  # noqa: PLR0913 - the options of a widget, all by name
    code: str,
    *,
    key: str,
    label: str,
    version: int | str = 0,
    hints: Sequence[Hint] = (),
    marks: Sequence[Mark] = (),
    links: Sequence[Link] = (),
    spots: Sequence[Spot] = (),
    for_code: str | None = None,
    single_line: bool = False,
    lines: tuple[int, int] | None = None,
    placeholder: str = "",
    label_visible: bool = True,
    on_change: Callable[[], None] | None = None,
) -> str:
    """Draws the editor and returns the text in it: `code` until the user has typed.

    Hints, marks, links and spots count only while the field holds `for_code` (None: the text returned).
    `single_line` makes Enter run, as Ctrl-Enter does everywhere. `lines` is the least and the greatest
    height. `on_change` is called before the rerun that brings new text; read it with `text`.
    """
    now = text(code, key=key, version=version)
    if st.session_state.get(_BROKEN) or not _SCRIPT.is_file():
        return _plain(now, key, label, version, single_line, placeholder, label_visible, on_change)
    _component()(
        key=key,
        data={
            "name": key,
            "text": now,
            "version": version,
            "runs": runs(key),
            "label": label,
            "label_visible": label_visible,
            "placeholder": placeholder,
            "single_line": single_line,
            "lines": lines or ((1, 8) if single_line else (6, 24)),
            "for_code": now if for_code is None else for_code,
            "hints": [_hint_data(hint) for hint in hints],
            "marks": [asdict(mark) for mark in marks],
            "links": [{**asdict(link), "parts": _parts_data(link.parts)} for link in links],
            "spots": [asdict(spot) for spot in spots],
            "palette": _palette(),
        },
        on_typed_change=on_change or _nothing,
        on_broken_change=lambda: _give_up(key),
    )
    return now


def text(code: str, *, key: str, version: int | str = 0) -> str:
    """Returns what the editor `key` holds, before or after it is drawn: `code` until the user has typed."""
    plain = st.session_state.get(_plain_key(key, version))
    if isinstance(plain, str):
        return plain
    state = _state(key)
    typed = state.get("text")
    return typed if isinstance(typed, str) and state.get("version") == version else code


def runs(key: str) -> int:
    """Returns how often the user has asked to run (Ctrl-Enter, or Enter in a single line)."""
    count = _state(key).get("runs")
    return count if isinstance(count, int) else 0


def _state(key: str) -> dict[str, Any]:
    """Returns {"text", "version", "runs"} as the browser sent it last, {} before that."""
    held = st.session_state.get(key)
    typed = held.get("typed") if isinstance(held, dict) else None
    return typed if isinstance(typed, dict) else {}


def _hint_data(hint: Hint) -> dict[str, Any]:
    return {"line": hint.line, "parts": _parts_data(hint.parts)}


def _parts_data(parts: Sequence[HintPart]) -> list[dict[str, Any]]:
    """Returns the pieces with the number of a hue for each level: the fifth has the first one again."""
    return [
        {
            "text": part.text,
            "level": None if part.level is None else part.level % style.HUES,
            "room": part.room,
        }
        for part in parts
    ]


def _palette() -> dict[str, list[str]]:
    themes: tuple[style.Theme, ...] = ("light", "dark")
    return {theme: [style.level_colour(n, theme) for n in range(style.HUES)] for theme in themes}


@cache
def _component() -> ComponentRenderer:
    """Registers the component; its script's own hash in the address makes a new build load at once."""
    with _SCRIPT.open() as script:
        build = script.readline().rpartition(" ")[2].strip()[:12]
    js = _LOADER.replace("VERSION", build)
    # Not isolated: Streamlit's hotkeys must see that the keys go to an editable field.
    return v2.component("vmap_explainer_editor", js=js, css=_CSS, isolate_styles=False)


def _give_up(key: str) -> None:
    held = st.session_state.get(key)
    if isinstance(held, dict) and held.get("broken"):
        st.session_state[_BROKEN] = True


def _nothing() -> None:
    """Registers a state without reacting to it."""


def _plain_key(key: str, version: int | str) -> str:
    return f"{key}-plain-{version}"


def _plain(
    now: str,
    key: str,
    label: str,
    version: int | str,
    single_line: bool,
    placeholder: str,
    label_visible: bool,
    on_change: Callable[[], None] | None,
) -> str:
    """Draws Streamlit's own text field in the editor's place."""
    field = st.text_input if single_line and "\n" not in now else st.text_area
    return field(
        label,
        value=now,
        key=_plain_key(key, version),
        placeholder=placeholder or None,
        label_visibility="visible" if label_visible else "collapsed",
        on_change=on_change,
    )
