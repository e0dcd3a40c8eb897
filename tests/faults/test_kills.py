"""kill -9 of a worker, the zygote or bubblewrap, while real requests are in each of their stages."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits
from explainer.sandbox.verdict import DOING, running_stage
from explainer.spec import STAGES, Request, Stage
from tests.faults.conftest import HONEST, LEVEL, MAKERS, WALLS, Watched, asked, is_right, real
from tests.faults.stages import DOUBLED, SLOW, until
from tests.sandbox.conftest import failure_of, wait_for, wait_for_death

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops processes by what /proc says")


def followed(pool: Watched, stage: Stage, act: Callable[[int], object]) -> Report:
    """Returns the last Report of the request that is slow in `stage`, on whose worker it acts once there."""
    report, met = None, False
    for report in stream_from(pool, SLOW[stage], until(stage), Limits(deadline_s=60)):
        if not met and _is_in(report, stage):
            met = True
            act(pool.worker())
    assert report is not None
    assert met
    return report


def _is_in(report: Report, stage: Stage) -> bool:
    return any(s.name == stage and s.status == "running" and not s.note for s in report.stages)


@pytest.fixture
def pool(make_pool) -> Watched:
    return make_pool(**real(walls=WALLS, jobs=len(STAGES)))


def test_a_worker_killed_in_any_stage_is_a_failure_that_names_the_stage(pool):
    assert pool.measured(30).level == LEVEL
    for stage in STAGES:
        report = followed(pool, stage, lambda pid: os.kill(pid, signal.SIGKILL))
        assert (failure_of(report).stage, failure_of(report).error_type) == (stage, "WorkerCrashed")
        assert "SIGKILL" in failure_of(report).explanation
        assert DOING[stage] in failure_of(report).explanation
        assert running_stage(report)
    assert is_right(asked(pool, HONEST))


@pytest.mark.parametrize("which", MAKERS)
def test_the_makers_death_with_a_worker_in_every_stage_is_answered_by_one_retry(pool, which):
    assert pool.measured(30).level == LEVEL
    answers: dict[Stage, Report] = {}
    stopped: list[int] = []

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)  # so that it stays in its stage until all are in theirs
        stopped.append(pid)

    def follow(stage: Stage) -> None:
        answers[stage] = followed(pool, stage, stop)

    threads = [threading.Thread(target=follow, args=[stage]) for stage in STAGES]
    for thread in threads:
        thread.start()
    assert wait_for(lambda: len(stopped) == len(STAGES))
    pids = pool.pids()
    assert set(stopped) <= set(pids[len(MAKERS) :])
    os.kill(pids[MAKERS.index(which)], signal.SIGKILL)
    assert all(wait_for_death(pid) for pid in pids)
    for thread in threads:
        thread.join()
    assert {stage: answers[stage].failure for stage in STAGES} == dict.fromkeys(STAGES)
    assert [answers[stage].outputs[0].preview for stage in STAGES] == [DOUBLED] * len(STAGES)
    assert {answers[stage].isolation.level for stage in STAGES} == {LEVEL}
    assert is_right(asked(pool, HONEST))


def test_a_request_that_waits_for_its_turn_survives_the_zygotes_death(make_pool):
    pool = make_pool(walls=WALLS, jobs=1)
    answers: list[Report] = []
    ask = [threading.Thread(target=lambda: answers.append(asked(pool, _sleeping(0.7)))) for _ in range(2)]
    for thread in ask:
        thread.start()
    assert wait_for(lambda: pool.handed)
    os.kill(pool.pids()[0], signal.SIGKILL)
    for thread in ask:
        thread.join()
    assert [report.failure for report in answers] == [None, None]


def test_a_spare_that_is_killed_idle_costs_no_request(make_pool):
    pool = make_pool(walls=WALLS, spares=2)
    assert wait_for(lambda: len(pool.pids()) == len(MAKERS) + 2)
    asked(pool, _sleeping(0), deadline_s=10)
    assert wait_for(lambda: len(pool.pids()) == len(MAKERS) + 2)
    for pid in pool.pids()[len(MAKERS) :]:
        os.kill(pid, signal.SIGKILL)
    assert [asked(pool, _sleeping(0), deadline_s=10).failure for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("which", [*MAKERS, "canary"])
def test_what_is_killed_before_the_canary_has_answered_is_made_again_and_measured(make_pool, which):
    pool = make_pool(walls=WALLS, spares=0, strategy="exec")  # a fresh interpreter: slow enough to be met
    place = [*MAKERS, "canary"].index(which)
    assert wait_for(lambda: len(pool.pids()) > place)
    os.kill(pool.pids()[place], signal.SIGKILL)
    report = asked(pool, _sleeping(0))
    assert report.failure is None
    assert report.isolation.level == pool.measured(30).level == LEVEL


def _sleeping(seconds: float) -> Request:
    return Request(f"import time; time.sleep({seconds})")
