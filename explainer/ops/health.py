"""Health: whether this process can explain anything, found out by having it explain something.

server: GET /health/deep ─▶ DeepCheck ─ one at a time, kept a while ─▶ sandbox.check
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from explainer.sandbox.check import Checked

DEADLINE_S = 15.0
KEPT_S = 5.0

Check = Callable[[float], Checked]


class DeepCheck:
    """Runs the check at most once in `KEPT_S`, for however many ask."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._last: Checked | None = None
        self._at = 0.0

    def result(self) -> Checked:
        """Returns what the check found, at most `KEPT_S` ago."""
        with self._lock:
            if self._last is None or time.monotonic() - self._at > KEPT_S:
                self._last = self._check(DEADLINE_S)
                self._at = time.monotonic()
            return self._last

    def last(self) -> Checked | None:
        """Returns what the last check found, without running one."""
        return self._last
