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

CHUNK_CODE = f"""\
{WORK}
def all_rows(X):
    return lax.map(work, X, batch_size=4)
"""

PMAP_CODE = f"""\
{WORK}
def all_rows(X):
    each = X.reshape(jax.device_count(), -1, X.shape[1])
    return jax.pmap(jax.vmap(work))(each).ravel()
"""

SHARD_CODE = f"""\
from jax.sharding import Mesh, PartitionSpec as P

{WORK}
mesh = Mesh(jax.devices(), ('i',))
all_rows = jax.shard_map(
    jax.vmap(work), mesh=mesh, in_specs=P('i'), out_specs=P('i'))
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
    Lesson(
        id="rows-map-chunks",
        topic="Memory",
        title="One workload: as lax.map in chunks",
        summary="batch_size=4 takes four rows at a time with a vmap and loops over the chunks: a choice "
        "between the memory of the map and the speed of the vmap.",
        request=Request(code=CHUNK_CODE, function="all_rows", arguments=ROWS),
    ),
    Lesson(
        id="rows-pmap",
        topic="Memory",
        title="One workload: as a pmap of vmaps",
        summary="The rows are dealt out to all devices, and each maps its own with vmap. The devices of one "
        "CPU are virtual, so here it shows how, not how fast.",
        request=Request(code=PMAP_CODE, function="all_rows", arguments=ROWS),
    ),
    Lesson(
        id="rows-shard-map",
        topic="Memory",
        title="One workload: as a shard_map",
        summary="The same as the pmap, without reshaping: shard_map cuts X into pieces along its first axis "
        "and joins the results again.",
        request=Request(code=SHARD_CODE, function="all_rows", arguments=ROWS),
    ),
)
