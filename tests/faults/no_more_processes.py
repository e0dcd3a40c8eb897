"""A warm-up after which a zygote can make no process while a file is there, as where pids have run out."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

fork = os.fork


def preload() -> None:
    os.fork = _fork


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return []


def warm() -> None:
    """Warms nothing: the stand-in analysis needs no JAX."""


def _fork() -> int:
    if os.path.exists(os.path.join(os.environ["JAX_FAULTS"], "no-more")):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()
