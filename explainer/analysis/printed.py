"""Output: what the user's code writes to stdout and stderr, kept up to a cap.

    user code ── print ──▶ Recorder ──▶ Report.printed

Each line is told once: what further calls of ours print (a loop to compare with, timing) is dropped.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator

import jax

from explainer.errors import LimitError
from explainer.report import PRINTED_CHARACTERS


class Recorder(io.TextIOBase):
    """A text stream that keeps what it is given and refuses to grow past its cap.

    `over` is the error of the first write past the cap: callbacks and user code may swallow it.
    """

    encoding = "utf-8"

    def __init__(self, cap: int = PRINTED_CHARACTERS) -> None:
        self._cap = cap
        self._parts: list[str] = []
        self._size = 0
        self.over: LimitError | None = None

    def write(self, text: str) -> int:
        """Keeps a text; raises LimitError once the cap is passed."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        room = self._cap - self._size
        self._parts.append(text[:room])
        self._size += min(len(text), room)
        if len(text) > room:
            said = f"The code printed more than {self._cap:,} characters: print less, or only at one place."
            error = LimitError(said, "output")
            self.over = self.over or error
            raise error
        return len(text)

    def writable(self) -> bool:
        """Tells that text may be written."""
        return True

    @property
    def text(self) -> str:
        """All that was kept."""
        return "".join(self._parts)


class _Nowhere(io.TextIOBase):
    """A text stream that keeps nothing, however much is written."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def writable(self) -> bool:
        return True


@contextlib.contextmanager
def recorded() -> Iterator[Recorder]:
    """Sends stdout and stderr of this process to a Recorder meanwhile."""
    recorder, before = Recorder(), (sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = recorder
    try:
        yield recorder
    finally:
        sys.stdout, sys.stderr = before


@contextlib.contextmanager
def dropped() -> Iterator[None]:
    """Drops what is written to stdout and stderr meanwhile, by `jax.debug.print` too."""
    nowhere = _Nowhere()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        try:
            yield
        finally:
            jax.effects_barrier()
