"""One pass over the playground: fields, the run, the picture, the tabs.

    fields ─▶ request ─▶ job ─▶ first picture and tabs ─▶ (heartbeats) ─▶ finished: once more

The first pass draws as soon as there is something to see and then follows the run. When the
run has ended and something on the page has changed by it, the page is drawn once more from
the finished explanation.
"""

from __future__ import annotations

import streamlit as st

from explainer import lessons, sandbox
from explainer.report import Report
from explainer.spec import Request
from explainer.ui import calls, diagnosis, inputs, job, levels, limits, marks, picture, session, visitor
from explainer.ui.explanation import Explanation


def warm_up() -> None:
    """Starts the standby workers ahead of the first request."""
    sandbox.warm_up()


def fields() -> None:
    """Shows everything that can be edited."""
    written = _margin(session.current().latest)
    place = inputs.examples()
    inputs.function(written)
    inputs.arguments(written.arguments)
    levels.levels(written.levels)
    inputs.wanted()
    inputs.jax_code()
    inputs.way_back(place)


def broken_fields() -> None:
    """Shows what can be edited in the debugger: the code, and for a stated call all else."""
    request = session.current().draft.request()
    written = _margin(session.current().latest)
    place = inputs.examples(lessons.broken())
    if request.is_script or request == Request():
        inputs.code(written)
    else:
        inputs.function(written)
        inputs.arguments(written.arguments)
        levels.levels(written.levels)
        inputs.wanted()
    inputs.way_back(place)


def diagnosed(shown: Explanation) -> None:
    """Shows what is wrong with a request and what mends it, then how far it got."""
    diagnosis.failure(shown)
    diagnosis.passed(shown)
    diagnosis.wanted(shown)
    diagnosis.findings(shown.report)
    status(shown)
    picture.notes(shown.report)


def reached(shown: Explanation) -> None:
    """Shows how far the run got: the picture, stopped where it failed."""
    picture.reached(shown)


def explanation() -> Explanation:
    """Returns what is known of the request in the fields, starting its run if need be."""
    state = session.current()
    request = state.draft.request()
    shown = state.reports.get(request)
    if shown is None:
        if state.job is None or state.job.request != request:
            state.job = _begin(request)
        shown = state.job.first()
    if shown.finished:
        _finish(shown)
    _take(shown)
    return shown


def screen(whole: Explanation, shown: Explanation) -> None:
    """Shows what failed and its fixes, the picture, how the run is getting on, what must be known of it.

    `shown` is the call of the `whole` that is looked at.
    """
    diagnosis.failure(whole)
    picture.picture(shown)
    status(shown)
    diagnosis.wanted(whole)
    diagnosis.findings(whole.report)
    picture.notes(shown.report)


def status(shown: Explanation) -> None:
    """Shows how the run is getting on, and the way to stop or repeat it."""
    with st.container(horizontal=True, vertical_alignment="center", key="status"):
        session.current().line = st.empty()
        if shown.finished:
            st.button(
                "Run again", icon=":material/replay:", type="tertiary", on_click=_again, args=(shown.request,)
            )
        else:
            st.button("Cancel", icon=":material/stop_circle:", type="tertiary", on_click=_cancel)
        limits.popover(shown.report.isolation)
    _status(shown.report, None if shown.finished else shown.seconds, shown)


def follow(shown: Explanation) -> None:
    """Follows a run that goes on to its end; draws the page once more if a report has changed it."""
    state = session.current()
    running = state.job
    if not shown.finished and running is not None:
        while not running.done:
            running.step()
            report = running.report or shown.report
            _status(report, running.seconds, shown)
            if _more_to_see(shown.report, report):
                st.rerun()
        _finish(running.explanation())
        st.rerun()
    elif state.outdated:
        st.rerun()


def _more_to_see(drawn: Report, report: Report) -> bool:
    """Tells when a run has reached what the page shows nothing of: levels, equations, values, an error."""
    now, before = (
        (bool(each.levels), bool(each.equations), bool(each.outputs), each.failure is not None)
        for each in (report, drawn)
    )
    return any(new and not old for new, old in zip(now, before, strict=True))


def _status(report: Report, seconds: float | None, shown: Explanation) -> None:
    line = session.current().line
    if line is not None:
        line.html(picture.status(report, seconds, shown.seconds if shown.cancelled else None))


def _take(shown: Explanation) -> None:
    """Makes an explanation the one on screen; `outdated` when the fields were drawn from another."""
    state = session.current()
    before = levels.drawn(), _margin(state.latest)
    levels.learn(shown.report)
    state.latest = shown
    state.outdated = (levels.drawn(), _margin(shown)) != before
    if shown.good and (shown.finished or shown.report.outputs):
        state.good = shown


def _margin(shown: Explanation | None) -> marks.Margin:
    return marks.of(shown, calls.picked(shown))


def _finish(shown: Explanation) -> None:
    session.remember(shown)
    _leave_job()


def _begin(request: Request) -> job.Job:
    """Starts the run of a request; if the one before it still waits, it takes over its place in the queue."""
    state = session.current()
    before, started = state.job, job.start(request, visitor.current(), fresh=state.again == request)
    state.again = None
    if before is not None:
        if before.waits:
            started.step()
        before.close()
    return started


def _leave_job() -> None:
    """Ends the run in progress, if any; its child ends with it."""
    state = session.current()
    if state.job is not None:
        state.job.close()
        state.job = None


def _cancel() -> None:
    running = session.current().job
    if running is not None:
        session.remember(running.cancel())


def _again(request: Request) -> None:
    session.again(request)
