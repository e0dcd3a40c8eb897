"""The right side of the page: the moving picture, what failed, how the run is getting on.

Explanation ─▶ failure card, player, notes, status line
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer.figures.animation import Animation
from explainer.figures.timing import duration
from explainer.report import Failure, Report
from explainer.spec import SCRIPT_STAGES, STAGES, Stage
from explainer.ui import markup, player, session, words
from explainer.ui.explanation import Explanation
from explainer.ui.markup import Html, escape, tag


def picture(shown: Explanation) -> None:
    """Shows the picture of this run, or the last good one marked as old, and what went wrong.

    Every part has a slot, filled or empty, so that nothing of an earlier run stays behind or moves
    while a new one goes on.
    """
    good, report = session.current().good, shown.report
    card, raised, old = st.empty(), st.empty(), st.empty()
    if report.failure is not None:
        card.html(_failure(report.failure, report))
        _raised(report.failure, raised)
    own = shown.picture if report.failure is None or report.outputs or good is None else None
    if own is None and good is not None and good.picture is not None:
        old.html(_old(shown))
        _play(good.picture, "old-picture")
    elif own is not None:
        _play(own, "picture")
    else:
        markup.show(_nothing(shown))


def notes(report: Report) -> None:
    """Shows what the reader must know of this run, silent bugs first, and what the code printed."""
    told, printed = st.empty(), st.empty()
    lines = [_finding(finding.severity, finding.explanation) for finding in report.findings]
    lines += [tag("li", escape(note)) for note in report.notes]
    if lines:
        told.html(tag("ul", markup.join(lines), "pg-notes"))
    if report.printed:
        with printed.expander("Printed by your code", expanded=True):
            markup.show(tag("pre", escape(report.printed), "pg-printed"))


def status(report: Report, seconds: float | None, cancelled: float | None) -> Html:
    """Returns the status line; `seconds` since the start while the run goes on."""
    steps = tag("span", markup.join(_step(report, name, seconds) for name in _stages(report)), "pg-steps")
    parts = (steps, _elapsed(seconds, cancelled), _verdict(report), _device(report), _isolation(report))
    return tag("div", markup.join(parts), "pg-status")


def _play(animation: Animation, key: str) -> None:
    with st.container(key=key):
        cell = player.show(animation, key="player")
    if cell:
        session.point_at(tuple(map(int, cell.split(","))), {})


def _nothing(shown: Explanation) -> Html:
    if not shown.finished:
        text = "Working on the first picture…"
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


def _failure(failure: Failure, report: Report) -> Html:
    title = tag("h4", escape(words.failed(failure)))
    said = tag("p", escape(failure.explanation or failure.message), "pg-words")
    return tag(
        "div", title + said + _where(failure, report) + _way_on(failure, report), "pg-card", role="alert"
    )


def _raised(failure: Failure, slot: DeltaGenerator) -> None:
    """Shows the error itself, unless the card has said just that."""
    if failure.message and failure.message != failure.explanation:
        with slot.expander("The error as it was raised"):
            st.code(f"{failure.error_type}: {failure.message}", language=None, wrap_lines=True)


def _where(failure: Failure, report: Report) -> Html:
    blame = failure.blame
    levels = {level.id: (level.name, level.transform) for level in report.levels}
    places = [words.level_name(n, *levels.get(n, ())) for n in blame.levels]
    places += blame.paths or blame.arguments
    said = {f"argument {name}" for name in blame.arguments}
    places += [words.place(span) for span in blame.spans if span.source not in said]
    return tag("p", escape("Where: " + ", ".join(dict.fromkeys(places))), "pg-where") if places else Html("")


def _way_on(failure: Failure, report: Report) -> Html:
    """Tells who pasted a script over a function how it runs: what is mapped is not in it, or not named."""
    request = report.request
    unnamed = not request.function.strip() or any(span.source == "function" for span in failure.blame.spans)
    if failure.stage != "parse" or not unnamed or request.is_script or not request.code.strip():
        return Html("")
    return tag(
        "p",
        "Is the code a whole script? \u201cRun as a script\u201d, above it, runs it as it is.",
        "pg-where",
    )


def _finding(severity: str, text: str) -> Html:
    return tag("li", escape(text), {"error": "pg-bad", "warning": "pg-warn"}.get(severity, ""))


def _stages(report: Report) -> Sequence[Stage]:
    """Returns the steps of a request in their order; a script has fewer, in an order of its own."""
    if not report.request.is_script:
        return STAGES
    reached: list[Stage] = [stage.name for stage in report.stages]
    return (*reached, *(name for name in SCRIPT_STAGES if name not in reached))


def _step(report: Report, name: str, seconds: float | None) -> Html:
    stage = next((stage for stage in report.stages if stage.name == name), None)
    if stage is None:
        return tag("span", escape(name), "pg-step waiting", title="not reached")
    took = duration(stage.seconds)
    status = "cancelled" if stage.status == "running" and seconds is None else stage.status
    title = stage.note or (took if status == "done" else status)
    text = f"{name} {took}" if status == "running" and stage.seconds >= 0.3 else name
    return tag("span", escape(text), f"pg-step {status}", title=title)


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
    return tag(
        "span", escape(text), css, title="; ".join(report.isolation.reasons) or "isolation of the worker"
    )
