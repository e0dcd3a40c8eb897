"""One request as the page shows it: the report so far, and the picture made of it."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.figures.animation import Animation, animation
from explainer.report import Report
from explainer.spec import Request
from explainer.views.focus import focus
from explainer.views.outline import starting


@dataclass(frozen=True, slots=True)
class Explanation:
    """A report and its picture. `finished`: nothing more will come; `cancelled`: the user stopped it.

    `call` is the captured level that the report is about, None where it is about the whole request. The
    picture of a request whose code makes the calls is that of the first one.
    """

    request: Request
    report: Report
    picture: Animation | None
    seconds: float
    finished: bool = True
    cancelled: bool = False
    call: int | None = None

    @property
    def good(self) -> bool:
        """Tells whether the picture shows a run, not just what was known before a failure."""
        return self.picture is not None and self.report.failure is None and not self.cancelled


def drawn(report: Report) -> tuple[object, ...]:
    """Returns the part of a report that a picture is made of."""
    return (
        report.request,
        report.arguments,
        report.levels,
        report.equations,
        report.outputs,
        report.failure,
        starting(report),
    )


def redraw(report: Report, before: Explanation | None) -> Animation | None:
    """Draws a report, reusing the picture `before` when nothing that is drawn has changed."""
    if before is not None and drawn(before.report) == drawn(report):
        return before.picture
    return animation(focus(report, starting(report)))
