"""Requests through real worker processes, with a stand-in for the analysis; both strategies."""

from __future__ import annotations

import os
import re
import select
import signal
import threading
import time

import pytest

from explainer.sandbox import gate
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import Request
from tests.sandbox.conftest import (
    PATIENCE_S,
    TARGET,
    alive,
    failure_of,
    make_pool,
    open_descriptors,
    wait_for,
    wait_for_death,
)

ENDLESS = "while True: pass"
IGNORANT = "import signal\nfor s in (2, 14, 15, 24): signal.signal(s, signal.SIG_IGN)\n"
HOG = "import time\nhog = bytearray(400 << 20)\nfor i in range(0, len(hog), 4096): hog[i] = 1\ntime.sleep(60)"
FLOOD = "import os\nwhile True: os.write(1, b'x' * 1000)"


def streamed(pool, code, **limits):
    return stream_from(pool, Request(code=code), "time", Limits(**limits))


def test_an_honest_request_is_answered(run):
    report = run("text = request.code[:4] + until")
    assert (report.printed, report.failure) == ("texttime", None)


def test_arrays_get_three_quarters_of_the_memory(run):
    assert run("text = str(limits.memory_bytes)", memory_mb=1000).printed == str(750 << 20)


def test_the_request_and_the_level_come_from_this_side_not_from_the_worker(run):
    forged = "Report(type(request)(code='forged'), isolation=Isolation('sealed'))"
    code = f"from explainer.report import Isolation\nreport = {forged}"
    report = run(code)
    assert report.request.code == code
    assert report.isolation.level == "bare"
    assert "Workers are not shut in." in report.isolation.reasons[0]


def test_each_worker_serves_one_request(run):
    code = "import os, builtins; text = f'{os.getpid()} {hasattr(builtins, \"mark\")}'; builtins.mark = 1"
    first, second = (run(code).printed.split() for _ in range(2))
    assert first[0] != second[0]
    assert first[1] == second[1] == "False"


