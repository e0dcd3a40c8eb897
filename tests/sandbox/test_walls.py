"""What stands between a worker and this machine: the level is what a canary measured, wall by wall."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from explainer.sandbox import canary, files, levels, seatbelt, syscalls
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import Request
from tests.offered import needs
from tests.sandbox.conftest import TARGET, failure_of, make_pool, wait_for, wait_for_death

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these walls are Linux's")

SEALED = ("bwrap", "landlock", "seccomp")
CONTAINED = ("landlock", "seccomp")
OPEN_TO_ALL = {row.name for row in canary.DENIED}


@pytest.fixture(scope="module", params=["fork", "exec"])
def strategy(request) -> str:
    return request.param


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SEALED, id="sealed", marks=needs("sealed")),
        pytest.param(CONTAINED, id="contained", marks=needs("contained")),
    ],
)
def pool(strategy, request) -> Iterator[Pool]:
    pool = make_pool(strategy, walls=request.param)
    pool.measured(30)
    yield pool
    pool.close()


def run(pool: Pool, code: str, **limits):
    return list(stream_from(pool, Request(code=code), "time", Limits(**limits)))[-1]


@pytest.mark.parametrize(
    ("walls", "level", "word"),
    [
        pytest.param(
            SEALED, "sealed", "18 ways out were tried, and all of them failed", marks=needs("sealed")
        ),
        pytest.param(
            CONTAINED,
            "contained",
            "18 ways out were tried, and 17 of them failed",
            marks=needs("contained"),
        ),
        pytest.param(("bwrap",), "bare", "open network sockets", marks=needs("sealed")),
        pytest.param(("seccomp",), "bare", "read the files of the user", marks=needs("contained")),
        pytest.param(("landlock",), "bare", "start processes", marks=needs("contained")),
        ((), "bare", "Workers are not shut in."),
    ],
)
def test_the_level_is_what_the_canary_could_not_do(strategy, walls, level, word):
    pool = make_pool(strategy, walls=walls)
    isolation = pool.measured(30)
    report = run(pool, "text = 'answered'")
    pool.close()
    assert isolation.level == level
    assert word in " ".join(isolation.reasons)
    assert (report.printed, report.isolation) == ("answered", isolation)


@needs("contained")
def test_landlock_as_in_its_first_kernel_is_enough():
    pool = Pool(Settings(strategy="fork", target=TARGET, warmup="", walls=CONTAINED, landlock_abi=1))
    isolation = pool.measured(30)
    pool.close()
    assert isolation.level == "contained"


def test_without_walls_the_canary_gets_through_every_way_that_it_tries():
    with canary.laid_out() as (bait, _):
        code = f"from explainer.sandbox.canary import Bait, try_all; print(*try_all({bait!r}))"
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(tried.stdout.split()) == OPEN_TO_ALL


@pytest.mark.parametrize(
    ("code", "error_type"),
    [
        ("open('/etc/passwd')", ("PermissionError", "FileNotFoundError")),
        ("open('/tmp/left', 'w')", ("PermissionError", "OSError")),
        ("import socket; socket.socket()", ("PermissionError",)),
        ("import os; os.fork()", ("PermissionError",)),
        ("import subprocess; subprocess.run(['true'])", ("PermissionError",)),
        ("import os; os.kill(os.getppid(), 9)", ("PermissionError", "ProcessLookupError")),
    ],
)
def test_what_is_denied_is_an_exception_of_python(pool, code, error_type):
    assert failure_of(run(pool, code)).error_type in error_type


def test_a_wall_that_fails_in_one_worker_hands_it_no_request(pool):
    walls, pool.walls = pool.walls, (*pool.walls, "seatbelt")  # as if the canary had had one more
    report = run(pool, "text = 'answered'")
    pool.walls = walls
    assert failure_of(report).error_type == "WorkerUnavailable"
    assert "not shut in" in failure_of(report).explanation
    assert run(pool, "text = 'answered'").printed == "answered"


def test_threads_past_their_limit_are_named_and_what_was_found_is_kept(pool):
    code = (
        "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=[9]).start()"
    )
    report = run(pool, code + "\ntime.sleep(9)", threads=100)
    assert (failure_of(report).error_type, failure_of(report).limit) == ("ThreadLimitExceeded", "threads")
    assert "EXPLAINER_THREADS" in failure_of(report).explanation
    assert report.notes == ("found early",)


def test_calls_by_the_numbers_of_another_architecture_end_the_process(pool):
    if os.uname().machine != "x86_64":
        pytest.skip("int 0x80 is x86's")
    code = """
