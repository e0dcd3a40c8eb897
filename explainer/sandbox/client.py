"""Client: a Request in, Reports out; what the app and the library call.

    Request ─▶ gate (first come, first served) ─▶ pool.take ─▶ job.converse ─▶ verdict ─▶ Report
                                               └▶ cluster.work (EXPLAINER_CLUSTER) ─▶┘

A Report always comes back. While a job waits or runs there is one at least every 0.1 s.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from explainer.report import Failure, Isolation, Report, StageReport
from explainer.sandbox import events, heartbeat, job, verdict, wire
from explainer.sandbox.cluster import Cluster
from explainer.sandbox.cluster_settings import cluster_settings
from explainer.sandbox.gate import Ticket
from explainer.sandbox.pool import Child, Pool, Unavailable
from explainer.sandbox.settings import Limits, SettingError, Settings
from explainer.sandbox.verdict import Ending, Outcome
from explainer.spec import Request, Stage

Crew = Pool | Cluster  # who works: children of this process, or other hosts

_lock = threading.RLock()
_shared: dict[int, Crew] = {}  # this process's pool or cluster; worker processes outlive calls by design


def explain(
    request: Request,
    *,
    until: Stage = "time",
    limits: Limits | None = None,
    on_progress: Callable[[Report], None] | None = None,
) -> Report:
    """Explains a request in an isolated child; `on_progress` gets each partial Report."""
    latest = Report(request=request)
    for report in stream(request, until=until, limits=limits):
        if on_progress is not None and latest.stages:
            on_progress(latest)
        latest = report
    return latest


def stream(request: Request, *, until: Stage = "time", limits: Limits | None = None) -> Generator[Report]:
    """Yields partial Reports as stages start and end, a heartbeat in between, the whole Report last.

    Closing the generator early ends the child at once.
    """
    try:
        pool, limits = _pool(), limits or Limits()
    except SettingError as error:
        failure = Failure("parse", "SettingError", str(error), f"Nothing was run: {error}.")
        yield Report(request=request, stages=(StageReport("parse", "failed"),), failure=failure)
        return
    yield from events.watched(stream_from(pool, request, until, limits), request)


def warm_up() -> None:
    """Starts the standby children in the background, so that the first answer is fast."""
    with contextlib.suppress(SettingError):  # the first request says so, where its reader looks
        _pool()


def isolation(timeout: float = 30.0) -> Isolation:
    """Returns the measured level of the workers; waits for the first measure at most `timeout` seconds."""
    return _pool().measured(timeout)


def shared() -> Crew:
    """Returns this process's pool, or the cluster in its place; raises SettingError."""
    return _pool()


def shutdown() -> None:
    """Ends every child. The next call starts anew."""
    with _lock:
        pools = list(_shared.values())
        _shared.clear()
    for pool in pools:
        pool.close()


def stream_from(pool: Crew, request: Request, until: Stage, limits: Limits) -> Generator[Report]:
    """Does what `stream` does, with a given pool."""
    request = wire.clean_request(request)
    partial = Report(request=request, isolation=pool.isolation)
    size = len(wire.pack(wire.Job(request, until)))
    if size > limits.source_kb * 1024:
        yield verdict.final(partial, Ending("source_size", detail=f"{size:,} bytes"), limits)
        return
    outcome = None
    while outcome is None:
        outcome = yield from _turn(pool, partial, until, limits)
    partial, ending, printed = outcome
    yield verdict.final(partial, ending, limits, printed)


def _turn(
    pool: Crew, partial: Report, until: Stage, limits: Limits
) -> Generator[Report, None, Outcome | None]:
    """Waits in the queue, then works; returns None if a silent caller has lost its turn."""
    ticket = pool.gate.join()
    work = _work(pool, ticket, partial, until, limits)
    try:
        while True:
            yield next(work)
            if not ticket.holds():
                return None
    except StopIteration as end:
        return end.value
    finally:
        work.close()
        ticket.leave()
        pool.refill()


def _work(
    pool: Crew, ticket: Ticket, partial: Report, until: Stage, limits: Limits
) -> Generator[Report, None, Outcome]:
    yield from _wait(partial, ticket)
    if isinstance(pool, Cluster):
        return (yield from pool.work(partial, until, limits))
    _, ending, _ = outcome = yield from _attempt(pool, partial, until, limits)
    if ending.kind in ("lost", "unavailable"):  # it died with its zygote, or before its request
        outcome = yield from _attempt(pool, partial, until, limits)
    return outcome


def _pool() -> Crew:
    with _lock:
        if 0 not in _shared:
            cluster = cluster_settings()
            _shared[0] = Cluster(cluster) if cluster else Pool(Settings())
        return _shared[0]


def _wait(partial: Report, ticket: Ticket) -> Iterator[Report]:
    began = time.monotonic()
    while not ticket.wait(job.BEAT_S):
        yield heartbeat.starting(partial, began, f"waiting: {ticket.ahead()} before this one")


def _attempt(pool: Pool, partial: Report, until: Stage, limits: Limits) -> Generator[Report, None, Outcome]:
    """Yields partial Reports of one worker; returns the last one, the worker's end and its output."""
    began = time.monotonic()
    child: Child | None = None
    try:
        while child is None:
            if time.monotonic() - began > job.START_S:
                raise Unavailable(f"no zygote could be made in {job.START_S:g} s")
            child = pool.take(limits, job.BEAT_S)
            partial = replace(partial, isolation=pool.isolation)  # known once there is a worker
            yield heartbeat.starting(partial, began, "starting a worker")
        return (yield from _follow(pool, child, partial, until))
    except Unavailable as error:
        return partial, Ending("unavailable", detail=str(error)), ""
    finally:
        if child is not None:
            pool.release(child)


def _follow(pool: Pool, child: Child, partial: Report, until: Stage) -> Generator[Report, None, Outcome]:
    talk = job.Talk(child, wire.Frames(child.limits.answer_mb * wire.MB))
    began = time.monotonic()
    ending = Ending("bad_answer", detail="no answer")
    for news in job.converse(pool, talk, partial.request, until):
        if isinstance(news, Ending):
            ending = news
            break
        if news is not None:
            partial = replace(news, request=partial.request, isolation=partial.isolation)
            began = time.monotonic()
        yield heartbeat.beat(partial, began, "starting a worker")
    cap = child.limits.output_kb * 1024
    if ending.kind != "answer":
        partial = heartbeat.running(partial, began)
    return partial, ending, talk.text()[:cap]