def test_a_worker_knows_no_secret_of_the_apps_environment(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    pool = make_pool("fork")
    report = list(streamed(pool, "import os; text = str('API_TOKEN' in os.environ)"))[-1]
    pool.close()
    assert report.printed == "False"


@pytest.mark.parametrize(
    ("code", "error_type", "words"),
    [
        ("import os; os._exit(3)", "WorkerCrashed", "exit code 3"),
        ("import os; os._exit(0)", "WorkerCrashed", "exit code 0"),
        ("import os; os.abort()", "WorkerCrashed", "SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "WorkerCrashed", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "WorkerCrashed", "SIGKILL"),
        ("import sys; sys.exit(2)", "SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("1 / 0", "ZeroDivisionError", "ZeroDivisionError"),
        ("class E(Exception):\n def __str__(self): raise ValueError\nraise E", "E", "E ended"),
        ("import os; os.close(3); import time; time.sleep(60)", "BadAnswer", "descriptors"),
        ("import os; os.write(3, b'\\x05\\0\\0\\0hello')", "BadAnswer", "not an explanation"),
        ("import os\nwhile True: os.write(3, b'\\0\\0\\0\\0')", "BadAnswer", "not an explanation"),
        (
            "report = Report(request, outputs=(Leaf('out', 'f', (), b'raw'),))",
            "BadAnswer",
            "not an explanation",
        ),
        ("report = Report(request, printed=7)", "BadAnswer", "not an explanation"),
        ("report = Report(request, notes=(2**70,))", "OverflowError", "OverflowError"),
    ],
)
def test_a_worker_that_ends_without_an_answer_is_a_failure(run, code, error_type, words):
    report = run(code)
    assert failure_of(report).error_type == error_type
    assert words in failure_of(report).explanation
    assert failure_of(report).limit == ""


@pytest.mark.parametrize(
    ("code", "limits", "name", "words"),
    [
        (
            ENDLESS,
            {"deadline_s": 1},
            "Deadline",
            ["Stopped after 1 s while your script was run again", "EXPLAINER_DEADLINE_S"],
        ),
        (IGNORANT + ENDLESS, {"deadline_s": 1}, "Deadline", ["Stopped after 1 s"]),
        (HOG, {"memory_mb": 250}, "Memory", ["250 MiB", "EXPLAINER_MEMORY_MB"]),
        (FLOOD, {"output_kb": 8}, "Output", ["8 KiB", "EXPLAINER_OUTPUT_KB"]),
        ("import sys\nwhile True: print('x', file=sys.stderr)", {}, "Output", ["256 KiB"]),
        ("text = 'a' * (3 << 20)", {"answer_mb": 2}, "Answer", ["2 MiB", "EXPLAINER_ANSWER_MB"]),
    ],
)
def test_a_limit_is_named_and_what_was_found_is_kept(run, code, limits, name, words):
    report = run(code, **limits)
    error_type = "DeadlineExceeded" if name == "Deadline" else f"{name}LimitExceeded"
    assert (failure_of(report).error_type, failure_of(report).limit) == (error_type, name.lower())
    assert [word for word in words if word not in failure_of(report).explanation] == []
    assert report.notes == ("found early",)
    assert [(s.name, s.status) for s in report.stages] == [("parse", "done"), ("trace", "failed")]


def test_memory_past_the_rlimit_is_an_exception_in_the_worker(run):
    assert run("bytearray(100 << 30)").failure.error_type == "MemoryError"


def test_a_request_that_is_too_long_starts_no_worker(pool):
    report = list(streamed(pool, "#" * 5000, source_kb=4))[-1]
    assert (failure_of(report).error_type, failure_of(report).limit) == ("SourceLimitExceeded", "source")
    assert "EXPLAINER_SOURCE_KB" in failure_of(report).explanation


def test_what_native_code_prints_is_shown(run):
    assert run("import os; os.write(1, b'from C\\n'); text = ''").printed == "from C\n"


@pytest.mark.parametrize(
    "place", ["text = 'a\\ud800b'", "raise ValueError('a\\ud800b')", "print('a\\ud800b')"]
)
def test_lone_surrogates_become_question_marks(run, place):
    report = run(place)
    found = failure_of(report).message if report.failure else report.printed
    assert "a?b" in found


def test_lone_surrogates_in_a_request_are_no_obstacle(run):
    assert run("text = request.code[-1] # \ud800").printed == "?"


def test_a_grandchild_dies_with_its_worker(run):
    report = run("import os\npid = os.fork()\nif not pid:\n import time; time.sleep(600)\ntext = str(pid)")
    assert wait_for_death(int(report.printed))


def test_a_grandchild_in_a_session_of_its_own_dies_too(run):
    code = "import subprocess; text = str(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)"
    assert wait_for_death(int(run(code).printed))


def test_a_grandchild_that_holds_the_socket_delays_nothing(run):
    report = run("import os\nif not os.fork():\n import time; time.sleep(600)\nos._exit(4)")
    assert "exit code 4" in failure_of(report).explanation


def test_two_requests_run_at_once(pool, tmp_path):
    go = tmp_path / "go"  # each worker ends only after both have begun
    code = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(.01)"
    begun, last = set(), {}

    def follow(name):
        for report in streamed(pool, code):
            last[name] = report
            if report.notes:
                begun.add(name)
            if len(begun) == 2:
                go.touch()

    threads = [threading.Thread(target=follow, args=name) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.failure for report in last.values()] == [None, None]


@pytest.mark.parametrize("strategy", ["fork", "exec"])
def test_what_a_warm_up_prints_is_not_shown_as_the_users(strategy):
    pool = make_pool(strategy, warmup="tests.sandbox.noisy_warmup")
    pool.measured(PATIENCE_S)
    for _ in range(2):  # of a spare that has printed it already, and of one that somebody waits for
        with pool._changed:
            spares = list(pool._spares)
        for spare in spares:
            select.select([spare.output], [], [], PATIENCE_S)
        assert list(streamed(pool, "pass"))[-1].printed == "done"
    pool.close()


def test_requests_past_the_places_wait_in_order_with_heartbeats(tmp_path):
    pool = Pool(Settings(jobs=1, spares=1, strategy="fork", target=TARGET, warmup="", walls=()))
    first = streamed(pool, ENDLESS)
    while not next(first).notes:
        pass
    second, third = streamed(pool, "pass"), streamed(pool, "pass")
    assert next(second).stages[0].note == "waiting: 1 before this one"
    assert next(third).stages[0].note == "waiting: 2 before this one"
    assert next(third).stages[0].status == "running"
    first.close()
    note = next(third).stages[0].note
    assert re.fullmatch(r"waiting: 1 before this one, its turn comes in about \d+ s", note), note
    assert list(second)[-1].failure is None
    assert list(third)[-1].failure is None
    pool.close()


def test_the_job_of_one_who_hammers_gets_what_others_leave_of_the_processors(pool):
    waits = "import os, time\nwhile os.getpriority(os.PRIO_PROCESS, 0) < 15: time.sleep(.01)\n"
    shares = (
        "time.sleep(.3)\npath = '/proc/self/autogroup'\nif os.path.exists(path): text = open(path).read()"
    )
    hammer = [
        stream_from(pool, Request(f"{waits}{shares}#{tab}"), "time", Limits(), gate.Visitor("eve", tab))
        for tab in "12"
    ]
    while not next(hammer[0]).notes:
        pass
    assert next(hammer[1]).stages[0].note == "waiting: your other run goes first"
    told = "import os\ntext = str(os.nice(0))"
    ann = list(stream_from(pool, Request(told), "time", Limits(), gate.Visitor("ann")))[-1]
    assert int(ann.printed) < 15
    last = list(hammer[0])[-1]
    assert last.failure is None
    assert last.printed == "done" or last.printed.endswith("nice 15\n")
    hammer[1].close()


def test_the_last_spare_is_kept_for_others_than_one_who_hammers():
    pool = Pool(Settings(jobs=1, spares=2, strategy="fork", target=TARGET, warmup="", walls=()))
    assert wait_for(lambda: pool.spares() == 2)
    taken = [pool.take(Limits(), 1, behind=behind) for behind in (True, True, False)]
    assert pool.spares() == 0
    first, second, last = (child.job for child in taken if child)
    assert last < first < second  # the oldest was left to the last; the second was made anew
    for child in taken:
        if child is not None:
            pool.release(child)
    pool.close()


def test_a_heartbeat_shows_the_running_stage_and_its_seconds(pool):
    reports = list(streamed(pool, "import time; time.sleep(1)"))
    running = [stage.seconds for r in reports for stage in r.stages if stage.name == "trace"]
    assert len(running) >= 2
    assert running == sorted(running)
    assert running[-1] > running[0]


def test_closing_the_stream_kills_the_worker_at_once(pool):
    stream = streamed(pool, "import os; emit(Report(request, notes=(str(os.getpid()),)))\n" + ENDLESS)
    pid = next(int(r.notes[0]) for r in stream if r.notes and r.notes[0].isdigit())
    assert alive(pid)
    stream.close()
    assert wait_for_death(pid)
    assert list(streamed(pool, "pass"))[-1].failure is None


def test_an_abandoned_worker_dies_at_its_deadline(pool):
    stream = streamed(
        pool, "import os; emit(Report(request, notes=(str(os.getpid()),)))\n" + ENDLESS, deadline_s=1
    )
    pid = next(int(r.notes[0]) for r in stream if r.notes and r.notes[0].isdigit())
    assert wait_for_death(pid)  # nobody asks the stream for more
    stream.close()


def test_a_run_that_nobody_follows_loses_its_turn_and_begins_anew_when_followed(monkeypatch):
    monkeypatch.setattr(gate, "LEASE_S", 0.3)
    pool = Pool(Settings(jobs=1, spares=1, strategy="fork", target=TARGET, warmup="", walls=()))
    closed_tab = streamed(pool, "import time; time.sleep(0.2)", deadline_s=30)
    next(closed_tab)
    assert list(streamed(pool, "pass"))[-1].failure is None  # though the first turn was never given back
    assert pool.gate.empty()
    last = list(closed_tab)[-1]  # its reader is back
    assert last.failure is None
    assert last.stages[-1].status == "done"
    assert pool.gate.empty()
    pool.close()


def test_a_killed_zygote_is_replaced_and_the_running_request_answered(pool, tmp_path):
    flag = tmp_path / "flag"
    code = f"import os, time\nif not os.path.exists({str(flag)!r}): time.sleep(600)"
    zygote, report = None, None
    for report in streamed(pool, code):
        if zygote is None and report.notes:
            zygote, *workers = pool.pids()
            os.kill(zygote, signal.SIGKILL)
            assert all(wait_for_death(pid) for pid in [zygote, *workers])
            flag.touch()
    assert report is not None
    assert report.failure is None
    assert pool.pids()[0] != zygote


def test_code_that_kills_the_zygote_each_time_is_a_failure(run):
    report = run("import os, time; os.kill(os.getppid(), 9); time.sleep(600)")
    assert failure_of(report).error_type == "WorkerCrashed"
    assert "twice" in failure_of(report).explanation
    assert run("pass").failure is None


def test_no_descriptor_or_process_is_left_over(pool):
    list(streamed(pool, "pass"))
    assert wait_for(lambda: len(pool.pids()) == 2)  # the zygote and one spare
    before = open_descriptors()
    for code in ["pass", "import os; os._exit(1)", "1 / 0", "import os; os.close(3)"]:
        list(streamed(pool, code))
    assert wait_for(lambda: len(pool.pids()) == 2)
    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "no_such_module"}, "no_such_module"),
        ({"target": TARGET, "warmup": "no_such_warmup"}, "no_such_warmup"),
    ],
)
@pytest.mark.parametrize("strategy", ["fork", "exec"])
def test_a_worker_that_cannot_start_is_a_failure_in_words(settings, words, strategy, capfd):
    pool = Pool(Settings(jobs=1, spares=1, strategy=strategy, **({"warmup": "", "walls": ()} | settings)))
    report = list(streamed(pool, "pass"))[-1]
    assert failure_of(report).error_type == "WorkerUnavailable"
    assert words in failure_of(report).explanation
    pool.close()


