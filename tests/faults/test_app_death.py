"""kill -9 of the app: one second later nothing of it is left, whatever its workers were doing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from explainer.spec import STAGES
from tests.browser import ROOT
from tests.faults.conftest import GONE_S, WALLS, Family
from tests.sandbox.conftest import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes by what /proc says")


@contextmanager
def app(family: Family, walls: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.app", ",".join(walls)]
    environment = {**os.environ, "PYTHONPATH": family.mark}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("walls", [WALLS, ()], ids=["walled", "bare"])
def test_workers_stopped_in_every_stage_die_with_the_app(family, walls):
    with app(family, walls) as process:
        assert process.stdout is not None
        word, *pids = process.stdout.readline().split()
        assert word == "held"
        assert len(family.living()) >= len(pids) > len(STAGES) + 1  # a zygote, a worker for each, a spare
        process.kill()
        process.wait()
        time.sleep(GONE_S)
        assert family.living() == set()


@pytest.mark.parametrize("after", [0.0, 0.4])
@pytest.mark.parametrize("walls", [WALLS, ()], ids=["walled", "bare"])
def test_a_zygote_that_is_still_being_made_dies_with_the_app(family, walls, after):
    with app(family, walls) as process:
        assert wait_for(family.living)
        time.sleep(after)
        process.kill()
        process.wait()
        time.sleep(GONE_S)
        assert family.living() == set()
