"""Output: what the user's code writes to stdout and stderr, kept up to a cap.

user code ── print ──▶ Recorder ──▶ Report.printed
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from explainer.errors import LimitError

PRINTED_CHARACTERS = 20_000


class Recorder(io.TextIOBase):
    """A text stream that keeps what it is given and refuses to grow past its cap."""

    def __init__(self, cap: int = PRINTED_CHARACTERS) -> None:
        self._cap = cap
        self._parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Keeps a text; raises LimitError once the cap is passed."""
        room = self._cap - self._size
        self._parts.append(text[:room])
        self._size += min(len(text), room)
        if len(text) > room:
            raise LimitError(
                f"The code printed more than {self._cap:,} characters: print less, or only at one place.",
                "output",
            )
        return len(text)

    def writable(self) -> bool:
        """Tells that text may be written."""
        return True

    @property
    def text(self) -> str:
        """All that was kept."""
        return "".join(self._parts)


@contextlib.contextmanager
def recorded() -> Iterator[Recorder]:
    """Sends stdout and stderr of this process to a Recorder meanwhile."""
    recorder = Recorder()
    with contextlib.redirect_stdout(recorder), contextlib.redirect_stderr(recorder):
        yield recorder
