"""Following a run: how often the status line is drawn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from explainer.lessons import LESSONS
from explainer.report import Report, StageReport
from explainer.ui import job, work

REQUEST = LESSONS[0].request


def test_the_line_of_one_who_waits_is_drawn_seldom_that_of_a_run_at_every_beat(
    monkeypatch: pytest.MonkeyPatch,
):
    def told(status: str, note: str) -> Report:
        return Report(REQUEST, stages=(StageReport("parse", status, note=note),))  # type: ignore[arg-type]

    waiting = [told("running", f"waiting: {n} before this one") for n in range(20, 0, -1)]
    running = [told("running", "")] * 3
    followed = job.Job(REQUEST, (report for report in (*waiting, *running)))
    shown = replace(followed.explanation(), finished=False)
    drawn: list[str] = []
    state = SimpleNamespace(job=followed, outdated=False)
    monkeypatch.setattr(work.session, "current", lambda: state)
    monkeypatch.setattr(work, "_status", lambda report, *_: drawn.append(report.stages[0].note))
    monkeypatch.setattr(work, "_finish", lambda shown: None)
    monkeypatch.setattr(work.st, "rerun", lambda: None)
    work.follow(shown)
    assert drawn[0] == "waiting: 20 before this one"
    assert len(drawn) == 1 + 3 + 1  # the last is the look at which the stream has ended
    assert drawn[1:] == [""] * 4
