"""Random programs: the report equals plain jax.vmap, and its claims hold for every intermediate value."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

import explainer
from explainer import lessons
from tests import oracle
from tests.analysis.agreement import assert_claims_hold, assert_outputs_equal
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
