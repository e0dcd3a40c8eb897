"""Real mistakes: each is explained by its culprit; where one exists, a right fix is among the first three."""

from __future__ import annotations

import contextlib
import functools
import io
import re

import jax
import numpy as np
import pytest

from explainer.analysis.pipeline import explain
from explainer.report import Finding, Leaf, Report
from explainer.spec import Request
from tests.pains import cases, more
from tests.pains.case import Aspect, Case

# What a script's own libraries warn of is no failure of ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CASES = (*cases.CASES, *more.CASES)
FIXES_LOOKED_AT = 3
MOST_FIXES = 5


def _having(aspect: Aspect, *fields: str) -> list:
    """Lists the cases that say something of an aspect; those not met yet are expected to fail."""
    found = []
    for case in CASES:
        if not any(getattr(case, field) for field in fields):
            continue
        marks = [pytest.mark.xdist_group(f"pain {case.id}")]  # one worker, one analysis
        if why := case.why_unmet(aspect):
            marks.append(pytest.mark.xfail(strict=True, reason=why))
        found.append(pytest.param(case, id=case.id, marks=marks))
    return found


def test_every_case_has_a_name_of_its_own_and_something_to_show():
    assert len({case.id for case in CASES}) == len(CASES)
    shown = ("says", "mended", "finding", "fact", "hopeless")
    assert [case.id for case in CASES if not any(getattr(case, field) for field in shown)] == []


@pytest.mark.parametrize("case", _having("explanation", "says", "blames", "marks"))
def test_the_explanation_names_the_culprit(case: Case):
    report = _report(case.request)
    told = _finding(report, case) if case.finding else report.failure
    assert told is not None
    for pattern in case.says:
        assert re.search(pattern, told.explanation, re.IGNORECASE | re.DOTALL), (pattern, told.explanation)
    blamed = " ".join((*told.blame.arguments, *told.blame.paths))
    for name in case.blames:
        assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", blamed), (name, told.blame)
    if case.level is not None:
        assert case.level in told.blame.levels
    if case.marks:
        texts = [_text(case.request, span) for span in told.blame.spans]
        assert any(case.marks in text or (text and text in case.marks) for text in texts), texts


@pytest.mark.parametrize("case", _having("fix", "mended"))
def test_a_right_fix_is_among_the_first_three(case: Case):
    report = _report(case.request)
    fixes = report.fixes or (report.wanted.solutions if report.wanted else ())
    if case.finding:
        found = _finding(report, case)
        assert found is not None
        fixes = found.fixes
    right = [_result(request) for request in case.mended]
    given = [_result(fix.request) for fix in fixes[:FIXES_LOOKED_AT]]
    assert any(_same(one, other) for one in given for other in right), [fix.summary for fix in fixes]


@pytest.mark.parametrize("case", _having("finding", "finding"))
def test_what_is_silently_wrong_is_found(case: Case):
    report = _report(case.request)
    assert report.failure is None
    found = _finding(report, case)
    assert found is not None, [finding.kind for finding in report.findings]


@pytest.mark.parametrize("case", _having("fact", "fact"))
def test_what_surprises_is_shown(case: Case):
    assert case.fact is not None
    assert case.fact(_report(case.request))


@pytest.mark.parametrize("case", _having("proof", "says", "mended", "hopeless"))
def test_every_fix_that_is_offered_runs_and_gives_what_it_says(case: Case):
    report = _report(case.request)
    offered = (*report.fixes, *(fix for finding in report.findings for fix in finding.fixes))
    assert len(report.fixes) <= MOST_FIXES
    for fix in offered:
        assert fix.summary and fix.proof, fix
        assert fix.request != case.request
        result = _result(fix.request)
        if not isinstance(result, str):
            assert _shapes(result) == _shapes(fix.outputs), fix.summary
        assert not (case.never and re.search(case.never, fix.after)), fix.after
    if case.hopeless:
        assert report.failure is not None and report.fixes == ()
        assert report.failure.limit or "No small edit" in report.failure.explanation


@functools.cache
def _report(request: Request) -> Report:
    return explain(request)


@functools.cache
def _result(request: Request) -> str | tuple[Leaf, ...]:
    """Runs a request and returns its outputs; of a script what it prints where Python alone runs it."""
    if request.is_script:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(request.code, "<script>", "exec"), {"__name__": "__main__"})
            jax.effects_barrier()
        return " ".join(printed.getvalue().split())
    report = explain(request, until="run")
    assert report.failure is None, report.failure
    return report.outputs


def _finding(report: Report, case: Case) -> Finding | None:
    return next((finding for finding in report.findings if finding.kind == case.finding), None)


def _shapes(leaves: tuple[Leaf, ...]) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(leaf.path, leaf.dtype, leaf.shape) for leaf in leaves]


def _same(one: str | tuple[Leaf, ...], other: str | tuple[Leaf, ...]) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return len(one) == len(other) and all(_close(leaf, right) for leaf, right in zip(one, other))


def _close(leaf: Leaf, right: Leaf) -> bool:
    if leaf.shape != right.shape:
        return False
    if leaf.dtype.startswith("key"):
        return leaf.preview == right.preview
    return np.allclose(np.asarray(leaf.preview), np.asarray(right.preview), rtol=1e-5, equal_nan=True)


def _text(request: Request, span) -> str:
    if span.source != "code":
        return ""
    lines = request.code.splitlines()[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    return "\n".join(lines)
