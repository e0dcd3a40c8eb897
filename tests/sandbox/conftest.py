"""Pools for the tests: one per strategy and module, running the stand-in analysis."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from explainer.report import Failure, Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings, Strategy, Wall
from explainer.spec import Request

TARGET = "tests.sandbox.standin_analysis"
PATIENCE_S = 30  # nothing takes so long; only a hang does

Run = Callable[..., Report]


def make_pool(strategy: Strategy, warmup: str = "", walls: tuple[Wall, ...] = ()) -> Pool:
    """Returns a pool without walls: the code of these tests forks, writes and signals to try the rest."""
    return Pool(Settings(jobs=2, spares=1, strategy=strategy, target=TARGET, warmup=warmup, walls=walls))


@pytest.fixture(scope="module", params=["fork", "exec"])
def pool(request) -> Iterator[Pool]:
    pool = make_pool(request.param)
    yield pool
    pool.close()


@pytest.fixture
def run(pool) -> Run:
    """Runs code in the pool's next worker; returns the last Report."""

    def run(code: str, **limits) -> Report:
        return list(stream_from(pool, Request(code=code), "time", Limits(**limits)))[-1]

    return run


def failure_of(report: Report) -> Failure:
    assert report.failure is not None
    return report.failure


def alive(pid: int) -> bool:
    """Returns whether a process runs: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(fact: Callable[[], object]) -> bool:
    """Returns whether something becomes true before patience ends."""
    end = time.monotonic() + PATIENCE_S
    while not fact():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def wait_for_death(pid: int) -> bool:
    return wait_for(lambda: not alive(pid))


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
