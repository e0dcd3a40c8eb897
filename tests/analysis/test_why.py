"""Why a level maps a value: the way back, against what plain JAX does when only the named leaf is mapped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, given, settings

from explainer import Argument, Request, Vmap, explain, lessons
from explainer.report import Report
from explainer.views import why
from tests import oracle
from tests.analysis.programs import requests

RANDOM = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
MAPPED = [one for one in lessons.LESSONS if one.request.levels and not one.fails]
ENDS = {"axis_index"}  # beside leaves, where a way may end


@RANDOM
@given(requests())
def test_every_way_of_a_random_program_leads_back_to_a_leaf_that_the_level_maps(request):
    assert_ways_lead_to_mapped_leaves(explain(request, until="batch"), frozenset())


@pytest.mark.parametrize("lesson", MAPPED, ids=lambda lesson: lesson.id)
def test_every_way_of_a_lesson_leads_back_to_what_the_level_maps(lesson):
    assert_ways_lead_to_mapped_leaves(explain(lesson.request, until="batch"), ENDS)


@RANDOM
@given(requests())
def test_the_leaf_at_the_end_of_an_outputs_way_is_enough_to_map_it(request):
    report = explain(request, until="batch")
    assert report.failure is None, report.failure
    for level in report.stated:
        for number, value in enumerate(report.returned):
            steps = why.path_of_output(report, value.path, level.id)
            mapped = [leaf.path for leaf in level.inputs if leaf.axis is not None]
            named = [steps[-1].path] if steps else mapped
            assert differs(report, level.id, named, number) == bool(steps)


def assert_ways_lead_to_mapped_leaves(report: Report, ends: set[str] | frozenset[str]) -> None:
    """Fails unless what is mapped, and only that, has a way, all of it mapped, to a leaf or one of `ends`."""
    assert report.failure is None, report.failure
    for equation in report.equations:
        for number, aval in enumerate(equation.outputs):
            for level, dim in enumerate(aval.batch_dims):
                steps = why.path(report, equation.id, number, level)
                assert bool(steps) == (dim is not None)
                if steps:
                    assert_leads(report, steps, level, ends)
    for level in report.levels:
        for value in why.results(report, level.id):
            steps = why.path_of_output(report, value.path, level.id)
            assert bool(steps) == (value.aval.batch_dims[level.id] is not None)
            if steps:
                assert_leads(report, steps[1:], level.id, ends)


def assert_leads(
    report: Report, steps: tuple[why.Step, ...], level: int, ends: set[str] | frozenset[str]
) -> None:
    *between, last = steps
    for step in between:
        assert step.equation is not None
        assert report.equations[step.equation].outputs[step.output].batch_dims[level] is not None
    assert len({(step.equation, step.output) for step in between}) == len(between)
    assert last.equation is None
    mapped = {leaf.path for leaf in report.levels[level].inputs if leaf.axis is not None}
    assert last.path in mapped or (not last.path and last.kind in ends), (last, mapped)


def differs(report: Report, level: int, named: Collection[str], number: int) -> bool:
    """Tells by plain jax.vmap whether an output differs between examples that differ in `named` only.

    Of all levels but this one, and of all other leaves, the first example is taken.
    """
    problem = oracle.read(report.request)
    flat, tree = jax.tree.flatten(problem.args)
    paths = [leaf.path for leaf in report.stated[0].inputs]
    axes = zip(*([leaf.axis for leaf in one.inputs] for one in report.stated), strict=True)
    leaves = [
        _one_level(leaf, across, level, path in named)
        for leaf, across, path in zip(flat, axes, paths, strict=True)
    ]

    def function(*leaves: Any) -> Any:
        return jax.tree.leaves(problem.function(*jax.tree.unflatten(tree, leaves)))[number]

    mapped = jax.vmap(function, [0 if path in named else None for path in paths], None)
    try:
        jax.eval_shape(mapped, *leaves)
    except ValueError as error:
        assert "out_axes" in str(error)
        return True
    return False


def _one_level(leaf: Any, axes: Sequence[int | None], level: int, keep: bool) -> Any:
    """Takes the first example of each level, but brings the axis of `level` to the front if it is kept."""
    kept = 0
    for number, axis in enumerate(axes):
        if axis is not None and number == level and keep:
            leaf, kept = jnp.moveaxis(leaf, axis, 0), 1
        elif axis is not None:
            leaf = jnp.take(leaf, 0, axis=axis + kept if axis >= 0 else axis)
    return leaf


SCAN = """\
def f(x, y, z):
    def step(carry, row):
        a, b = carry
        return (a + row, b * 2), b + z
    (a, b), rows = lax.scan(step, (0.0, y), x)
    return {'a': a, 'b': b, 'rows': rows}
"""
FIXPOINT = """\
def f(x, y, z):
    def step(n, state):
        a, b, c = state
        return b, c, y
    return lax.fori_loop(0, 3, step, (0.0, 0.0, 0.0))
"""
WHILE = """\
def f(x, y, z):
    counted = lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 2, s[2]), (0.0, x, z))
    decided = lax.while_loop(lambda s: s[0] < y, lambda s: (s[0] + 1, s[1] * 2), (0.0, 1.0))
    return counted, decided
"""
COND = """\
def f(x, y, z):
    one = lax.cond(y > 0, lambda a: 1.0, lambda a: jnp.cos(2.0), x)
    two = lax.cond(jnp.float32(1.0) > 0, lambda a, b: (a, b), lambda a, b: (jnp.sin(a), 1.0), x, z)
    return one, two
"""
CALLS = """\
@jax.custom_jvp
def g(a, b):
    return a * 2, b
g.defjvps(None, None)

