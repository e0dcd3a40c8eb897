"""Values in another order of axes: copies along an axis that the values lack stay few."""

from __future__ import annotations

import math

from explainer.report import Leaf
from explainer.views.axis_order import MOST_ENTRIES, AxisOrder, arranged


def test_a_value_is_repeated_along_an_axis_that_only_the_target_has():
    leaf = Leaf("x", "int32", (2,), preview=[5, 6], kept=((0, 1),))
    source, target = AxisOrder((-1,), (2,)), AxisOrder((0, -1), (3, 2))
    found = arranged(leaf, source, target)
    assert (found.preview, found.kept) == ([[5, 6]] * 3, ((0, 1, 2), (0, 1)))


def test_many_levels_that_do_not_map_a_value_do_not_multiply_it():
    levels = 12
    source, target = AxisOrder((), ()), AxisOrder(tuple(range(levels)), (8,) * levels)
    found = arranged(Leaf("x", "float32", (), preview=1.0, nan_count=1), source, target)
    kept = [len(each) for each in found.kept]
    assert found.shape == (8,) * levels
    assert found.nan_count == 8**levels
    assert math.prod(kept) <= MOST_ENTRIES
    assert (kept[0], kept[-1]) == (8, 1)
    entry: object = found.preview
    for size in kept:
        assert isinstance(entry, list)
        assert len(entry) == size
        entry = entry[-1]
    assert entry == 1.0
