"""No descriptor left, no process left: each request is told so, and answered once there are some again."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from explainer.report import Report
from explainer.sandbox import files
from explainer.spec import Request
from tests.faults.conftest import LEVEL, WALLS, Watched, asked
from tests.offered import needs
from tests.sandbox.conftest import failure_of, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors by what /proc says")


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Leaves this process that many descriptors for as long as the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        taken = _all_that_are_left()
        for number in taken[:count]:
            os.close(number)
        taken = taken[count:]
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _all_that_are_left() -> list[int]:
    taken: list[int] = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        return taken


def ask(pool: Watched) -> Report:
    return asked(pool, Request("text = 'answered'"))  # limits of its own: no spare has them


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_without_descriptors_a_request_fails_in_words_and_the_next_is_answered(make_pool, left):
    pool = make_pool(walls=WALLS)
    assert ask(pool).printed == "answered"
    with descriptors_left(left):
        failure = failure_of(ask(pool))
    assert failure.error_type == "WorkerUnavailable"
    assert "out of descriptors" in failure.explanation
    assert ask(pool).printed == "answered"


@pytest.mark.parametrize("left", [0, 1, 2, 4, 6, 10])
def test_a_zygote_that_dies_while_no_descriptor_is_left_is_made_again_behind_all_walls(make_pool, left):
    pool = make_pool(walls=WALLS)
    assert ask(pool).printed == "answered"
    bubblewrap = pool.pids()[0]
    with descriptors_left(left):
        os.kill(bubblewrap, signal.SIGKILL)
        assert wait_for(lambda: _is_reaped(bubblewrap))
        report = ask(pool)  # the dead zygote's own descriptors are free now
        assert report.printed == "answered" or failure_of(report).error_type == "WorkerUnavailable"
    assert wait_for(lambda: ask(pool).printed == "answered")
    assert pool.isolation.level == LEVEL


def _is_reaped(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # looking into /proc takes a descriptor
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that keeps zygotes from making processes while it is there."""
    monkeypatch.setenv("JAX_FAULTS", str(tmp_path))  # JAX's variables are handed to zygotes
    return tmp_path / "no-more"


def test_without_processes_a_request_fails_in_words_and_running_ones_go_on(make_pool, no_more):
    pool = make_pool(warmup="tests.faults.no_more_processes", spares=0)
    assert ask(pool).printed == "answered"
    zygote = pool.pids()[0]
    no_more.touch()
    failure = failure_of(ask(pool))
    assert failure.error_type == "WorkerUnavailable"
    assert "no process could be made" in failure.explanation
    no_more.unlink()
    assert ask(pool).printed == "answered"
    assert pool.pids()[0] == zygote  # with whatever else it had under way


def test_without_processes_at_the_start_the_reason_is_told_and_the_pool_heals(make_pool, no_more):
    no_more.touch()
    pool = make_pool(warmup="tests.faults.no_more_processes")
    failure = failure_of(ask(pool))
    assert "could not be measured" in failure.explanation
    no_more.unlink()
    assert wait_for(lambda: ask(pool).printed == "answered")


@needs("sealed")
def test_a_shortage_is_not_taken_for_a_system_without_bubblewrap():
    with descriptors_left(0), pytest.raises(OSError, match="Too many open files"):
        files.bubblewrap(())
