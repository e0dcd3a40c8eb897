"""The right side of the page: the moving picture, and how the run is getting on.

Explanation ─▶ player, notes, status line
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer import sandbox
from explainer.figures.animation import Animation
from explainer.figures.timing import duration
from explainer.report import Report
from explainer.spec import SCRIPT_STAGES, STAGES, Stage
from explainer.ui import diagnosis, markup, player, session, words
from explainer.ui.explanation import Explanation
from explainer.ui.markup import Html, escape, tag


def picture(shown: Explanation) -> None:
    """Shows the picture of this run, or the last good one marked as old.

    What may be missing has a slot, filled or empty, so that nothing of an earlier run stays behind or
    moves while a new one goes on.
    """
    good, own = session.current().good, shown.picture
    old = st.empty()
    if own is None and good is not None and good.picture is not None:
        old.html(_old(shown))
        _play(good.picture, "old-picture")
    elif own is not None:
        _play(own, "picture")
    else:
        markup.show(_nothing(shown))


def reached(shown: Explanation) -> None:
    """Shows the picture of this run as far as it got, nothing if there is none."""
    if shown.picture is not None:
        _play(shown.picture, "picture")


def notes(report: Report) -> None:
    """Shows what the reader must know of this run, and what the code printed."""
    told, printed = st.empty(), st.empty()
    lines = [tag("li", escape(note)) for note in report.notes]
    if lines:
        told.html(tag("ul", markup.join(lines), "pg-notes"))
    if report.printed:
        with printed.expander("Printed by your code", expanded=True):
            markup.show(tag("pre", escape(report.printed), "pg-printed"))


def status(report: Report, seconds: float | None, cancelled: float | None) -> Html:
    """Returns the status line; `seconds` since the start while the run goes on."""
    steps = tag("span", markup.join(_step(report, name, seconds) for name in _stages(report)), "pg-steps")
    parts = (
        steps,
        _waiting(report, seconds),
        _earlier(report, seconds),
        _elapsed(seconds, cancelled),
        _verdict(report),
        diagnosis.counted(report),
        _device(report),
        _isolation(report),
    )
    return tag("div", markup.join(parts), "pg-status")


def _play(animation: Animation, key: str) -> None:
    with st.container(key=key):
        cell = player.show(animation, key="player")
    if cell:
        session.point_at(tuple(map(int, cell.split(","))), {})


def _nothing(shown: Explanation) -> Html:
    if not shown.finished:
        text = "The run has not begun yet…" if shown.report.waiting else "Working on the first picture…"
    elif shown.report.failure is not None:
        text = "No picture yet: it comes as soon as the function runs."
    elif shown.cancelled:
        text = "Cancelled before there was anything to draw."
    else:
        text = (
            "The script makes no vmap call. Call jax.vmap in it, or name a function to map."
            if shown.request.is_script
            else "There is nothing to draw for this request."
        )
    return tag("div", escape(text), "pg-empty")


def _old(shown: Explanation) -> Html:
    if shown.report.failure is not None:
        text = "Picture from before the error: it does not show what stands in the fields now."
    elif shown.cancelled:
        text = "Picture from before the cancelled run."
    else:
        text = "Picture of the previous run; the new one is on its way."
    return tag("div", escape(text), "pg-old")


def _stages(report: Report) -> Sequence[Stage]:
    """Returns the steps of a request in their order; a script has fewer, in an order of its own."""
    if not report.request.is_script:
        return STAGES
    reached: list[Stage] = [stage.name for stage in report.stages]
    return (*reached, *(name for name in SCRIPT_STAGES if name not in reached))


def _step(report: Report, name: str, seconds: float | None) -> Html:
    stage = next((stage for stage in report.stages if stage.name == name), None)
    if stage is None or (report.waiting and seconds is not None):
        return tag("span", escape(name), "pg-step waiting", title="not reached")
    took = duration(stage.seconds)
    status = "cancelled" if stage.status == "running" and seconds is None else stage.status
    title = stage.note or (took if status == "done" else status)
    text = f"{name} {took}" if status == "running" and stage.seconds >= 0.3 else name
    return tag("span", escape(text), f"pg-step {status}", title=title)


def _waiting(report: Report, seconds: float | None) -> Html:
    """Returns what a run waits for: "waiting: 1 before this one"."""
    return tag("span", escape(report.waiting)) if report.waiting and seconds is not None else Html("")


def _earlier(report: Report, seconds: float | None) -> Html:
    """Returns the badge of an answer that was known: someone, maybe this reader, asked the same before."""
    note = report.stages[0].note if report.stages and seconds is None else ""
    if report.stages[:1] == () or report.stages[0].status != "done" or not note:
        return Html("")
    title = f"The answer, with its values and times, {note}. Run again makes a new one."
    return tag("span", escape("known answer"), "pg-pill", title=title)


def _elapsed(seconds: float | None, cancelled: float | None) -> Html:
    if seconds is not None:
        return tag("span", escape(f"{seconds:.1f} s"))
    if cancelled is not None:
        return tag("span", escape(f"cancelled after {cancelled:.1f} s"), "pg-warn")
    return Html("")


def _verdict(report: Report) -> Html:
    check = report.check
    if check is None:
        return Html("")
    short = {
        True: "✓ same as a Python loop",
        False: "✗ differs from a Python loop",
        None: "not compared with a loop",
    }
    css = {True: "pg-good", False: "pg-bad", None: ""}[check.agrees]
    return tag("span", escape(short[check.agrees]), css, title=words.verdict(check))


def _device(report: Report) -> Html:
    if report.device is None:
        return Html("")
    device = report.device
    name = device.kind if device.kind.lower() != device.platform.lower() else device.platform
    return tag("span", escape(name), "pg-pill", title=device.described)


def _isolation(report: Report) -> Html:
    if not report.stages:
        return Html("")
    level = report.isolation.level
    css = "pg-pill pg-warn" if level == "bare" else "pg-pill"
    text = {"none": "in this process", "bare": "not isolated"}.get(level, level)
    if report.isolation == sandbox.UNKNOWN:
        css, text = "pg-pill", "isolation: being measured"
    return tag(
        "span", escape(text), css, title="; ".join(report.isolation.reasons) or "isolation of the worker"
    )
