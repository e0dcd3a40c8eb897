"""The X-ray and the Jaxpr view: what batching made of each equation is said, linked and lit together."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import explainer
from explainer import lessons
from explainer.report import Change, Report

XRAY = "import streamlit\nfrom explainer.ui import xray\nxray.xray(streamlit.session_state.report)\n"
JAXPRS = "import streamlit\nfrom explainer.ui import jaxprs\njaxprs.jaxprs(streamlit.session_state.report)\n"
HOSTILE = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("lesson", "says", "page", "opened"),
    [
        ("cond-mapped", "every branch runs", "jax.lax.cond", True),
        ("cond-shared", "one branch runs", "jax.lax.cond", False),
        ("while-slowest", "runs until the slowest example ends", "jax.lax.while_loop", True),
        ("rnn-scan", "one loop, an axis moved", "jax.lax.scan", False),
        ("euclid-pairwise", "operands lined up", "jax.lax.broadcast_in_dim", False),
        ("dropout-shared-key", "same numbers for all", "jax.random", True),
    ],
)
def test_a_rewrite_is_said_and_a_surprise_is_open(lesson, says, page, opened):
    shown = _html(_drawn(XRAY, _report(lesson)))
    said = next(part for part in shown.split("<details") if f"<summary><span>{says}</span>" in part)
    assert ('open="open"' in said) == opened
    assert f"{page}.html" in said
    assert 'target="_blank"' in said


def test_every_row_of_an_equation_has_its_class():
    report = _report("cond-mapped")
    shown = _html(_drawn(XRAY, report))
    assert re.findall(r'<tr class="(pg-e\d+)[ "]', shown) == ["pg-e0", "pg-e1", "pg-e1", "pg-e2", "pg-e3"]


def test_hostile_text_is_escaped():
    report = _report("cond-mapped")
    assert report.jaxpr is not None
    equations = tuple(
        replace(each, rewrite=(HOSTILE,), changed=(Change("axes", HOSTILE, HOSTILE),))
        for each in report.equations
    )
    example = replace(report.jaxpr.example, text=report.jaxpr.example.text.replace("neg", HOSTILE))
    report = replace(report, equations=equations, jaxpr=replace(report.jaxpr, example=example))
    for script in (XRAY, JAXPRS):
        shown = _html(_drawn(script, report))
        assert "&lt;script&gt;" in shown
        assert "<script" not in shown


def test_an_added_line_has_a_sign_and_stands_alone():
    shown = _html(_drawn(JAXPRS, _report("cond-mapped")))
    assert re.search(r'<div class="pg-side pg-now [^"]*pg-e1"><i>1</i><b>\+</b>', shown)
    assert re.search(r'<div class="pg-side pg-was [^"]*pg-e1"><i>1</i><b>−</b>', shown)
    assert "<mark>f32[3]</mark>" in shown


@pytest.mark.parametrize(
    ("chosen", "type_"), [("after vmap j", "f32[4,2]"), ("after vmap j, then i", "f32[3,4,2]")]
)
def test_each_level_is_compared_with_the_example(chosen, type_):
    page = _drawn(JAXPRS, _report("distance-pairwise"))
    page.button_group[0].set_value(chosen)
    page.run()
    assert not page.exception
    assert f"<mark>{type_}</mark>" in _html(page)


def test_a_program_without_vmap_is_shown_alone():
    request = explainer.Request("", "jnp.sin", (explainer.Argument("x", "f32[2]"),))
    shown = _html(_drawn(JAXPRS, explainer.explain(request, until="lower")))
    assert "There is no vmap" in shown
    assert " = sin a" in shown


def _report(lesson: str) -> Report:
    request = next(each.request for each in lessons.LESSONS if each.id == lesson)
    return explainer.explain(request, until="lower")


def _drawn(script: str, report: Report) -> AppTest:
    page = AppTest.from_string(script, default_timeout=60)
    page.session_state["report"] = report
    page.run()
    assert not page.exception
    return page


def _html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.html)
