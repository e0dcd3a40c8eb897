"""Why is it batched? The question beside a mapped value, and the answers it opens to."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import explainer
from explainer import Argument, Request, Vmap, lessons
from explainer.report import Report
from explainer.views import why

XRAY = "import streamlit\nfrom explainer.ui import xray\nxray.xray(streamlit.session_state.report)\n"
SHAPES = "import streamlit\nfrom explainer.ui import shapes\nshapes.shapes(streamlit.session_state.report)\n"
CODE = """\
def f(x, y):
    s = jnp.tanh(x)
    chosen = lax.cond(y > 0, lambda a: a * 2, lambda a: a, s)
    return s, chosen, lax.axis_index('i'), 3.0
"""
LEVELS = (Vmap("(0, None)", axis_name="i"), Vmap("(None, 0)"))


def report(out_axes: str = "0") -> Report:
    arguments = (Argument("X", "f32[3,2]"), Argument("Y", "f32[4]"))
    levels = (LEVELS[0], replace(LEVELS[1], out_axes=out_axes))
    return explainer.explain(Request(CODE, "f", arguments, levels), until="batch")


@pytest.mark.parametrize(
    ("output", "level", "sentence"),
    [
        (
            "out[0]",
            0,
            "out[0] is mapped by i because jnp.tanh(x) (line 2) is, because X is mapped over its axis 0.",
        ),
        ("out[0]", 1, ""),
        (
            "out[1]",
            1,
            "out[1] is mapped by j because lax.cond(y > 0, lambda a: a * 2, lambda a: a, s) (line 3) is, "
            "because it is decided by y > 0 (line 3), which is, because Y is mapped over its axis 0.",
        ),
        (
            "out[2]",
            0,
            "out[2] is mapped by i because lax.axis_index('i') (line 4) is, because every example of i has "
            "its own index.",
        ),
        ("out[3]", 0, ""),
    ],
)
def test_a_way_is_said_in_the_words_of_the_users_code(output, level, sentence):
    found = report()
    assert why.sentence(found, why.path_of_output(found, output, level), level) == sentence


def test_the_text_form_names_the_leaves_of_each_output():
    assert why.told(report()) == [
        "out[0]: i because X",
        "out[1]: i because X, j because Y",
        "out[2]: i because each example has its own axis_index",
        "out[3]: none, one for all examples",
    ]


def test_an_unrolled_loop_is_told_once():
    code = "def f(x, y):\n    for _ in range(50):\n        x = x * 2\n        x = x + y\n    return x\n"
    request = Request(code, "f", (Argument("X", "f32[3]"), Argument("Y", "f32[3]")), (Vmap("(0, None)"),))
    found = explainer.explain(request, until="batch")
    steps = why.path_of_output(found, "out", 0)
    assert len(steps) == 102
    assert why.sentence(found, steps, 0) == (
        "out is mapped by i because x + y (line 4) is, because x * 2 (line 3) is, because X is mapped "
        "over its axis 0."
    )


def test_a_long_way_is_cut_in_its_middle():
    lines = "".join(f"    x = x + {n}.0\n" for n in range(30))
    request = Request(f"def f(x):\n{lines}    return x\n", "f", (Argument("X", "f32[3]"),), (Vmap("0"),))
    found = explainer.explain(request, until="batch")
    said = why.sentence(found, why.path_of_output(found, "out", 0), 0)
    assert said.startswith("out is mapped by i because x + 29.0 (line 31) is, because x + 28.0 (line 30) is,")
    assert "and so on through 24 more" in said
    assert said.endswith("because X is mapped over its axis 0.")


def test_every_mapped_row_of_the_xray_has_its_question():
    found = report()
    shown = _html(_drawn(XRAY, found))
    mapped = [one for one in found.equations if any(any(out.because) for out in one.outputs)]
    assert shown.count("<summary>why?</summary>") == len(mapped) > 3
    assert "jnp.tanh(x) (line 2) is mapped by i because X is mapped over its axis 0." in shown


def test_outputs_have_their_question_where_the_shapes_stand():
    shown = _html(_drawn(SHAPES, report()))
    assert shown.count("<summary>why?</summary>") == 3


def test_a_failed_out_axes_names_the_way_and_the_xray_still_shows_the_axes():
    found = report("(0, None, None, None)")
    assert found.failure is not None
    assert "got axis spec None but output was batched" in found.failure.message
    assert "out[1] is mapped by j because" in found.failure.explanation
    assert "because Y is mapped over its axis 0." in found.failure.explanation
    assert found.failure.blame.arguments == ("Y",)
    assert found.failure.blame.paths == ("out[1]", "Y")
    assert [one.outputs[0].batch_dims for one in found.equations if one.primitive == "tanh"] == [(0, None)]
    assert found.jaxpr is not None
    assert found.jaxpr.levels == ()  # of the nest as asked for there is none
    assert "<summary>why?</summary>" in _html(_drawn(XRAY, found))


def test_hostile_paths_are_escaped():
    hostile = "<script>alert(1)</script>"
    request = next(one.request for one in lessons.LESSONS if one.id == "euclid-pairwise")
    found = explainer.explain(request, until="batch")
    equations = tuple(replace(one, source=hostile) for one in found.equations)
    shown = _html(_drawn(XRAY, replace(found, equations=equations)))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in "".join(re.findall("<p>.*?</p>", shown))
    assert "<script" not in shown


def _drawn(script: str, found: Report) -> AppTest:
    app = AppTest.from_string(script, default_timeout=30)
    app.session_state["report"] = found
    return app.run()


def _html(app: AppTest) -> str:
    assert not app.exception
    return "".join(element.proto.body for element in app.get("html"))
