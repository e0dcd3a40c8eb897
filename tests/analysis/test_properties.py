"""Random programs: the report equals plain jax.vmap, and its claims hold for every intermediate value."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import explainer
from explainer import lessons
from explainer.report import Report
from tests import oracle
from tests.analysis import replay
from tests.analysis.programs import requests

# The same programs every time: a failure on one machine is a failure on all.
RANDOM = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
MAPPED = [
    one for one in lessons.LESSONS if one.request.levels and not one.fails and one.topic != "Named axes"
]


@RANDOM
@given(requests())
def test_outputs_of_random_programs_are_those_of_plain_vmap(request):
    report = explainer.explain(request, until="run")
    assert report.failure is None, report.failure
    expected = oracle.read(request).jitted_outputs()
    assert_outputs_equal(report, expected)


@RANDOM
@given(requests())
def test_every_value_sits_where_the_report_says(request):
    assert_claims_hold(explainer.explain(request, until="batch"))


@pytest.mark.parametrize("lesson", MAPPED, ids=lambda lesson: lesson.id)
def test_every_value_of_a_lesson_sits_where_the_report_says(lesson):
    assert_claims_hold(explainer.explain(lesson.request, until="batch"))


def assert_outputs_equal(report: Report, expected: object) -> None:
    """Fails unless paths, shapes, dtypes and the shown values are those of `expected`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(expected)
    assert [leaf.path for leaf in report.outputs] == ["out" + jax.tree_util.keystr(path) for path, _ in flat]
    for leaf, value in zip(report.outputs, [np.asarray(value) for _, value in flat]):
        assert (leaf.shape, leaf.dtype) == (value.shape, value.dtype.name)
        shown = value[np.ix_(*leaf.kept)] if value.ndim else value
        np.testing.assert_allclose(np.asarray(leaf.preview, value.dtype), shown, rtol=1e-6)


def assert_claims_hold(report: Report) -> None:
    """Fails unless each value of the batched run, indexed as claimed, is that of the example's own run."""
    assert report.failure is None, report.failure
    programs = replay.programs(report)
    claims = replay.claims(report, programs.source)
    batched = replay.record(programs.batched, programs.source, programs.arguments)
    for value, array in batched.items():
        assert claims[value.key, value.output].batched_shape == array.shape
    for place in _some(oracle.examples(tuple(level.axis_size or 0 for level in report.levels))):
        single = replay.record(programs.source.closed, programs.source, programs.arguments_of(place))
        assert single.keys() <= batched.keys()
        for value, expected in single.items():
            claim = claims[value.key, value.output]
            assert claim.tracked
            found = oracle.at(batched[value], claim.batch_dims, place)
            np.testing.assert_allclose(
                replay.host(found), replay.host(expected), rtol=1e-4, atol=1e-5, err_msg=f"{value} at {place}"
            )


def _some(examples: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Returns the first example, one between, and the last."""
    return list(dict.fromkeys(examples[:1] + examples[len(examples) // 2 :][:1] + examples[-1:]))
