"""Captured calls of jax.vmap: each is found in whatever form it is written, with all that crosses it."""

from __future__ import annotations

import functools
import linecache
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax._src.interpreters import batching

import explainer
from explainer import Argument, Request, Vmap, xray
from explainer.analysis.capturing import MOST_LEVELS, Capture
from explainer.report import Crossing, Report
from tests import oracle
from tests.analysis.agreement import assert_outputs_equal
from tests.analysis.captured_forms import FORMS, PRELUDE, Form, Level


def levels(report: Report) -> tuple[Level, ...]:
    """Puts the captured levels of a report into words."""
    assert report.failure is None, report.failure
    return tuple(_level(level, report) for level in report.levels if level.captured)


def _level(level: xray.Level, report: Report) -> Level:
    parent = "" if level.parent is None else f"{level.parent}>"
    count = "" if level.count == 1 else f" x{level.count}"
    maker = f" by {level.made_by}" if level.made_by else ""
    told = f"{parent}{level.name} {level.function}[{level.axis_size}]{count}{maker}"
    crossing = f"{_crossings(level.enters)} -> {_crossings(level.leaves)}".strip()
    return Level(told, _source(level, report), crossing)


def _source(level: xray.Level, report: Report) -> str:
    span = level.span
    if span is None:
        return ""
    lines = report.request.code.splitlines()[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    return "\n".join([lines[0][span.column :], *lines[1:]])


def _crossings(crossings: Sequence[Crossing]) -> str:
    return " ".join(_crossing(one) for one in crossings)


def _crossing(crossing: Crossing) -> str:
    dims = ",".join("-" if dim is None else str(dim) for dim in crossing.aval.batch_dims)
    return f"{'^' * crossing.shared}{crossing.path}({dims}){'' if crossing.aval.tracked else '?'}"


def live(form: Form) -> Callable[..., Any]:
    """Returns the form's `top` as if it had been imported from a file."""
    file = f"<form {form.name}>"
    linecache.cache[file] = (len(form.text), None, form.text.splitlines(keepends=True), file)
    names: dict[str, Any] = {}
    exec(compile(form.text, file, "exec"), names)
    return names["top"]


def value(form: Form) -> str:
    return f"f32[{form.rows},2]"


def in_a_function(form: Form) -> Report:
    return explainer.explain(Request(form.text, "top", (Argument("x", value(form)),)), until="batch")


def in_a_script(form: Form) -> Report:
    call = f"top(jnp.arange({form.rows * 2}.).reshape({form.rows}, 2))\n"
    return explainer.explain(Request(form.text + call), until="batch")


def in_a_live_function(form: Form) -> Report:
    x = jnp.arange(form.rows * 2.0).reshape(form.rows, 2)
    return explainer.explain(live(form), x, until="batch")


@pytest.mark.parametrize("explained", [in_a_function, in_a_script, in_a_live_function])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_of_a_call_is_found(form, explained):
    assert levels(explained(form)) == form.levels


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_under_a_stated_level_the_same_calls_are_found(form):
    request = Request(form.text, "top", (Argument("x", f"f32[5,{form.rows},2]"),), (Vmap(),))
    report = explainer.explain(request, until="run")
    found = levels(report)
    assert [level.told for level in found] == [deeper(level.told) for level in form.levels]
    assert [level.source for level in found] == [level.source for level in form.levels]
    assert all(one.aval.tracked for level in report.levels for one in (*level.enters, *level.leaves))
    assert_outputs_equal(report, oracle.read(request).jitted_outputs())


def deeper(told: str) -> str:
    """Puts a level under level 0: "i dot[3]" -> "0>j dot[3]", "0>j dot[3]" -> "1>k dot[3]"."""
    parts = re.fullmatch(r"(?:(\d+)>)?(\w+)( .*)", told)
    assert parts is not None
    parent, name, rest = parts.groups()
    letter = {"i": "j", "j": "k", "k": "l"}.get(name, name)
    return f"{int(parent) + 1 if parent else 0}>{letter}{rest}"


@pytest.mark.parametrize("form", [form for form in FORMS if form.levels], ids=lambda form: form.name)
def test_equations_stand_in_the_levels_that_compute_them(form):
    report = in_a_function(form)
    around = {level.id: level.parent for level in report.levels}
    for equation in report.equations:
        chain: list[int] = []
        level = equation.level
        while level is not None:
            chain.append(level)
            level = around[level]
        for output in equation.outputs:
            assert output.tracked
            mapped = [number for number, axis in enumerate(output.batch_dims) if axis is not None]
            assert set(mapped) <= set(chain)
            sizes = {
                output.batched_shape[output.batch_dims[n] or 0]: report.levels[n].axis_size for n in mapped
            }
            assert all(have == said for have, said in sizes.items())


def test_inner_works_of_jax_are_no_levels():
    code = """\
def top(key, x):
    shuffled = jax.random.permutation(key, x)
    return jnp.linalg.solve(jnp.eye(3), shuffled), jax.scipy.linalg.expm(jnp.eye(3)), jnp.unique(x, size=2)
"""
    request = Request(code, "top", (Argument("key", "jax.random.key(0)"), Argument("x", "f32[3]")))
    assert explainer.explain(request, until="batch").levels == ()


@pytest.mark.parametrize("code", ["", "raise ValueError", "jax.vmap(lambda x: x, 5)(jnp.ones(3))"])
def test_jax_is_left_as_it_was(code):
    before = batching.batch
    explainer.explain(Request(f"jax.vmap(jnp.sin)(jnp.ones(3))\n{code}"))
    assert batching.batch is before


def test_a_call_that_needs_values_says_so_and_runs():
    code = """\
def f(x, mask):
    return x[mask]
out = jax.vmap(f, (0, None))(jnp.ones((2, 3)), jnp.arange(3) > 0)
def g(x):
    return x[: int(jnp.sum(jnp.ones(2)))]
print(out.shape, jax.vmap(g)(jnp.ones((2, 3))).shape)
"""
    report = explainer.explain(Request(code), until="batch")
    assert report.printed == "(2, 2) (2, 2)\n"
    f, g = report.levels
    assert f.note == ""  # what is not mapped stays a value
    assert "computes with values" in g.note
    assert {equation.level for equation in report.equations} == {0}


def test_the_levels_of_a_script_that_fails_stay():
    report = explainer.explain(Request("x = jax.vmap(jnp.sin)(jnp.ones(3))\njax.vmap(lambda a: a @ a)(x)\n"))
    assert report.failure is not None
    assert [level.function for level in report.levels] == ["sin", "<lambda>"]
    assert [crossing.path for crossing in report.levels[0].enters] == ["x"]
    assert [equation.primitive for equation in report.equations] == ["sin"]


def test_a_script_without_a_call_says_so():
    report = explainer.explain(Request("print(jnp.sin(0.))\n"))
    assert (report.failure, report.printed, report.levels) == (None, "0.0\n", ())
    stage = report.stage("trace")
    assert stage is not None and stage.note == "the script made no call of jax.vmap"


def test_the_second_run_of_a_script_may_take_another_way():
    code = (
        "import os\nos.counted = getattr(os, 'counted', 0) + 1\nf = jnp.sin if os.counted == 1 else jnp.cos\n"
    )
    code += "print(jax.vmap(f)(jnp.zeros(2)))\njax.vmap(lambda x: x)(jnp.zeros(os.counted))\ndel f\n"
    try:
        report = explainer.explain(Request(code))
    finally:
        del os.counted  # pyright: ignore[reportAttributeAccessIssue]  (the script put it there)
    assert report.failure is None
    assert report.printed == "[0. 0.]\n"
    assert [(level.function, level.axis_size) for level in report.levels] == [("sin", 2), ("<lambda>", 1)]


def test_places_are_listed_up_to_a_limit():
    count = MOST_LEVELS + 2
    calls = "\n".join("x = jax.vmap(jnp.negative)(x)" for _ in range(count))
    report = explainer.explain(Request(f"x = jnp.ones(2)\n{calls}\nprint(x)\n"), until="run")
    assert report.printed == "[1. 1.]\n"
    assert len(report.levels) == MOST_LEVELS
    assert any("only the first" in note for note in report.notes)


def test_arguments_are_let_go():
    """A captured call keeps no array or tracer of the user's alive."""
    capture = Capture()
    kept = jnp.ones((3, 2))
    with capture.observing():
        jax.vmap(functools.partial(jnp.add, kept[0]))(kept)
    (found,) = capture.found
    assert found.call.leaves == ()


def test_calls_under_one_another_are_told_apart_by_their_parents():
    code = f"""{PRELUDE}
def rows(x):
    return jax.vmap(jnp.sum)(x)
def top(x):
    return rows(x), jax.vmap(rows)(x[None]), jax.vmap(lambda y: rows(y))(x[None])
"""
    found = levels(explainer.explain(Request(code, "top", (Argument("x", "f32[3,2]"),)), until="batch"))
    assert [level.told for level in found] == [
        "i sum[3]",
        "i rows[1]",
        "1>j sum[3]",
        "i <lambda>[1]",
        "3>j sum[3]",
    ]


def test_names_of_closed_over_values_are_the_users():
    code = f"""{PRELUDE}
params = {{'w': jnp.ones(2), 'layers': [jnp.ones(2), jnp.zeros(2)]}}
def top(x):
    scale = x.sum()
    def row(r):
        return r * params['w'] + params['layers'][1] * scale
    return jax.vmap(row)(x)
"""
    found = levels(explainer.explain(Request(code, "top", (Argument("x", "f32[3,2]"),)), until="batch"))
    assert found[0].crossing == "r(0) ^params['w'](-) ^params['layers'][1](-) ^scale(-) -> out(0)"


def test_a_captured_level_keeps_its_jaxprs():
    request = Request("def top(x): return jax.vmap(jnp.sum, 1)(x)\n", "top", (Argument("x", "f32[3,2]"),))
    (level,) = explainer.explain(request, until="lower").levels
    assert level.jaxpr is not None
    assert "a:f32[3]" in level.jaxpr.example.text
    assert "a:f32[3,2]" in level.jaxpr.final.text
    script = replace(request, code=f"{request.code}top(jnp.ones((3, 2)))\n", function="", arguments=())
    (same,) = explainer.explain(script).levels
    assert same.jaxpr is not None
    assert same.jaxpr.final.text == level.jaxpr.final.text
