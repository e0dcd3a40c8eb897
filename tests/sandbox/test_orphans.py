"""However the app ends, none of its workers outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits
from explainer.spec import Request
from tests.sandbox.conftest import alive, make_pool, wait_for, wait_for_death

APP = """
import os, signal, sys, time
from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits
from explainer.spec import Request
from tests.sandbox.conftest import make_pool, wait_for

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if a shell started the tests with &
pool = make_pool({strategy!r})
code = "import os, time; child = os.fork()\\nif not child: time.sleep(600)\\n"
code += "emit(Report(request, notes=(str(child),)))\\nwhile True: pass"
running = stream_from(pool, Request(code), "time", Limits(deadline_s=600))
child = next(r.notes[0] for r in running if r.notes and r.notes[0].isdigit())
pool.refill()
assert wait_for(lambda: len(pool.pids()) == 3)
print(*pool.pids(), child, flush=True)
{end}
"""


@pytest.mark.parametrize("strategy", ["fork", "exec"])
@pytest.mark.parametrize(
    ("end", "number"),
    [
        ("time.sleep(600)", signal.SIGKILL),
        ("time.sleep(600)", signal.SIGTERM),
        ("time.sleep(600)", signal.SIGINT),
        ("os.abort()", None),
        ("sys.exit(3)", None),
        ("", None),
    ],
)
def test_the_apps_end_is_the_end_of_zygote_workers_and_grandchildren(strategy, end, number):
    app = subprocess.Popen(
        [sys.executable, "-c", APP.format(strategy=strategy, end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with app:
        assert app.stdout is not None
        pids = [int(pid) for pid in app.stdout.readline().split()]
        lived = [alive(pid) for pid in pids]
        if number is not None:
            os.kill(app.pid, number)
    assert len(pids) == 4
    assert all(lived) or number is None
    assert all(wait_for_death(pid) for pid in pids)


@pytest.mark.parametrize("strategy", ["fork", "exec"])
def test_a_killed_zygote_takes_workers_and_grandchildren_with_it(strategy):
    pool = make_pool(strategy)
    code = "import os, time; child = os.fork()\nif not child: time.sleep(600)\n"
    code += "emit(Report(request, notes=(str(child),)))\nwhile True: pass"
    running = stream_from(pool, Request(code), "time", Limits(deadline_s=600))
    child = next(int(r.notes[0]) for r in running if r.notes and r.notes[0].isdigit())
    zygote, *workers = pool.pids()
    os.kill(zygote, signal.SIGKILL)
    assert all(wait_for_death(pid) for pid in [zygote, *workers, child])
    running.close()
    assert wait_for(lambda: zygote not in pool.pids() and len(pool.pids()) == 2)
    pool.close()