@pytest.mark.parametrize("strategy", ["fork", "exec"])
def test_a_worker_is_warmed_up_once(strategy):
    pool = make_pool(strategy, warmup="tests.sandbox.counted_warmup")
    code = "from tests.sandbox import counted_warmup\ntext = str(counted_warmup.done)"

    def done() -> str:
        time.sleep(0.3)  # a zygote goes on, and a spare prepares, when nobody asks
        return list(streamed(pool, code))[-1].printed

    assert wait_for(lambda: done() == "{'preload': 1, 'ahead': 1, 'warm': 1, 'rehearsed': 1}")
    assert {value for _ in range(3) for value in re.findall(r"\d+", done())} <= {"0", "1"}
    pool.close()


@pytest.mark.parametrize(
    ("strategy", "never"), [("fork", "rehearsed"), ("exec", "ahead"), ("exec", "rehearsed")]
)
def test_a_worker_that_somebody_waits_for_answers_before_it_prepares(strategy, never):
    warmup = "tests.sandbox.counted_warmup"
    pool = Pool(Settings(jobs=1, spares=0, strategy=strategy, target=TARGET, warmup=warmup, walls=()))
    code = f"from tests.sandbox import counted_warmup\ntext = str(counted_warmup.done['{never}'])"
    assert wait_for(lambda: list(streamed(pool, code))[-1].printed == "0")  # once the machine has time
    pool.close()


