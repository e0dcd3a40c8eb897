"""Calls read aloud: those of scripts and live functions, each run by itself, or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import explainer
from explainer import Argument, Request, Vmap
from explainer.report import Reading, Report
from explainer.views import text
from explainer.views.focus import focus

DIST = (
    "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n"
    "X, Y = jnp.arange(6.0).reshape(3, 2), jnp.linspace(1, 2, 8).reshape(4, 2)\n"
)
PREDICT = (
    "def predict(params, x):\n    return jnp.tanh(x @ params['w'] + params['b'])\n"
    "params = {'w': jnp.ones((2, 5)), 'b': jnp.arange(5.0)}\nX = jnp.arange(6.0).reshape(3, 2)\n"
)

SCRIPTS = {
    "two levels at once": (
        f"{DIST}pairs = jax.vmap(jax.vmap(dist, (None, 0)), (0, None))\nout_ = pairs(X, Y)",
        (0, 1),
        "out[i, j] = dist(X[i], Y[j])",
    ),
    "a decorator": (
        "@jax.jit\n@partial(jax.vmap, in_axes=(0, None), out_axes=1)\ndef scale(x, w):\n    return x * w\n"
        "X, w = jnp.arange(6.0).reshape(3, 2), jnp.float32(2.0)\nout_ = scale(X, w)",
        (0,),
        "out[:, i] = scale.__wrapped__.__wrapped__(X[i], w)",
    ),
    "a bare decorator": (
        "@jax.vmap\ndef double(x):\n    return x * 2\nX = jnp.arange(3.0)\nout_ = double(X)",
        (0,),
        "out[i] = double.__wrapped__(X[i])",
    ),
    "a lambda with a closure": (
        "W = jnp.arange(10.0).reshape(2, 5)\nX = jnp.arange(6.0).reshape(3, 2)\n"
        "out_ = jax.vmap(lambda x: x @ W)(X)",
        (0,),
        "out[i] = f(X[i])",
    ),
    "a partial": (
        "def f(a, x):\n    return a * x\nX = jnp.arange(3.0)\nout_ = jax.vmap(partial(f, 2.0))(X)",
        (0,),
        "out[i] = f(X[i])",
    ),
    "a gradient": (
        "def loss(w, x):\n    return jnp.sum(w * x) ** 2\nw, X = jnp.ones(2), jnp.arange(6.0).reshape(3, 2)\n"
        "out_ = jax.vmap(jax.grad(loss), (None, 0))(w, X)",
        (0,),
        "out[i] = f(w, X[i])",
    ),
    "a bound method": (
        "class Model:\n    def __init__(self):\n        self.w = jnp.ones((2, 5))\n"
        "    def one(self, x):\n        return x @ self.w\n"
        "model, X = Model(), jnp.arange(6.0).reshape(3, 2)\nout_ = jax.vmap(model.one)(X)",
        (0,),
        "out[i] = model.one(X[i])",
    ),
    "a tree": (f"{PREDICT}out_ = jax.vmap(predict, (None, 0))(params, X)", (0,), "predict(params, X[i])"),
    "under jit": (
        f"{DIST}@jax.jit\ndef g(X):\n    return jax.vmap(dist, (0, None))(X, Y[0])\nout_ = g(X)\ny = Y[0]",
        (0,),
        "out[i] = dist(X[i], y)",
    ),
    "keys": (
        "def noise(key, x):\n    return x + jax.random.normal(key, x.shape)\nx = jnp.ones(2)\n"
        "keys = jax.random.split(jax.random.key(0), 3)\nout_ = jax.vmap(noise, (0, None))(keys, x)",
        (0,),
        "out[i] = noise(keys[i], x)",
    ),
    "double precision": (
        'jax.config.update("jax_enable_x64", True)\nX = jnp.linspace(0, 1, 5)\nout_ = jax.vmap(jnp.sin)(X)',
        (0,),
        "out = np.zeros((5,), 'float64')",
    ),
}


def of(report: Report, kind: str) -> list[Reading]:
    return [reading for reading in report.readings if reading.kind == kind]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_call_of_a_script_is_read_aloud_in_lines_that_give_its_result(name):
    code, levels, line = SCRIPTS[name]
    report = explainer.explain(Request(code))
    assert report.failure is None
    (loops,) = of(report, "loops")
    assert loops.levels == levels and line in loops.text
    assert loops.proof.startswith("equal on all") and "made up" not in loops.proof
    before = jax.config.values["jax_enable_x64"]
    try:
        scope: dict[str, Any] = {"jax": jax, "jnp": jnp, "np": np, "partial": __import__("functools").partial}
        exec(code, scope)
        for reading in report.readings:
            if reading.kind in ("einsum", "vectorize"):
                np.testing.assert_allclose(eval(reading.text, scope), scope["out_"], rtol=1e-5)
        exec(loops.text, scope)
        np.testing.assert_allclose(scope["out"], scope["out_"], rtol=1e-5)
    finally:
        jax.config.update("jax_enable_x64", before)


def test_a_product_is_read_as_an_einsum_and_named_axes():
    code = "A, B = jnp.ones((3, 2)), jnp.ones((4, 2))\n"
    code += "jax.vmap(jax.vmap(jnp.dot, (None, 0)), (0, None))(A, B)"
    report = explainer.explain(Request(code))
    assert [reading.text for reading in of(report, "einsum")] == ['jnp.einsum("id,jd->ij", A, B)']
    assert [reading.text for reading in of(report, "named")] == ["i [2], j [2] -> i j"]


def test_a_reading_says_what_its_names_stand_for():
    report = explainer.explain(Request("jax.vmap(jnp.dot)(jnp.ones((3, 2)), jnp.ones((3, 2)) + 1)"))
    (loops,) = of(report, "loops")
    assert loops.text.splitlines()[:2] == [
        "# a stands for jnp.ones((3, 2)) in the call",
        "# b stands for jnp.ones((3, 2)) + 1 in the call",
    ]


def test_a_call_on_traced_values_is_compared_on_made_up_ones_and_says_so():
    code = f"{DIST}def step(c, x):\n    return c, jax.vmap(dist, (None, 0))(x, Y)\njax.lax.scan(step, 0.0, X)"
    (loops,) = of(explainer.explain(Request(code)), "loops")
    assert "out[i] = dist(x, Y[i])" in loops.text
    assert loops.proof == "equal on all 4 examples, with values made up for what was traced"


def test_a_call_inside_a_mapped_function_is_read_for_one_example_of_it():
    code = f"{DIST}def outer(x):\n    return jax.vmap(dist, (None, 0))(x, Y).sum()\njax.vmap(outer)(X)"
    report = explainer.explain(Request(code))
    outer, inner = of(report, "loops")
    assert (outer.levels, inner.levels) == ((0,), (1,))
    assert "out[i] = outer(X[i])" in outer.text and "out[j] = dist(x, Y[j])" in inner.text
    assert "of one example of i" in inner.proof


UNSPOKEN = {
    "a closure over a traced value": (
        f"{DIST}def outer(x):\n    return jax.vmap(lambda y: dist(x, y))(Y).sum()\njax.vmap(outer)(X)",
        (1,),
        "closes over x",
    ),
    "a closure over what grad differentiates at": (
        f"{DIST}jax.grad(lambda w: jax.vmap(lambda x: dist(x, w))(X).sum())(Y[0])",
        (0,),
        "closes over w",
    ),
    "examples that communicate": (
        'jax.vmap(lambda x: x / jax.lax.psum(x, "b"), axis_name="b")(jnp.ones(3))',
        (0,),
        "unbound axis name: b",
    ),
    "a call that JAX makes": ("jax.jacfwd(lambda x: x**2)(jnp.ones(3))", (0,), "jax.jacfwd made it"),
    "devices": ("jax.pmap(lambda x: x * 2)(jnp.ones((1, 3)))", (0,), "over devices"),
    "large arrays": ("jax.vmap(jnp.sin)(jnp.ones((3000, 1000)))", (0,), "too many"),
    "a function that keeps state": (
        "calls = []\ndef f(x):\n    calls.append(1)\n    return x * len(calls)\njax.vmap(f)(jnp.ones(3))",
        (0,),
        "no other words gave the same values",
    ),
    "a call whose error is caught": (
        "try:\n    jax.vmap(lambda x: x @ jnp.ones(7))(jnp.ones((3, 2)))\nexcept TypeError:\n    pass",
        (0,),
        "it ended in TypeError",
    ),
}


@pytest.mark.parametrize("name", UNSPOKEN)
def test_a_call_that_cannot_be_retold_says_why(name):
    code, levels, why = UNSPOKEN[name]
    report = explainer.explain(Request(code))
    assert report.failure is None
    assert [each.levels for each in report.unspoken] == [levels]
    assert why in report.unspoken[0].why
    assert all(reading.levels != levels for reading in report.readings)


def distance(x, y):
    return jnp.sqrt(jnp.sum((x - y) ** 2))


X, Y = jnp.arange(6.0).reshape(3, 2), jnp.ones((4, 2))
PAIRS = jax.vmap(jax.vmap(distance, (None, 0)), (0, None))
LIVE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...], str]] = {
    "a nest": (PAIRS, (X, Y), (0, 1), "out[i, j] = distance(x[i], y[j])"),
    "under jit": (jax.jit(PAIRS), (X, Y), (0, 1), "out[i, j] = distance(x[i], y[j])"),
    "inside a function": (
        lambda x: jax.vmap(distance, (0, None))(x + 1, Y[0]),
        (X,),
        (0,),
        "out[i] = distance(x[i], y)",
    ),
    "under grad": (jax.grad(lambda x: PAIRS(x, Y).sum()), (X,), (0, 1), "distance(x[i], Y[j])"),
    "a function without a name": (jax.vmap(lambda x: x * 2), (X,), (0,), "f = lambda x: x * 2"),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_call_of_a_live_function_is_read_aloud(name):
    function, args, levels, line = LIVE[name]
    report = explainer.explain(function, *args)
    assert report.failure is None, report.failure
    (loops,) = of(report, "loops")
    assert loops.levels == levels and line in loops.text
    assert line in str(report) and line.split(" = ")[0] in report._repr_html_()


def test_a_live_nest_is_compared_on_its_own_values():
    report = explainer.explain(PAIRS, X, Y)
    scope: dict[str, Any] = {"np": np, "jax": jax, "distance": distance, "X": X, "Y": Y}
    (loops,) = of(report, "loops")
    assert loops.proof == "equal on all 12 examples" and "distance(X[i], Y[j])" in loops.text
    exec(loops.text, scope)
    np.testing.assert_allclose(scope["out"], PAIRS(X, Y), rtol=1e-5)


def test_a_picked_call_shows_its_own_readings_only():
    code = f"{DIST}jax.vmap(dist, (0, None))(X, Y[0])\njax.vmap(lambda y: y * 2)(Y)\n"
    code += "jax.jacfwd(lambda x: x**2)(Y[0])"
    report = explainer.explain(Request(code))
    first, second, third = (focus(report, number) for number in range(3))
    assert first.readings and all("dist" in reading.text for reading in of(first, "loops"))
    assert second.readings and all("Y[i]" in reading.text for reading in of(second, "loops"))
    assert not third.readings and "jax.jacfwd made it" in third.unspoken[0].why
    assert all(reading.levels == () for reading in (*first.readings, *second.readings))
    assert "Not read aloud: jax.jacfwd made it" in text.to_text(third)
    whole = text.to_text(report)
    assert "vmap i · dist · line 4:" in whole and "vmap i · <lambda> · line 5:" in whole


def test_a_call_inside_a_stated_function_is_read_beside_the_nest():
    code = "def inner(x, y):\n    return x * y\nY = jnp.arange(3.0)\n"
    code += "def outer(x):\n    return jax.vmap(inner, (None, 0))(x, Y).sum()"
    report = explainer.explain(Request(code, "outer", (Argument("X", "f32[4]"),), (Vmap(),)))
    assert [reading.levels for reading in of(report, "loops")] == [(), (1,)]


def test_readings_leave_a_script_as_it_was():
    code = "import numpy\nX = jnp.ones(3)\ndef f(x):\n    print('f')\n    return x\njax.vmap(f)(X)"
    report = explainer.explain(Request(code))
    assert report.printed == "f\n" and of(report, "loops")


def test_a_report_that_ends_early_or_fails_reads_no_calls():
    code = f"{DIST}jax.vmap(dist)(X, X)\n"
    assert explainer.explain(Request(code), until="check").readings == ()
    failing = explainer.explain(Request(f"{code}jax.vmap(dist)(X, Y)"))
    assert failing.failure is not None and failing.readings == failing.unspoken == ()
