"""Requests that nobody would write by hand: each ends in a Report that can be stored and shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explainer import page
from explainer.report import Report, from_msgpack, to_json, to_msgpack
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Settings
from explainer.spec import Request
from tests.faults.conftest import HONEST, LEVEL, WALLS, asked, is_right, real
from tests.faults.hostile import CODES, anything, spoiled, texts
from tests.sandbox.conftest import TARGET

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of what fails

fuzzed = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(Settings(jobs=2, spares=2, strategy="fork", **real(walls=WALLS)))
    yield pool
    assert is_right(asked(pool, HONEST))
    pool.close()


@pytest.fixture(scope="module")
def cheap_pool() -> Iterator[Pool]:
    pool = Pool(Settings(jobs=2, spares=2, strategy="fork", target=TARGET, warmup="", walls=WALLS))
    yield pool
    assert asked(pool, Request("text = 'answered'")).printed == "answered"
    pool.close()


def _is_whole(report: Report) -> bool:
    """Returns whether a report can be stored, sent, read back and shown."""
    assert report.stages
    assert "running" not in [stage.status for stage in report.stages]
    assert report.failure is None or report.failure.explanation or report.failure.message
    assert to_json(report)
    assert from_msgpack(to_msgpack(report)).failure == report.failure
    assert str(report)
    return page.html(report).startswith("<!")


@settings(fuzzed, max_examples=60)
@given(anything)
def test_what_makes_no_sense_ends_in_a_whole_report(pool, request):
    assert _is_whole(asked(pool, request, "check", deadline_s=10))


@settings(fuzzed, max_examples=40)
@given(spoiled)
def test_a_lesson_with_one_wrong_word_ends_in_a_whole_report(pool, request):
    assert _is_whole(asked(pool, request, "batch", deadline_s=10))


@settings(fuzzed, max_examples=900)
@given(st.text(max_size=40) | texts | st.sampled_from(CODES), st.text(max_size=10), texts)
def test_any_text_at_all_ends_in_a_whole_report(cheap_pool, code, function, wanted):
    report = asked(cheap_pool, Request(code, function, wanted=wanted), deadline_s=10)
    assert _is_whole(report)
    assert report.isolation.level == LEVEL
