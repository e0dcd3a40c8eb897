"""Live functions: already built, explained with the arguments of a call, as from a notebook or a script."""

from __future__ import annotations

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import explainer
from explainer import Argument, Request
from explainer.report import Report
from tests.analysis.agreement import assert_outputs_equal

X, Y = jnp.arange(6.0).reshape(3, 2), jnp.ones((4, 2))


def distance(x, y):
    return jnp.sqrt(jnp.sum((x - y) ** 2))


class Model:
    def __init__(self):
        self.w = jnp.array([1.0, 2.0])

    def __call__(self, x):
        return jnp.tanh(x @ self.w)

    def scaled(self, x, *, by):
        return self(x) * by


PAIRS = jax.vmap(jax.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any], list[str]]] = {
    "a nest": (PAIRS, (X, Y), {}, ["i distance[3]", "0>j distance[4]"]),
    "jit around it": (jax.jit(PAIRS), (X, Y), {}, ["i distance[3]", "0>j distance[4]"]),
    "grad around it": (
        jax.grad(lambda x, y: PAIRS(x, y).sum()),
        (X, Y),
        {},
        ["i distance[3]", "0>j distance[4]"],
    ),
    "a partial": (functools.partial(PAIRS, X), (Y,), {}, ["i distance[3]", "0>j distance[4]"]),
    "a method": (jax.vmap(Model().scaled), (X,), {"by": jnp.arange(3.0)}, ["i scaled[3]"]),
    "an object": (jax.vmap(Model()), (X,), {}, ["i Model[3]"]),
    "one of JAX's": (jax.vmap(jnp.sum), (X,), {}, ["i sum[3]"]),
    "a jacobian": (jax.jacfwd(lambda x: x**2), (X[0],), {}, ["i _jvp[2]"]),
    "NumPy's arrays": (PAIRS, (np.asarray(X), np.asarray(Y)), {}, ["i distance[3]", "0>j distance[4]"]),
    "a tree": (jax.vmap(lambda p, x: p["w"] * x, (None, 0)), ({"w": X[0]}, X), {}, ["i <lambda>[3]"]),
    "a Python number": (jax.vmap(lambda x, n: x * n, (0, None)), (X, 3), {}, ["i <lambda>[3]"]),
    "keys": (jax.vmap(jax.random.normal), (jax.random.split(jax.random.key(0), 3),), {}, ["i normal[3]"]),
    "no vmap": (distance, (X[0], Y[0]), {}, []),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_levels_of_a_live_function_are_found_by_calling_it(name):
    function, args, kwargs, expected = FUNCTIONS[name]
    report = explainer.explain(function, *args, until="check", **kwargs)
    assert report.failure is None, report.failure
    assert told(report) == expected
    assert_outputs_equal(report, jax.jit(lambda: function(*args, **kwargs))())
    assert report.values is not None and report.values.proof.wrong is None


def told(report: Report) -> list[str]:
    """Puts each level into words: "0>j distance[4]"."""
    parents = ("" if level.parent is None else f"{level.parent}>" for level in report.levels)
    return [
        f"{parent}{level.name} {level.function}[{level.axis_size}]"
        for parent, level in zip(parents, report.levels)
    ]


def test_arguments_have_the_names_of_the_parameters():
    report = explainer.explain(PAIRS, X, y=Y, until="trace")
    assert report.request.arguments == (Argument("x", "f32[3,2]"), Argument("y", "f32[4,2]", keyword=True))
    assert [argument.name for argument in report.arguments] == ["x", "y"]
    assert report.request.function == "distance"


def test_equations_lead_to_the_lines_of_the_file():
    report = explainer.explain(PAIRS, X, Y, until="batch")
    sources = [equation.source for equation in report.equations]
    assert sources == ["x - y", "(x - y) ** 2", "jnp.sum((x - y) ** 2)", "jnp.sqrt(jnp.sum((x - y) ** 2))"]
    assert "def distance(x, y):" in report.request.code


def test_a_function_is_explained_as_often_as_one_likes_and_stays_as_it_was():
    calls = []

    @jax.jit
    def rows(x):
        calls.append(x.shape)
        return jax.vmap(lambda row: row * 2)(x)

    before = rows(X)
    first, second = (explainer.explain(rows, X, until="run") for _ in range(2))
    assert first.equations == second.equations
    assert told(first) == ["i <lambda>[3]"]
    traced = len(calls)
    np.testing.assert_array_equal(rows(X), before)
    assert len(calls) == traced  # what jit remembers of the user's own call is still there


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: (jax.vmap(lambda x, y: x + y), (X, Y)), ValueError),
        (lambda: (PAIRS, (X,)), ValueError),
        (lambda: (jax.vmap(lambda x: x, out_axes=None), (X,)), ValueError),
        (lambda: (jax.vmap(lambda x: x if x.sum() > 0 else -x), (X,)), jax.errors.TracerBoolConversionError),
        (lambda: (jax.vmap(lambda x: {}["a"]), (X,)), KeyError),
    ],
    ids=["sizes", "too few arguments", "out_axes", "a branch", "one's own"],
)
def test_the_error_is_the_one_that_the_call_raises(call, error):
    function, args = call()
    with pytest.raises(error) as raised:
        function(*args)
    failure = explainer.explain(function, *args).failure
    assert failure is not None
    assert failure.error_type == type(raised.value).__name__
    assert without_ids(failure.message) == without_ids(str(raised.value))


def without_ids(message: str) -> str:
    """Returns JAX's message without the id of the tracer that it tells of."""
    return re.sub(r"object id \d+", "object", message)


@pytest.mark.parametrize("what", [3, "f", None])
def test_what_is_not_callable_is_refused(what):
    with pytest.raises(TypeError, match="explain takes a Request, or a function and its arguments"):
        explainer.explain(what)


def test_a_request_takes_no_arguments_beside_it():
    with pytest.raises(TypeError, match="A Request holds its arguments"):
        explainer.explain(Request("f = abs", "f"), X)
