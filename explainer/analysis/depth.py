"""Depth: room for the Python frames of a trace, in one piece.

    pipeline ── a run ──▶ with_room ──▶ the same run, on frames that lie together

CPython keeps the frames of running functions in chunks of 16 KiB. A call at the end of a chunk gets a
new one from the system and gives it back on return, and so does each round of a loop that stands there.
A trace of two nested levels is eighty frames deep: where its hot loops fall is luck, and took up to a
fifth of its time (`bench/README.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_WORDS = 70_000  # just above half a MiB, so that CPython makes a chunk of 1 MiB; only what is used is taken


def with_room(call: Callable[[], T]) -> T:
    """Returns `call()`; the frames of all that it calls lie in one chunk, some thousand of them.

    The source: `push_chunk` in CPython's Python/pystate.c. A chunk is doubled until it holds the frame
    that asks for it, and those after that take the rest.
    """
    return call()


with_room.__code__ = with_room.__code__.replace(co_stacksize=_WORDS)
