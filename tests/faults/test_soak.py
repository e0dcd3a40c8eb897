"""Memory, descriptors and processes stay flat while requests pass, right ones and wrong ones."""

from __future__ import annotations

import sys

import pytest

from bench.bench_soak import Kind, held, soak
from explainer.spec import Request
from tests.faults.conftest import LEVEL, WALLS
from tests.sandbox.conftest import wait_for_death

GROWTH_MB = 1.0  # what two hundred requests may leave; one answer of theirs holds 64 KiB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors by what /proc says")


def _kind(code: str, error: str = "", deadline_s: float = 10.0) -> Kind:
    answered = f"text = 'x' * {1 << 16}\n{code}"
    return Kind(Request(answered), error, lambda report: len(report.printed), 1 << 16, deadline_s=deadline_s)


MIXED = (
    *(_kind("") for _ in range(16)),
    _kind("1 / 0", "ZeroDivisionError"),
    _kind("import os; os.abort()", "WorkerCrashed"),
    _kind("import os; os.write(3, bytes([5, 0, 0, 0]) + b'hello')", "BadAnswer"),
    _kind("while True: pass", "DeadlineExceeded", deadline_s=0.3),
)


def test_nothing_grows_over_two_hundred_requests(make_pool):
    pool = make_pool(walls=WALLS, spares=2)
    assert pool.measured(30).level == LEVEL
    assert soak(pool, MIXED, 3 * len(MIXED)) == 0  # caches fill
    before = held(pool)
    assert soak(pool, MIXED, 200) == 0
    after = held(pool)
    assert after.app_mb - before.app_mb < GROWTH_MB
    assert after.zygote_mb - before.zygote_mb < GROWTH_MB
    assert (after.descriptors, after.processes) == (before.descriptors, before.processes)
    left = pool.pids()
    pool.close()
    assert len(left) == after.processes
    assert all(wait_for_death(pid) for pid in left)
