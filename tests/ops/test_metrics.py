"""Metrics: the figures are those of the requests that went through, in a format that Prometheus reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from explainer import sandbox
from explainer.ops.metrics import Metrics
from tests.ops.test_events import DOUBLE, ENDLESS


@pytest.fixture
def metrics(listen) -> Metrics:
    made = Metrics(lambda: {"spares": 2.0})
    listen(made)
    return made


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Returns each figure by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_requests_stages_and_failures_are_counted(metrics):
    for _ in range(2):
        sandbox.explain(DOUBLE, until="run")
    sandbox.explain(replace(DOUBLE, code="def f(x):\n    raise ValueError\n"), until="run")
    found = figures(metrics)
    assert found["explainer_requests_total", "answered"] == 2
    assert found["explainer_requests_total", "failed"] == 1
    assert found["explainer_failures_total", "failed", "trace"] == 1
    assert found["explainer_stage_seconds_count", "run"] == 2
    assert found["explainer_stage_seconds_count", "trace"] == 3
    assert found["explainer_wait_seconds_count",] == 3
    assert found["explainer_request_seconds_count", "answered"] == 2
    assert 0 < found["explainer_request_seconds_sum", "answered"] < 60


def test_what_runs_now_is_shown_and_gone_when_it_ends(metrics):
    stream = sandbox.stream(ENDLESS, until="run")
    next(stream)
    assert figures(metrics)["explainer_running",] == 1
    stream.close()
    found = figures(metrics)
    assert (found["explainer_running",], found["explainer_waiting",]) == (0, 0)
    assert found["explainer_requests_total", "cancelled"] == 1


def test_the_state_is_read_when_it_is_asked_for():
    state = {"spares": 2.0}
    metrics = Metrics(lambda: state)
    assert figures(metrics)["explainer_spares",] == 2
    state["spares"] = 0.0
    assert figures(metrics)["explainer_spares",] == 0


def test_two_sets_of_figures_do_not_meet():
    assert Metrics(dict).text() != b""
    assert Metrics(dict).text() != b""
