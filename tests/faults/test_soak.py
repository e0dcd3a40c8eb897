"""Memory, descriptors and processes stay flat while requests pass, right ones and wrong ones."""

from __future__ import annotations

import sys

import pytest

from bench.bench_soak import ROUND, held, soak
from tests.faults.conftest import SEALED, real
from tests.sandbox.conftest import wait_for

GROWTH_MB = 2.0  # over five rounds; one report kept for each request would be more
ROUNDS = 5

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors by what /proc says")


def test_nothing_grows_over_a_hundred_and_fifty_requests(make_pool):
    pool = make_pool(**real(walls=SEALED, jobs=1))
    assert pool.measured(30).level == "sealed"
    assert soak(pool, len(ROUND)) == 0  # caches fill
    before = held(pool)
    assert soak(pool, ROUNDS * len(ROUND)) == 0
    after = held(pool)
    assert after.app_mb - before.app_mb < GROWTH_MB
    assert after.zygote_mb - before.zygote_mb < GROWTH_MB
    assert (after.descriptors, after.processes) == (before.descriptors, before.processes)
    makers = pool.pids()
    pool.close()
    assert wait_for(lambda: pool.pids() == ())
    assert makers
