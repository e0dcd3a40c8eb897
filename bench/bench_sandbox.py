"""Measures what isolation costs: requests of the honest corpus in workers of each level, and in process.

A worker sees each request for the first time: its backend is up and it has inherited what its parent
had traced, but every small program that JAX compiles on the way is new to it. So "new" is a process with
JAX after `jax.clear_caches()`, for which the request is new as well, and "again" is that process after
that, which knows all of it. It is not this one, whose side of a request belongs to the worker's time and
which holds no JAX, as the app does not. All ways take turns, request by request, each after the same pause,
as after a reader's, so all have left processor and memory alone for about as long: a virtual machine may
have to get back the memory that it left alone for a moment (the table "Memory left alone" tells how long
that takes here), and the shortest requests can be mostly that.

"first jaxpr" is when the first Report with equations arrives; of stated nests, since a script first runs.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import psutil

from bench import measure
from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings, Wall
from explainer.spec import Request
from tests.attacks.honest_nests import NESTS
from tests.attacks.honest_scripts import SCRIPTS

LEVELS: dict[str, tuple[Wall, ...]] = {
    "sealed": ("bwrap", "landlock", "seccomp"),
    "contained": ("landlock", "seccomp"),
    "bare": (),
}
REPEATS = 3
SHORT_S = 0.02  # in process; a request this short is repeated five times as often, since it spreads most
PAUSE_S = 0.3  # before each request, for the next spare (0.1 s): a reader is slower still
os.environ.setdefault(
    "EXPLAINER_DEADLINE_S", "60"
)  # before any pool: spares have the limits of the environment
LIMITS = Limits()
ENDLESS = {
    "Python": "while True: pass",
    "sleep": "import time\ntime.sleep(100)",
    "on the device": "print(lax.while_loop(lambda s: s >= 0, lambda s: s * 0.5, 1.0))",
}
FRESH = """
import time
began = time.perf_counter()
from explainer import lessons, sandbox
answered = 0.0
for report in sandbox.stream(lessons.LESSONS[0].request):
    if report.outputs and not answered:
        answered = time.perf_counter() - began
