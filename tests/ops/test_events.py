"""Events: what the listeners are told of requests that went through the real sandbox."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator
from dataclasses import replace

import pytest

from explainer import sandbox
from explainer.diagnosis import Failure
from explainer.report import Report, StageReport
from explainer.sandbox import Limits, Visitor, events, verdict
from explainer.sandbox.events import Asked, Began, Ended
from explainer.sandbox.settings import Settings
from explainer.sandbox.verdict import Ending
from explainer.spec import Argument, Request, Vmap

DOUBLE = Request("def f(x):\n    return x * 2\n", "f", (Argument("x", "f32[3]"),), (Vmap(),))
ENDLESS = replace(DOUBLE, code="def f(x):\n    while True: pass\n")


def test_a_request_is_asked_begun_and_ended(told):
    report = sandbox.explain(DOUBLE, until="run")
    asked, began, ended = told
    assert isinstance(asked, Asked)
    assert isinstance(began, Began)
    assert isinstance(ended, Ended)
    assert (asked.characters, asked.arguments, asked.levels, asked.script) == (len(DOUBLE.code), 1, 1, False)
    assert asked.id == began.id == ended.asked.id
    assert (ended.outcome, ended.stage, ended.isolation) == ("answered", None, report.isolation.level)
    assert [name for name, _ in ended.stages] == [s.name for s in report.stages if s.status == "done"]
    assert 0 <= began.waited <= ended.seconds


def test_code_that_raises_is_the_visitors_own_failure(told):
    sandbox.explain(replace(DOUBLE, code="def f(x):\n    raise ValueError('mine')\n"), until="run")
    assert (told[-1].outcome, told[-1].stage) == ("failed", "trace")


def test_a_limit_that_was_hit_is_named(told):
    sandbox.explain(ENDLESS, until="run", limits=Limits(deadline_s=1))
    assert (told[-1].outcome, told[-1].stage) == ("deadline", "trace")
    sandbox.explain(replace(DOUBLE, code="#" * 5000), until="run", limits=Limits(source_kb=2))
    assert (told[-1].outcome, told[-1].stage) == ("source_size", "parse")


def test_an_answer_that_was_known_counts_no_stage_twice(told):
    request = replace(DOUBLE, code=f"{DOUBLE.code}# asked twice\n")
    for _ in range(2):
        sandbox.explain(request, until="run", visitor=Visitor("ann"))
    first, second = [event for event in told if isinstance(event, Ended)]
    assert (first.outcome, second.outcome) == ("answered", "known")
    assert first.stages != ()
    assert (second.stages, second.stage) == ((), None)


def test_who_leaves_has_cancelled(told):
    stream = sandbox.stream(ENDLESS, until="run")
    next(stream)
    stream.close()
    assert told[-1].outcome == "cancelled"


def test_a_request_behind_another_waits_and_then_begins(told):
    streams = [sandbox.stream(ENDLESS, until="run") for _ in range(_places() + 1)]
    for stream in streams:
        next(stream)
    assert sum(isinstance(event, Began) for event in told) == _places()
    streams[0].close()
    for _ in streams[-1]:
        if isinstance(told[-1], Began):
            break
    assert told[-1].id == [event.id for event in told if isinstance(event, Asked)][-1]
    for stream in streams:
        stream.close()
    assert sum(isinstance(event, Ended) for event in told) == len(streams)


def test_who_is_turned_away_or_knows_the_answer_has_no_turn(told):
    sandbox.explain(replace(DOUBLE, code="#" * 5000), until="run", limits=Limits(source_kb=2))
    request = replace(DOUBLE, code=f"{DOUBLE.code}# no turn\n")
    for _ in range(2):
        sandbox.explain(request, until="run", visitor=Visitor("bob"))
    ends = [(event.outcome, event.waited is None) for event in told if isinstance(event, Ended)]
    assert ends == [("source_size", True), ("answered", False), ("known", True)]
    assert sum(isinstance(event, Began) for event in told) == 1


def test_a_listener_that_fails_stops_nobody(told, listen, caplog):
    def full(event: events.Event) -> None:
        raise OSError("no space left")

    listen(full)
    assert sandbox.explain(DOUBLE, until="run").failure is None
    assert [type(event) for event in told] == [Asked, Began, Ended]
    assert "no space left" in caplog.text


def test_a_stream_that_is_collected_while_a_listener_is_at_work_is_told_later(listen):
    at_work, go_on = threading.Event(), threading.Event()
    heard: list[events.Event] = []

    def slow(event: events.Event) -> None:
        heard.append(event)
        at_work.set()
        assert go_on.wait(10)

    listen(slow)
    stream = sandbox.stream(DOUBLE, until="run")
    next(stream)
    assert at_work.wait(10)
    del stream  # its end is told in here, whoever holds which lock
    go_on.set()
    assert events.settle()
    assert [type(event) for event in heard] == [Asked, Began, Ended]


def test_a_fault_of_ours_is_told_and_goes_on(told):
    def broken() -> Generator[Report, None, verdict.Kind]:
        yield Report(request=DOUBLE)
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        list(events.watched(broken(), DOUBLE))
    assert told[-1].outcome == "broken"


@pytest.mark.parametrize("kind", [kind for kind in verdict.TEXTS if kind not in ("answer", "raised")])
def test_every_way_to_end_has_its_own_name(kind, told):
    def ending() -> Generator[Report, None, verdict.Kind]:
        yield verdict.final(Report(request=DOUBLE), Ending(kind), Limits())
        return kind

    list(events.watched(ending(), DOUBLE))
    assert told[-1].outcome == kind


def test_an_error_that_is_called_as_one_of_ours_is_the_visitors_own(told):
    code = "class WorkerCrashed(Exception): pass\ndef f(x):\n    raise WorkerCrashed\n"
    report = sandbox.explain(replace(DOUBLE, code=code), until="run")
    assert report.failure is not None
    assert (report.failure.error_type, told[-1].outcome) == ("WorkerCrashed", "failed")


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -5.0, 1e300])
def test_a_worker_that_lies_about_its_seconds_is_not_believed(told, seconds):
    def lying() -> Generator[Report, None, verdict.Kind]:
        yield Report(request=DOUBLE, stages=(StageReport("parse", "done", seconds),))
        return "answer"

    list(events.watched(lying(), DOUBLE))
    (_, stage_seconds), *_ = told[-1].stages
    assert 0 <= stage_seconds <= told[-1].seconds


def test_names_are_ours_whatever_a_worker_calls_its_failure(told):
    def inventive() -> Generator[Report, None, verdict.Kind]:
        failure = Failure("parse", "SECRET", "SECRET", "SECRET", limit="SECRET")
        yield Report(request=DOUBLE, stages=(StageReport("parse", "failed"),), failure=failure)
        return "answer"

    list(events.watched(inventive(), DOUBLE))
    assert told[-1].outcome == "failed"
    assert "SECRET" not in repr(told)


def _places() -> int:
    return Settings().jobs
