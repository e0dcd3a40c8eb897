"""Small tables of cells: every entry in its place, the picked part marked, cuts that keep it."""

from __future__ import annotations

import numpy as np
import pytest

from explainer.figures import cells
from explainer.report import Leaf
from tests.figures.reports import leaf


def lit(grid: cells.Grid) -> list[str]:
    return [cell.full for slab in grid.slabs for _, line in slab.rows for cell in line if cell and cell.lit]


@pytest.mark.parametrize(
    ("shape", "picked", "expected"),
    [
        ((), {}, ["0"]),
        ((3,), {0: 2}, ["2"]),
        ((3, 4), {0: 1}, ["4", "5", "6", "7"]),
        ((3, 4), {0: 1, 1: 2}, ["6"]),
        ((3, 4), {1: 0}, ["0", "4", "8"]),
        ((2, 3, 4), {0: 1, 1: 2}, ["20", "21", "22", "23"]),
        ((2, 2, 2, 2), {3: 1}, ["1", "3", "5", "7", "9", "11", "13", "15"]),
        ((20, 30), {0: 17, 1: 25}, ["535"]),
        ((20, 2, 2), {0: 13}, ["52", "53", "54", "55"]),
    ],
)
def test_the_picked_part_is_lit_and_nothing_else(shape, picked, expected):
    value = np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)
    assert lit(cells.grid(leaf("x", value, cap=100), picked)) == expected


def test_an_entry_matches_the_picked_axes_in_their_order():
    grid = cells.grid(leaf("x", np.zeros((2, 3))), {0: 1, 1: 2})
    matched = [[cell.matched if cell else None for cell in line] for _, line in grid.slabs[0].rows]
    assert matched == [[0, 0, 0], [1, 1, 2]]


def test_a_long_axis_shows_its_first_entries_the_picked_one_and_the_last():
    grid = cells.grid(leaf("x", np.arange(30), cap=100), {0: 20})
    assert grid.columns == (0, 1, 2, 3, 4, 5, None, 20, None, 29)
    assert [cell and cell.text for cell in grid.slabs[0].rows[0][1]][-4:] == [None, "20", None, "29"]


def test_slabs_that_have_no_room_are_counted():
    grid = cells.grid(leaf("x", np.zeros((5, 4, 2, 2)), cap=100), {0: 4, 1: 3})
    assert len(grid.slabs) == cells.SLABS
    assert (4, 3) in [slab.index for slab in grid.slabs]
    assert grid.left_out == 20 - cells.SLABS


@pytest.mark.parametrize(("value", "bad"), [(np.nan, True), (np.inf, True), (0.0, False)])
def test_nan_and_inf_are_marked(value, bad):
    grid = cells.grid(leaf("x", np.array([value])), {})
    cell = grid.slabs[0].rows[0][1][0]
    assert cell is not None
    assert cell.bad is bad


@pytest.mark.parametrize(
    "empty", [Leaf("x", "float32", (2, 0), [[], []], ((0, 1), ())), Leaf("x", "float32", (2,))]
)
def test_an_array_without_entries_or_values_has_no_slabs(empty):
    assert cells.grid(empty, {}).slabs == ()
