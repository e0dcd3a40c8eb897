"""Measuring side by side: interleaved runs, medians, and one Markdown table a script.

    calls ─▶ interleaved ─▶ seconds by name ─▶ ratio, milliseconds ─▶ table

Two figures are only compared when they were taken in turn in one process: what else the
machine does then slows both alike. Nothing here judges a time; the reader of the table does.
"""

from __future__ import annotations

import functools
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

Call = Callable[[], object]


def seconds(call: Call) -> float:
    """Returns how long one call takes; earlier garbage is collected first."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls: Mapping[str, Call], repeats: int, budget: float = 8.0) -> dict[str, list[float]]:
    """Returns the seconds of each call, measured in turn; one round before is thrown away.

    The order turns around every round, so that none always runs in the wake of the same other, and every
    round starts at another depth of Python's stack. Rounds end early, but not before the third, once
    `budget` seconds are spent.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    end = time.monotonic() + budget
    for round_ in range(repeats + 1):
        if round_ > 3 and time.monotonic() > end:
            break
        for name in names if round_ % 2 else reversed(names):
            spent = _deeper(round_ * 37 % CHUNK, functools.partial(seconds, calls[name]))
            if round_:
                taken[name].append(spent)
    return taken


CHUNK = 150
"""Frames of `_deeper` in one of the chunks of 16 KiB that CPython keeps frames in: a loop that stands at the
end of one is slower, so a figure taken at one depth would be luck."""


def _deeper(frames: int, call: Callable[[], float]) -> float:
    """Returns `call()`, made from that many frames further in."""
    return call() if frames == 0 else _deeper(frames - 1, call)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Returns the median of the ratios of paired runs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def ms(values: Iterable[float]) -> str:
    """Returns the median in milliseconds, to three digits: "0.0123", "4.56", "789"."""
    median = statistics.median(values) * 1e3
    return f"{median:.0f}" if median >= 100 else f"{median:.3g}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a Markdown table row by row as the rows come, under the machine's load."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n**{title}** (load {load}; {os.cpu_count()} cores)\n", flush=True)
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def repeats(wanted: int) -> int:
    """Returns the number of repeats, fewer where BENCH_QUICK asks only whether the scripts work."""
    return min(wanted, 2) if os.environ.get("BENCH_QUICK") else wanted
