"""Fixes: the right edit is among the first three, and each that is offered runs and is proven."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from explainer import Argument, Request, Vmap, explain
from explainer.report import Report

RANDOM = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
DIST = "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n"
DENSE = "def dense(p, x):\n    return x @ p['w'] + p['b']\n"
NOISY = "def noisy(key, x):\n    return x + jax.random.normal(key)\n"


def nest(code: str, *levels: str | Vmap, **values: str) -> Request:
    """Returns a request for the function of a code under levels."""
    arguments = tuple(Argument(name, value) for name, value in values.items())
    stack = tuple(Vmap(level) if isinstance(level, str) else level for level in levels)
    return Request(code, code.removeprefix("def ").partition("(")[0], arguments, stack)


PARAMS = "{'w': f32[5,2], 'b': f32[2]}"
BROKEN = [
    (nest(DIST, "0", X="f32[3,2]", Y="f32[2]"), "(0, None)"),
    (nest(DIST, "(0, 0)", X="f32[3,2]", Y="f32[2,3]"), "(0, 1)"),
    (nest(DIST, "(0,)", X="f32[3,2]", Y="f32[2]"), "(0, None)"),
    (nest(DENSE, "0", p=PARAMS, x="f32[7,5]"), "(None, 0)"),
    (nest(DENSE, "({'w': None}, 0)", p=PARAMS, x="f32[7,5]"), "(None, 0)"),
    (nest("def f(d):\n    return d['a'] * 2\n", "{'a': 0}", d="{'a': f32[3]}"), "0"),
    (nest("def f(x):\n    return x * 2\n", "True", x="f32[3]"), "0"),
    (nest("def f(x):\n    return x * 2\n", "2", x="f32[3,4]"), "0"),
    (nest("def f(x, s):\n    return x\n", "0", x="f32[3]", s="'relu'"), "(0, None)"),
]


@pytest.mark.parametrize(("request_", "in_axes"), BROKEN)
def test_the_right_in_axes_are_among_the_first_three(request_, in_axes):
    fixes = explain(request_).fixes[:3]
    assert in_axes in [fix.request.levels[0].in_axes for fix in fixes], [fix.summary for fix in fixes]


@pytest.mark.parametrize(
    ("request_", "levels"),
    [
        (nest(DIST, "0", X="f32[3,2]", Y="f32[4,2]"), [Vmap("(0, None)"), Vmap("(None, 0)")]),
        (nest("def f(x):\n    return x * 2\n", "(0, 1)", x="f32[3,4]"), [Vmap("0"), Vmap("0")]),
        (nest("def f(x):\n    return jax.lax.psum(x, 'b')\n", "0", x="f32[3]"), [Vmap(axis_name="b")]),
        pytest.param(
            *(nest("def f(x):\n    return x\n", Vmap(axis_size="4"), x="f32[3]"), [Vmap()]),
            marks=pytest.mark.skipif(jax.__version_info__ < (0, 10), reason="this JAX takes it"),
        ),
        (nest("def f(x):\n    return x, x[0]\n", Vmap(out_axes="(0, None)"), x="f32[3,2]"), [Vmap()]),
        (nest("def f(x):\n    return x\n", Vmap(out_axes="3"), x="f32[3,2]"), [Vmap(out_axes="1")]),
        (
            nest(DIST, "(0, None)", "0", X="f32[3,2]", Y="f32[4,2]"),
            [Vmap("(0, None)"), Vmap("(None, 0)")],
        ),
    ],
)
def test_the_right_levels_are_among_the_first_three(request_, levels):
    fixes = explain(request_).fixes[:3]
    assert tuple(levels) in [fix.request.levels for fix in fixes], [fix.summary for fix in fixes]


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (nest(NOISY, "0", key="jax.random.key(0)", x="f32[3]"), "jax.random.split(jax.random.key(0), 3)"),
        (nest(NOISY, "0", key="key[]", x="f32[3]"), "key[3]"),
        (
            nest(NOISY, "0", key="jax.random.PRNGKey(1)", x="f32[3]"),
            "jax.random.split(jax.random.PRNGKey(1), 3)",
        ),
        (nest("def f(x):\n    return x\n", "0", x="[f32[2], f32[2]]"), None),
        (nest("def f(d):\n    return d['a'] + 1\n", "0", d="[{'a': f32[]}, {'a': f32[]}]"), "{'a': f32[2]}"),
        (nest("def f(x):\n    return x + 1\n", "0", x="(1., 2.)"), "jnp.array((1., 2.))"),
        (nest("def f(x):\n    return x + 1\n", "0", x="range(3)"), "jnp.arange(3)"),
    ],
)
def test_the_right_argument_is_the_first_fix(request_, value):
    fixes = explain(request_).fixes
    if value is None:  # a list of two arrays is what JAX takes it for: two arguments
        assert fixes == ()
    else:
        assert fixes[0].request.arguments[0].value == value


def test_a_static_keyword_is_passed_by_position_or_bound():
    power = nest("def power(x, n):\n    return x ** n\n", "0", x="f32[4]")
    request = replace(power, arguments=(*power.arguments, Argument("n", "2", keyword=True)))
    first, second = explain(request).fixes
    assert first.request.levels == (Vmap("(0, None)"),) and not first.request.arguments[1].keyword
    assert second.request.function == "partial(power, n=2)"


CODES = [
    ("def f(x):\n    if x > 0.2:\n        return x\n    return -x\n", "f32[4]"),
    ("def f(x):\n    return max(x, 0.2)\n", "f32[4]"),
    ("def f(x):\n    return np.sin(x) + math.cos(x)\n", "f32[4]"),
    ("def f(x):\n    return jnp.sum(x[x > 0.5])\n", "f32[3,4]"),
    ("def f(x):\n    x[0] = 1\n    return x\n", "f32[3,4]"),
    ("T = {0: 1., 1: 2., 2: 5.}\ndef f(i):\n    return T[i]\n", "i32[3]"),
    ("def f(n):\n    s = 0\n    for i in range(n):\n        s += i\n    return s\n", "i32[3]"),
    (
        "def f(x):\n    if x > .3:\n        x = 1.\n    while x < 9:\n        x = x * 2\n    return x\n",
        "f32[4]",
    ),
    ("def f(x):\n    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct((), 'float32'), x)\n", "f32[3]"),
]


@pytest.mark.parametrize(("code", "value"), CODES)
def test_code_is_mended_and_compared_with_the_function_as_it_was(code, value):
    request = Request(code, "f", (Argument("x", value),), (Vmap(),))
    fixes = explain(request).fixes
    assert fixes and "before the edit" in fixes[0].proof
    assert explain(fixes[0].request, until="run").failure is None


def test_a_mask_that_leaves_each_example_its_own_length_has_no_fix():
    report = explain(nest("def f(x):\n    return x[x > 0.5]\n", "0", x="f32[3,4]"))
    assert report.failure is not None and report.fixes == ()
    assert "No small edit is offered" in report.failure.explanation


def test_no_fix_is_looked_for_where_only_the_axes_are_asked_for():
    assert explain(nest(DIST, "0", X="f32[3,2]", Y="f32[4,2]"), until="batch").fixes == ()


HEAD = "import jax\nimport jax.numpy as jnp\nfrom functools import partial\n"
SCRIPTS = [
    ("jax.vmap(lambda x, w: x @ w)(jnp.ones((7, 5)), jnp.ones(5))\n", "in_axes=(0, None)"),
    ("f = lambda x, w: x @ w\ng = jax.vmap(f, (0, 0))\ng(jnp.ones((7, 5)), jnp.ones(5))\n", "(f, (0, None))"),
    (
        "@jax.vmap\ndef f(x, w):\n    return x @ w\nf(jnp.ones((7, 5)), jnp.ones(5))\n",
        "@partial(jax.vmap, in",
    ),
    ("def f(x):\n    return x if x > 0 else 0.\njax.vmap(f)(jnp.arange(3.))\n", "jnp.where(x > 0, x, 0.)"),
    ("jax.vmap(jax.random.normal)(jax.random.key(0))\n", "split(jax.random.key(0), 8)"),
    ("jax.vmap(jnp.sin, axis=1)(jnp.ones((2, 3)))\n", "in_axes=1"),
    ("X = Y = jnp.ones(3)\ndef f(x, y):\n    return x - y\njax.vmap(f)(X)\n", "jax.vmap(f)(X, Y)"),
    (
        "f = lambda x, y: x - y\njax.vmap(f, (0, 0))((jnp.ones(3), jnp.ones(3)))\n",
        "(jnp.ones(3), jnp.ones(3))\n",
    ),
]


@pytest.mark.parametrize(("code", "written"), SCRIPTS)
def test_a_fix_of_a_script_is_written_into_it_and_the_script_runs_to_its_end(code, written):
    fixes = explain(Request(HEAD + code)).fixes
    assert any(written in fix.request.code and "to its end" in fix.proof for fix in fixes[:3])
    assert all(explain(fix.request, until="run").failure is None for fix in fixes)


def test_an_edit_that_fails_before_the_failure_did_is_no_fix_wherever_the_lines_are():
    function = "def last(z):\n    return z.no_such()\n\n\n\n"
    report = explain(Request(f"{HEAD}{function}X = jnp.ones((3, 2))\nz = jax.vmap(jnp.sin)(X)\nlast(z)\n"))
    assert report.failure is not None
    assert report.fixes == ()


def test_a_fix_may_leave_a_failure_further_down():
    code = "f = lambda x, w: x @ w\nr = jax.vmap(f)(jnp.ones((7, 5)), jnp.ones(5))\n\n\nr.no_such()\n"
    fixes = explain(Request(HEAD + code)).fixes
    assert "it then fails on line 8" in fixes[0].proof


@st.composite
def broken(draw: st.DrawFn) -> tuple[Request, Request]:
    """Draws (a correct request, the same broken by one edit): sizes of all axes differ."""
    depth = draw(st.integers(1, 3))
    sizes = draw(st.permutations([3, 4, 5, 6, 7]))
    shapes = {"x": [2], "y": [2]}
    levels = []
    for k in reversed(range(depth)):
        mapped = draw(st.sampled_from(["x", "y", "xy"]))
        axes = []
        for name in "xy":
            axis = draw(st.integers(0, len(shapes[name]))) if name in mapped else None
            if axis is not None:
                shapes[name].insert(axis, sizes[k])
            axes.append(axis)
        levels.insert(0, axes)
    code = "def f(x, y):\n    return jnp.dot(x, y)\n"
    values = tuple(Argument(name, f"f32[{','.join(map(str, shape))}]") for name, shape in shapes.items())
    right = Request(code, "f", values, tuple(Vmap(f"({a}, {b})") for a, b in levels))
    k, side = draw(st.integers(0, depth - 1)), draw(st.integers(0, 1))
    others = [axis for axis in (*range(3), None) if axis != levels[k][side]]
    levels[k][side] = draw(st.sampled_from(others))
    return right, replace(right, levels=tuple(Vmap(f"({a}, {b})") for a, b in levels))


@RANDOM
@given(broken())
def test_a_request_broken_by_one_edit_is_mended_by_its_reverse_or_an_equal(pair):
    right, wrong = pair
    report = explain(wrong)
    if report.failure is None:  # it means something else, but it runs
        return
    expected = _outputs(explain(right, until="run"))
    given = [_outputs(explain(fix.request, until="run")) for fix in report.fixes]
    assert any(_equal(one, expected) for one in given), [fix.after for fix in report.fixes]


def _outputs(report: Report) -> list[np.ndarray]:
    assert report.failure is None
    return [np.asarray(leaf.preview) for leaf in report.outputs]


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a.shape == b.shape and np.allclose(a, b, rtol=1e-5) for a, b in pairs)
