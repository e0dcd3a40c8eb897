"""The animation of a failing request goes as far as the request does, and marks what does not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from explainer.figures.animation import Animation, animation
from explainer.figures.captions import plain
from explainer.figures.nests import read
from explainer.report import Blame, Failure, Lane, MappedLeaf, Mismatch, Span
from tests.figures import reports
from tests.figures.reports import Given, make, numbers

CASES = {
    # scene: phases, last caption, marks {(path, column): full axes}
    "misfit": (["start", "end"], "i runs over 3 in X, but over 4 in Y", {("X", 0): (0,), ("Y", 0): (0,)}),
    "misfit inside": (
        ["start", "slice", "pass", "end"],
        "j runs over 5 in X, but over 4 in Y",
        {("X", 1): (1,), ("Y", 1): (0,)},
    ),
    "no such axis": (["start", "slice", "pass", "end"], "X has no axis 1 inside i", {("X", 1): ()}),
    "misfit in function": (
        ["start", "slice", "pass", "end"],
        "W: axis 0 has 4",
        {("W", 1): (0,)},
    ),
    "static value": (["start", "end"], "s: the Python value 2", {}),
    "unequal": (["start", "end"], "i runs over 3 in X, but over 4 in Y", {}),
}
EVERY = pytest.mark.parametrize("name", CASES)


def drawn(name: str) -> Animation:
    built = animation(reports.SCENES[name]())
    assert built is not None
    return built


@EVERY
def test_it_goes_as_far_as_the_level_that_fails(name):
    meta: Any = drawn(name).meta
    assert [phase for phase, _ in meta["phases"]] == CASES[name][0]
    assert not meta["notes"]


@EVERY
def test_the_last_caption_says_why_it_stops(name):
    meta: Any = drawn(name).meta
    assert plain(meta["captions"][-1]) == f"stopped here: {CASES[name][1]}"


@EVERY
def test_the_values_that_do_not_fit_are_marked(name):
    nest = read(reports.SCENES[name]())
    assert nest is not None
    marks = {(array.path, array.mark.column): array.mark.axes for array in nest.inputs if array.mark}
    assert marks == CASES[name][2]


@pytest.mark.parametrize(
    ("name", "frames", "words"),
    [
        ("misfit", 3 + 4, ["✗ axis 0 has 3", "✗ axis 0 has 4"]),
        ("misfit inside", 5 + 4, ["✗ axis 0 has 5", "✗ axis 0 has 4"]),
        ("no such axis", 1, ["✗ has no axis 1"]),
        ("misfit in function", 4, ["✗ axis 0 has 4"]),
        ("pairwise", 0, []),
    ],
)
def test_a_mark_is_a_dashed_frame_and_a_word(name, frames, words):
    layout: Any = drawn(name).figure["layout"]
    red = [shape for shape in layout["shapes"] if shape["line"]["color"] == "$bad"]
    assert len(red) == frames and all(shape["line"]["dash"] == "dash" for shape in red)
    notes = [note["text"] for note in layout["annotations"] if note["font"]["color"] == "$bad"]
    assert sorted(notes) == sorted(words)


def test_an_axis_that_is_not_there_is_marked_without_a_mismatch():
    report = reports.no_such_axis()
    assert report.failure is not None
    nest = read(replace(report, failure=replace(report.failure, mismatch=None)))
    assert nest is not None and nest.inputs[0].mark is not None
    assert nest.inputs[0].mark.words == "has no axis 1"


def test_a_lane_of_another_shape_marks_nothing():
    report = reports.misfit()
    assert report.failure is not None and report.failure.mismatch is not None
    lanes = tuple(replace(lane, shape=(9, 9)) for lane in report.failure.mismatch.lanes)
    mismatch = replace(report.failure.mismatch, lanes=lanes)
    nest = read(replace(report, failure=replace(report.failure, mismatch=mismatch)))
    assert nest is not None and not any(array.mark for array in nest.inputs)


def test_a_level_that_is_handed_something_else_is_not_drawn():
    report = reports.misfit_inside()
    odd = (MappedLeaf("X", "float64", (7,), 0, 0), report.levels[1].inputs[1])
    nest = read(replace(report, levels=(report.levels[0], replace(report.levels[1], inputs=odd))))
    assert nest is not None and [loop.name for loop in nest.loops] == ["i"]
    assert nest.notes == ("Level j is not drawn: its axes could not be resolved.",)


def test_a_call_in_a_script_stops_as_one_that_is_stated():
    report = reports.misfit_inside()
    assert report.failure is not None
    nest = read(replace(report, failure=replace(report.failure, stage="run")))
    assert nest is not None and nest.loops[-1].stalled
    assert nest.stopped == "j runs over 5 in X, but over 4 in Y"


def test_results_that_do_not_fit_come_after_the_function():
    report = reports.misfit_inside()
    whole = replace(report, levels=(report.levels[0], replace(report.levels[1], axis_size=5)))
    leaves = (report.levels[1].inputs[0], replace(report.levels[1].inputs[1], shape=(5, 2)))
    good = replace(whole.levels[1], inputs=leaves)
    outer = replace(report.levels[0].inputs[1], shape=(5, 2))
    top = replace(report.levels[0], inputs=(report.levels[0].inputs[0], outer))
    mismatch = Mismatch((Lane("out", "float64", (2,), note="no place 3"),), 1)
    assert report.failure is not None
    failure = replace(report.failure, stage="batch", mismatch=mismatch)
    nest = read(replace(whole, levels=(top, good), failure=failure))
    assert nest is not None and [loop.stalled for loop in nest.loops] == [False, False]
    assert nest.stopped == "batch failed with ValueError"


@pytest.mark.parametrize(
    ("blame", "stage", "words"),
    [
        (Blame(spans=(Span(3, 4, 3, 9), Span(7, 0, 7, 9))), "run", "TypeError at line 3"),
        (Blame(spans=(Span(1, 4, 1, 9, "function"),)), "trace", "trace failed with TypeError"),
        (Blame(spans=(Span(3, 4, 3, 9),)), "batch", "batch failed with TypeError"),
    ],
)
def test_an_error_in_the_function_is_told_by_its_line(blame, stage, words):
    nest = read(replace(reports.failed(), failure=Failure(stage, "TypeError", "", "", blame)))
    assert nest is not None and nest.stopped == words


def test_a_call_without_levels_is_marked_too():
    report = replace(reports.no_levels(), outputs=())
    mismatch = Mismatch((Lane("M", "float64", (2, 3), None, (1,)), Lane("v", "float64", (3,))))
    nest = read(replace(report, failure=Failure("trace", "TypeError", "", "", mismatch=mismatch)))
    assert nest is not None and nest.stopped == "M: axis 1 has 3"


def test_of_many_sizes_three_are_told():
    inputs = [Given(name, numbers(n + 2), (0,)) for n, name in enumerate("abcde")]
    report = replace(make("f", "i", inputs, []), failure=reports.misfit().failure)
    nest = read(replace(report, levels=(replace(report.levels[0], axis_size=None),)))
    assert nest is not None
    assert nest.stopped == "i runs over 2 in a, over 3 in b, over 4 in c, and 2 sizes more"
