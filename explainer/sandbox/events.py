"""Events: what became of each request, for whoever keeps figures or a log.

    client.stream ── Reports ─▶ watched ── the same Reports ─▶ caller
                                   └── Asked, Began, Ended ─▶ queue ── a thread ─▶ listeners

A stream that was left behind ends when it is collected, on any thread and in the middle of any line; there
nobody may wait for a lock. So the listeners, which have locks, are called by a thread of their own.

An event holds numbers, and names from lists of ours. It quotes nothing that a visitor wrote or a worker said.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from explainer.report import Report
from explainer.sandbox.sharing import EARLIER
from explainer.sandbox.verdict import TEXTS, Kind
from explainer.spec import Request, Stage

TURNLESS = ("busy", "replaced", "source_size", "known")
"""Outcomes of requests that were answered without a turn."""
WAITING = "waiting"  # how the client's notes begin while a request has not had its turn


@dataclass(frozen=True, slots=True)
class Asked:
    """A request came in. `visitor` is the name of its browser, "" if nobody gave one."""

    id: str
    visitor: str
    characters: int  # of its code
    arguments: int
    levels: int
    script: bool


@dataclass(frozen=True, slots=True)
class Began:
    """The turn of a request came after so many seconds."""

    id: str
    waited: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A request is over.

    `outcome`: "answered"; "known", by an earlier run, whose stages are not told again; "failed", by the
    visitor's own code; the kind of an Ending that is none, such as "deadline"; "cancelled", by the visitor;
    "broken", by a fault of ours.
    """

    asked: Asked
    outcome: str
    seconds: float
    waited: float | None  # None: its turn never came
    stage: Stage | None  # that it failed in
    stages: tuple[tuple[Stage, float], ...]  # that ended, each with its seconds
    isolation: str


Event = Asked | Began | Ended
Listener = Callable[[Event], None]

_listeners: list[Listener] = []  # of this process, like its pool
_told: queue.SimpleQueue[Event | threading.Event] = queue.SimpleQueue()  # its `put` may interrupt itself


def listen(listener: Listener) -> None:
    """Has `listener` called with every event from now on, one at a time, on a thread of its own."""
    _listeners.append(listener)
    _teller()


def settle(timeout: float = 5.0) -> bool:
    """Waits until the listeners have heard all that has been told; returns whether they have."""
    if not _listeners:
        return True
    heard = threading.Event()
    _told.put(heard)
    return heard.wait(timeout)


def silence(listener: Listener) -> None:
    """Takes a listener out."""
    _listeners.remove(listener)


def watched(reports: Generator[Report, None, Kind], request: Request, visitor: str = "") -> Generator[Report]:
    """Yields the Reports of a request and tells the listeners what becomes of it."""
    asked = Asked(
        os.urandom(6).hex(),
        visitor,
        len(request.code),
        len(request.arguments),
        len(request.levels),
        request.is_script,
    )
    start, waited = time.monotonic(), None
    last, outcome = Report(request=request), "broken"
    _tell(asked)
    try:
        while True:
            try:
                last = next(reports)
            except StopIteration as end:
                outcome = outcome_of(last, end.value)
                return
            if waited is None and not _waits(last) and outcome_of(last) not in TURNLESS:
                waited = time.monotonic() - start
                _tell(Began(asked.id, waited))
            yield last
    except GeneratorExit:
        outcome = "cancelled"
        raise
    finally:
        reports.close()
        seconds = time.monotonic() - start
        _tell(_ended(asked, last, outcome, seconds, waited))


def outcome_of(report: Report, kind: Kind = "answer") -> str:
    """Returns how a request ended, by its last Report and the kind of its Ending: see `Ended`."""
    failure, first = report.failure, report.stages[:1]
    if first and first[0].status == "done" and first[0].note.startswith(EARLIER):
        return "known"
    if kind not in ("answer", "raised"):
        return kind
    if failure is None:
        return "answered"
    return next(
        (name for name, text in TEXTS.items() if text.limit and text.limit == failure.limit), "failed"
    )


def _waits(report: Report) -> bool:
    return len(report.stages) == 1 and report.stages[0].note.startswith(WAITING)


def _ended(asked: Asked, last: Report, outcome: str, seconds: float, waited: float | None) -> Ended:
    stages: tuple[tuple[Stage, float], ...] = tuple(
        (stage.name, _within(stage.seconds, seconds))
        for stage in last.stages
        if stage.status in ("done", "failed") and outcome != "known"
    )
    failed: Stage | None = next((stage.name for stage in last.stages if stage.status == "failed"), None)
    return Ended(asked, outcome, seconds, waited, failed, stages, last.isolation.level)


def _within(told: float, whole: float) -> float:
    """Returns the seconds that a worker tells, which may be anything, at most those of the request."""
    return min(max(told, 0.0), whole) if math.isfinite(told) else whole


def _tell(event: Event) -> None:
    if _listeners:
        _told.put(event)


@functools.cache
def _teller() -> threading.Thread:
    """Starts the thread that calls the listeners; those who keep figures or a log do it at the start."""
    teller = threading.Thread(target=_tell_on, name="events", daemon=True)
    teller.start()
    return teller


def _tell_on() -> None:
    """Calls the listeners: the whole life of their thread."""
    while True:
        event = _told.get()
        if isinstance(event, threading.Event):
            event.set()
            continue
        for listener in tuple(_listeners):
            try:
                listener(event)
            except Exception:  # the disk of a log is full: figures go on, and so do requests
                logging.getLogger(__name__).exception("a listener failed")
