"""Findings: each silent bug is told with its place, its mended twin is not; correct code is left alone."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import pytest

from explainer import explain, lessons
from explainer.analysis import findings, pipeline, stages
from explainer.analysis.run import Run
from explainer.analysis.scripts import SCRIPT
from explainer.report import Finding, Report, Span
from explainer.spec import Request, Stage
from tests.analysis.captured_forms import FORMS
from tests.analysis.families import FAMILIES
from tests.analysis.findings.cases import CASES, DROPOUT, Case, stated

FAR = 60.0  # seconds: on a busy machine a search may take long, its outcome is the same


def found(request: Request, until: Stage = "check") -> tuple[tuple[Finding, ...], Report]:
    run = Run(request, SCRIPT if request.is_script else stages.NEST)
    report = pipeline.through(run, until)
    assert report.failure is None, report.failure.message
    return findings.of(run, FAR), report


def covered(code: str, span: Span) -> str:
    lines = code.splitlines()[span.line - 1 : span.end_line]
    assert len(lines) == 1, "a span of one line"
    return lines[0][span.column : span.end_column]


Looked = dict[Request, tuple[tuple[Finding, ...], Report]]


@pytest.fixture(scope="module")
def looked() -> Looked:
    """What was found in each request so far: several tests look at one."""
    return {}


def once(request: Request, looked: Looked) -> tuple[Finding, ...]:
    if request not in looked:
        looked[request] = found(request)
    return looked[request][0]


def of_kind(case: Case, looked: Looked) -> list[Finding]:
    return [each for each in once(case.request, looked) if each.kind == case.kind]


def numbered(cases: Iterable[Case]) -> list[object]:
    return [pytest.param(case, id=f"{CASES.index(case)}-{case.kind}") for case in cases]


NUMBERED = numbered(CASES)


@pytest.mark.parametrize("case", NUMBERED)
def test_a_bug_is_told_of_once(case, looked):
    assert [each.severity for each in of_kind(case, looked)] == [case.severity]


@pytest.mark.parametrize("case", NUMBERED)
def test_a_finding_says_what_was_measured(case, looked):
    explanation = of_kind(case, looked)[0].explanation
    assert [part for part in case.says if part not in explanation] == []


@pytest.mark.parametrize("case", numbered(case for case in CASES if case.blamed))
def test_a_finding_marks_the_expression(case, looked):
    spans = of_kind(case, looked)[0].blame.spans
    assert {covered(case.request.code, span) for span in spans} >= set(case.blamed)


@pytest.mark.parametrize("case", numbered(case for case in CASES if case.arguments))
def test_a_finding_names_the_arguments(case, looked):
    assert set(of_kind(case, looked)[0].blame.arguments) >= set(case.arguments)


@pytest.mark.parametrize("case", NUMBERED)
def test_the_mended_twin_has_no_such_bug_and_no_other(case, looked):
    kinds = {each.kind: each.severity for each in once(case.mended, looked)}
    assert case.kind not in kinds
    assert {kind for kind, severity in kinds.items() if severity != "info"} == set()


@pytest.mark.parametrize("case", numbered(case for case in CASES if case.fixed))
def test_a_fix_takes_the_bug_away_and_gives_what_it_says(case, looked):
    fix = of_kind(case, looked)[0].fixes[0]
    after, report = found(fix.request)
    assert [each.kind for each in after if each.kind == case.kind] == []
    assert [leaf.shape for leaf in report.outputs] == [leaf.shape for leaf in fix.outputs]
    assert fix.before != fix.after


# They teach, or hold, the very bug.
WITH_THE_BUG = {
    "dropout-shared-key": "shared_key",
    "mistake-same-noise": "shared_key",
    "gathers": "index_out_of_range",
}
TRACED = [stated(each.text, {"x": f"normal(f32[{each.rows},2])"}, function="top") for each in FORMS[::3]]
CORRECT = (
    *(pytest.param(each.id, each.request, id=each.id) for each in lessons.LESSONS if not each.fails),
    *(pytest.param(each.name, each.stated, id=each.name) for each in FAMILIES),
    *(pytest.param("", request, id=form.name) for form, request in zip(FORMS[::3], TRACED)),
)


@pytest.mark.filterwarnings("ignore:jax.core:DeprecationWarning")  # Flax asks for them
@pytest.mark.parametrize(("name", "request_"), CORRECT)
def test_correct_code_has_no_warning(name, request_):
    grave = {each.kind for each in found(request_, "batch")[0] if each.severity != "info"}
    assert grave <= {WITH_THE_BUG.get(name, "")}


RAN = [each for each in lessons.LESSONS if each.topic in ("Random keys", "Gradients") and not each.fails]


@pytest.mark.parametrize("lesson", RAN, ids=lambda lesson: lesson.id)
def test_a_lesson_that_ran_has_no_warning_but_of_what_it_teaches(lesson):
    grave = {each.kind for each in found(lesson.request)[0] if each.severity != "info"}
    taught = {"euclid-gradient": "nan_gradient", **WITH_THE_BUG}.get(lesson.id)
    assert grave == ({taught} if taught else set())


def test_findings_are_part_of_the_whole_explanation():
    request = stated(DROPOUT, {"key": "key[]", "x": "ones(f32[4,5])"}, "(None, 0)")
    assert [each.kind for each in pipeline.explain(request).findings] == ["shared_key"]


def test_no_findings_are_looked_for_when_less_was_asked_for():
    request = stated(DROPOUT, {"key": "key[]", "x": "ones(f32[4,5])"}, "(None, 0)")
    assert pipeline.explain(request, "check").findings == ()


def test_the_gravest_finding_comes_first():
    request = stated(DROPOUT, {"key": "key[]", "x": "ones(f32[5,5])"}, "(None, 0)")
    severities = [each.severity for each in found(request)[0]]
    assert severities == sorted(severities, key=("error", "warning", "info").index)


def test_a_search_without_time_finds_nothing():
    request = stated(DROPOUT, {"key": "key[]", "x": "ones(f32[4,5])"}, "(None, 0)")
    run = Run(request, stages.NEST)
    pipeline.through(run, "batch")
    assert findings.of(run, -1.0) == ()


def test_a_finder_that_fails_leaves_a_note(monkeypatch):
    def broken(scope: object) -> tuple[Finding, ...]:
        raise ValueError("out of paper")

    monkeypatch.setattr(findings, "FINDERS", (broken,))
    report = pipeline.explain(stated("f = lambda x: x * 2", {"x": "f32[3]"}, "0"))
    assert report.notes == ("the search for silent bugs ended early (ValueError: out of paper)",)


def test_the_file_of_a_live_function_is_not_run_to_try_a_fix():
    def guarded(x):
        return jnp.where(x > 0, jnp.sqrt(x), 0.0)

    report = explain(jax.vmap(jax.grad(guarded)), jnp.array([4.0, 0.0]))
    assert [(each.kind, each.fixes) for each in report.findings] == [("nan_gradient", ())]
