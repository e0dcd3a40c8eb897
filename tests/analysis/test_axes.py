"""Axis texts: what the controls write from a level's template means the same axes to jax.vmap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explainer import Argument, Request, Vmap, explain
from explainer.axes import write_in_axes, write_out_axes
from explainer.lessons import LESSONS, find
from explainer.report import Level

MAPPED = [lesson for lesson in LESSONS if lesson.request.levels and not lesson.fails]


@pytest.mark.parametrize("lesson", MAPPED, ids=lambda lesson: lesson.id)
def test_a_template_filled_with_the_axes_it_came_with_maps_the_same(lesson):
    before = explain(lesson.request, until="batch").stated
    rewritten = tuple(
        replace(
            text,
            in_axes=write_in_axes(level.in_template, [leaf.axis for leaf in level.inputs]),
            out_axes=write_out_axes(level.out_template, [leaf.axis for leaf in level.outputs]),
        )
        for text, level in zip(lesson.request.levels, before, strict=True)
    )
    after = explain(replace(lesson.request, levels=rewritten), until="batch").stated
    assert [_axes(level) for level in after] == [_axes(level) for level in before]


def _axes(level: Level) -> tuple[object, object]:
    return level.inputs, level.outputs


def test_a_namedtuple_is_written_by_its_own_name():
    code = (
        "from typing import NamedTuple\nclass P(NamedTuple):\n    w: jax.Array\n    b: jax.Array\n"
        "def f(p, x):\n    return {'moved': P(p.w * x, p.b + x)}\n"
    )
    arguments = (Argument("p", "P(f32[4,3], f32[4])"), Argument("x", "f32[4]"))
    level = explain(
        Request(code, "f", arguments, (Vmap(out_axes="{'moved': P(1, 0)}"),)), until="batch"
    ).levels[0]
    assert write_in_axes(level.in_template, [1, 0, 0]) == "(P(1, 0), 0)"
    assert write_out_axes(level.out_template, [1, 0]) == "{'moved': P(1, 0)}"


def test_a_class_that_no_name_leads_to_is_not_written():
    code = "import collections\ndef f(x):\n    return [collections.namedtuple('Q', 'a b')(x, x)]\n"
    level = explain(Request(code, "f", (Argument("x", "f32[4]"),), (Vmap(),)), until="batch").levels[0]
    assert level.out_template.parts == ("",)


def test_one_leaf_of_a_module_can_be_unmapped():
    lesson = find("batched-modules")
    assert lesson is not None
    level = explain(lesson.request, until="batch").levels[0]
    axes = [leaf.axis for leaf in level.inputs]
    assert axes[0] == 0
    text = write_in_axes(level.in_template, [None, *axes[1:]])
    request = replace(lesson.request, levels=(replace(lesson.request.levels[0], in_axes=text),))
    report = explain(replace(request, levels=(*request.levels, *lesson.request.levels[1:])), until="trace")
    assert [leaf.axis for leaf in report.levels[0].inputs] == [None, *axes[1:]]


@pytest.mark.parametrize(
    ("in_axes", "axis_size", "sizes"),
    [
        ("(0, None)", None, 3),
        ("(None, 0)", None, 4),
        ("0", None, None),
        ("(0, None)", "5", None),
        ("5", "5", 5),
    ],
)
def test_a_level_whose_axes_disagree_has_no_size(in_axes, axis_size, sizes):
    arguments = (Argument("x", "f32[3,2]"), Argument("y", "f32[4,2]"))
    request = Request("", "lambda x, y: (x.sum(), y.sum())", arguments, (Vmap(in_axes, axis_size=axis_size),))
    assert [level.axis_size for level in explain(request, until="trace").levels] == [sizes]
