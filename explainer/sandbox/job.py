"""Job: one request in one worker, from its Ready to its end, in steps of at most a beat.

    client ──▶ converse(child, request) ── partial Reports… ──▶ client; returns an Ending

Deadline, output cap and answer cap are kept here; memory by the zygote.
"""

from __future__ import annotations

import contextlib
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
from explainer.spec import Request, Stage

BEAT_S = 0.08  # a heartbeat at least every 0.1 s
START_S = 60.0  # a worker that is not warm by then never will be
LAST_WORDS_S = 2.0  # for the zygote to say how a worker died
SEND_S = 5.0
MESSAGES = 1000  # an honest worker sends two a stage
NEAR = 0.8  # of the memory limit: native code that aborts there ran out of it
CHUNK = 1 << 20


@dataclass(slots=True)
class Talk:
    """What one worker has said so far."""

    child: Child
    frames: wire.Frames
    messages: int = 0
    printed: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """Returns what the worker printed past Python's streams."""
        return bytes(self.printed).decode("utf-8", "replace")


def converse(pool: Pool, talk: Talk, request: Request, until: Stage) -> Iterator[Report | Ending | None]:
    """Yields partial Reports, None at each beat without news, and one Ending, last."""
    for message in _hear(talk, START_S):
        if isinstance(message, Ending):
            yield _never_ready(message, talk)
            return
        if message is not None:
            break
        yield None
    talk.printed.clear()  # of the warm-up, not of the user
    pool.start(talk.child)
    _send(talk.child, wire.pack(wire.Job(request, until)))
    for message in _hear(talk, talk.child.limits.deadline_s):
        match message:
            case None:
                yield None
            case wire.Progress(report):
                yield report
            case wire.Answer(report):
                yield Ending("answer", report)
                return
            case wire.Raised(error_type, text):
                yield Ending("raised", error_type=error_type, detail=text)
                return
            case Ending():
                yield message
                return
            case _:
                yield Ending("bad_answer", detail="a worker said ready twice")
                return


def _send(child: Child, data: bytes) -> None:
    child.connection.settimeout(SEND_S)
    with contextlib.suppress(OSError):  # it died as a spare, or does not read: the listening says how
        child.connection.sendall(data)
    child.connection.setblocking(False)


def _hear(talk: Talk, seconds: float) -> Iterator[wire.FromWorker | Ending | None]:
    """Yields messages as they come, None at each beat without one, and an Ending, last."""
    deadline, beat = time.monotonic() + seconds, time.monotonic() + BEAT_S
    child = talk.child
    with selectors.PollSelector() as selector:  # poll: a busy server has descriptors past select's 1024
        selector.register(child.connection, selectors.EVENT_READ)
        selector.register(child.output, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            wait = max(0.0, min(beat, deadline) - time.monotonic())
            ready = {key.fileobj for key, _ in selector.select(wait)}
            if child.output in ready and not _read_output(talk):
                selector.unregister(child.output)  # closed by the worker
            if len(talk.printed) > child.limits.output_kb * 1024:
                yield Ending("output")
                return
            if child.connection in ready:
                for message in _read_messages(talk):
                    beat = time.monotonic() + BEAT_S
                    yield message
                    if isinstance(message, Ending):
                        return
            elif child.ended.is_set():  # it is dead, but a process it made still holds the socket
                yield _death(talk)
                return
            if time.monotonic() >= beat:
                beat = time.monotonic() + BEAT_S
                yield None
    yield Ending("deadline")


def _read_output(talk: Talk) -> bool:
    """Takes in what is in the output pipe; returns False once it is closed."""
    try:
        data = os.read(talk.child.output, CHUNK)
    except BlockingIOError:
        return True
    talk.printed += data
    return bool(data)


def _read_messages(talk: Talk) -> Iterator[wire.FromWorker | Ending | None]:
    """Yields the messages that one read of the socket completes; an Ending if there can be no more."""
    try:
        data = talk.child.connection.recv(CHUNK)
    except BlockingIOError:
        return
    except ConnectionResetError:
        data = b""
    if not data:
        yield from _last_words(talk)
        return
    try:
        for frame in talk.frames.feed(data):
            talk.messages += 1
            if talk.messages > MESSAGES:
                raise wire.BadFrame(f"more than {MESSAGES} messages")
            yield wire.from_worker(frame)
    except wire.FrameTooLarge as error:
        yield Ending("answer_size", detail=str(error))
    except wire.BadFrame as error:
        yield Ending("bad_answer", detail=str(error))


def _last_words(talk: Talk) -> Iterator[Ending | None]:
    """Waits for the zygote to say how the worker died, and drains what it printed."""
    end = time.monotonic() + LAST_WORDS_S
    while not talk.child.ended.wait(BEAT_S) and time.monotonic() < end:
        yield None
    yield _death(talk)


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