def test_a_step_ahead_that_fails_is_left_out_and_told_of(capfd):
    pool = make_pool("fork", warmup="tests.sandbox.failing_step")
    code = "from tests.sandbox import failing_step\ntext = str(failing_step.done)"
    assert wait_for(lambda: list(streamed(pool, code))[-1].printed == "['after it']")
    pool.close()
    assert "could not do a step ahead: ValueError: no such thing" in capfd.readouterr().err


def test_a_step_ahead_that_starts_a_thread_ends_the_zygote_in_words(capfd):
    pool = make_pool("fork", warmup="tests.sandbox.threaded_step")
    assert wait_for(lambda: list(streamed(pool, "pass"))[-1].failure is not None)
    report = list(streamed(pool, "pass"))[-1]
    pool.close()
    assert "threads after its warm-up" in failure_of(report).explanation


def test_spares_that_inherit_all_are_made_when_the_zygote_is_primed():
    pool = Pool(Settings(jobs=1, spares=2, strategy="fork", target=TARGET, walls=()))
    assert pool.measured(30).level == "bare"
    assert pool.spares() <= 1
    assert wait_for(lambda: pool.spares() == 2)
    code = "import sys\ntext = str('scipy.stats' in sys.modules)"
    assert [list(streamed(pool, code))[-1].printed for _ in range(3)][-1] == "True"
    zygote = pool.pids()[0]
    assert len(os.listdir(f"/proc/{zygote}/task")) == 1
    pool.close()


def test_a_warm_up_that_starts_a_jax_backend_is_refused(capfd):
    pool = make_pool("fork", warmup="tests.sandbox.eager_warmup")
    report = list(streamed(pool, "pass"))[-1]
    pool.close()
    assert "a JAX backend runs" in failure_of(report).explanation


def test_close_ends_every_process_and_later_requests_say_so():
    pool = Pool(Settings(jobs=1, spares=2, strategy="fork", target=TARGET, warmup="", walls=()))
    assert wait_for(lambda: len(pool.pids()) == 3)
    pids = pool.pids()
    pool.close()
    assert all(wait_for_death(pid) for pid in pids)
    assert "shut down" in failure_of(list(streamed(pool, "pass"))[-1]).explanation
