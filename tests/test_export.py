"""The JAX code of a request: it runs as it stands and gives what the report gives."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import explainer
from explainer import export
from explainer.lessons import LESSONS
from explainer.spec import Argument, Request, Vmap

DIST = "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n"


def run(request: Request) -> object:
    """Executes the exported script and returns its result."""
    namespace: dict[str, object] = {}
    exec(compile(export.script(request), "<script>", "exec"), namespace)
    return namespace["out"]


def test_a_script_is_exported_as_it_stands_with_its_imports():
    request = Request(code="x = jnp.ones(3)\njax.vmap(math.sin)(x)\n")
    imports = "import math\nimport jax\nimport jax.numpy as jnp\n\n"
    assert export.script(request) == imports + request.code


def leaves_of(report: explainer.Report) -> list[np.ndarray]:
    return [np.asarray(leaf.preview) for leaf in report.outputs]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((), "dist(X, Y)"),
        ((Vmap(),), "jax.vmap(dist)(X, Y)"),
        ((Vmap("(0, None)"),), "jax.vmap(dist, in_axes=(0, None))(X, Y)"),
        (
            (Vmap("(0, None)"), Vmap("(None, 0)")),
            "jax.vmap(jax.vmap(dist, in_axes=(None, 0)), in_axes=(0, None))(X, Y)",
        ),
        (
            (Vmap("0", "-1", axis_name="i", axis_size="3", spmd_axis_name="'data'"),),
            "jax.vmap(dist, out_axes=-1, axis_name=\"i\", axis_size=3, spmd_axis_name='data')(X, Y)",
        ),
    ],
)
def test_the_call_is_what_one_would_write(levels, expected):
    arguments = (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]"))
    assert export.call(Request(DIST, "dist", arguments, levels)) == expected


@pytest.mark.parametrize(
    "lesson",
    [lesson for lesson in LESSONS if not lesson.fails and not lesson.request.is_script],
    ids=lambda lesson: lesson.id,
)
def test_every_lesson_runs_as_plain_jax(lesson, capsys):
    out = run(lesson.request)
    report = explainer.explain(lesson.request, until="run")
    assert [leaf.shape for leaf in jax.tree.leaves(out)] == [leaf.shape for leaf in report.outputs]


@pytest.mark.parametrize("dtype", ["f32", "i32", "bool", "bf16", "u8", "c64"])
@pytest.mark.parametrize("fill", ["{}", "arange({})", "normal({})", "zeros({})", "ones({})"])
def test_an_array_by_shape_has_the_values_of_the_report(dtype, fill, capsys):
    value = fill.format(f"{dtype}[3,2]")
    request = Request("def f(x, y):\n    return y\n", "f", (Argument("x", "i32[2]"), Argument("y", value)))
    report = explainer.explain(request, until="run")
    assert report.failure is None
    expected = leaves_of(report)[0].astype(complex)
    np.testing.assert_array_equal(np.asarray(run(request)).astype(complex), expected)


def test_keyword_arguments_keep_their_names(capsys):
    code = "def f(x, *, scale):\n    return x * scale\n"
    request = Request(
        code, "f", (Argument("scale", "f32[3]", keyword=True), Argument("x", "f32[3]")), (Vmap(),)
    )
    assert export.call(request) == "jax.vmap(f)(x, scale=scale)"
    report = explainer.explain(request, until="run")
    np.testing.assert_allclose(np.asarray(run(request)), leaves_of(report)[0], rtol=1e-6)


def test_an_argument_called_like_the_function_does_not_hide_it(capsys):
    request = Request("def f(x):\n    return x\n", "f", (Argument("f", "f32[3]"),), (Vmap(),))
    assert np.asarray(run(request)).shape == (3,)


@pytest.mark.parametrize("value", ["", "f32[", "f32[a]"])
def test_a_value_that_cannot_be_read_is_shown_as_typed(value):
    request = Request(DIST, "dist", (Argument("X", value),))
    assert f"X = {value or 'None'}" in export.script(request)
