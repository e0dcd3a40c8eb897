"""One captured call as a report: its levels, arrays, values and equations, ready to be drawn like a nest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import explainer
from explainer.figures import nests
from explainer.report import Leaf, Report
from explainer.spec import Argument, Request, Stage, Vmap
from explainer.views import lens
from explainer.views.focus import WHOLE, focus
from tests.figures.reports import leaf

CLOSURES = Request(
    code="""
X = jnp.arange(6.).reshape(3, 2)
Y = jnp.arange(8.).reshape(4, 2)
D = jax.vmap(lambda x: jax.vmap(lambda y: jnp.sum((x - y) ** 2))(Y), out_axes=1)(X)
"""
)
PAIR = Request(
    code="def pair(X, Y):\n    return jax.vmap(lambda x: jax.vmap(lambda y: x @ y)(Y))(X)\n",
    function="pair",
    arguments=(Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
)
INSIDE = Request(
    code="def f(M, v):\n    return jnp.max(jax.vmap(jnp.dot, in_axes=(-1, None), out_axes=-1)(M, v))\n",
    function="f",
    arguments=(Argument("M", "f32[2,5,3]"), Argument("v", "f32[2]")),
    levels=(Vmap("(2, None)"),),
)
SCAN = Request(
    code="""
def run(w, x):
    def step(c, v):
        return c + jax.vmap(lambda a: jnp.tanh(a @ w))(v), None
    return lax.scan(step, jnp.zeros(5), x)[0]
""",
    function="run",
    arguments=(Argument("w", "f32[2]"), Argument("x", "f32[6,3,5,2]")),
    levels=(Vmap("(None, 1)"),),
)
VECTORIZED = Request(
    code="""
dot = jnp.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")
dot(jnp.ones((3, 1, 2)), jnp.ones((4, 2)))
"""
)
TREES = Request(
    code="""
params = {"w": jnp.ones((7, 2)), "b": jnp.ones(7)}
def model(p, x):
    return {"y": jnp.tanh(p["w"] @ x + p["b"]), "b": p["b"]}
jax.vmap(jax.vmap(model, in_axes=(None, 1), out_axes={"y": 0, "b": None}), in_axes=(None, 0))(
    params, jnp.ones((3, 2, 1)))
