"""Work: one request at its place in the gate, from a worker's start to the last Report.

    client ── Ask, Ticket ─▶ pool.take ─▶ job.converse ─▶ verdict ─▶ Reports

A worker that died with its zygote, or before it had the request, is replaced once. Where there is a
cluster, one of its hosts does all this.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Generator
from dataclasses import dataclass, replace

from explainer.report import Report
from explainer.sandbox import heartbeat, job, verdict, wire
from explainer.sandbox.cluster import Cluster
from explainer.sandbox.gate import Ticket, Visitor
from explainer.sandbox.pool import Child, Pool, Unavailable
from explainer.sandbox.settings import Limits
from explainer.sandbox.sharing import Finished, Steps
from explainer.sandbox.verdict import Ending, Outcome
from explainer.spec import Stage

Crew = Pool | Cluster  # who does the work: workers of this host, or those of others


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of `stream`: who asks, and for what. `key` is None for a run that is shared with nobody."""

    pool: Crew
    partial: Report  # with nothing but the request
    until: Stage
    packed: bytes  # both, as a worker gets them
    limits: Limits
    visitor: Visitor
    key: bytes | None


def work(ask: Ask, ticket: Ticket) -> Steps:
    """Yields partial Reports of the work itself; returns None if all who follow it fell silent."""
    attempts = _attempts(ask, ticket)
    try:
        while True:
            yield next(attempts)
            if not ticket.holds():
                return None
    except StopIteration as end:
        partial, ending, printed = end.value
        report = verdict.final(partial, ending, ask.limits, printed)
        return Finished(report, ending.kind == "answer" and verdict.lasting(report), ending.kind)
    finally:
        attempts.close()
        ticket.leave()
        ask.pool.refill()


def _attempts(ask: Ask, ticket: Ticket) -> Generator[Report, None, Outcome]:
    pool = ask.pool
    if isinstance(pool, Cluster):
        return (yield from pool.work(ask.partial, ask.until, ask.limits))
    _, ending, _ = outcome = yield from _attempt(pool, ask, ticket, spare=True)
    if ending.kind in ("lost", "unavailable"):  # it died with its zygote, or before its request
        outcome = yield from _attempt(pool, ask, ticket, spare=False)
    return outcome


def _attempt(pool: Pool, ask: Ask, ticket: Ticket, spare: bool) -> Generator[Report, None, Outcome]:
    """Yields partial Reports of one worker; returns the last one, the worker's end and its output."""
    partial, began = ask.partial, time.monotonic()
    child: Child | None = None
    behind = False
    try:
        while child is None:
            if time.monotonic() - began > job.START_S:
                raise Unavailable(f"no zygote could be made in {job.START_S:g} s")
            behind = ticket.behind
            child = pool.take(ask.limits, job.BEAT_S, spare, behind)
            partial = replace(partial, isolation=pool.isolation)  # known once there is a worker
            if child is None:
                yield heartbeat.starting(partial, began, "starting a worker")
        ticket.on_loss = functools.partial(pool.stop, child)
        ticket.on_behind = functools.partial(pool.stand_back, child)
        if ticket.behind and not behind:  # since then
            pool.stand_back(child)
        return (yield from _follow(pool, child, partial, ask.packed))
    except Unavailable as error:
        return partial, Ending("unavailable", detail=str(error)), ""
    finally:
        if child is not None:
            pool.release(child)


def _follow(pool: Pool, child: Child, partial: Report, packed: bytes) -> Generator[Report, None, Outcome]:
    talk = job.Talk(child, wire.Frames(child.limits.answer_mb * wire.MB))
    began = time.monotonic()
    ending = Ending("bad_answer", detail="no answer")
    for news in job.converse(pool, talk, packed):
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
