"""Every lesson, explained: its numbers, its mapped axes, plain JAX's outputs and the Python loop agree."""

from __future__ import annotations

from functools import cache, partial

import jax
import numpy as np
import pytest

import explainer
from explainer import lessons
from explainer.report import Report
from tests import oracle
from tests.facts.results import FACTS, Fact


@cache
def report_of(lesson_id: str) -> Report:
    """Returns the report up to the loop check; made once for the tests of this module."""
    lesson = lessons.find(lesson_id)
    assert lesson is not None, lesson_id
    return explainer.explain(lesson.request, until="check")


facts = pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.lesson)


@facts
def test_the_report_shows_the_known_numbers(fact: Fact):
    report = report_of(fact.lesson)
    assert report.failure is None
    leaves = {leaf.path: leaf for leaf in report.outputs}
    for path, known in fact.outputs.items():
        leaf = leaves[path]
        assert leaf.dtype == fact.dtype
        if isinstance(known, tuple):
            assert leaf.shape == known
            continue
        assert leaf.shape == np.shape(known)
        np.testing.assert_allclose(leaf.preview, known, atol=6e-5)


@facts
def test_outputs_and_level_shapes_are_those_of_plain_jax_and_of_a_loop(fact: Fact):
    report = report_of(fact.lesson)
    problem = oracle.read(report.request)
    outputs = problem.outputs()
    flat, _ = jax.tree_util.tree_flatten_with_path(outputs)
    assert [leaf.path for leaf in report.outputs] == ["out" + jax.tree_util.keystr(path) for path, _ in flat]
    for leaf, value in zip(report.outputs, [np.asarray(value) for _, value in flat]):
        assert (leaf.shape, leaf.dtype) == (value.shape, value.dtype.name)
        shown = value[np.ix_(*leaf.kept)] if value.ndim else value
        np.testing.assert_allclose(np.asarray(leaf.preview), shown, rtol=2e-5, atol=1e-5)
    for level, expected in zip(report.stated, problem.level_outputs(), strict=True):
        assert [leaf.shape for leaf in level.outputs] == [leaf.shape for leaf in jax.tree.leaves(expected)]
    looped = problem.looped() if fact.lesson != "materialize" else None  # 60,000 calls
    if looped is not None:
        jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-5), outputs, looped)


@facts
def test_levels_name_the_mapped_axis_of_every_leaf(fact: Fact):
    report = report_of(fact.lesson)
    for level, axes in zip(report.levels, fact.axes):
        assert {leaf.path: leaf.axis for leaf in level.inputs} == axes


@facts
def test_a_python_loop_agrees_where_one_is_possible(fact: Fact):
    check = report_of(fact.lesson).check
    assert check is not None
    assert check.agrees is (None if fact.lesson.startswith("axis-name") else True)


def test_every_working_lesson_has_its_facts():
    working = {one.id for one in lessons.LESSONS if not one.fails and not one.request.is_script}
    assert {fact.lesson for fact in FACTS} == working


def test_one_pair_of_the_pairwise_product_is_the_call_made_by_hand():
    leaf = report_of("matvec-pairwise").outputs[0]
    assert leaf.preview[1][2] == [149, 212]


def test_channels_last_holds_the_same_numbers_restacked():
    first, last = (report_of(name).outputs[0] for name in ("normalize-channels", "normalize-channels-last"))
    assert first.kept == ((0, 1), tuple(range(28)), tuple(range(28)))
    np.testing.assert_allclose(np.moveaxis(last.preview, -1, 0), first.preview, rtol=1e-6)


def test_a_module_keeps_its_static_leaves_out_of_the_arrays():
    report = report_of("batched-modules")
    assert [leaf.path for leaf in report.arguments[0].leaves] == [
        f"models.layers[{layer}].{name}" for layer in (0, 1) for name in ("weight", "bias")
    ]
    assert [leaf.axis for leaf in report.levels[0].inputs] == [0, 0, 0, 0, None]


def test_loop_map_scan_vmap_pmap_and_shard_map_give_the_same_rows():
    kinds = ("vmap", "loop", "map", "map-chunks", "scan", "pmap", "shard-map")
    rows = [report_of(f"rows-{kind}").outputs[0].preview for kind in kinds]
    for other in rows[1:]:
        np.testing.assert_allclose(other, rows[0], rtol=1e-5)


def test_map_instead_of_vmap_gives_the_same_table():
    at_once, by_row = (report_of(name).outputs[0].preview for name in ("materialize", "materialize-map"))
    np.testing.assert_allclose(by_row, at_once, rtol=1e-5, atol=1e-4)


def test_the_loop_counts_each_example_until_it_is_done():
    assert report_of("while-slowest").outputs[1].preview == [0, 3, 7]


def test_prefix_and_full_tree_of_axes_mean_the_same():
    prefix, full = (report_of(name) for name in ("params-tree-prefix", "params-tree-axes"))
    assert [level.inputs for level in prefix.levels] == [level.inputs for level in full.levels]
    assert prefix.outputs == full.outputs