assert report.failure is None, report.failure
print(answered, time.perf_counter() - began, report.isolation.level)
sandbox.shutdown()
"""
FLOOR = "import time; began = time.perf_counter(); import jax; print(time.perf_counter() - began)"


@dataclass(slots=True)
class Taken:
    """Seconds of one request, to its end and to its first jaxpr, by the way it was explained."""

    name: str
    request: Request
    whole: dict[str, list[float]] = field(default_factory=dict)
    jaxpr: dict[str, list[float]] = field(default_factory=dict)

    def note(self, way: str, whole: float, jaxpr: float) -> None:
        self.whole.setdefault(way, []).append(whole)
        self.jaxpr.setdefault(way, []).append(jaxpr)


def pools() -> dict[str, Pool]:
    """Returns a pool for each level that this machine gives."""
    made = {level: Pool(Settings(walls=walls)) for level, walls in LEVELS.items()}
    for level, pool in made.items():
        found = pool.measured(60)
        if found.level != level:
            print(f"\nno {level} here: it is {found.level}. {' '.join(found.reasons)}")
            pool.close()
    return {level: pool for level, pool in made.items() if pool.isolation.level == level}


def corpus(pools: dict[str, Pool], process: Connection) -> list[Taken]:
    """Returns the seconds of every honest request, each way in turn; `process` leads to `in_process`."""
    requests = list((NESTS | SCRIPTS).items())[:: 10 if os.environ.get("BENCH_QUICK") else 1]
    found = []
    order = random.Random(0)  # who comes after whom makes a difference
    for name, request in requests:
        taken = Taken(name, request)
        for _ in range(measure.repeats(REPEATS)):
            _round(taken, order, pools, process)
        if statistics.median(taken.whole["new"]) < SHORT_S:
            for _ in range(4 * measure.repeats(REPEATS)):
                _round(taken, order, pools, process)
        found.append(taken)
    return found


def _round(taken: Taken, order: random.Random, pools: dict[str, Pool], process: Connection) -> None:
    for way in order.sample([*pools, "in process"], len(pools) + 1):
        if way in pools:
            time.sleep(PAUSE_S)
            taken.note(way, *_in_a_worker(pools[way], taken.request))
            continue
        process.send(taken.request)
        for again in ("new", "again"):
            taken.note(again, *process.recv())


def _in_a_worker(pool: Pool, request: Request) -> tuple[float, float]:
    """Returns the seconds to the last Report and to the first with equations."""
    began, first, last = time.perf_counter(), 0.0, Report(request)
    for last in stream_from(pool, request, "run", LIMITS):
        if last.equations and not first:
            first = time.perf_counter() - began
    if last.failure is not None and last.failure.limit:
        sys.exit(f"an honest request met a limit: {last.failure}\n{request.code}")
    return time.perf_counter() - began, first or float("nan")


def in_process(orders: Connection) -> None:
    """Runs as a process of its own: explains each request twice, and tells what `_in_a_worker` returns."""
    import jax

    from explainer.analysis import devices, pipeline

    devices.provide()
    while request := orders.recv():
        for _ in range(2):
            time.sleep(PAUSE_S)
            seen: list[float] = []
            began = time.perf_counter()

            def emit(report: Report, seen: list[float] = seen) -> None:
                if report.equations:
                    seen.append(time.perf_counter())

            pipeline.explain(request, "run", emit)
            orders.send((time.perf_counter() - began, seen[0] - began if seen else float("nan")))
        jax.clear_caches()  # now, not before the next: that would wake what has idled, as no other way is


def ratios(found: Sequence[Taken], levels: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for level in levels:
        for other in ("new", "again"):
            each = [measure.ratio(taken.whole[level], taken.whole[other]) for taken in found]
            later = [
                1e3 * (statistics.median(taken.jaxpr[level]) - statistics.median(taken.jaxpr[other]))
                for taken in found
                if not taken.request.is_script
            ]
            tenth = statistics.quantiles(each, n=10)[-1] if len(each) > 1 else each[0]
            yield (
                level, other, len(each), f"{statistics.median(each):.2f}", f"{tenth:.2f}",
                f"{statistics.median(later):+.1f}",
                measure.ms(statistics.median(taken.whole[level]) for taken in found),
                measure.ms(statistics.median(taken.whole[other]) for taken in found),
            )  # fmt: skip


def largest(found: Sequence[Taken], levels: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """Yields the tenth of the requests that a worker takes longest over, against a process new to them."""
    by_level = {
        taken.name: [measure.ratio(taken.whole[level], taken.whole["new"]) for level in levels]
        for taken in found
    }
    alone = {taken.name: measure.ms(taken.whole["new"]) for taken in found}
    for name in sorted(by_level, key=lambda name: -max(by_level[name]))[: len(found) // 10 + 1]:
        yield name, *(f"{ratio:.2f}" for ratio in by_level[name]), alone[name]


def ageing() -> Iterator[tuple[object, ...]]:
    """Yields how long it takes to read a byte of each of 2,000 pages, in no order, after a while."""
    import numpy as np

    places = np.random.default_rng(0).permutation(2000) * mmap.PAGESIZE
    memory = np.ones(2000 * mmap.PAGESIZE, np.uint8)
    for pause in (0.0, 0.05, PAUSE_S, 1.0, 3.0):
        taken = []
        for _ in range(measure.repeats(5)):
            time.sleep(pause)
            began = time.perf_counter()
            memory[places].sum()
            taken.append(time.perf_counter() - began)
        yield pause, measure.ms(taken)


def footprints(pools: dict[str, Pool]) -> Iterator[tuple[object, ...]]:
    """Yields what the processes of an idle pool hold, MiB."""
    for level, pool in pools.items():
        while pool.spares() < pool.settings.spares:  # until its zygote is primed
            time.sleep(PAUSE_S)
        time.sleep(2)
        spares, keepers = _split(pool)
        private = [_private_mb(pid) for pid in spares]
        yield level, len(spares), f"{statistics.median(private):.1f}", f"{sum(map(_private_mb, keepers)):.0f}"


def _split(pool: Pool) -> tuple[list[int], list[int]]:
    """Returns the spares of a pool, and the processes that keep them."""
    pids = list(pool.pids())
    leaves = [pid for pid in pids if not psutil.Process(pid).children()]
    return leaves, [pid for pid in pids if pid not in leaves]


def _private_mb(pid: int) -> float:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        held = [int(line.split()[1]) for line in file if line.startswith("Private_Dirty")]
    return sum(held) / 1024


def overshoots(pools: dict[str, Pool]) -> Iterator[tuple[object, ...]]:
    """Yields by how much endless code outlives a deadline of one second."""
    for level, pool in pools.items():
        for name, code in ENDLESS.items():
            beyond = []
            for _ in range(measure.repeats(3)):
                time.sleep(PAUSE_S)
                began = time.perf_counter()
                last = list(stream_from(pool, Request(code=code), "time", Limits(deadline_s=1)))[-1]
                if last.failure is None or last.failure.limit != "deadline":
                    sys.exit(f"no deadline was met: {last.failure}")
                beyond.append(time.perf_counter() - began - 1)
            yield level, name, f"{max(beyond):.3f}"


def starts() -> Iterator[tuple[object, ...]]:
    """Yields how long a fresh process needs to its first outputs, and to the last Report, with all there is.

    Beside it, in turn, what one needs to import JAX and nothing else: no start can be shorter.
    """
    for walls in LEVELS.values():
        imported: list[float] = []
        answered: list[float] = []
        whole: list[float] = []
        found = ""
        for _ in range(measure.repeats(5)):
            imported.append(float(*_said(FLOOR, walls)))
            first, last, found = _said(FRESH, walls)
            answered.append(float(first))
            whole.append(float(last))
        floor = statistics.median(imported)
        yield (
            found,
            f"{floor:.2f}",
            *(f"{pick(taken):.2f}" for taken in (answered, whole) for pick in (statistics.median, max)),
            *(f"{statistics.median(taken) / floor:.1f}" for taken in (answered, whole)),
        )


def _said(program: str, walls: tuple[Wall, ...]) -> list[str]:
    """Returns the words that a program prints in a fresh process."""
    environment = {**os.environ, "EXPLAINER_WALLS": ",".join(walls) or "none"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.split()


def main() -> None:
    """Prints the tables."""
    orders, answers = multiprocessing.Pipe()
    beside = multiprocessing.get_context("spawn").Process(target=in_process, args=(answers,), daemon=True)
    beside.start()
    made = pools()
    try:
        footprint = list(footprints(made))
        found = corpus(made, orders)
        columns = ("level", "against", "requests", "median ratio", "p90 ratio", "first jaxpr, ms later")
        measure.table("Honest requests in a worker against the same in process",
                      (*columns, "worker ms", "in process ms"), ratios(found, list(made)))  # fmt: skip
        measure.table(
            "The largest of these ratios", ("request", *made, "in process ms"), largest(found, list(made))
        )
        measure.table("Memory left alone: a look at 2,000 of its pages", ("after s", "ms"), ageing())
        measure.table("Endless code and a deadline of 1 s", ("level", "loop", "seconds past it, at most"),
                      overshoots(made))  # fmt: skip
        measure.table("Memory of an idle pool, private and dirty",
                      ("level", "spares", "MiB a spare", "MiB zygote"), footprint)  # fmt: skip
    finally:
        for pool in made.values():
            pool.close()
        orders.send(None)
        beside.join()
    measure.table("From a fresh process to its first answer, seconds",
                  ("level", "import jax", "outputs", "longest", "to the end", "longest",
                   "outputs / import", "end / import"), starts())  # fmt: skip


if __name__ == "__main__":
    main()
