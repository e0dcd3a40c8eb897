"""Job: one request in one worker, from its Ready to its end, in steps of at most a beat.

    client ──▶ converse(child, request) ── partial Reports… ──▶ client; returns an Ending

Deadline, output cap and answer cap are kept here; memory by the zygote.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from explainer.report import Report
from explainer.sandbox import wire
from explainer.sandbox.pool import Child, Pool
from explainer.sandbox.verdict import Ending

BEAT_S = 0.08  # a heartbeat at least every 0.1 s
START_S = 60.0  # a worker that is not warm by then never will be
LAST_WORDS_S = 2.0  # for the zygote to say how a worker died
SEND_S = 5.0
MESSAGES = 1000  # an honest worker sends about one a stage
ANSWERS = 16  # that all messages of a worker together may be as large as
NEAR = 0.8  # of the memory limit: native code that aborts there ran out of it
CHUNK = 1 << 20


@dataclass(slots=True)
class Talk:
    """What one worker has said so far."""

    child: Child
    frames: wire.Frames
    messages: int = 0
    size: int = 0  # bytes of all messages together
    hung_up: float = 0.0  # monotonic, when its end of the socket was found closed
    printed: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """Returns what the worker printed past Python's streams."""
        return bytes(self.printed).decode("utf-8", "replace")


def converse(pool: Pool, talk: Talk, request: bytes) -> Iterator[Report | Ending | None]:
    """Yields partial Reports, None at each beat without news, and one Ending, last.

    `request` is the frame of a wire.Job.
    """
    for message in itertools.chain(_read_messages(talk), _hear(talk, START_S)):  # a spare has said it
        if isinstance(message, Ending):
            yield _never_ready(message, talk)
            return
        if message is not None:
            if not isinstance(message, wire.Ready) or set(message.walls) != set(pool.walls):
                yield Ending("unavailable", detail="a worker is not shut in as the canary was")
                return
            break
        yield None
    _read_output(talk)
    talk.printed.clear()  # of the warm-up, not of the user
    _send(talk.child, request)
    pool.start(talk.child)
    begun = False
    for message in _hear(talk, talk.child.limits.deadline_s):
        news = _meaning(message)
        begun = begun or isinstance(news, Report)
        if isinstance(news, Ending):
            yield news if begun or news.kind != "crash" else _never_ready(news, talk)
            return
        yield news


def _meaning(message: wire.FromWorker | Ending | None) -> Report | Ending | None:
    match message:
        case wire.Progress(report):
            return report
        case wire.Answer(report):
            return Ending("answer", report)
        case wire.Raised(error_type, text):
            return Ending("raised", error_type=error_type, detail=text)
        case wire.Ready() | wire.Tried():
            return Ending("bad_answer", detail="it said what only a worker without a request says")
    return message


def _send(child: Child, data: bytes) -> None:
    child.connection.settimeout(SEND_S)
    with contextlib.suppress(OSError):  # it died as a spare, or does not read: the listening says how
        child.connection.sendall(data)
    child.connection.setblocking(False)


def _hear(talk: Talk, seconds: float) -> Iterator[wire.FromWorker | Ending | None]:
    """Yields messages as they come, None at each beat without one, and an Ending, last."""
    deadline, beat = time.monotonic() + seconds, time.monotonic() + BEAT_S
    with selectors.PollSelector() as selector:  # poll: a busy server has descriptors past select's 1024
        selector.register(talk.child.connection, selectors.EVENT_READ)
        selector.register(talk.child.output, selectors.EVENT_READ)
        now = time.monotonic()
        while now < deadline:
            now = time.monotonic()  # past the deadline: a last look, for an app that was stopped meanwhile
            news = _turn(talk, selector, max(0.0, min(beat, deadline) - now))
            if news or time.monotonic() >= beat:
                beat = time.monotonic() + BEAT_S
                yield from news or [None]
            if news and isinstance(news[-1], Ending):
                return
    yield Ending("deadline")


def _turn(talk: Talk, selector: selectors.PollSelector, wait: float) -> list[wire.FromWorker | Ending]:
    """Waits for the worker at most so long; returns its messages, and how it ended if it did."""
    child = talk.child
    if talk.hung_up:
        child.ended.wait(wait)
    over = child.ended.is_set()  # asked before the socket is: a worker's last words come before its end
    ready = {key.fileobj for key, _ in selector.select(0 if talk.hung_up else wait)}
    if child.output in ready and not _read_output(talk):
        selector.unregister(child.output)
    if len(talk.printed) > child.limits.output_kb * 1024:
        return [*_read_messages(talk), Ending("output")]  # what it sent before the flood counts
    if child.connection in ready:
        news = _read_messages(talk)
        if talk.hung_up:
            selector.unregister(child.connection)
        return news
    # dead though the socket is open: a process it made still holds that
    if over or (talk.hung_up and time.monotonic() > talk.hung_up + LAST_WORDS_S):
        return [_death(talk)]
    return []


def _read_output(talk: Talk) -> bool:
    """Takes in what is in the output pipe; returns False once it is closed."""
    try:
        data = os.read(talk.child.output, CHUNK)
    except BlockingIOError:
        return True
    talk.printed += data
    return bool(data)


def _read_messages(talk: Talk) -> list[wire.FromWorker | Ending]:
    """Returns the messages that one read of the socket completes; an Ending after a bad one."""
    news: list[wire.FromWorker | Ending] = []
    try:
        data = talk.child.connection.recv(CHUNK)
    except BlockingIOError:
        return news
    except ConnectionResetError:
        data = b""
    if not data:
        talk.hung_up = time.monotonic()
    try:
        for frame in talk.frames.feed(data):
            _count(talk, frame)
            news.append(wire.from_worker(frame))
    except wire.FrameTooLarge as error:
        news.append(Ending("answer_size", detail=str(error)))
    except wire.BadFrame as error:
        news.append(Ending("bad_answer", detail=str(error)))
    return news


def _count(talk: Talk, frame: bytes) -> None:
    """Raises BadFrame for a worker that says more, or more often, than an honest one has to."""
    talk.messages += 1
    talk.size += len(frame)
    if talk.messages > MESSAGES:
        raise wire.BadFrame(f"more than {MESSAGES} messages")
    if talk.size > ANSWERS * talk.child.limits.answer_mb * wire.MB:
        raise wire.FrameTooLarge(f"{talk.size:,} bytes in {talk.messages} messages")


def _death(talk: Talk) -> Ending:
    _read_output(talk)
    end, limits = talk.child.end, talk.child.limits
    if end is None:
        return Ending("bad_answer", detail="the worker closed its connection")
    if end.why == "zygote":
        return Ending("lost")
    starved = (
        end.signal in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)
        and end.peak_mb > NEAR * limits.memory_mb
    )
    if end.why == "memory" or starved:
        return Ending("memory", peak_mb=end.peak_mb)
    if end.why == "threads":
        return Ending("threads")
    if end.why == "deadline" or end.signal == signal.SIGXCPU:
        return Ending("deadline")
    return Ending("crash", signal=end.signal, code=end.code, peak_mb=end.peak_mb)


def _never_ready(ending: Ending, talk: Talk) -> Ending:
    """Returns the ending of a worker that got no request: nothing in it is the user's doing."""
    if ending.kind == "lost":
        return ending
    if ending.kind == "deadline":
        return Ending("unavailable", detail=f"a worker was not ready after {START_S:g} s")
    words = (
        talk.text()[-1000:].strip() or f"a worker ended with signal {ending.signal}, exit code {ending.code}"
    )
    return Ending("unavailable", detail=words)
