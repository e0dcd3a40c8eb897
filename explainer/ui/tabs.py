"""The views below the picture, each made only while it is open.

    Explanation ─▶ Shapes | X-ray | Lens | Layers | Read aloud | Jaxpr | Output | Timing | HLO

What a failed run never reached is shown from the last good one, marked as old.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explainer.report import Report
from explainer.ui import (
    hlo,
    jaxprs,
    layers,
    lens,
    markup,
    outputs,
    readings,
    session,
    shapes,
    timing,
    xray,
)
from explainer.ui.explanation import Explanation


@dataclass(frozen=True, slots=True)
class View:
    """One tab: what it needs of a report, and how it is drawn."""

    title: str
    ready: Callable[[Report], bool]
    draw: Callable[[Report], None]
    whole: bool = False  # measured for a whole request, not for one call inside it


_WHOLE = "Made for a function with its arguments, not for one call inside a program."

VIEWS = (
    View("Shapes", lambda report: bool(report.arguments or report.outputs), shapes.shapes),
    View("X-ray", lambda report: report.jaxpr is not None, xray.xray),
    View("Lens", lambda report: report.values is not None, lens.view),
    View("Layers", lambda report: report.jaxpr is not None or bool(report.layers), layers.layers),
    View("Read aloud", lambda report: bool(report.readings or report.unspoken), readings.readings),
    View("Jaxpr", lambda report: report.jaxpr is not None, jaxprs.jaxprs),
    View("Output", lambda report: bool(report.outputs), outputs.outputs),
    View("Timing", lambda report: report.timing is not None, timing.timing, whole=True),
    View("HLO", lambda report: report.hlo is not None, hlo.hlo, whole=True),
)


def tabs(shown: Explanation) -> None:
    """Shows the tab bar and the view that is open."""
    box = st.container(key="tabs-box")
    bar = box.tabs([view.title for view in VIEWS], key="tabs", on_change="rerun")
    for view, tab in zip(VIEWS, bar, strict=True):
        if tab.open:
            with tab:
                _view(view, shown)


def _view(view: View, shown: Explanation) -> None:
    good = session.current().good
    if view.ready(shown.report):
        view.draw(shown.report)
    elif view.whole and (shown.call is not None or shown.request.is_script):
        markup.show(markup.tag("p", _WHOLE, "pg-note"))
    elif not shown.finished:
        markup.show(markup.tag("p", "Not there yet: the run is still on its way.", "pg-note"))
    elif good is not None and view.ready(good.report):
        markup.show(
            markup.tag(
                "div", "From the last run that worked, not from what stands in the fields now.", "pg-old"
            )
        )
        view.draw(good.report)
    else:
        markup.show(markup.tag("p", _missing(shown), "pg-note"))


def _missing(shown: Explanation) -> str:
    report = shown.report
    if shown.request.is_script and not (shown.cancelled or report.failure or report.levels):
        return "There is no vmap call to show."
    return "This run did not get that far."
