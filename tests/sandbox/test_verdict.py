"""How an ending becomes a Report."""

from __future__ import annotations

from typing import get_args

import pytest

from explainer.report import Equation, Failure, Isolation, Report, StageReport
from explainer.sandbox.settings import VARIABLES, Limits
from explainer.sandbox.verdict import DOING, TEXTS, Ending, Kind, final, lasting, running_stage
from explainer.spec import STAGES, Request
from tests.sandbox.conftest import failure_of

LIMITS = Limits(10, 2048, 256, 64, 16)
EQUATION = Equation(0, "sin", (), (), 0, "", None, "jnp.sin(x)", None, ())
PARTIAL = Report(
    Request("code"), stages=(StageReport("trace", "done", 1), StageReport("compile", "running", 9))
)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_words_for_what_it_does(stage):
    partial = Report(Request(), stages=(StageReport(stage, "running"),))
    assert DOING[stage] in failure_of(final(partial, Ending("deadline"), LIMITS)).explanation


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_ending_has_a_whole_sentence(kind):
    failure = failure_of(final(PARTIAL, Ending(kind, detail="DETAIL"), LIMITS))
    assert failure.message
    assert failure.explanation.endswith(".")
    assert "{" not in failure.explanation


@pytest.mark.parametrize("kind", [kind for kind, text in TEXTS.items() if text.field])
def test_every_limit_names_its_value_and_its_variable(kind):
    failure = failure_of(final(PARTIAL, Ending(kind), LIMITS))
    field = TEXTS[kind].field
    assert failure.limit == TEXTS[kind].limit
    assert f"raise {VARIABLES[field]} (it is {getattr(LIMITS, field):g})" in failure.explanation


@pytest.mark.parametrize("kind", ["busy", "replaced"])
def test_what_was_never_run_says_so_and_names_what_kept_it(kind):
    failure = failure_of(final(Report(Request("x = 1")), Ending(kind, detail="DETAIL"), LIMITS))
    assert failure.limit
    assert failure.stage == "parse"
    assert failure.explanation.startswith("Nothing was run")


@pytest.mark.parametrize(
    ("failure", "lasts"),
    [
        (None, True),
        (Failure("batch", "ValueError", "m", "e", kind="unequal_sizes"), True),
        (Failure("run", "ValueError", "m", "e", kind="raised"), False),
        (Failure("run", "MemoryError", "m", "e"), False),
        (Failure("run", "X", "m", "e", kind="unequal_sizes", limit="memory"), False),
    ],
)
def test_only_what_the_text_itself_brings_about_may_be_given_to_the_next(failure, lasts):
    assert lasting(Report(Request(), failure=failure)) is lasts


def test_the_running_stage_fails_and_keeps_its_seconds():
    report = final(PARTIAL, Ending("deadline"), LIMITS)
    assert report.stages == (StageReport("trace", "done", 1), StageReport("compile", "failed", 9))
    assert failure_of(report).explanation.startswith("Stopped after 10 s while XLA was compiling.")


def test_what_was_found_before_a_limit_is_counted():
    stages = (StageReport("batch", "done", 1), StageReport("compile", "running", 9))
    partial = Report(Request("code"), stages=stages, equations=(EQUATION,) * 12_000)
    explanation = failure_of(final(partial, Ending("deadline"), LIMITS)).explanation
    assert explanation.startswith("Stopped after 10 s while XLA was compiling 12,000 equations.")
    assert "all 12,000 equations, where each batch axis sits" in explanation


@pytest.mark.parametrize(
    ("level", "error_type", "told"),
    [
        ("sealed", "PermissionError", True),
        ("contained", "gaierror", True),
        ("bare", "PermissionError", False),
        ("sealed", "ValueError", False),
    ],
)
def test_who_runs_into_a_wall_is_told_what_stands_there(level, error_type, told):
    partial = Report(Request("code"), isolation=Isolation(level))
    answer = Report(Request("code"), failure=Failure("trace", error_type, "not permitted", "It failed."))
    failure = failure_of(final(partial, Ending("answer", answer), LIMITS))
    assert failure.explanation.startswith("It failed.")
    assert ("reach no network" in failure.explanation) == told


def test_between_two_stages_the_next_one_fails():
    between = Report(Request(), stages=(StageReport("parse", "done"), StageReport("trace", "done")))
    assert running_stage(between) == "batch"
    assert final(between, Ending("crash", code=1), LIMITS).stages[-1] == StageReport("batch", "failed")


def test_braces_in_a_detail_are_text():
    assert (
        "{0} {x}" in failure_of(final(PARTIAL, Ending("unavailable", detail="{0} {x}"), LIMITS)).explanation
    )


def test_a_crash_shows_what_the_process_wrote_last():
    failure = failure_of(final(PARTIAL, Ending("crash", signal=6), LIMITS, printed="Check failed: x > 0\n"))
    assert failure.message == "Check failed: x > 0"
    assert "SIGABRT" in failure.explanation


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (63, "signal 63")])
def test_signals_are_named(number, name):
    assert name in failure_of(final(PARTIAL, Ending("crash", signal=number), LIMITS)).explanation


def test_an_answer_is_kept_and_what_native_code_printed_added():
    answer = Report(Request("forged"), printed="py\n")
    report = final(PARTIAL, Ending("answer", answer), LIMITS, printed="c\n")
    assert (report.request, report.printed, report.failure) == (PARTIAL.request, "py\nc\n", None)
