"""What people say of vmap and what JAX does, as the report shows it."""

from __future__ import annotations

from functools import cache

import jax
import pytest

import explainer
from explainer import Argument, Request, Vmap, lessons
from explainer.report import Equation, Report
from tests import oracle


@cache
def report_of(lesson_id: str) -> Report:
    """Returns the report up to the batch axes; made once for the tests of this module."""
    lesson = lessons.find(lesson_id)
    assert lesson is not None, lesson_id
    return explainer.explain(lesson.request, until="batch")


def equations(lesson_id: str, primitive: str) -> list[Equation]:
    return [one for one in report_of(lesson_id).equations if one.primitive == primitive]


def test_a_print_shows_once_though_there_are_twelve_examples():
    lesson = lessons.find("print-once")
    assert lesson is not None
    assert explainer.explain(lesson.request).printed == "tracing dist\n"


def test_vmap_of_jit_traces_the_function_once():
    """Counts in plain JAX: five examples, one trace, with jit inside vmap as with vmap inside jit."""
    counts = []
    for wrap in (lambda f: jax.vmap(jax.jit(f)), lambda f: jax.jit(jax.vmap(f))):
        traced: list[int] = []
        wrap(lambda x, traced=traced: traced.append(1) or x + 1)(jax.numpy.arange(5.0))
        counts.append(len(traced))
    assert counts == [1, 1]


def test_a_jitted_function_is_one_equation_with_a_batched_body():
    outer, *body = report_of("vmap-of-jit").equations
    assert (outer.primitive, outer.rewrite) == ("jit", ("jit",))
    assert {one.parent for one in body} == {outer.id}
    assert body[0].outputs[0].batched_shape == (3, 4, 2)


def test_stages_of_a_jitted_vmap_are_timed_apart():
    lesson = lessons.find("jit-of-vmap")
    assert lesson is not None
    timing = explainer.explain(lesson.request).timing
    assert timing is not None
    stages = (timing.trace, timing.lower, timing.compile, timing.first_call, timing.median)
    assert all(seconds is not None and seconds > 0 for seconds in stages)
    assert timing.runs * timing.calls_per_run > 1


def test_a_shared_argument_stays_unmapped_until_it_meets_a_mapped_one():
    found = report_of("shared-argument").equations
    assert [one.outputs[0].batch_dims for one in found if one.primitive != "mul"] == [(None,)] * (
        len(found) - 1
    )
    last = found[-1]
    assert (last.primitive, last.source) == ("mul", "x * weight")
    assert last.outputs[0].batch_dims == (0,)
    assert all(one.outputs[0].batched_shape == one.outputs[0].shape for one in found[:-1])


def test_a_mapped_condition_becomes_a_select_and_both_branches_run():
    (cond,) = equations("cond-mapped", "cond")
    assert "select_n" in cond.rewrite
    assert "cond" not in cond.rewrite
    branches = [one for one in report_of("cond-mapped").equations if one.parent == cond.id]
    assert [(one.primitive, one.outputs[0].batched_shape) for one in branches] == [
        ("neg", (3,)), ("sqrt", (3,)),
    ]  # fmt: skip


def test_a_shared_condition_stays_a_branch():
    (cond,) = equations("cond-shared", "cond")
    assert "cond" in cond.rewrite
    assert "select_n" not in cond.rewrite


def test_a_mapped_switch_becomes_a_select_over_all_branches():
    (switch,) = equations("switch-mapped", "cond")
    assert "select_n" in switch.rewrite
    branches = [one for one in report_of("switch-mapped").equations if one.parent == switch.id]
    assert {one.primitive for one in branches} >= {"sin", "cos", "tanh"}
    assert {one.outputs[0].batch_dims for one in branches} == {(0,)}


def test_a_while_loop_stays_one_loop_with_a_condition_per_example():
    (loop,) = equations("while-slowest", "while")
    assert "while" in loop.rewrite
    condition = [
        one for one in report_of("while-slowest").equations if one.parent == loop.id and "cond" in one.body
    ]
    assert [one.outputs[0].batched_shape for one in condition] == [(3,)]


def test_inside_a_scan_the_carry_and_the_rows_are_mapped_and_the_weights_are_not():
    (scan,) = equations("rnn-scan", "scan")
    inside = [one for one in report_of("rnn-scan").equations if one.parent == scan.id]
    assert {one.body for one in inside} == {f"scan[{scan.id}].jaxpr"}
    for one in inside:
        (value,) = one.outputs
        assert sorted(value.batched_shape) == [3, 4]
        assert value.batched_shape[value.batch_dims[0] or 0] == 4
    zeros = report_of("rnn-scan").equations[0]
    assert zeros.source == "jnp.zeros(3)"
    assert zeros.outputs[0].batch_dims == (None,)


@pytest.mark.parametrize("primitive", ["sub", "integer_pow"])
def test_pairs_of_points_make_a_large_intermediate(primitive):
    name = "square" if not equations("materialize", primitive) else primitive
    (one,) = equations("materialize", name)
    assert one.outputs[0].batched_shape == (300, 200, 32)


def test_the_nan_of_a_coincident_pair_is_counted_and_stands_at_that_pair():
    lesson = lessons.find("euclid-gradient")
    assert lesson is not None
    (leaf,) = explainer.explain(lesson.request, until="run").outputs
    assert leaf.nan_count == 2
    assert [str(entry) for entry in leaf.preview[0][0]] == ["nan", "nan"]


@pytest.mark.parametrize(
    ("lesson_id", "error_type", "names"),
    [
        ("sizes-differ", "ValueError", ["Ms", "vs", "3", "4"]),
        ("list-for-tuple", "ValueError", ["params"]),
        ("python-if", "TracerBoolConversionError", ["x > 0", "lax.cond"]),
        ("axis-name-unbound", "NameError", ["i", "axis_name"]),
        ("pmap-too-many", "ValueError", ["16 devices", "8 virtual devices of one CPU", "jax.vmap"]),
    ],
)
def test_a_mistake_is_explained_in_the_users_words(lesson_id, error_type, names):
    report = report_of(lesson_id)
    failure = report.failure
    assert failure is not None
    assert failure.error_type == error_type
    assert [name for name in names if name not in failure.explanation] == []
    with pytest.raises(Exception) as plain:
        oracle.read(report.request).outputs()
    assert plain.typename == error_type


def test_a_list_around_all_axes_is_as_good_as_a_tuple():
    lesson = lessons.find("logits-params")
    assert lesson is not None
    request = lesson.request
    listed = Request(request.code, request.function, request.arguments, (Vmap("[None, 0]"),))
    assert explainer.explain(listed, until="run").outputs == explainer.explain(request, until="run").outputs


def test_a_keyword_argument_is_mapped_over_its_first_axis():
    request = Request(
        "def scaled(x, factor):\n    return x * factor\n",
        "scaled",
        (Argument("x", "arange(f32[3])"), Argument("factor", "arange(f32[3])", keyword=True)),
        (Vmap("0"),),
    )
    report = explainer.explain(request, until="run")
    assert report.failure is None
    assert report.outputs[0].preview == [0, 1, 4]
    assert [(leaf.path, leaf.axis) for leaf in report.levels[0].inputs] == [("x", 0), ("factor", 0)]
