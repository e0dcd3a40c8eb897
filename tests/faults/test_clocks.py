"""Clocks that jump, an app that is stopped for a while: deadlines are spans of a clock that only grows."""

from __future__ import annotations

import sys
import time

import pytest

from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits
from explainer.spec import Request
from tests.faults import jumping_clock
from tests.faults.conftest import HONEST, WALLS, asked, is_right, real
from tests.sandbox.conftest import failure_of, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the warm-up that jumps is for forks")


def test_a_time_of_day_that_jumps_changes_neither_answers_nor_deadlines(make_pool, monkeypatch):
    pool = make_pool(**real(walls=WALLS, warmup="tests.faults.jumping_clock"))
    monkeypatch.setattr(time, "time", jumping_clock.jumping)
    shown = asked(pool, Request("import time\nprint(*[time.time() for _ in range(3)])")).printed
    times = [float(word) for word in shown.split()]
    assert max(times) - min(times) > jumping_clock.WEEKS_S
    report = asked(pool, HONEST, "time")
    assert is_right(report)
    assert report.timing is not None
    assert report.timing.median is not None
    assert 0 < report.timing.median < 1
    assert all(0 <= stage.seconds < 60 for stage in report.stages)
    began = time.monotonic()
    stopped = asked(pool, Request("while True: pass"), deadline_s=1)
    assert failure_of(stopped).limit == "deadline"
    assert 1 <= time.monotonic() - began < 5


def test_an_answer_that_came_while_the_app_was_stopped_is_taken(make_pool):
    pool = make_pool(walls=WALLS)
    running = stream_from(pool, Request("text = 'answered'"), "time", Limits(deadline_s=1))
    report: Report = next(running)
    while not report.notes:  # the stand-in has begun
        report = next(running)
    time.sleep(1.2)  # longer than its deadline nobody listened
    assert list(running)[-1].printed == "answered"


def test_a_worker_that_nobody_listens_to_is_ended_all_the_same(make_pool):
    pool = make_pool(walls=WALLS, spares=0)
    running = stream_from(pool, Request("while True: pass"), "time", Limits(deadline_s=1))
    while not next(running).notes:
        pass
    assert wait_for(lambda: len(pool.pids()) == 2)  # bubblewrap and the zygote
    assert failure_of(list(running)[-1]).limit == "deadline"