def f(x, y, z):
    p, q = g(x, y)
    r, s = jax.jit(lambda a, b: (b, a))(p, q)
    t, u = jax.checkpoint(lambda a, b: (a, jnp.sin(b)))(r, s)
    v, w = lax.optimization_barrier((t, u))
    return v, w, z
"""
INSIDE = """\
def f(x, y, z):
    inner = jax.vmap(lambda a: (a + x, a * 2, z))(jnp.arange(3.0))
    return inner, jax.grad(lambda t: jax.vmap(lambda a: a * t * y)(jnp.arange(3.0)).sum())(1.0)
"""
ROWS = {
    "scan: what is scanned": (SCAN, "out['a']", "X"),
    "scan: the initial carry": (SCAN, "out['b']", "Y"),
    "a loop carries it round three times": (FIXPOINT, "out[0]", "Y"),
    "while: an initial value": (WHILE, "out[0][1]", "X"),
    "while: another one, handed on as it is": (WHILE, "out[0][2]", "Z"),
    "while: the condition": (WHILE, "out[1][0]", "Y"),
    "while: the condition of all that is carried": (WHILE, "out[1][1]", "Y"),
    "cond: the condition": (COND, "out[0]", "Y"),
    "cond: an operand": (COND, "out[1][0]", "X"),
    "cond: an operand of one branch": (COND, "out[1][1]", "Z"),
    "calls keep their results apart": (CALLS, "out[0]", "Y"),
    "and hand each on": (CALLS, "out[1]", "X"),
    "a leaf returned as it is": (CALLS, "out[2]", "Z"),
    "a value that a vmap inside closes over": (INSIDE, "out[0][0]", "X"),
    "one that it returns": (INSIDE, "out[0][2]", "Z"),
    "the backward pass of a vmap inside": (INSIDE, "out[1]", "Y"),
}


@pytest.mark.parametrize(("code", "output", "leaf"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("place", [0, 1], ids=["outer level", "inner level"])
def test_the_way_names_the_leaf_without_which_the_output_is_not_mapped(code, output, leaf, place):
    report = explain(_leaf_alone(code, leaf, place), until="batch")
    steps = why.path_of_output(report, output, place)
    assert steps[-1].path == leaf
    number = [value.path for value in report.returned].index(output)
    assert differs(report, place, [leaf], number)
    assert why.path_of_output(explain(_leaf_alone(code, "", place), until="batch"), output, place) == ()


@pytest.mark.parametrize(("code", "output", "leaf"), ROWS.values(), ids=ROWS)
def test_mapping_all_other_leaves_leaves_the_output_unmapped(code, output, leaf):
    """That the named leaf is the only cause is a fact of plain JAX, which the rows above rest on."""
    report = explain(_request(code, Vmap("0")), until="batch")
    assert why.path_of_output(report, output, 0)[-1].path == leaf
    number = [value.path for value in report.returned].index(output)
    assert not differs(report, 0, {"X", "Y", "Z"} - {leaf}, number)


def _leaf_alone(code: str, leaf: str, place: int) -> Request:
    """Maps `leaf` by the level at `place`, everything else by the other one."""
    own = Vmap(f"({', '.join('0' if name == leaf else 'None' for name in 'XYZ')})", axis_size="4")
    other = Vmap(f"({', '.join('None' if name == leaf else '0' for name in 'XYZ')})", axis_size="4")
    return _request(code, *((own, other) if place == 0 else (other, own)))


def _request(code: str, *levels: Vmap) -> Request:
    shapes = {"X": "f32[4,4]" if code == SCAN else "f32[4]", "Y": "f32[4]", "Z": "f32[4]"}
    return Request(code, "f", tuple(Argument(name, text) for name, text in shapes.items()), levels)


SCRIPT = """\
import jax, jax.numpy as jnp
from jax import lax

def row(a, b, scale):
    return jax.vmap(lambda p: jnp.sin(p) * scale + a)(b)

X, Y = jnp.ones(3), jnp.ones(4)
jax.vmap(row, in_axes=(0, None, None))(X, Y, 2.0)

def add(x, y):
    def step(c, t):
        return c + jax.vmap(lambda s: s * x)(t), 0.0
    return lax.scan(step, y, jnp.ones((2, 4)))[0]

@jax.jit
def pairs(x, y):
    once = jax.vmap(lambda q: q * 2)
    return jax.vmap(lambda p: once(y) + add(p, y))(x) + once(x)[:, None]

pairs(X, Y)
jax.hessian(lambda v: jnp.sum(jnp.sin(v) ** 3))(X)
jax.vmap(jax.vmap(lambda m: jax.vmap(lambda r: r @ r)(m).sum()))(jnp.ones((2, 3, 4, 5)))
"""


def test_every_way_of_a_script_leads_back_to_what_a_call_maps():
    report = explain(Request(SCRIPT), until="batch")
    assert len(report.levels) == 11
    assert_ways_lead_to_mapped_leaves(report, frozenset())


def test_a_way_goes_into_the_call_of_vmap_that_made_a_value():
    report = explain(Request(SCRIPT), until="batch")
    outer, inner = report.levels[:2]
    made = next(one for one in report.equations if one.source == "jnp.sin(p) * scale + a")
    assert why.sentence(report, why.path(report, made.id, 0, inner.id), inner.id) == (
        "jnp.sin(p) * scale + a (line 5) is mapped by j because jnp.sin(p) * scale (line 5) is, because "
        "jnp.sin(p) (line 5) is, because p is mapped over its axis 0."
    )
    assert why.sentence(report, why.path(report, made.id, 0, outer.id), outer.id) == (
        "jnp.sin(p) * scale + a (line 5) is mapped by i because a is mapped over its axis 0."
    )
