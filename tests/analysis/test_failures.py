"""Bad input: the stage that fails, what is said, who is blamed, and what stays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from explainer import Request, Vmap, explain
from explainer.analysis import pipeline
from explainer.spec import STAGES
from tests import oracle
from tests.analysis.agreement import assert_outputs_equal
from tests.analysis.bad_requests import CASES, DIST, XY, Case, one


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_failure_says_what_where_and_what_to_do(case: Case):
    until = STAGES[max(STAGES.index("batch"), STAGES.index(case.stage))]
    report = explain(case.request, until=until)
    failure = report.failure
    if jax.__version_info__ < case.since:
        assert failure is None
        assert_outputs_equal(explain(case.request, until="run"), oracle.read(case.request).outputs())
        return
    assert failure is not None
    assert (failure.stage, failure.error_type) == (case.stage, case.error)
    for words in case.says:
        assert words in failure.explanation
    assert failure.message
    if case.blames:
        assert case.blames in {_text(case.request, span) for span in failure.blame.spans}
    statuses = {stage.name: stage.status for stage in report.stages}
    assert statuses[case.stage] == "failed"
    assert statuses["time"] == "skipped"


def _text(request: Request, span) -> str:
    text = request.code if span.source == "code" else request.function
    if span.source.startswith("argument"):
        text = next(a.value for a in request.arguments if span.source == f"argument {a.name}")
    lines = text.splitlines()[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    return "\n".join(lines)


def test_a_nan_that_jax_was_told_to_stop_at_is_explained():
    with jax.debug_nans(True):
        failure = explain(one("def f(x): return jnp.log(-x)")).failure
    assert failure is not None and (failure.stage, failure.error_type) == (
        "run",
        "InternalFloatingPointError",
    )
    assert "gave nan or inf" in failure.explanation and "jax_debug_nans" in failure.explanation


def test_the_message_is_the_one_plain_jax_prints():
    def dist(x, y):
        return jnp.sqrt(jnp.sum((x - y) ** 2))

    with pytest.raises(ValueError) as plain:
        jax.vmap(dist)(jnp.ones((3, 2)), jnp.ones((4, 2)))
    failure = explain(Request(DIST, "dist", XY, (Vmap("0"),)), until="batch").failure
    assert failure is not None
    assert failure.message == str(plain.value)


def test_shapes_of_outer_levels_survive_a_failure_further_in():
    report = explain(Request(DIST, "dist", XY, (Vmap("(0, None)"), Vmap("(1, 0)"))))
    assert [leaf.shape for leaf in report.levels[0].inputs] == [(3, 2), (4, 2)]
    assert [leaf.shape for leaf in report.levels[1].inputs] == [(2,), (4, 2)]
    assert [leaf.index for leaf in report.levels[1].inputs] == [None, 0]


@pytest.mark.parametrize(
    ("level", "says"),
    [
        (Vmap(axis_name="'i"), "axis_name of vmap i"),
        (Vmap(axis_name="row", in_axes="(0,"), "in_axes of vmap row"),
        (Vmap(axis_size="four"), "axis_size of vmap i"),
    ],
)
def test_a_text_of_a_level_is_named_as_the_page_names_it(level, says):
    failure = explain(Request(DIST, "dist", XY, (level,)), until="parse").failure
    assert failure is not None and says in failure.explanation


def test_an_error_that_the_users_own_code_raises_is_not_blamed_on_shapes():
    failure = explain(one("def f(x):\n    raise RuntimeError('boom')\n"), until="trace").failure
    assert failure is not None
    assert failure.explanation == "f raised RuntimeError at `raise RuntimeError('boom')`: boom"


def test_a_failure_before_the_run_still_shows_the_arguments_values():
    report = explain(Request(DIST, "dist", XY, (Vmap("0"),)))
    assert report.failure is not None and report.failure.stage == "trace"
    assert [np.shape(argument.leaves[0].preview) for argument in report.arguments] == [(3, 2), (4, 2)]


def test_a_run_that_does_not_fit_in_memory_is_traced_and_compiled_but_not_started():
    request = one("def f(x): return x * 2", "f32[100000,10000]")
    report = pipeline.explain(request, limits=pipeline.RunLimits(memory_bytes=10**9))
    failure = report.failure
    assert failure is not None
    assert (failure.stage, failure.limit) == ("run", "memory")
    assert "8.0 GB" in failure.explanation and "the limit is 1.0 GB" in failure.explanation
    assert report.equations[0].outputs[0].batched_shape == (100000, 10000)
    assert report.timing is not None and report.timing.compile is not None
