"""Measures what the app and its zygote hold while two thousand requests pass: memory, descriptors, processes.

Nine in ten requests are honest and their answers are compared; the others fail, end their process, or never
end. A row counts from the start. "wrong" are reports that are not what their request must give.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from bench import measure
from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import Argument, Request, Stage, Vmap

REQUESTS = 2_000
SETTLING = 50  # requests before the first row: caches fill
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A request and how it must end: `error` is the type of its failure, "" for the right answer."""

    request: Request
    error: str = ""
    answer: Callable[[Report], object] = lambda report: report.equations[-1].outputs[0].batched_shape
    expected: object = (3,)
    until: Stage = "batch"
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """What is held at one moment."""

    app_mb: float
    zygote_mb: float
    descriptors: int
    processes: int


def _request(code: str, value: str = "f32[3,4]") -> Request:
    return Request(code, "f", (Argument("x", value),), (Vmap("0"),))


HONEST = Kind(_request("def f(x):\n    return jnp.sum(x * 2)\n"))
RUN = Kind(_request("def f(x):\n    return jnp.sin(x) @ x\n"), until="run")
RAISES = Kind(_request("def f(x):\n    return x @ jnp.ones(7)\n"), "TypeError")
DIES = Kind(_request("import os\nos.abort()\ndef f(x):\n    return x\n"), "WorkerCrashed")
ENDLESS = Kind(_request("def f(x):\n    while True: pass\n"), "DeadlineExceeded", deadline_s=0.5)
ROUND = (*(HONEST,) * 8, RUN, RAISES, *(HONEST,) * 8, DIES, HONEST, *(HONEST,) * 9, ENDLESS)


def ask(pool: Pool, kind: Kind) -> bool:
    """Sends a request; returns whether it ended as it must."""
    limits = Limits(deadline_s=kind.deadline_s)
    report: Report = list(stream_from(pool, kind.request, kind.until, limits))[-1]
    if kind.error:
        return report.failure is not None and report.failure.error_type == kind.error
    return report.failure is None and kind.answer(report) == kind.expected


def soak(pool: Pool, kinds: Sequence[Kind], count: int) -> int:
    """Sends that many requests, two at a time; returns how many did not end as they must."""
    sent = itertools.islice(itertools.cycle(kinds), count)
    with ThreadPoolExecutor(2) as readers:
        return sum(not right for right in readers.map(lambda kind: ask(pool, kind), sent))


def held(pool: Pool) -> Held:
    """Returns what app and zygote hold once the workers are spares again."""
    makers = 1 + ("bwrap" in pool.walls)
    end, before, now = time.monotonic() + 10, (), pool.pids()
    while (now != before or len(now) != makers + pool.settings.spares) and time.monotonic() < end:
        time.sleep(0.1)
        before, now = now, pool.pids()
    return Held(
        psutil.Process().memory_info().rss / MB,
        psutil.Process(now[makers - 1]).memory_info().rss / MB,
        len(os.listdir("/proc/self/fd")),
        len(now),
    )


def rows(pool: Pool) -> Iterator[tuple[object, ...]]:
    parts = 8
    wrong = soak(pool, ROUND, SETTLING)
    for part in range(parts + 1):
        began, count = time.perf_counter(), measure.repeats(REQUESTS // parts)
        wrong += soak(pool, ROUND, count) if part else 0
        each = (time.perf_counter() - began) / count if part else 0.0
        now = held(pool)
        memory = f"{now.app_mb:.1f}", f"{now.zygote_mb:.1f}"
        yield SETTLING + part * count, wrong, *memory, now.descriptors, now.processes, f"{each * 1e3:.0f}"


def main() -> None:
    """Prints the table."""
    pool = Pool(Settings(jobs=2, spares=2))
    level = pool.measured(30).level
    columns = ("requests", "wrong", "app MiB", "zygote MiB", "descriptors", "processes", "ms a request")
    try:
        measure.table(f"A soak of {REQUESTS:,} requests, workers {level}", columns, rows(pool))
    finally:
        makers = pool.pids()
        pool.close()
    left = [pid for pid in makers if psutil.pid_exists(pid)]
    print(f"\nProcesses left after the end: {len(left)}.")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
