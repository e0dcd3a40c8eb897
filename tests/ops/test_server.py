"""The keeper's port: figures and health over HTTP, the deep check through the real sandbox."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from explainer import sandbox
from explainer.ops import health
from explainer.ops.health import DeepCheck
from explainer.ops.metrics import Metrics
from explainer.ops.server import Server
from explainer.sandbox import check
from explainer.sandbox.check import Checked
from explainer.sandbox.settings import Settings
from tests.browser import ROOT
from tests.ops.test_events import ENDLESS

GOOD = Checked(True, "answer", 0.1, "sealed")
BAD = Checked(False, "unavailable", 0.1, "bare")


@pytest.fixture
def answers() -> list[Checked]:
    return [GOOD]


@pytest.fixture
def server(answers: list[Checked]) -> Iterator[Server]:
    server = Server(0, Metrics(dict), DeepCheck(lambda _: answers[-1]))
    yield server
    server.close()


def get(server: Server, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_tells_figures_and_health_and_nothing_else(server):
    status, text = get(server, "/metrics")
    assert (status, b"explainer_running 0.0" in text) == (200, True)
    assert get(server, "/health") == (200, b'{"ok":true}')
    status, text = get(server, "/health/deep")
    assert (status, json.loads(text)["isolation"]) == (200, "sealed")
    assert get(server, "/../etc/passwd")[0] == 404


def test_a_sandbox_that_does_not_work_is_a_503(server, answers):
    answers.append(BAD)
    status, text = get(server, "/health/deep")
    assert (status, json.loads(text)["detail"]) == (503, "unavailable")


def test_it_answers_this_machine_only(server):
    assert server._server.server_address[0] == "127.0.0.1"


def test_the_check_runs_a_real_request_past_a_full_queue():
    places = Settings().jobs
    streams = [sandbox.stream(ENDLESS, until="run") for _ in range(places + 2)]
    for stream in streams:
        next(stream)
    found = check.check(30)
    for stream in streams:
        stream.close()
    assert (found.ok, found.detail) == (True, "answer")
    assert 0 < found.seconds < 30
    assert found.isolation == sandbox.isolation().level


def test_the_check_asks_another_worker_where_the_first_has_died(monkeypatch):
    ask, endings = check._ask, ["lost"]
    monkeypatch.setattr(check, "_ask", lambda *given: endings.pop() if endings else ask(*given))
    assert check.check(30).detail == "answer"


def test_the_check_gives_up_in_time():
    assert check.check(-1).ok is False


def test_one_check_serves_all_who_ask_at_once():
    ran = []
    gate = threading.Event()

    def slow(_: float) -> Checked:
        ran.append(1)
        gate.wait(10)
        return GOOD

    deep = DeepCheck(slow)
    threads = [threading.Thread(target=deep.result) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(ran) == 1


def test_a_check_is_run_again_after_a_while(monkeypatch):
    monkeypatch.setattr(health, "KEPT_S", 0)
    ran = []
    deep = DeepCheck(lambda _: ran.append(1) or GOOD)
    deep.result()
    deep.result()
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [("EXPLAINER_OPS_PORT", "http", "EXPLAINER_OPS_PORT is 'http'"), ("EXPLAINER_LOG", "xml", "to json")],
)
def test_a_setting_that_cannot_be_read_ends_the_start_with_its_name(variable, value, says):
    environment = {**os.environ, variable: value}
    command = [sys.executable, "-m", "explainer.ops"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_ends_the_start():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            Server(taken.getsockname()[1], Metrics(dict), DeepCheck(lambda _: GOOD))
