"""Sharing: a request that many ask at the same time is run once, and a finished answer is kept.

    client ── key ─▶ finished Report, or the Run in progress, or a Run of one's own ─▶ Reports

Two requests are the same when their cleaned text, the stage they go to and the limits are. Nothing of
who asked is in a Report or kept here; what one visitor can learn of another is that this very text has
been asked before. A run has no thread: whichever follower asks for news first moves it on, and the
others wait at most a beat for what she finds. So it goes on when a page goes away, and ends at once,
its worker with it, when the last follower leaves.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import msgspec

from explainer.report import Report
from explainer.sandbox.gate import Ticket, Visitor
from explainer.sandbox.settings import Limits
from explainer.sandbox.verdict import Kind

KEPT_S = 900  # a busy machine leaves out checks and fixes that take too long: no answer stays for good
EARLIER = "of an identical run"
"""How the note of the first stage of a kept Report begins."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last Report of a run, and how it ended; `lasting` if who asks the same next may have it, too."""

    report: Report
    lasting: bool
    kind: Kind = "answer"


Steps = Generator[Report, None, Finished | None]  # None: the turn was lost, nothing is known


@dataclass(slots=True, eq=False)
class Run:
    """One request at work, and those who follow it. `key` is None for a run that nobody may join."""

    key: bytes | None
    ticket: Ticket
    steps: Steps
    followers: dict[int, Visitor] = field(default_factory=dict)
    latest: Report | None = None
    moves: int = 0
    finished: Finished | None = None
    over: bool = False
    closed: bool = False
    moving: threading.Lock = field(default_factory=threading.Lock)

    def move(self, seen: int, beat: float) -> None:
        """Makes sure that there is news since move `seen`, or that a beat has passed."""
        if not self.moving.acquire(timeout=beat):
            return
        try:
            if not self.over and self.moves == seen:
                self._move()
        finally:
            self.moving.release()

    def _move(self) -> None:
        over = True
        try:
            self.latest = next(self.steps)
            self.moves += 1
            over = False
        except StopIteration as end:
            self.finished = end.value
        finally:
            self.over = over

    def end(self) -> None:
        """Ends the worker, if it still works, and gives the place back."""
        self.steps.close()
        self.ticket.leave()  # steps that were never begun have not


@dataclass(frozen=True, slots=True)
class Seat:
    """One follower's part in a run."""

    run: Run
    number: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished Report as bytes, which can be counted, and when it came."""

    since: float
    packed: bytes


class Sharing:
    """The runs in progress and the answers kept, at most so many bytes of them. Any thread may call."""

    def __init__(self, most_bytes: int, lock: threading.RLock) -> None:
        self._most, self._lock = most_bytes, lock  # the gate's: a generator may be collected inside it
        self.bytes = 0  # kept
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()  # the one used last stands last
        self._runs: dict[bytes, Run] = {}
        self._numbers = itertools.count()

    def known(self, key: bytes | None) -> Report | None:
        """Returns the kept Report of a request, marked as one of an earlier run."""
        with self._lock:
            kept = self._kept.get(key) if key is not None else None
            if key is None or kept is None or time.monotonic() - kept.since > KEPT_S:
                return None
            self._kept.move_to_end(key)
        report = msgspec.msgpack.decode(kept.packed, type=Report)
        note = f"{EARLIER} {_ago(time.monotonic() - kept.since)}"
        first = tuple(replace(stage, note=note) for stage in report.stages[:1])
        return replace(report, stages=first + report.stages[1:])

    def join(self, key: bytes | None, visitor: Visitor) -> Seat | None:
        """Returns a seat in the run of this request that is in progress, if there is one."""
        with self._lock:
            run = self._runs.get(key) if key is not None else None
            return self._sit(run, visitor) if run is not None else None

    def begin(self, key: bytes | None, visitor: Visitor, ticket: Ticket, make: Callable[[], Steps]) -> Seat:
        """Returns a seat in a new run at a ticket's place, or in one that another has begun meanwhile."""
        with self._lock:
            seat = self.join(key, visitor)
            if seat is not None:
                return seat
            run = Run(key, ticket, make())
            if key is not None:
                self._runs[key] = run
            number = next(self._numbers)
            run.followers[number] = visitor
            return Seat(run, number)

    def follow(self, seat: Seat, beat: float) -> Generator[Report, None, Finished | None]:
        """Yields partial Reports, one at least each beat; returns the end, None if the turn was lost."""
        run, seen = seat.run, 0
        try:
            while not run.over:
                run.move(seen, beat)
                if run.latest is not None and not run.over:
                    seen = run.moves
                    yield run.latest
            self._settle(run)
            return run.finished
        finally:
            self.leave(seat)

    def leave(self, seat: Seat) -> None:
        """Gives up a seat; the last one ends the run, and one who paid for it hands it to another."""
        run = seat.run
        with self._lock:
            visitor = run.followers.pop(seat.number, None)
            heirs = list(run.followers.values())
            if visitor is None or run.closed:
                return
            if heirs:
                if run.ticket.who == visitor.name and all(heir.name != visitor.name for heir in heirs):
                    run.ticket.pass_to(heirs[0])
                return
            run.closed = True
            self._forget(run)
        run.end()

    def _sit(self, run: Run, visitor: Visitor) -> Seat | None:
        number = next(self._numbers)
        run.followers[number] = visitor
        if run.closed:  # its last follower was collected while this one sat down
            del run.followers[number]
            return None
        return Seat(run, number)

    def _settle(self, run: Run) -> None:
        """Keeps what a run has found, before it can no longer be joined."""
        finished, packed = run.finished, b""
        if run.key is None or self._runs.get(run.key) is not run:
            return
        if finished is not None and finished.lasting:
            packed = msgspec.msgpack.encode(finished.report)
        with self._lock:
            if packed:
                self._keep(run.key, packed)
            self._forget(run)

    def _forget(self, run: Run) -> None:
        if run.key is not None and self._runs.get(run.key) is run:
            del self._runs[run.key]

    def _keep(self, key: bytes, packed: bytes) -> None:
        if len(packed) > self._most:
            return
        before = self._kept.pop(key, None)
        self._kept[key] = Kept(time.monotonic(), packed)
        self.bytes += len(packed) - (len(before.packed) if before is not None else 0)
        while self.bytes > self._most:
            _, dropped = self._kept.popitem(last=False)
            self.bytes -= len(dropped.packed)


def key_of(packed_job: bytes, limits: Limits) -> bytes:
    """Returns what two same requests, and no others, have in common."""
    import hashlib  # late: OpenSSL takes 8 ms of a start, and nothing is shared yet

    return hashlib.sha256(repr(limits).encode() + b"\0" + packed_job).digest()


def _ago(seconds: float) -> str:
    """Returns how long ago, roughly: 12 s ago, 3 min ago."""
    if seconds < 100:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 6000 else f"{seconds / 3600:.0f} h ago"
