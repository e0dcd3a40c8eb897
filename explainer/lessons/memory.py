"""Lessons on memory and on the other ways to write the same loop."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

DISTANCE_CODE = """\
def dist(x, y):
    difference = x - y
    return jnp.sum(difference ** 2)
"""

ONE_ROW_CODE = """\
def distances(X, Y):
    def to_all(x):
        difference = x - Y
        return jnp.sum(difference ** 2, axis=-1)

    return lax.map(to_all, X)
"""

WORK = """\
def work(x):
    return jnp.sum(jnp.tanh(x) ** 2)
"""

LOOP_CODE = f"""\
{WORK}
def all_rows(X):
    return jnp.stack([work(x) for x in X])
"""

MAP_CODE = f"""\
{WORK}
def all_rows(X):
    return lax.map(work, X)
"""

SCAN_CODE = f"""\
{WORK}
def all_rows(X):
    def step(total, x):
        return total, work(x)

    total, results = lax.scan(step, 0, X)
    return results
"""

POINTS = inputs(X="normal(f32[300,32])", Y="normal(f32[200,32])")
ROWS = inputs(X="normal(f32[16,64])")

LESSONS = (
    Lesson(
        id="materialize",
        topic="Memory",
        title="A small result can need a large intermediate",
        summary="Each difference is tiny, but all pairs at once make an array of shape (300, 200, 32). "
        "Open Shapes for its size, and Timing for what XLA really kept.",
        request=Request(
            code=DISTANCE_CODE, function="dist", arguments=POINTS, levels=nest("(0, None)", "(None, 0)")
        ),
    ),
    Lesson(
        id="materialize-map",
        topic="Memory",
        title="Trade speed for memory with lax.map",
        summary="lax.map takes one x at a time, so no more than (200, 32) differences exist at once. The "
        "table is the same.",
        request=Request(code=ONE_ROW_CODE, function="distances", arguments=POINTS),
    ),
    Lesson(
        id="rows-vmap",
        topic="Memory",
        title="One workload: as a vmap",
        summary="All rows at once, in one set of operations. Compare time and memory with the loop, the map "
        "and the scan that follow.",
        request=Request(code=WORK, function="work", arguments=ROWS, levels=nest("0")),
    ),
    Lesson(
        id="rows-loop",
        topic="Memory",
        title="One workload: as a Python loop",
        summary="The loop is unrolled while tracing: sixteen copies of the same equations. The results "
        "agree, the program grows with the data.",
        request=Request(code=LOOP_CODE, function="all_rows", arguments=ROWS),
    ),
    Lesson(
        id="rows-map",
        topic="Memory",
        title="One workload: as lax.map",
        summary="One row after the other, with the body recorded once. Little memory, no parallel rows.",
        request=Request(code=MAP_CODE, function="all_rows", arguments=ROWS),
    ),
    Lesson(
        id="rows-scan",
        topic="Memory",
        title="One workload: as lax.scan",
        summary="scan is the loop that lax.map stands on, with a carried value besides. Use it when one "
        "step needs the result of the last.",
        request=Request(code=SCAN_CODE, function="all_rows", arguments=ROWS),
    ),
)
