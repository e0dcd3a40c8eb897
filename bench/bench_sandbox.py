"""Measures what the process boundary costs: a sandbox round trip against the same request in process.

A child sees each request for the first time: its backend is started and it has inherited what its
parent had traced, but every small program that JAX compiles on the way is new to it. So there are
two ratios: "first" against this process after `jax.clear_caches()`, which knows less than the
child, and "again" against this process right after that, which knows all. "outside" is the round
trip less the seconds of the child's own stages: sending, waking, reading, checking.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import jax

from bench import measure
from explainer import explain, lessons, sandbox
from explainer.report import Report
from explainer.spec import Request, Stage

LESSONS = (
    "euclid-pairwise",
    "normalize-channels",
    "params-tree-axes",
    "per-example-grad",
    "dropout-keys",
    "cond-mapped",
    "while-slowest",
    "rnn-scan",
)
Taken = dict[str, list[float]]
STAGES: tuple[Stage, ...] = ("batch", "run")
REPEATS = 4
PAUSE = 0.6  # seconds before each round, as long as a new standby child needs: a reader is slower still


def rows() -> Iterator[tuple[object, ...]]:
    for until in STAGES:
        found = []
        for name in LESSONS:
            lesson = lessons.find(name)
            if lesson is None:
                sys.exit(f"there is no lesson {name}")
            taken = _measure(lesson.request, until)
            found.append(taken)
            yield until, name, *_row([taken])
        yield until, "all", *_row(found)


def _row(found: list[Taken]) -> Iterator[str]:
    """Yields the medians over one lesson, or over the medians of all."""
    for other in ("first", "again"):
        yield f"{statistics.median(measure.ratio(taken['sandbox'], taken[other]) for taken in found):.2f}"
    for name in ("sandbox", "first", "again", "outside"):
        yield measure.ms(statistics.median(taken[name]) for taken in found)


def _measure(request: Request, until: Stage) -> Taken:
    """Returns the seconds of each way to explain the request, taken in turn."""
    taken: Taken = {name: [] for name in ("sandbox", "first", "again", "outside")}
    for _ in range(measure.repeats(REPEATS)):
        time.sleep(PAUSE)
        reports: list[Report] = []
        taken["sandbox"].append(
            measure.seconds(lambda r=reports: r.append(sandbox.explain(request, until=until)))
        )
        if reports[0].failure is not None:
            sys.exit(f"a lesson failed: {reports[0].failure}")
        taken["outside"].append(taken["sandbox"][-1] - sum(stage.seconds for stage in reports[0].stages))
        jax.clear_caches()
        taken["first"].append(measure.seconds(lambda: explain(request, until=until)))
        taken["again"].append(measure.seconds(lambda: explain(request, until=until)))
    return taken


def main() -> None:
    """Prints the table."""
    sandbox.explain(lessons.LESSONS[0].request)  # the first waits until the standby children are up
    title = "Sandbox round trip against the same request in process"
    columns = ("until", "lesson", "ratio to first", "ratio to again", "sandbox ms", "first ms", "again ms")
    try:
        measure.table(title, (*columns, "outside ms"), rows())
    finally:
        sandbox.shutdown()


if __name__ == "__main__":
    main()
