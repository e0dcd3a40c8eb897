"""Which values of a mismatch are drawn: each once, told on one line, and never without the culprit."""

from __future__ import annotations

import pytest

from explainer.report import Blame, Failure, Lane, Mismatch, Report
from explainer.spec import Request
from explainer.views import lanes


def report(*paths: str) -> Report:
    return Report(Request(), failure=Failure("trace", "ValueError", "", "", Blame(paths=paths)))


def test_a_value_told_twice_is_one_with_all_that_is_known():
    short = Lane("x", "float32", (), note="traced")
    full = Lane("x", "float32", (), full=(3,), taken=(0,))
    both = Lane("x", "float32", (), full=(3,), taken=(0,), note="traced")
    assert lanes.tidy(Mismatch((short, full))) == lanes.tidy(Mismatch((full, short))) == (both,)


def test_values_of_one_name_and_two_shapes_stay_two():
    assert len(lanes.tidy(Mismatch((Lane("x", "float32", (3,)), Lane("x", "float32", (4,)))))) == 2


def test_numbers_in_the_code_are_no_values():
    found = lanes.tidy(
        Mismatch((Lane("1", "int", ()), Lane("-2.5", "float32", ()), Lane("x", "float32", ())))
    )
    assert [lane.name for lane in found] == ["x"]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("no array:    a  b\n0  1.0", "no array: a b 0 1.0"),
        ("no array: <zip object at 0x7f04faf40f80>", "no array: <zip object>"),
    ],
)
def test_a_note_is_one_line_without_addresses(note, expected):
    (lane,) = lanes.tidy(Mismatch((Lane("x", "", (), note=note),), 0))
    assert lane.note == expected


@pytest.mark.parametrize(
    ("lane", "level", "paths", "expected"),
    [
        (Lane("x", "float32", (3,), 0, (0,)), 0, (), True),
        (Lane("x", "float32", (3,), 0), 0, ("x",), False),
        (Lane("x", "float32", (3,), None, note="has no axis 1"), 0, ("x",), True),
        (Lane("x", "float32", (3,), None, note="has no axis 1"), 0, ("y",), False),
        (Lane("p['w']", "float32", (3,), None, note="its entry does not fit"), 0, ("p",), True),
        (Lane("pw", "float32", (3,), None, note="its entry does not fit"), 0, ("p",), False),
        (Lane("x > 0", "bool", (), note="traced"), None, (), True),
        (Lane("x", "float32", (3,)), 0, ("x",), False),
    ],
)
def test_the_culprit_is_what_conflicts_or_is_noted_and_blamed(lane, level, paths, expected):
    assert lanes.culprit(lane, Mismatch((lane,), level), report(*paths)) == expected


def test_of_many_values_the_odd_ones_stay_and_like_ones_are_few():
    values = tuple(Lane(f"w{n}", "float32", (4 if n == 70 else 5,), 0, (0,) * (n == 70)) for n in range(90))
    found = lanes.kept(values, Mismatch(values, 0), report())
    assert [lane.name for lane in found] == ["w0", "w1", "w2", "w70"]


def test_few_values_are_all_drawn():
    values = tuple(Lane(f"w{n}", "float32", (5,), 0) for n in range(lanes.MOST_ROWS))
    assert lanes.kept(values, Mismatch(values, 0), report()) == list(values)
