"""Requests through a real Dask scheduler and real Dask workers on this machine, over TLS."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from distributed.comm.core import connect as dask_connect
from distributed.security import Security

from explainer import sandbox
from explainer.report import Failure, Report
from explainer.sandbox import cluster as cluster_module
from explainer.sandbox import cluster_link, cluster_settings, cluster_worker
from explainer.sandbox.client import stream_from
from explainer.sandbox.cluster import Cluster
from explainer.sandbox.cluster_settings import ClusterSettings
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, SettingError, Settings
from explainer.spec import Argument, Request, Vmap
from tests.browser import ROOT
from tests.sandbox.conftest import alive, failure_of, wait_for, wait_for_death
from tests.sandbox.rig import HOST, REAL, ROGUE, Rig, kill, make_certificates, settings_with

pytestmark = [
    pytest.mark.xdist_group("cluster"),  # one scheduler, one set of workers
    # Dask leaves the socket of a connection that it gave up during TLS's handshake to the collector
    pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """Lets the collector find such sockets before tests begin that know nothing of them."""
    yield
    gc.collect()


# Says which child runs it, and which Dask worker made the zygote of that child.
WHERE = """import os
zygote = os.getppid()
host = open(f"/proc/{zygote}/stat").read().rsplit(")", 1)[1].split()[1]
emit(Report(request, notes=(f"{os.getpid()} {host}",)))
text = host
"""
SHUT_IN = ("sealed", "contained")  # by what this machine can do
ENDLESS = WHERE + "while True: pass"
PAIRWISE = Request(
    "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n", "dist",
    (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")), (Vmap("(0, None)"), Vmap("(None, 0)")),
)  # fmt: skip


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("cluster"))
    make_certificates(rig.folder)
    rig.start_scheduler()
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def ask_often(monkeypatch) -> None:
    monkeypatch.setattr(cluster_link, "POLL_S", 0.2)


@pytest.fixture
def connect(rig) -> Iterator[Callable[..., Cluster]]:
    """Returns a Cluster that knows so many hosts."""
    made = []

    def connect(hosts: int, **settings: str) -> Cluster:
        made.append(Cluster(replace(rig.settings, **settings)))
        assert wait_for(lambda: len(made[-1].hosts()) == hosts), made[-1].problem
        return made[-1]

    yield connect
    for cluster in made:
        cluster.close()


@pytest.fixture
def refused() -> Iterator[Callable[[ClusterSettings, str], Failure]]:
    """Returns the Failure of a request to a cluster that has this problem."""
    made = []

    def refused(settings: ClusterSettings, problem: str) -> Failure:
        made.append(Cluster(settings))
        assert wait_for(lambda: problem in made[-1].problem), made[-1].problem
        with pytest.MonkeyPatch.context() as impatient:
            impatient.setattr(cluster_module, "PATIENCE_S", 0)
            failure = failure_of(last(made[-1], "pass"))
        assert problem in failure.explanation
        return failure

    yield refused
    for cluster in made:
        cluster.close()


def streamed(cluster, code, **limits):
    return stream_from(cluster, Request(code), "time", Limits(**limits))


def last(cluster, code, **limits) -> Report:
    return list(streamed(cluster, code, **limits))[-1]


def place(report: Report) -> tuple[int, int] | None:
    """Returns the pids of the child and of the Dask worker, from what `WHERE` emits."""
    numbers = report.notes[0].split() if report.notes else []
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and numbers[0].isdigit() else None


def begun(stream) -> tuple[int, int]:
    """Follows a stream until its child runs; returns where."""
    return next(found for report in stream if (found := place(report)))


def test_two_requests_run_on_two_hosts_at_once_and_the_third_waits_here(rig, connect):
    workers = rig.keep(HOST, 2)
    cluster = connect(2)
    first, second, third = (streamed(cluster, ENDLESS, deadline_s=60) for _ in range(3))
    hosts = {begun(first)[1], begun(second)[1]}
    assert hosts == {worker.pid for worker in workers}
    assert next(third).stages[0].note == "waiting: 1 before this one"
    first.close()
    assert begun(third)[1] in hosts
    for stream in (second, third):
        stream.close()
    assert cluster.gate.empty()


def test_partial_reports_arrive_while_the_request_runs_with_heartbeats_between(rig, connect):
    rig.keep(HOST, 2)
    reports = list(streamed(connect(2), "import time; time.sleep(1)"))
    assert reports[-1].failure is None
    assert any(report.notes == ("found early",) for report in reports[:-1])
    seconds = [stage.seconds for r in reports for stage in r.stages if stage.name == "trace"]
    assert len(seconds) > 5
    assert seconds == sorted(seconds)


def test_closing_the_stream_ends_the_child_on_the_other_host(rig, connect):
    rig.keep(HOST, 2)
    stream = streamed(connect(2), ENDLESS, deadline_s=600)
    child, _ = begun(stream)
    assert alive(child)
    stream.close()
    assert wait_for_death(child)


def test_closing_the_cluster_ends_the_child_and_the_request_says_so(rig, connect):
    rig.keep(HOST, 2)
    cluster = connect(2)
    stream = streamed(cluster, ENDLESS, deadline_s=600)
    child, _ = begun(stream)
    cluster.close()
    assert wait_for_death(child)
    assert "shut down" in failure_of(list(stream)[-1]).explanation
    assert "shut down" in failure_of(last(cluster, "pass")).explanation


def test_a_child_that_crashes_is_an_answer_and_is_not_tried_again(rig, connect):
    rig.keep(HOST, 2)
    reports = list(streamed(connect(2), WHERE + "import time; time.sleep(0.3); os._exit(3)"))
    assert failure_of(reports[-1]).error_type == "WorkerCrashed"
    assert "exit code 3" in failure_of(reports[-1]).explanation
    assert len({found for report in reports if (found := place(report))}) == 1


def test_limits_hold_on_the_other_host(rig, connect):
    rig.keep(HOST, 2)
    report = last(connect(2), "while True: pass", deadline_s=1)
    assert failure_of(report).limit == "deadline"
    assert "Stopped after 1 s" in failure_of(report).explanation


def test_lone_surrogates_cross_as_question_marks(rig, connect):
    rig.keep(HOST, 2)
    assert last(connect(2), "text = 'a\\ud800b' + request.code[-1] # \ud800").printed == "a?b?"


def test_a_request_whose_host_is_killed_is_answered_by_another_after_one_retry(rig, connect, tmp_path):
    workers = rig.keep(HOST, 2)
    flag = tmp_path / "flag"
    cluster, places, report = connect(2), [], None
    for report in streamed(cluster, WHERE + f"while not os.path.exists({str(flag)!r}): pass", deadline_s=60):
        if (found := place(report)) and found not in places:
            places.append(found)
            if len(places) == 1:
                kill(next(worker for worker in workers if worker.pid == found[1]))
                assert wait_for_death(found[0])
            else:
                flag.touch()
    assert report is not None
    assert report.failure is None
    assert len(places) == 2
    assert report.printed == str(places[1][1])
    assert {host for _, host in places} == {worker.pid for worker in workers}
    assert len(cluster.hosts()) == 1


def test_a_request_that_loses_two_hosts_is_a_failure_and_never_meets_a_third(rig, connect):
    workers = rig.keep(HOST, 3)
    cluster, places, report = connect(3), [], None
    for report in streamed(cluster, ENDLESS, deadline_s=60):
        if (found := place(report)) and found not in places:
            places.append(found)
            kill(next(worker for worker in workers if worker.pid == found[1]))
    assert report is not None
    assert len(places) == 2
    failure = failure_of(report)
    assert (failure.error_type, failure.stage) == ("WorkerHostLost", "parse")
    assert failure.explanation.startswith("Two worker hosts went away, one after the other, while your")
    assert failure.explanation.count("tls://127.0.0.1:") == 2
    assert last(cluster, "pass").failure is None


def test_with_no_host_left_the_failure_says_who_went_and_names_the_setting(rig, connect, monkeypatch):
    monkeypatch.setattr(cluster_module, "PATIENCE_S", 2)
    workers = rig.keep(HOST, 1)
    cluster = connect(1)
    stream = streamed(cluster, ENDLESS, deadline_s=600)
    begun(stream)
    kill(workers[0])
    failure = failure_of(list(stream)[-1])
    assert failure.error_type == "WorkerUnavailable"
    assert f"the scheduler at {rig.address} has no workers" in failure.explanation
    assert "EXPLAINER_CLUSTER" in failure.explanation
    assert failure.message.startswith("tls://127.0.0.1:")  # the host that went away
    assert len(list(streamed(cluster, "pass"))) == 1  # who comes later does not wait again


def test_the_weakest_isolation_of_all_hosts_is_the_one_shown(rig, connect):
    rig.keep(HOST, 0)
    rig.add(HOST, STANDIN_WALLS="1")
    bare = rig.add(HOST)
    cluster = connect(2)
    assert {last(cluster, "pass").isolation.level for _ in range(4)} == {"bare"}
    kill(bare)
    assert wait_for(lambda: cluster.isolation.level in SHUT_IN)
    assert last(cluster, "pass").isolation.level in SHUT_IN
    rig.keep(HOST, 0)


@pytest.mark.parametrize(
    ("code", "error_type", "words"),
    [
        ("junk", "BadAnswer", "ValidationError"),
        ("an object", "BadAnswer", "dict in place of bytes"),
        ("a deep one", "BadAnswer", "not an explanation"),
        ("no message for us", "BadAnswer", "Ready"),
        ("a raw preview", "BadAnswer", "a preview holds bytes"),
        ("a flood", "BadAnswer", "more than 1000 messages"),
        ("too much", "AnswerLimitExceeded", "2,097,152 bytes"),
        ("silence", "WorkerHostLost", "silent for 1 s"),
    ],
)
def test_what_a_rogue_host_sends_is_not_believed(rig, connect, monkeypatch, code, error_type, words):
    monkeypatch.setattr(cluster_module, "SILENCE_S", 1)
    rig.keep(ROGUE, 1)
    failure = failure_of(last(connect(1), code, answer_mb=1))
    assert failure.error_type == error_type
    assert words in failure.explanation


def test_a_host_can_forge_neither_the_request_nor_its_level(rig, connect):
    rig.keep(ROGUE, 1)
    report = last(connect(1), "a forged request")
    assert report.failure is None
    assert (report.request.code, report.isolation.level) == ("a forged request", "bare")


def test_a_dask_worker_without_our_preload_is_named_and_gets_nothing(rig, refused):
    rig.keep(ROGUE, 0)
    rig.add()
    failure = refused(rig.settings, "was not started with the preload of deploy/cluster.md")
    assert failure.error_type == "WorkerUnavailable"
    rig.keep(HOST, 0)


def test_a_host_of_another_version_is_named_and_gets_nothing(rig, refused):
    rig.keep(ROGUE, 0)
    rig.add(ROGUE, ROGUE_VERSION="0")
    failure = refused(rig.settings, "runs another version of this project")
    assert failure.error_type == "WorkerUnavailable"
    rig.keep(HOST, 0)


def test_the_real_analysis_gives_the_same_report_as_on_this_host(rig, connect):
    rig.keep(REAL, 1)
    cluster, pool = connect(1), Pool(Settings(spares=1))
    there, here = (
        list(stream_from(crew, PAIRWISE, "check", Limits(deadline_s=60)))[-1] for crew in (cluster, pool)
    )
    pool.close()
    rig.keep(HOST, 0)
    assert there.failure is None
    assert there.outputs[0].shape == (3, 4)
    assert [(s.name, s.status) for s in there.stages] == [(s.name, s.status) for s in here.stages]
    for name in ("arguments", "levels", "equations", "outputs", "values", "findings", "readings"):
        assert getattr(there, name) == getattr(here, name), name


def test_without_a_scheduler_requests_fail_in_words_and_work_once_there_is_one(rig, monkeypatch):
    monkeypatch.setattr(cluster_module, "PATIENCE_S", 1.5)
    monkeypatch.setattr(cluster_link, "CONNECT_S", 0.5)
    other = Rig(rig.folder)
    cluster = Cluster(other.settings)
    reports = list(streamed(cluster, "pass"))
    failure = failure_of(reports[-1])
    assert failure.error_type == "WorkerUnavailable"
    assert f"the scheduler at {other.address} (OSError: Timed out" in failure.explanation
    assert "EXPLAINER_CLUSTER" in failure.explanation
    assert len(reports) > 10  # heartbeats
    scheduler = other.start_scheduler()
    other.add(HOST)
    assert wait_for(cluster.hosts)
    assert last(cluster, "pass").failure is None
    kill(scheduler)
    assert wait_for(lambda: not cluster.hosts())  # workers end without their scheduler
    failure = failure_of(last(cluster, "pass"))
    assert f"the scheduler at {other.address}" in failure.explanation
    cluster.close()
    other.close()


def test_a_certificate_of_another_authority_is_refused_by_the_scheduler(rig, refused):
    rig.keep(HOST, 1)
    failure = refused(settings_with(rig.folder, rig.address, "stranger"), "cannot be reached")
    assert failure.error_type == "WorkerUnavailable"


def test_a_scheduler_of_another_authority_is_refused(rig, refused):
    other = replace(rig.settings, ca=str(rig.folder / "other.pem"))
    failure = refused(other, "TLS certificate does not match")
    assert failure.error_type == "WorkerUnavailable"


@pytest.mark.parametrize(("name", "scheme"), [("web", "tls"), ("stranger", "tls"), ("", "tcp")])
def test_a_worker_answers_only_those_with_a_certificate_of_its_authority(rig, connect, name, scheme):
    rig.keep(HOST, 1)
    files = settings_with(rig.folder, rig.address, name)
    shown = {"tls_client_cert": files.cert, "tls_client_key": files.key, "tls_ca_file": files.ca}
    security = Security(**shown) if name else Security()
    address = connect(1).hosts()[0].replace("tls", scheme)

    async def ask() -> dict[str, object]:
        comm = await dask_connect(address, timeout=1, **security.get_connection_args("client"))
        await comm.write({"op": "identity", "reply": True, "close": True})
        try:
            return await comm.read()
        finally:
            comm.abort()

    if name == "web":
        assert asyncio.run(ask())["type"] == "Worker"
    else:
        with pytest.raises(OSError):
            asyncio.run(asyncio.wait_for(ask(), 5))


def test_a_key_that_does_not_fit_its_certificate_is_a_setting_error(rig):
    with pytest.raises(SettingError, match="EXPLAINER_CLUSTER_KEY: these files do not fit together"):
        Cluster(replace(rig.settings, key=str(rig.folder / "stranger-key.pem")))


def test_the_environment_leads_the_app_to_the_cluster(rig, monkeypatch):
    rig.keep(HOST, 1)
    sandbox.shutdown()
    monkeypatch.setenv("EXPLAINER_CLUSTER", rig.address)
    for name in ("ca", "cert", "key"):
        monkeypatch.setenv(f"EXPLAINER_CLUSTER_{name.upper()}", getattr(rig.settings, name))
    sandbox.warm_up()
    report = sandbox.explain(Request(WHERE))
    sandbox.shutdown()
    assert report.failure is None
    assert report.printed == str(rig.workers[0].pid)


def test_a_worker_with_a_bad_setting_does_not_start(rig):
    worker = rig.add(REAL, EXPLAINER_JOBS="many")
    assert worker.wait(timeout=30) != 0
    assert "This worker does not start: EXPLAINER_JOBS is 'many'" in (rig.folder / "log").read_text()


@pytest.mark.parametrize(
    ("address", "listening"),
    [("tcp://10.0.0.5:1", "tcp://10.0.0.5:1"), ("tcp://127.0.0.1:1", "tcp://0.0.0.0:1")],
)
def test_a_worker_on_plain_tcp_beyond_this_host_does_not_start(address, listening):
    worker = SimpleNamespace(
        address=address, listeners=[SimpleNamespace(listen_address=listening)], handlers={}
    )
    with pytest.raises(SystemExit, match="plain TCP to another host"):
        cluster_worker.dask_setup(worker)  # pyright: ignore[reportArgumentType]  # all it looks at
    assert worker.handlers == {}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"": "10.0.0.1"}, "EXPLAINER_CLUSTER is '10.0.0.1': set it to tls://HOST:PORT"),
        ({"": "tls://10.0.0.1"}, "set it to tls://HOST:PORT"),
        ({"": "tls://h:x"}, "set it to tls://HOST:PORT"),
        ({"": "ucx://h:1"}, "set it to tls://HOST:PORT"),
        ({"": "tcp://10.0.0.1:8786"}, "tcp://10.0.0.1:8786 is plain TCP to another host"),
        ({"": "tcp://scheduler:8786"}, "plain TCP to another host"),
        ({"": "tcp://10.0.0.1:8786", "_PLAIN": "yes"}, "EXPLAINER_CLUSTER_PLAIN is 'yes', which is not that"),
        ({"": "tcp://127.0.0.1:8786", "_KEY": "k.pem"}, "EXPLAINER_CLUSTER_KEY is set, but"),
        ({"": "tls://h:1"}, "EXPLAINER_CLUSTER_CA is not set: EXPLAINER_CLUSTER is tls://"),
        ({"": "tls://h:1", "_CA": "/none/ca.pem"}, "EXPLAINER_CLUSTER_CA is '/none/ca.pem': no such file"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(monkeypatch, variables, words):
    for name, value in variables.items():
        monkeypatch.setenv(f"EXPLAINER_CLUSTER{name}", value)
    sandbox.shutdown()
    failure = failure_of(sandbox.explain(Request("x = 1")))
    assert failure.error_type == "SettingError"
    assert words in failure.explanation


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_plain_tcp_is_fine_within_this_host(monkeypatch, address):
    monkeypatch.setenv("EXPLAINER_CLUSTER", address)
    found = cluster_settings.cluster_settings()
    assert found is not None
    assert found.scheduler == address


def test_plain_tcp_to_another_host_must_be_asked_for_in_so_many_words(monkeypatch):
    monkeypatch.setenv("EXPLAINER_CLUSTER", "tcp://10.0.0.1:8786")
    monkeypatch.setenv("EXPLAINER_CLUSTER_PLAIN", "i-trust-this-network")
    assert cluster_settings.cluster_settings() is not None


def test_without_dask_the_setting_error_names_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "explainer.sandbox.cluster_link", raising=False)
    monkeypatch.setitem(sys.modules, "distributed.comm.core", None)
    with pytest.raises(SettingError, match=r"pip install -r deploy/requirements-cluster\.txt"):
        Cluster(ClusterSettings("tcp://127.0.0.1:1"))


def test_without_a_cluster_dask_is_not_loaded():
    code = "import sys, explainer.sandbox, explainer.ui.job; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
