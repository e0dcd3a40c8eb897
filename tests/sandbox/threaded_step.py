"""A warm-up one of whose steps ahead starts a thread, which no fork would copy."""

from __future__ import annotations

import threading
from collections.abc import Callable


def preload() -> None:
    """Imports nothing."""


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return [threading.Thread(target=threading.Event().wait, daemon=True).start]


def warm() -> None:
    """Warms nothing."""
