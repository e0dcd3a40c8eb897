"""What a session keeps: the last explanations, few and not too large together."""

from __future__ import annotations

import pytest

from explainer.report import Report
from explainer.spec import Request
from explainer.ui import draft, session
from explainer.ui.explanation import Explanation


@pytest.fixture
def state(monkeypatch) -> session.Session:
    state = session.Session(draft.from_request(Request()), None, Request())
    monkeypatch.setattr(session, "current", lambda: state)
    return state


def _explained(code: str, printed: str = "") -> Explanation:
    request = Request(code)
    return Explanation(request, Report(request, printed=printed), None, 0.0)


def test_the_last_eight_are_kept(state):
    for n in range(10):
        session.remember(_explained(str(n)))
    assert [request.code for request in state.reports] == [str(n) for n in range(2, 10)]


def test_large_ones_are_fewer_and_the_last_stays(state):
    for n in range(3):
        session.remember(_explained(str(n), "x" * (9 << 20)))
    assert [request.code for request in state.reports] == ["2"]
    session.remember(_explained("3", "x" * (20 << 20)))
    assert [request.code for request in state.reports] == ["3"]


def test_one_that_is_run_again_counts_once(state):
    for printed in ("x" * (9 << 20), "short"):
        session.remember(_explained("0", printed))
    session.remember(_explained("1", "x" * (9 << 20)))
    assert [request.code for request in state.reports] == ["0", "1"]
