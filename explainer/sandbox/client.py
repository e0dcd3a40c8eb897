"""Client: a Request in, Reports out; what the app and the library call.

    Request ─▶ sharing: known, or in progress? ─▶ Report
            └▶ gate: whose turn? ─▶ work ─▶ Report

A Report always comes back. While a job waits or runs there is one at least every 0.1 s. A call without
a visitor shares nothing: what it measures is its own run.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Generator

from explainer.report import Failure, Isolation, Report, StageReport
from explainer.sandbox import events, heartbeat, job, sharing, verdict, wire
from explainer.sandbox.cluster import Cluster
from explainer.sandbox.cluster_settings import cluster_settings
from explainer.sandbox.gate import Gate, Ticket, Visitor
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, SettingError, Settings
from explainer.sandbox.sharing import Finished, Seat
from explainer.sandbox.verdict import Ending, Kind
from explainer.sandbox.work import Ask, Crew, work
from explainer.spec import Request, Stage

_lock = threading.RLock()
_shared: dict[int, Crew] = {}  # this process's pool; worker processes outlive calls by design


def explain(
    request: Request,
    *,
    until: Stage = "time",
    limits: Limits | None = None,
    on_progress: Callable[[Report], None] | None = None,
    visitor: Visitor | None = None,
    fresh: bool = False,
) -> Report:
    """Explains a request in an isolated child; `on_progress` gets each partial Report."""
    latest = Report(request=request)
    for report in stream(request, until=until, limits=limits, visitor=visitor, fresh=fresh):
        if on_progress is not None and latest.stages:
            on_progress(latest)
        latest = report
    return latest


def stream(
    request: Request,
    *,
    until: Stage = "time",
    limits: Limits | None = None,
    visitor: Visitor | None = None,
    fresh: bool = False,
) -> Generator[Report]:
    """Yields partial Reports as stages start and end, a heartbeat in between, the whole Report last.

    Closing the generator early ends the child at once. A visitor has one request at work at a time; she
    may get the answer of another one who asks the same, or asked it lately unless `fresh`.
    """
    try:
        pool, limits = _pool(), limits or Limits()
    except SettingError as error:
        failure = Failure("parse", "SettingError", str(error), f"Nothing was run: {error}.")
        yield Report(request=request, stages=(StageReport("parse", "failed"),), failure=failure)
        return
    reports = stream_from(pool, request, until, limits, visitor, fresh=fresh)
    yield from events.watched(reports, request, visitor.name if visitor is not None else "")


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


def stream_from(
    pool: Crew,
    request: Request,
    until: Stage,
    limits: Limits,
    visitor: Visitor | None = None,
    *,
    fresh: bool = False,
) -> Generator[Report, None, Kind]:
    """Does what `stream` does, with a given pool; returns how it ended."""
    request, packed = wire.packed(request, until)
    partial = Report(request=request, isolation=pool.isolation)
    if len(packed) > limits.source_kb * 1024:
        yield verdict.final(partial, Ending("source_size", detail=f"{len(packed):,} bytes"), limits)
        return "source_size"
    visitor = visitor or Visitor()
    key = sharing.key_of(packed, limits) if visitor.name else None
    ask = Ask(pool, partial, until, packed, limits, visitor, key)
    known = None if fresh else pool.sharing.known(key)
    end = Finished(known, lasting=True) if known is not None else None
    while end is None:
        end = yield from _turn(ask)
    yield end.report
    return end.kind


def _turn(ask: Ask) -> Generator[Report, None, Finished | None]:
    """Waits in the queue, then works or follows; returns None if the turn was lost, being silent."""
    seat = yield from _wait(ask)
    if isinstance(seat, Seat):
        return (yield from ask.pool.sharing.follow(seat, job.BEAT_S))
    if seat is None:
        return None
    return Finished(verdict.final(ask.partial, seat, ask.limits), lasting=False, kind=seat.kind)


def _wait(ask: Ask) -> Generator[Report, None, Seat | Ending | None]:
    """Waits for a place to work, or for somebody else's run of the same request; None: lost, being silent."""
    seat = ask.pool.sharing.join(ask.key, ask.visitor)
    if seat is not None:
        return seat
    began, gate = time.monotonic(), ask.pool.gate
    ticket = gate.join(ask.visitor)
    try:
        while not ticket.wait(job.BEAT_S):
            if not ticket.holds():
                return _refused(ask, ticket)
            yield heartbeat.starting(ask.partial, began, _line(gate, ticket))
            seat = ask.pool.sharing.join(ask.key, ask.visitor)
            if seat is not None:
                return seat
        seat = ask.pool.sharing.begin(ask.key, ask.visitor, ticket, lambda: work(ask, ticket))
        return seat
    finally:
        if seat is None or seat.run.ticket is not ticket:  # else it is the run's
            ticket.leave()


def _refused(ask: Ask, ticket: Ticket) -> Ending | None:
    """Returns why a ticket will never have its turn, None if it was only silent for too long."""
    gate = ask.pool.gate
    if ticket.state == "replaced":
        return Ending("replaced")
    if ticket.state == "shed":
        wait = _about(gate.seconds(gate.waiting())) or "soon"
        text = f"{gate.most} requests wait already, as many as may (EXPLAINER_QUEUE)"
        return Ending("busy", detail=f"{text}. They are through {wait}")
    return None


def _line(gate: Gate, ticket: Ticket) -> str:
    """Returns where a ticket stands: "waiting: 3 before this one, about 4 s"."""
    ahead = ticket.ahead()
    if ahead is None:
        return "waiting: your other run goes first"
    about = _about(gate.seconds(ahead))
    return f"waiting: {ahead} before this one" + (f", its turn comes {about}" if about else "")


def _about(seconds: float | None) -> str:
    """Returns an estimate in words: "in about 4 s"; "" without one."""
    return "" if seconds is None else f"in about {math.ceil(seconds)} s"


def _pool() -> Crew:
    with _lock:
        if 0 not in _shared:
            cluster = cluster_settings()
            _shared[0] = Cluster(cluster) if cluster else Pool(Settings())
        return _shared[0]
