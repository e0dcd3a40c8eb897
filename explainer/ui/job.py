"""The run in progress: one stream from the sandbox, kept across reruns of the page.

    Request ─ sandbox.stream ─▶ Job ─▶ Explanation (first picture, then the finished one)

A rerun with the same request goes on reading the same stream; another request closes it,
which ends the child. Widgets can interrupt at every heartbeat.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field

from explainer import sandbox
from explainer.report import Report
from explainer.sandbox import Visitor
from explainer.spec import Request
from explainer.ui.explanation import Explanation, redraw

PATIENCE = 0.25  # seconds to wait for values before the first picture is drawn without them
FIXES = 1.2  # seconds to wait for the fixes of an error before it is drawn without them


@dataclass(slots=True)
class Job:
    """A request on its way. `report` is the latest partial one; `done` when the stream has ended."""

    request: Request
    stream: Generator[Report, None, None]
    started: float = field(default_factory=time.monotonic)
    report: Report | None = None
    done: bool = False
    shown: Explanation | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def waits(self) -> bool:
        """Tells whether no worker has begun: the request stands in the queue, or is about to."""
        return not self.done and (self.report is None or bool(self.report.waiting))

    def step(self) -> None:
        """Waits for the next partial report, at most one heartbeat."""
        with self.lock:  # the thread of an interrupted rerun may be in its last step
            report = None if self.done else next(self.stream, None)
            self.done, self.report = report is None, report or self.report

    def first(self) -> Explanation:
        """Returns what can be drawn now: outputs, or fixes, if they come soon, else what is known by then."""
        while not self.done and not (self.report and self.report.outputs):
            failed = self.report is not None and self.report.failure is not None
            if self.report is not None and self.seconds > (FIXES if failed else PATIENCE):
                break
            self.step()
        return self.explanation()

    def explanation(self, cancelled: bool = False) -> Explanation:
        """Returns the explanation as it stands."""
        report = self.report or Report(self.request)
        picture = redraw(report, self.shown)
        self.shown = Explanation(self.request, report, picture, self.seconds, self.done, cancelled)
        return self.shown

    def cancel(self) -> Explanation:
        """Ends the child and returns what it had found."""
        self.close()
        return self.explanation(cancelled=True)

    def close(self) -> None:
        """Ends the child."""
        with self.lock:  # the thread of an interrupted rerun may still wait for its heartbeat
            self.stream.close()
            self.done = True


def start(request: Request, visitor: Visitor | None = None, fresh: bool = False) -> Job:
    """Sends a request to the sandbox, where it starts at the first step. `fresh`: no known answer will do."""
    return Job(request, sandbox.stream(request, visitor=visitor, fresh=fresh))
