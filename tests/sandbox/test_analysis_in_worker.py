"""The real analysis in real workers: what a visitor's request goes through."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from explainer import sandbox
from explainer.analysis import pipeline, preload
from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import Argument, Request, Stage, Vmap
from tests.sandbox.conftest import failure_of

PAIRWISE = Request(
    "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n",
    "dist",
    (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
    (Vmap("(0, None)"), Vmap("(None, 0)")),
)


@pytest.fixture(scope="module", params=["fork", "exec"])
def pool(request) -> Iterator[Pool]:
    pool = Pool(Settings(jobs=2, spares=1, strategy=request.param))
    yield pool
    pool.close()


def reports(pool: Pool, request: Request, until: Stage = "check", **limits) -> list[Report]:
    return list(stream_from(pool, request, until, Limits(**{"deadline_s": 60, **limits})))


def mapped(body: str, value: str = "f32[3,2]") -> Request:
    return Request(f"def f(x):\n    {body}\n", "f", (Argument("x", value),), (Vmap("0"),))


def test_the_pairwise_example_is_explained_to_the_end(pool):
    report = reports(pool, PAIRWISE, "time")[-1]
    assert report.failure is None
    assert [leaf.shape for leaf in report.outputs] == [(3, 4)]
    assert [stage.status for stage in report.stages] == ["done"] * 8
    assert report.isolation == pool.isolation


def test_what_a_worker_rehearses_runs_to_its_end():
    report = pipeline.explain(preload.REHEARSAL, until="run")
    assert report.failure is None
    assert report.printed == "1 [1 2 3] ['a']\n"


def test_two_workers_draw_different_numbers_where_nobody_set_a_seed(pool):
    script = Request("import random\nprint(*np.random.rand(3), random.random())\n")
    first, second = (reports(pool, script, "run")[-1].printed for _ in range(2))
    assert len(first.split()) == 4
    assert set(first.split()).isdisjoint(second.split())


def test_batch_axes_arrive_before_xla_has_compiled(pool):
    early = [r for r in reports(pool, PAIRWISE) if r.equations and r.hlo is None]
    assert early[0].equations[-1].outputs[0].batched_shape == (3, 4)


def test_requests_of_several_threads_are_all_answered(pool):
    shapes = {}

    def ask(size):
        report = reports(pool, mapped("return jnp.sin(x) @ x", f"f32[{size},5]"), "run")[-1]
        shapes[size] = [leaf.shape for leaf in report.outputs]

    threads = [threading.Thread(target=ask, args=[size]) for size in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == {size: [(size,)] for size in range(2, 8)}


def test_an_endless_loop_on_the_device_is_stopped_and_the_axes_kept(pool):
    endless = "return lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] * 1, s[1] + 1), (0., x))[1]"
    report = reports(pool, mapped(endless), deadline_s=6)[-1]
    assert failure_of(report).limit == "deadline"
    assert "while the compiled function was running" in failure_of(report).explanation
    assert report.equations
    assert report.hlo is not None


def test_too_many_elements_are_a_failure_and_the_axes_kept(pool):
    report = reports(pool, mapped("return x * 2", "f32[1000000000]"))[-1]
    assert failure_of(report).limit == "memory"
    assert report.equations


def test_a_print_flood_is_a_failure_that_names_the_limit(pool):
    report = reports(pool, mapped("while True: print('flood')"))[-1]
    assert failure_of(report).limit == "output"


def test_a_crash_in_user_code_is_a_failure_at_its_stage(pool):
    report = reports(pool, mapped("import os; os.abort()"))[-1]
    assert (failure_of(report).stage, failure_of(report).error_type) == ("trace", "WorkerCrashed")


def test_a_platform_that_is_not_there_is_a_failure_in_words():
    pool = Pool(Settings(jobs=1, spares=1, platform="tpu"))
    report = reports(pool, PAIRWISE)[-1]
    pool.close()
    assert failure_of(report).error_type == "WorkerUnavailable"
    assert "'tpu'" in failure_of(report).explanation


def test_the_public_calls_need_no_set_up_and_report_progress():
    seen: list[Report] = []
    sandbox.warm_up()
    try:
        report = sandbox.explain(PAIRWISE, until="batch", on_progress=seen.append)
    finally:
        sandbox.shutdown()
    assert report.failure is None
    assert report.equations
    assert {stage.status for partial in seen for stage in partial.stages} >= {"running"}
    assert sandbox.explain(Request("#" * 100_000)).failure is not None  # after shutdown it starts anew
    sandbox.shutdown()


def test_this_side_of_the_boundary_imports_no_jax():
    code = "import sys, explainer.sandbox as s; s.warm_up(); s.shutdown(); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
