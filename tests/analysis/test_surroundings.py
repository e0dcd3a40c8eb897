"""A script leaves nothing of its own behind, and meets nothing of its first run when it is run again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import jax
import pytest

import explainer
from explainer import Request

CALL = "Y = jax.vmap(lambda x: x * 2)(jnp.arange(3.))\n"


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    """Lets a script know which run it is."""
    os.runs = 0  # pyright: ignore[reportAttributeAccessIssue]  (scripts share it)
    yield
    del os.runs  # pyright: ignore[reportAttributeAccessIssue]


def test_configuration_names_and_paths_are_as_they_were():
    def now() -> tuple[object, ...]:
        return jax.config.values["jax_enable_x64"], jax.vmap, jax.jit, list(sys.path), os.getcwd()

    before = now()
    code = """\
import os, sys
jax.config.update("jax_enable_x64", True)
old = jax.vmap
def mine(f, *args, **kwargs):
    print("mine")
    return old(f, *args, **kwargs)
jax.vmap = mine
jax.jit = lambda f: f
sys.path.insert(0, "/nowhere")
os.chdir("/")
"""
    report = explainer.explain(Request(code + CALL))
    assert now() == before
    assert report.printed == "mine\n"
    X = explainer.Argument("x", "f32[3]")
    assert explainer.explain(Request(code + CALL, "jnp.sin", (X,))).levels == ()
    assert now() == before


@pytest.mark.parametrize(
    "code",
    [
        "x = jnp.arange(3.)\njax.config.update('jax_enable_x64', True)\njax.vmap(jnp.negative)(x)",
        "with jax.enable_x64(True):\n    print(jax.vmap(lambda x: x * 2)(jnp.arange(3.)).dtype)",
        "jax.config.update('jax_debug_nans', True)\n"
        "try:\n    jax.vmap(jnp.log)(jnp.arange(3.) - 1)\nexcept FloatingPointError:\n    pass",
        "with jax.checking_leaks():\n    print(jax.vmap(lambda x: jnp.sin(x) * 2)(jnp.arange(3.)))",
    ],
)
def test_calls_are_followed_under_the_configuration_that_they_were_made_in(code):
    report = explainer.explain(Request(code))
    values = report.values
    assert report.failure is None
    assert report.notes == ()
    assert values is not None
    assert values.note == "" and values.proof.values > 0 and values.proof.wrong is None
    (level,) = report.levels
    assert [crossing.aval.dtype for crossing in level.enters] == [level.inputs[0].dtype]


def test_a_module_that_makes_calls_when_imported_makes_them_in_both_runs(tmp_path):
    text = "import jax\nimport jax.numpy as jnp\nA = jax.vmap(lambda a: a + 1)(jnp.arange(3.))\n"
    text += "double = jax.vmap(lambda b: b * 2)\n"
    (tmp_path / "mapped_at_import.py").write_text(text)
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport mapped_at_import as m\nm.double(m.A)\n"
    report = explainer.explain(Request(code))
    assert [(equation.level, equation.primitive) for equation in report.equations] == [(0, "add"), (1, "mul")]


def test_no_equation_stands_in_a_level_that_the_second_run_did_not_make():
    """Every run maps the functions in another order: only what agrees with the first run is told."""
    code = """\
import os
os.runs += 1
fs = [lambda x: x * 2,
      lambda x: jnp.sin(x),
      lambda x: jnp.cos(x)]
jax.vmap(jnp.exp)(jnp.arange(3.))
for n in range(3):
    jax.vmap(fs[(n + os.runs) % 3])(jnp.arange(3. + n))
"""
    report = explainer.explain(Request(code))
    assert [(equation.level, equation.primitive) for equation in report.equations] == [(0, "exp")]
    assert len(report.levels) == 4
    assert [len(level.enters) for level in report.levels] == [1, 0, 0, 0]
    (note,) = report.notes
    assert "took another way" in note
    assert report.values is not None and report.values.note == ""


def test_two_lambdas_on_one_line_are_two_levels():
    code = "for f in (lambda x: x * 2, lambda x: jnp.sin(x)): jax.vmap(f)(jnp.arange(3.))\n"
    report = explainer.explain(Request(code))
    assert [(equation.level, equation.primitive) for equation in report.equations] == [(0, "mul"), (1, "sin")]
    assert [level.count for level in report.levels] == [1, 1]


def test_tracebacks_hide_our_frames_as_they_do_those_of_jax():
    code = """\
import traceback
def f(x):
    return x @ x
try:
    jax.vmap(f)(jnp.arange(3.))
except (TypeError, ValueError):
    print(traceback.format_exc())
"""
    printed = explainer.explain(Request(code)).printed
    assert "in f" in printed
    assert "explainer" not in printed.replace("explainer_probe", "")


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise GeneratorExit"])
def test_what_a_script_did_before_it_ended_is_followed(end):
    report = explainer.explain(Request(f"import sys\n{CALL}def f(x):\n    {end}\njax.vmap(f)(jnp.ones(2))\n"))
    assert report.failure is not None and report.failure.stage == "run"
    assert [stage.status for stage in report.stages] == ["done", "failed", "done", "done", "done"]
    assert [equation.primitive for equation in report.equations] == ["mul"]
