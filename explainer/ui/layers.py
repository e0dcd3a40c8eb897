"""Layers: every transformation around and inside the levels, box in box, with the shapes that pass."""

from __future__ import annotations

from explainer.report import Report
from explainer.ui import markup
from explainer.ui.markup import Html, escape, tag
from explainer.views import sandwich_html


def layers(report: Report) -> None:
    """Shows the sandwich: what goes in at the top of a box, what comes out at its bottom."""
    found = sandwich_html.boxes(report)
    if not found:
        words = (
            "No layer but the levels: jit, grad, scan and the like would stand around and inside them here."
        )
        markup.show(tag("p", escape(words), "pg-note"))
        return
    markup.show(Html(found))