import ctypes, mmap
code = bytes.fromhex("b814000000cd80c3")  # getpid, as 32-bit programs ask for it
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    assert "SIGSYS" in failure_of(run(pool, code)).explanation


@needs("sealed")
@pytest.mark.parametrize("which", ["bwrap", "zygote", "app"])
def test_in_namespaces_too_no_process_outlives_its_keeper(which):
    pool = make_pool("fork", walls=SEALED)
    assert pool.measured(30).level == "sealed"
    running = stream_from(pool, Request("while True: pass"), "time", Limits(deadline_s=600))
    while not next(running).notes:
        pass
    assert wait_for(lambda: len(pool.pids()) >= 3)
    bwrap, zygote, *workers = pool.pids()
    if which == "app":
        pool.close()
    else:
        os.kill({"bwrap": bwrap, "zygote": zygote}[which], signal.SIGKILL)
    assert all(wait_for_death(pid) for pid in (bwrap, zygote, *workers))
    running.close()
    pool.close()


@needs("sealed")
def test_a_worker_cannot_reach_the_zygote_in_its_namespace():
    pool = make_pool("fork", walls=("bwrap",))
    pool.measured(30)
    bwrap = pool.pids()[0]
    run(pool, "import os; os.kill(1, 9)")
    assert psutil.pid_exists(bwrap)
    assert run(pool, "text = 'answered'").printed == "answered"
    pool.close()


@needs("contained")
def test_a_missing_bubblewrap_leaves_contained_and_says_so(monkeypatch):
    monkeypatch.setattr(files.shutil, "which", lambda _: None)
    pool = make_pool("fork", walls=SEALED)
    isolation = pool.measured(30)
    pool.close()
    assert isolation.level == "contained"
    assert "bubblewrap is not installed" in " ".join(isolation.reasons)


def test_a_system_without_libseccomp_is_bare_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(syscalls.Unusable, match="seccomp cannot be used"):
        syscalls.preload()
    isolation = levels.level(["landlock"], ["fork"], ["seccomp cannot be used: no libseccomp"])
    assert isolation.level == "bare"
    assert "no libseccomp" in " ".join(isolation.reasons)


@pytest.mark.parametrize(
    ("level", "exposed", "accepted", "refused"),
    [
        ("bare", True, False, True),
        ("bare", True, True, False),
        ("bare", False, False, False),
        ("contained", True, False, False),
        ("sealed", True, False, False),
    ],
)
def test_an_exposed_instance_without_isolation_refuses_to_serve(level, exposed, accepted, refused):
    opened = {"bare": ["network"], "contained": ["see_outside"], "sealed": []}[level]
    isolation = levels.level(SEALED, opened, ())
    assert isolation.level == level
    text = levels.refusal(isolation, exposed, accepted)
    assert bool(text) == refused
    assert not refused or "EXPLAINER_ACCEPT_NO_ISOLATION" in text


def test_readable_holds_neither_the_app_nor_the_users_home():
    found = files.readable(("explainer.sandbox.pool",))
    app = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert os.path.join(app, "explainer") in found
    assert not {app, os.path.expanduser("~"), "/", "/etc", "/tmp", "/usr"} & set(found)


def test_the_seatbelt_profile_denies_all_but_reading_what_it_lists():
    profile = seatbelt.profile("/opt/python", ["/opt/packages"])
    assert "(deny default)" in profile
    assert '(subpath "/opt/packages")' in profile
    assert [
        word for word in ("network", "process-fork", "mach-lookup", "file-write*") if word in profile
    ] == []
