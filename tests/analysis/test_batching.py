"""What batching did, as the report tells it, against what JAX prints by itself."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from explainer import Argument, Request, Vmap, explain
from explainer.analysis.reading import positions
from tests import oracle

SCAN = """\
def f(x, y):
    def step(c, t):
        return c + t * x, jnp.where(t > 0, c, -c)
    return lax.scan(step, y, jnp.arange(3.0))
"""
COND = "def f(x, y):\n    return lax.cond(x > 0, lambda a: jnp.sin(a) * 2, lambda a: -a, y)\n"
RELU = "def f(x, y):\n    return jax.nn.relu(x) + jax.jit(lambda a: jnp.where(a > 1, a, x))(y)\n"
TWICE = "f = lambda x, y: jnp.clip(jnp.clip(x, -1.0, 1.0) + y, -1.0, 1.0) + jnp.clip(y, -1.0, 1.0)\n"
VJP = "f = jax.grad(lambda x, y: jnp.sum(jnp.tanh(x) * y))\n"


@pytest.mark.parametrize(
    ("relative", "placed"),
    [
        ([0, 0], (0, 1)),
        ([1, 0], (1, 0)),
        ([None, 0], (None, 0)),
        ([0, None], (0, None)),
        ([0, 1, 2], (0, 2, 4)),
        ([2, 0, 0], (2, 0, 1)),
    ],
)
def test_axes_noted_level_by_level_become_places_in_the_final_array(relative, placed):
    assert positions(tuple(relative)) == placed


@pytest.mark.parametrize(
    "code", [SCAN, COND, RELU, TWICE, VJP], ids=["scan", "cond", "relu", "shared body", "grad"]
)
@pytest.mark.parametrize(
    "axes", [("(0, None)",), ("(0, None)", "(None, 0)"), ("(0, None)", "(None, 0)", "(0, 0)")]
)
def test_the_jaxprs_are_the_ones_jax_prints(code, axes):
    shapes = ["f32[3,2]" if len(axes) == 3 else "f32[3]", "f32[4,2]" if len(axes) == 3 else "f32[4]"]
    if len(axes) == 1:
        shapes[1] = "f32[]"
    request = Request(
        code,
        "f",
        tuple(Argument(name, shape) for name, shape in zip("xy", shapes, strict=True)),
        tuple(Vmap(text) for text in axes),
    )
    report = explain(request, until="lower")
    assert report.failure is None and report.jaxpr is not None
    scope: dict[str, Any] = {"jax": jax, "jnp": jnp, "lax": jax.lax}
    exec(code, scope)
    mapped = [scope["f"]]
    for text in reversed(axes):
        mapped.append(jax.vmap(mapped[-1], in_axes=eval(text)))
    handed = [
        [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in level.inputs]
        for level in reversed(report.stated)
    ]
    example = [jax.ShapeDtypeStruct((), "float32")] * 2
    texts = [report.jaxpr.example, *report.jaxpr.levels]
    for fun, avals, text in zip(mapped, [example, *handed], texts, strict=True):
        assert _lines(text.text) == _lines(str(jax.make_jaxpr(fun)(*avals)))
        assert len(text.lines) == len(text.text.split("\n"))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]


def test_lines_of_the_text_lead_to_their_equations():
    report = explain(
        Request(COND, "f", (Argument("x", "f32[3]"), Argument("y", "f32[]")), (Vmap("(0, None)"),))
    )
    assert report.jaxpr is not None
    by_line = dict(zip(report.jaxpr.final.text.split("\n"), report.jaxpr.final.lines, strict=True))
    sin = next(equation for equation in report.equations if equation.primitive == "sin")
    assert next(number for line, number in by_line.items() if "= sin" in line) == sin.id
    assert sin.body == f"cond[{sin.parent}].branches[1]"
    assert sin.source == "jnp.sin(a)"


def test_a_rule_of_the_users_own_is_followed_by_no_claim():
    code = (
        "@jax.custom_batching.custom_vmap\ndef g(x):\n    return jnp.sin(x)\n"
        "@g.def_vmap\ndef rule(n, batched, x):\n    return jnp.cos(x), True\n"
        "def f(x):\n    return g(x) * 2\n"
    )
    report = explain(Request(code, "f", (Argument("x", "f32[4]"),), (Vmap(),)), until="check")
    assert {e.primitive: e.outputs[0].tracked for e in report.equations} == {
        "custom_vmap_call": True,
        "sin": False,
        "mul": True,
    }
    assert (
        report.check is not None and report.check.agrees is False
    )  # that rule is wrong, and the loop shows it


def test_an_array_whose_value_python_needs_stays_concrete_as_in_jax():
    code = "def f(n, x):\n    return sum(x * i for i in range(n))\n"
    request = Request(
        code, "f", (Argument("n", "jnp.array(3)"), Argument("x", "f32[4]")), (Vmap("(None, 0)"),)
    )
    report = explain(request, until="check")
    assert report.failure is None
    assert report.notes == ("n: kept concrete, since the function needs the value",)
    assert report.check is not None and report.check.agrees


def test_an_array_of_text_is_handed_over_as_it_is():
    arguments = (Argument("x", "arange(f32[3])"), Argument("names", "np.array(['a', 'b'])"))
    report = explain(Request("f = lambda x, t: x * len(t)", "f", arguments, (Vmap("(0, None)"),)))
    assert report.failure is None
    assert report.outputs[0].preview == [0.0, 2.0, 4.0]
    assert report.arguments[1].static == "array(['a', 'b'], dtype='<U1')"


def test_two_levels_may_share_an_axis_name():
    code = "def f(x):\n    return lax.psum(x, 'i')\n"
    request = Request(
        code, "f", (Argument("x", "arange(f32[3,2])"),), (Vmap(axis_name="i"), Vmap(axis_name="i"))
    )
    report = explain(request, until="run")
    assert report.outputs[0].preview == [[1.0, 1.0], [5.0, 5.0], [9.0, 9.0]]
    assert oracle.read(request).outputs().tolist() == report.outputs[0].preview
    assert report.equations[0].outputs[0].batch_dims == (0, None)


def test_a_print_inside_the_function_appears_once_however_often_it_is_traced_here():
    code = "print('loaded')\ndef f(x):\n    print('traced')\n    jax.debug.print('x={}', x)\n    return x\n"
    report = explain(Request(code, "f", (Argument("x", "arange(f32[2])"),), (Vmap(),)))
    assert report.failure is None
    assert report.printed == "loaded\ntraced\nx=0.0\nx=1.0\n"
