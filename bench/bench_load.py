"""Measures what one visitor feels of others: of one who hammers, and of many who ask the same.

    an honest visitor, one request after the other ── alone, hammered ─▶ ratio

"Hammered" has another visitor send requests from four tabs in loops, before and all the while: each run
to its end, or given up for the next after 50 ms, as by fast edits. Rounds of all lessons alone and
hammered take turns, so that what else the machine does slows both alike. No request is like another one, so
that no answer is known. "First" is the time to the first partial Report, "whole" to the last one.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from bench import measure
from explainer import lessons, sandbox
from explainer.report import Report
from explainer.sandbox import Visitor
from explainer.spec import Request

LESSONS = ("euclid-pairwise", "params-tree-axes", "per-example-grad", "rnn-scan")
TABS = 4
REPEATS = 5
SETTLED = 4.0  # seconds of hammering before the honest visitor comes
PAUSE = 0.6  # seconds between the honest visitor's requests: a reader is slower still
HASTE = 0.05  # seconds after which a hasty visitor gives up a request for the next
CROWD = 10  # who ask the same

_numbers = count()


@dataclass(slots=True)
class Waits:
    """Seconds of one request of the honest visitor, each time it was sent."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def unlike(request: Request) -> Request:
    """Returns the same request in a text that was never sent."""
    return replace(request, code=f"{request.code}\n# {next(_numbers)}\n")


def ask(request: Request, visitor: Visitor, waits: Waits) -> Report:
    """Sends a request and reads it to its end."""
    began, last, first = time.perf_counter(), Report(request), 0.0
    for last in sandbox.stream(request, visitor=visitor):
        if not first and (last.levels or last.outputs):
            first = time.perf_counter() - began
    if last.failure is not None:
        sys.exit(f"a lesson failed: {last.failure.explanation}")
    waits.first.append(first)
    waits.whole.append(time.perf_counter() - began)
    return last


@contextmanager
def hammering(request: Request, haste: float) -> Iterator[None]:
    """Has another visitor send requests from some tabs as long as the block lasts."""
    over = threading.Event()
    threads = [threading.Thread(target=_hammer, args=(request, n, haste, over)) for n in range(TABS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(SETTLED)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _hammer(request: Request, tab: int, haste: float, over: threading.Event) -> None:
    while not over.is_set():
        stream, end = sandbox.stream(unlike(request), visitor=Visitor("hammer", str(tab))), 0.0
        for _ in stream:
            end = end or time.monotonic() + haste
            if over.is_set() or time.monotonic() > end:
                break
        stream.close()


def rows() -> Iterator[tuple[object, ...]]:
    for title, haste in (("each run to its end", 60.0), ("given up after 50 ms", HASTE)):
        found = {name: (Waits(), Waits()) for name in LESSONS}
        for _ in range(measure.repeats(REPEATS)):
            _read({name: alone for name, (alone, _) in found.items()})
            with hammering(_lesson(LESSONS[0]), haste):
                _read({name: hammered for name, (_, hammered) in found.items()})
        for name, waits in found.items():
            yield title, name, *_row([waits])
        yield title, "all", *_row(list(found.values()))


def _read(waits: Mapping[str, Waits]) -> None:
    """Has the honest visitor send every lesson once, with a look at each answer."""
    for name, taken in waits.items():
        time.sleep(PAUSE)
        ask(unlike(_lesson(name)), Visitor("honest"), taken)


def _row(found: list[tuple[Waits, Waits]]) -> Iterator[str]:
    """Yields the ratios and the medians over one lesson, or over those of all."""
    for part in (_first, _whole):
        ratios = [measure.ratio(part(hammered), part(alone)) for alone, hammered in found]
        yield f"{statistics.median(ratios):.2f}"
        for side in (0, 1):
            yield measure.ms(statistics.median(part(pair[side])) for pair in found)


def _first(waits: Waits) -> list[float]:
    return waits.first


def _whole(waits: Waits) -> list[float]:
    return waits.whole


def crowd_rows() -> Iterator[tuple[object, ...]]:
    request = _lesson(LESSONS[0])
    ways: dict[str, Callable[[Request, int], Request]] = {
        "the same request": lambda same, _: same,
        "each another one": lambda same, _: unlike(same),
    }
    for name, vary in ways.items():
        taken: list[float] = []
        runs: list[int] = []
        for _ in range(measure.repeats(4)):
            time.sleep(PAUSE)
            same = unlike(request)
            reports, waits = _crowd([vary(same, n) for n in range(CROWD)])
            taken += [max(waits.whole)]
            runs.append(len({report.timing for report in reports}))
        yield name, CROWD, f"{statistics.median(runs):g}", measure.ms(taken)
    known = unlike(request)
    ask(known, Visitor("first"), Waits())
    waits = Waits()
    for n in range(20):
        ask(known, Visitor(f"later{n}"), waits)
    yield "one that is known", 1, 0, measure.ms(waits.whole)


def _crowd(requests: list[Request]) -> tuple[list[Report], Waits]:
    """Sends all requests at once, each as another visitor."""
    waits = Waits()
    reports: list[Report] = []
    threads = [
        threading.Thread(target=lambda n=n, each=each: reports.append(ask(each, Visitor(f"v{n}"), waits)))
        for n, each in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports, waits


def _lesson(name: str) -> Request:
    lesson = lessons.find(name)
    if lesson is None:
        sys.exit(f"there is no lesson {name}")
    return lesson.request


def main() -> None:
    """Prints the tables."""
    ask(unlike(_lesson(LESSONS[0])), Visitor("honest"), Waits())  # waits until the standby children are up
    columns = ("others' requests", "lesson", "first: ratio", "alone ms", "hammered ms")
    try:
        measure.table(
            f"One visitor beside one who hammers from {TABS} tabs",
            (*columns, "whole: ratio", "alone ms", "hammered ms"),
            rows(),
        )
        crowd = ("requests", "visitors", "runs", "ms until the last has its answer")
        measure.table("Visitors who all ask at once", crowd, crowd_rows())
    finally:
        sandbox.shutdown()


if __name__ == "__main__":
    main()
