"""The run in progress: what is drawn first, what ends it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import pytest

import explainer
from explainer import sandbox
from explainer.lessons import LESSONS
from explainer.report import Report
from explainer.spec import Request
from explainer.ui import job

REQUEST = LESSONS[0].request


@pytest.fixture(scope="module")
def report() -> Report:
    return explainer.explain(REQUEST, until="run")


class Stream:
    """Yields reports; `closed` once it was ended early, as the sandbox ends its child."""

    def __init__(self, *reports: Report) -> None:
        self.reports = reports
        self.closed = False

    def __call__(self, request: Request, **_: object) -> Generator[Report]:
        try:
            yield from self.reports
        except GeneratorExit:
            self.closed = True
            raise


def started(monkeypatch: pytest.MonkeyPatch, stream: Stream) -> job.Job:
    monkeypatch.setattr(sandbox, "stream", stream)
    return job.start(REQUEST)


def test_the_first_picture_waits_for_values(monkeypatch, report):
    monkeypatch.setattr(job, "PATIENCE", 60.0)
    running = started(monkeypatch, Stream(replace(report, outputs=()), report, report))
    first = running.first()
    assert first.report.outputs
    assert not first.finished


def test_the_first_picture_does_not_wait_for_long(monkeypatch, report):
    monkeypatch.setattr(job, "PATIENCE", 0.0)
    first = started(monkeypatch, Stream(replace(report, outputs=()), report)).first()
    assert not first.report.outputs
    assert first.picture is not None


def test_a_stream_that_ends_is_finished(monkeypatch, report):
    running = started(monkeypatch, Stream(report))
    while not running.done:
        running.step()
    assert running.explanation().finished
    assert running.explanation().report == report


def test_cancelling_ends_the_child_and_keeps_what_it_found(monkeypatch, report):
    stream = Stream(replace(report, outputs=()), report)
    running = started(monkeypatch, stream)
    running.step()
    shown = running.cancel()
    assert stream.closed
    assert shown.cancelled
    assert shown.finished
    assert shown.report.equations == report.equations


def test_a_picture_of_the_same_things_is_not_made_twice(monkeypatch, report):
    running = started(monkeypatch, Stream(report, replace(report, check=None)))
    first = running.first()
    running.step()
    assert running.explanation().picture is first.picture