"""
)
PROGRAMS = {
    "closures": CLOSURES,
    "pair": PAIR,
    "inside": INSIDE,
    "scan": SCAN,
    "vectorized": VECTORIZED,
    "trees": TREES,
}
EVERY_CALL = [
    *(("closures", n) for n in (0, 1)),
    *(("pair", n) for n in (0, 1)),
    ("inside", 1),
    ("scan", 1),
    *(("vectorized", n) for n in (0, 1)),
    *(("trees", n) for n in (0, 1)),
]


@pytest.fixture(scope="module")
def explained():
    known: dict[tuple[str, Stage], Report] = {}

    def get(name: str, until: Stage = "lower") -> Report:
        if (name, until) not in known:
            known[name, until] = explainer.explain(PROGRAMS[name], until=until)
            assert known[name, until].failure is None
        return known[name, until]

    return get


def arrays(report: Report) -> dict[str, tuple[object, ...]]:
    """Returns path -> full shape, and the axis of each level among those left to it."""
    leaves = [leaf for argument in report.arguments for leaf in argument.leaves]
    sides = [(leaves, "inputs"), (report.outputs, "outputs")]
    return {
        one.path: (one.shape, *(getattr(level, side)[n].index for level in report.stated))
        for found, side in sides
        for n, one in enumerate(found)
    }


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("closures", 0, {"x": ((3, 2), 0), "Y": ((4, 2), None), "out": ((4, 3), 1)}),
        ("closures", 1, {"y": ((4, 2), None, 0), "x": ((3, 2), 0, None), "out": ((4, 3), 1, 0)}),
        ("pair", 1, {"y": ((4, 2), None, 0), "x": ((3, 2), 0, None), "out": ((3, 4), 0, 0)}),
        ("inside", 1, {"a": ((2, 5, 3), 2, 1), "b": ((2,), None, None), "out": ((5, 3), 1, 0)}),
        ("scan", 1, {"a": ((3, 5, 2), 0, 0), "w": ((2,), None, None), "out": ((3, 5), 0, 0)}),
        (
            "vectorized",
            1,
            {"args[0]": ((3, 2), 0, None), "args[1]": ((4, 2), None, 0), "out": ((3, 4), 0, 0)},
        ),
        (
            "trees",
            1,
            {
                "p['b']": ((7,), None, None),
                "p['w']": ((7, 2), None, None),
                "x": ((3, 2, 1), 0, 1),
                "out['b']": ((3, 7), 0, None),
                "out['y']": ((3, 1, 7), 0, 0),
            },
        ),
    ],
)
def test_what_crosses_into_a_call_is_shown_over_all_levels_around_it(explained, name, level, expected):
    assert arrays(focus(explained(name), level)) == expected


@pytest.mark.parametrize(("name", "level"), EVERY_CALL)
def test_the_levels_around_a_call_are_its_stated_nest(explained, name, level):
    report = explained(name)
    one = focus(report, level)
    around = [each for each in report.levels if each.id <= level]  # these programs are single chains
    assert [each.function for each in one.stated] == [each.function for each in around]
    assert [(each.id, each.parent) for each in one.levels] == [
        (n, n - 1 if n else None) for n in range(len(report.levels))
    ]


@pytest.mark.parametrize(("name", "level"), EVERY_CALL)
def test_every_call_is_drawn_with_all_its_levels(explained, name, level):
    one = focus(explained(name), level)
    nest = nests.read(one)
    assert nest is not None
    assert [loop.name for loop in nest.loops] == [each.name for each in one.stated]
    assert nest.outputs


@pytest.mark.parametrize(("name", "level"), EVERY_CALL)
def test_its_equations_are_its_own_and_refer_to_each_other_only(explained, name, level):
    report = explained(name)
    one = focus(report, level)
    ids = {equation.id for equation in one.equations}
    inside = {each.id for each in report.levels if each.id >= level}
    assert ids == {equation.id for equation in report.equations if equation.level in inside}
    assert {equation.parent for equation in one.equations} <= ids | {None}
    assert all(len(out.batch_dims) == len(one.levels) for each in one.equations for out in each.outputs)
    assert one.jaxpr is not None
    assert {line for line in one.jaxpr.example.lines if line is not None} <= ids


def test_a_place_around_the_call_is_not_shown_as_its_parent(explained):
    report = explained("scan")
    assert {each.depth for each in report.equations if each.level == 1} != {0}
    assert {(each.parent, each.depth, each.body) for each in focus(report, 1).equations} == {(None, 0, "")}


def test_arguments_are_grouped_as_the_function_takes_them(explained):
    grouped = {each.name: len(each.leaves) for each in focus(explained("trees"), 1).arguments}
    assert grouped == {"p": 2, "x": 1}
    assert [each.name for each in focus(explained("vectorized"), 1).arguments] == ["args[0]", "args[1]"]


def test_the_axis_keeps_the_users_own_number(explained):
    taken, returned = (
        focus(explained("inside"), 1).stated[1].inputs,
        focus(explained("inside"), 1).stated[1].outputs,
    )
    assert [(leaf.axis, leaf.index) for leaf in taken] == [(-1, 1), (None, None)]
    assert [(leaf.axis, leaf.index) for leaf in returned] == [(-1, 0)]


def test_out_axes_are_said_only_of_levels_that_stack_the_calls_own_results(explained):
    assert [level.out_axes for level in focus(explained("closures"), 1).stated] == ["1", "0"]
    assert [level.out_axes for level in focus(explained("inside"), 1).stated] == ["", "-1"]


def with_values(report: Report, level: int, values: dict[str, np.ndarray]) -> Report:
    """Returns the report as if the run had seen these values cross into and out of a level."""
    at = report.levels[level]
    enters, leaves = (
        tuple(replace(each, value=leaf(each.path, values[each.path])) for each in side)
        for side in (at.enters, at.leaves)
    )
    levels = (*report.levels[:level], replace(at, enters=enters, leaves=leaves), *report.levels[level + 1 :])
    return replace(report, levels=levels)


def test_values_are_stacked_where_the_levels_put_them(explained):
    X, Y = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)
    D = ((X[:, None] - Y) ** 2).sum(-1)
    report = with_values(explained("closures"), 1, {"x": X, "y": Y, "out": D})
    one = focus(report, 1)
    assert [one.arguments[0].leaves[0].preview, one.arguments[1].leaves[0].preview] == [
        Y.tolist(),
        X.tolist(),
    ]
    assert one.outputs[0].preview == D.T.tolist()
    assert one.outputs[0].kept == ((0, 1, 2, 3), (0, 1, 2))


def test_the_values_of_a_run_are_those_of_plain_jax():
    one = focus(explainer.explain(CLOSURES), 1)
    X, Y = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)
    assert one.outputs[0].preview == ((X - Y[:, None]) ** 2).sum(-1).tolist()
    assert [leaf.preview for each in one.arguments for leaf in each.leaves] == [Y.tolist(), X.tolist()]


def test_a_tree_of_results_has_the_values_of_the_whole_call():
    report = explainer.explain(TREES)
    inner, outer = ({leaf.path: leaf.preview for leaf in focus(report, n).outputs} for n in (1, 0))
    assert inner == outer
    assert np.shape(inner["out['y']"]) == (3, 1, 7)
    assert np.shape(inner["out['b']"]) == (3, 7)


def test_a_result_that_no_example_changes_is_repeated_along_the_axis_it_gets():
    code = "x = jnp.ones(12)\njax.vmap(lambda a: jnp.array([1., jnp.nan]), out_axes=1)(x)\n"
    report = explainer.explain(Request(code=code), until="batch")
    report = with_values(report, 0, {"a": np.ones(12), "out": np.array([1.0, np.nan])})
    crossing = report.levels[0].leaves[0]
    assert crossing.value is not None
    value = replace(crossing.value, nan_count=1)
    report = replace(report, levels=(replace(report.levels[0], leaves=(replace(crossing, value=value),)),))
    [out] = focus(report, 0).outputs
    assert out.shape == (2, 12)
    assert out.kept == ((0, 1), (0, 1, 2, 3, 4, 5, 6, 11))
    assert out.preview[0] == [1.0] * 8
    assert out.nan_count == 12


def test_a_value_of_another_shape_is_not_shown(explained):
    values = {"x": np.ones((3, 2)), "y": np.ones((4, 2)), "out": np.ones((2, 2))}
    assert focus(with_values(explained("closures"), 1, values), 1).outputs[0] == Leaf(
        "out", "float32", (4, 3)
    )


def test_what_is_measured_of_the_whole_program_is_left_out_and_said_so(explained):
    report = explained("pair", "time")
    one = focus(report, 1)
    assert report.timing is not None
    assert (one.timing, one.hlo, one.memory, one.check) == (None, None, None, None)
    assert WHOLE in one.notes
    assert WHOLE not in focus(explained("closures"), 1).notes


@pytest.mark.parametrize("level", [None, 0, 99])
def test_a_stated_level_and_none_leave_the_report_as_it_is(explained, level):
    report = explained("inside")
    assert focus(report, level) is report


def test_equal_calls_are_said_to_be_one_of_many():
    code = "f = jax.vmap(jnp.sin)\nfor n in range(3):\n    f(jnp.ones(4) * n)\n"
    shown = focus(explainer.explain(Request(code=code)), 0)
    assert "The first of 3 calls from this place is shown." in shown.notes


def test_a_call_whose_axes_were_not_followed_is_shown_alone(explained):
    report = explained("closures")
    inner = report.levels[1]
    lost = replace(inner.enters[0], aval=replace(inner.enters[0].aval, tracked=False))
    one = focus(replace(report, levels=(report.levels[0], replace(inner, enters=(lost,)))), 1)
    assert arrays(one) == {"y": ((4, 2), 0), "out": ((4,), 0)}
    assert any("levels around vmap j are left out" in note for note in one.notes)


def test_a_call_known_only_by_its_shapes_is_shown_alone(explained):
    observed = explainer.explain(CLOSURES, until="run")
    assert arrays(focus(observed, 1)) == {"y": ((4, 2), 0), "out": ((4,), 0)}
    assert focus(observed, 1).notes == observed.notes


def test_two_arrays_of_one_name_are_told_apart(explained):
    report = explained("closures")
    renamed = tuple(replace(each, path="x") for each in report.levels[1].enters)
    one = focus(replace(report, levels=(report.levels[0], replace(report.levels[1], enters=renamed))), 1)
    assert arrays(one) == {"x": ((4, 2), None, 0), "x (2)": ((3, 2), 0, None), "out": ((4, 3), 1, 0)}


def test_the_lens_follows_an_example_through_one_call(explained):
    one = focus(explained("scan", "check"), 1)
    rows = [row for row in lens.rows(one) if row.equation is not None]
    assert [row.equation.primitive for row in rows if row.equation] == ["dot_general", "tanh"]
    assert [row.missing for row in rows] == ["", ""]
    parts = [lens.own(row, (2, 4)) for row in rows]
    assert [part.shape for part in parts if part] == [(), ()]
