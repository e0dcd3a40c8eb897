"""Words: what the page calls places, and how it tells what a loop found."""

from __future__ import annotations

import pytest

from explainer.report import Check, Report, Span, StageReport
from explainer.spec import Request
from explainer.ui import picture, words


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("code", "line 2 of the code"),
        ("function", "What is mapped"),
        ("argument X", "argument X"),
        ("axis_name of level 1", "axis_name of vmap j"),
    ],
)
def test_a_place_has_the_name_it_has_on_the_page(source, said):
    assert words.place(Span(2, 0, 2, 1, source)) == said


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (Check(True, 4, 4, 0.0), "Same as a Python loop over 4 of 4 examples, largest difference 0"),
        (
            Check(True, 64, 1024, 0.5, 2.5286, "64 of 1,024 examples, spread evenly, ends included"),
            "Same as a Python loop over 64 of 1,024 examples, largest difference 0.5 (2.53 ulp); "
            "spread evenly, ends included",
        ),
        (
            Check(False, 2, 2, note="f is not pure"),
            "Differs from a Python loop over 2 of 2 examples; f is not pure",
        ),
        (Check(None, 0, 3, note="it talks"), "Not compared with a Python loop: it talks"),
    ],
)
def test_a_check_is_told_once_and_in_full(check, said):
    assert words.verdict(check) == said


def test_a_cancelled_step_no_longer_turns():
    stages = (StageReport("parse", "done", 0.1), StageReport("trace", "running", 1.0))
    report = Report(Request(), stages=stages)
    assert "pg-step running" in picture.status(report, 1.2, None)
    cancelled = picture.status(report, None, 1.2)
    assert "pg-step running" not in cancelled
    assert "cancelled after 1.2 s" in cancelled
