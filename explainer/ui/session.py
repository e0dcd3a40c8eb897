"""What one browser session holds between reruns: the draft, the reports, the running job.

    widgets ─▶ draft ─▶ request ─▶ job ─▶ reports ─▶ views

The only module that knows the keys of `st.session_state`, widget keys included.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer import export, lessons, links
from explainer.axes import Axis
from explainer.lessons import Lesson
from explainer.report import Level, to_msgpack
from explainer.spec import Request
from explainer.ui import draft as drafts
from explainer.ui import keeping
from explainer.ui.draft import Draft
from explainer.ui.explanation import Explanation
from explainer.ui.job import Job

DEBUGGER = "debugger"
BACK = "Back to my text"
_KEPT = 8  # final reports per session
_KEPT_BYTES = 16 << 20  # of them all, as they came from a worker; the last one is kept whatever it takes


@dataclass(frozen=True, slots=True)
class Known:
    """A level as the worker understood it: its leaves, and the axes that one text means."""

    level: Level
    text: str
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """The call that the user chose to see: its level (None: the request's own nest), its kind."""

    level: int | None
    kind: str


@dataclass(slots=True)
class Session:
    """The state of one session. `lesson` is the id of the example that was opened last."""

    draft: Draft
    lesson: str | None
    opened: Request  # what the example or link put into the fields, to tell edits from it
    tab: str = field(default_factory=lambda: secrets.token_hex(8))  # tells this one from the browser's others
    message: str = ""  # about the link that opened the page
    undo: Draft | None = None
    undo_lesson: str | None = None
    undo_words: str = BACK
    page: str = ""  # that has drawn the fields; "": none yet
    kept: str = ""  # under what name the browser keeps a draft too long for the address
    awaited: str = ""  # a number of our own while the browser is asked for that draft
    known: dict[tuple[int, str], Known] = field(default_factory=dict)  # by level uid and "in" or "out"
    replaced: dict[str, tuple[str, float]] = field(default_factory=dict)  # by control: old value, since when
    reports: dict[Request, Explanation] = field(default_factory=dict)
    sizes: dict[Request, int] = field(default_factory=dict)  # of each of the reports, bytes
    good: Explanation | None = None
    latest: Explanation | None = None  # on screen now
    outdated: bool = False  # the fields were drawn before `latest` was known
    job: Job | None = None
    again: Request | None = None  # that was asked to run again
    line: DeltaGenerator | None = None  # where the status line stands
    longest: dict[str, int] = field(default_factory=dict)  # rows that each list has had at most
    advanced: set[int] = field(default_factory=set)  # uids of levels whose names and sizes are shown
    example: tuple[int, ...] | None = None  # that the lens follows, an index per level; None: not picked yet
    call: Call | None = None  # chosen from the list of calls
    drawn: tuple[Explanation, int, Explanation] | None = None  # one call of the first, by its level
    iterations: dict[int, int] = field(default_factory=dict)  # that the lens shows, by the loop's equation


def current() -> Session:
    """Returns this session's state, opened on what the URL asks for."""
    if "session" not in st.session_state:
        st.session_state["session"] = _open()
    return cast(Session, st.session_state["session"])


def edit(change: Callable[..., Draft], *arguments: int) -> None:
    """Makes one edit of the draft: `change(draft, *arguments)`."""
    state = current()
    state.draft = change(state.draft, *arguments)


def load(request: Request, lesson: str | None) -> None:
    """Puts another request into the fields; the text that stood there can be brought back."""
    state = current()
    if state.lesson is None or state.draft.request() != state.opened:
        _keep(BACK)
    state.draft = drafts.replaced(state.draft, request)
    state.opened, state.lesson, state.message, state.call = request, lesson, "", None


def run_as_script() -> None:
    """Leaves only the code, which then runs top to bottom; a call that worked is written below it."""
    state = current()
    request, shown = state.draft.request(), state.latest
    read = shown.report.stage("parse") if shown is not None and shown.request == request else None
    code = export.script(request) if read is not None and read.status == "done" else request.code
    _keep(BACK)
    state.opened = Request(code=code)
    state.draft = drafts.replaced(state.draft, state.opened)
    state.lesson, state.message, state.call = None, "", None


def apply(request: Request) -> None:
    """Puts a fix into the fields; what stood there can be brought back."""
    state = current()
    _keep("Undo the fix")
    state.draft = drafts.applied(state.draft, request)


def show_page(name: str) -> None:
    """Takes the fields along to another page, which draws them anew; the debugger starts out empty."""
    state = current()
    if state.page == name:
        return
    drawn, state.page = bool(state.page), name
    first = lessons.LESSONS[0]
    if name == DEBUGGER and state.lesson == first.id and state.draft.request() == first.request:
        state.draft, state.lesson, state.opened = drafts.replaced(state.draft, Request()), None, Request()
    elif not drawn:
        return  # the fields keep the numbers that the address gave them
    elif name != DEBUGGER and state.draft.request() == Request():
        state.draft = drafts.replaced(state.draft, first.request)
        state.lesson, state.opened = first.id, first.request
    else:
        state.draft = drafts.renewed(state.draft)
    state.message = ""


def blank() -> Draft:
    """Returns the fields that the debugger starts out with."""
    return drafts.replaced(drafts.from_request(lessons.LESSONS[0].request), Request())


def point_at(example: tuple[int, ...], iterations: dict[int, int]) -> None:
    """Points the lens at an example, and at these iterations of loops."""
    state = current()
    state.example = example
    state.iterations |= iterations


def undo() -> None:
    """Brings back the text that an example replaced."""
    state = current()
    if state.undo is None:
        return
    state.call = None
    version, next_uid = state.draft.version + 1, state.draft.next_uid
    state.draft = drafts.renewed(replace(state.undo, version=version, next_uid=next_uid))
    state.lesson, state.undo = state.undo_lesson, None
    lesson = lessons.find(state.lesson) if state.lesson else None
    state.opened = lesson.request if lesson else state.draft.request()


def _keep(words: str) -> None:
    """Keeps what stands in the fields, to be brought back by a button of these words."""
    state = current()
    state.undo, state.undo_lesson, state.undo_words = state.draft, state.lesson, words


def remember(explanation: Explanation) -> None:
    """Keeps a finished explanation, forgetting the oldest, and those that were never run."""
    state = current()
    reports = state.reports
    for request in [each for each, known in reports.items() if _refused(known)]:
        del reports[request]
    if reports.pop(explanation.request, None) is not explanation:
        state.sizes[explanation.request] = len(to_msgpack(explanation.report))
    reports[explanation.request] = explanation
    while len(reports) > 1 and (
        len(reports) > _KEPT or sum(state.sizes[request] for request in reports) > _KEPT_BYTES
    ):
        del reports[next(iter(reports))]
    state.sizes = {request: state.sizes[request] for request in reports}


def _refused(explanation: Explanation) -> bool:
    """Tells a request that the queue did not take."""
    failure = explanation.report.failure
    return failure is not None and failure.limit in ("queue", "replaced")


def again(request: Request) -> None:
    """Drops what is known of a request, so that it runs again, and nobody's earlier answer will do."""
    state = current()
    state.reports.pop(request, None)
    state.again = request


def bring_back(word: str) -> None:
    """Puts the draft that the browser has kept into the fields; "" says that it has none."""
    state = current()
    state.awaited = ""
    try:
        state.draft = keeping.unpack(word)
        state.opened = state.opened if state.lesson else state.draft.request()
    except links.LinkError:
        state.kept, state.lesson = "", state.lesson or lessons.LESSONS[0].id
        state.message = (
            "What stood here was too long for a link. Only the browser tab in which it was written has it."
        )


def _open() -> Session:
    """Returns the state for what the address names: see `keeping`; the first example for none."""
    query = st.query_params
    first, example = lessons.LESSONS[0], query.get("example")
    lesson = lessons.find(example) if example is not None else None
    if lesson is None and example is not None and "r" not in query:
        message = f"There is no example called {example[:40]!r}. Here is the first one."
        return _fresh(drafts.from_request(first.request), first, message)
    shown = lesson or (None if {"r", "d", "kept"} & set(query) else first)
    try:
        draft = _asked_for((shown or first).request)
    except links.LinkError as error:
        message = f"{error} The first example is shown instead."
        return _fresh(drafts.from_request(first.request), first, message)
    state = _fresh(draft, shown, "")
    if kept := query.get("kept"):
        state.kept, state.awaited = kept, secrets.token_hex(4)
    return state


def _asked_for(request: Request) -> Draft:
    """Returns the draft that the address holds, of `request` if it holds none; raises LinkError."""
    query = st.query_params
    if "d" in query:
        return keeping.unpack(query["d"])
    if "r" in query:
        request = links.decode(query["r"])
    return keeping.from_number(query.get("at", ""), request)


def _fresh(draft: Draft, lesson: Lesson | None, message: str) -> Session:
    opened = lesson.request if lesson else draft.request()
    return Session(draft=draft, lesson=lesson.id if lesson else None, opened=opened, message=message)
