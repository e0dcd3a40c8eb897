"""Log: one line of JSON for each request that is over, and for each warning of the app itself.

    sandbox.events ── Ended ─▶ Log ─▶ stderr
    logging ── warnings, errors ── scrub ─▶ stderr

No line quotes what a visitor wrote, an error's words or an address. A browser is a hash under a key that is
made at start and kept nowhere: lines of one visit can be told together, and nothing beyond.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from explainer.sandbox.events import Ended, Event

FRAMES = 12  # of a traceback


class Log:
    """Writes lines; a listener of events."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(16)

    def __call__(self, event: Event) -> None:
        """Writes a line about a request that is over."""
        if not isinstance(event, Ended):
            return
        asked = event.asked
        self.write(
            "request",
            id=asked.id,
            session=self._hash(asked.visitor),
            characters=asked.characters,
            arguments=asked.arguments,
            levels=asked.levels,
            script=asked.script,
            outcome=event.outcome,
            stage=event.stage,
            seconds=round(event.seconds, 4),
            waited=None if event.waited is None else round(event.waited, 4),
            stages={name: round(seconds, 4) for name, seconds in event.stages},
            isolation=event.isolation,
        )

    def write(self, event: str, **values: object) -> None:
        """Writes one line."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = msgspec.json.encode({"time": now, "event": event, **values}).decode()
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def _hash(self, visitor: str) -> str:
        if not visitor:
            return ""
        return hashlib.blake2b(visitor.encode("utf-8", "replace"), key=self._key, digest_size=6).hexdigest()


def scrub(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Returns a maker of log records whose warnings and errors say where they are from, not what they say.

    The words of an exception may quote what a visitor typed; so may a warning, and the lines of a traceback.
    """

    def made(*arguments: object, **options: object) -> logging.LogRecord:
        record = make(*arguments, **options)
        if record.levelno < logging.WARNING and not record.exc_info:
            return record
        error = record.exc_info[1] if record.exc_info else None
        line = {
            "event": "log",
            "level": record.levelname,
            "logger": record.name,
            "where": f"{Path(record.pathname).name}:{record.lineno}",
            "error": type(error).__name__ if error is not None else "",
            "frames": _frames(error),
        }
        record.msg, record.args = msgspec.json.encode(line).decode(), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return record

    return made


def _frames(error: BaseException | None) -> list[str]:
    """Returns "file:line function" of the innermost frames."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames[-FRAMES:]]
