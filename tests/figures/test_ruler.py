"""The ruler: every value is drawn to one scale, and what does not fit shows without colour, too."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from explainer.figures import style
from explainer.figures.ruler import description, ruler
from explainer.report import Blame, Failure, Lane, Level, Mismatch, Report
from explainer.spec import Request
from explainer.views.lanes import MOST_ROWS
from explainer.views.mismatch import CONFLICT, Bar, read, told


def report(names: str = "ij", culprit: str = "") -> Report:
    levels = tuple(
        Level(n, n - 1 if n else None, "f", name, "0", "0", None, None, ()) for n, name in enumerate(names)
    )
    blame = Blame(paths=(culprit,) if culprit else ())
    return Report(Request(), levels=levels, failure=Failure("trace", "ValueError", "", "", blame))


def lane(name: str, *shape: int, axis: int | None = None, bad: tuple[int, ...] = (), note: str = "") -> Lane:
    return Lane(name, "float32", shape, axis, bad, note=note)


UNEQUAL = Mismatch(
    (
        lane("X", 3, 2, axis=0),
        lane("Y", 4, 2, axis=0, bad=(0,)),
        lane("Z", 2, 3, axis=1),
        lane("scale"),
        Lane("n", "", (), note="the Python value 3"),
    ),
    0,
)
INNER = Mismatch(
    (
        Lane("X", "float32", (4, 2), 0, (0,), (3, 4, 2), (0, None, None)),
        Lane("Y", "float32", (5, 2), 0, (0,), (5, 3, 2), (None, 0, None)),
        Lane("odd", "float32", (5,), 0, (), (3, 4), (0, None)),  # full and shape tell different stories
    ),
    1,
)
OPERANDS = Mismatch((lane("x", 3, bad=(0,)), lane("W", 4, 5, bad=(0,))))
NO_AXIS = Mismatch((lane("x", 2, note="has no axis 1"), lane("y", 4, 5, axis=1)), 0)
MANY = Mismatch(
    tuple(lane(f"w{n}", 5 if n != 40 else 4, 3, axis=0, bad=(0,) * (n == 40)) for n in range(60)), 0
)
HUGE = Mismatch((lane("a", 50_000, 1, axis=0, bad=(0,)), lane("b", 0, 200, axis=0, bad=(0,))), 0)
ALL = {
    "unequal": UNEQUAL,
    "inner": INNER,
    "operands": OPERANDS,
    "no axis": NO_AXIS,
    "many": MANY,
    "huge": HUGE,
}
EVERY = pytest.mark.parametrize("mismatch", ALL.values(), ids=list(ALL))


def bars(mismatch: Mismatch) -> list[Bar]:
    return [bar for row in read(mismatch, report()).rows for bar in row.bars]


def words(mismatch: Mismatch, culprit: str = "") -> str:
    html = re.sub(r"<style>.*?</style>", "", ruler(mismatch, report(culprit=culprit)), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@EVERY
def test_every_value_is_drawn_or_counted(mismatch):
    drawn = read(mismatch, report())
    assert len(drawn.rows) + drawn.left_out == len(mismatch.lanes)
    assert len(drawn.rows) <= MOST_ROWS
    assert all(row.name in words(mismatch) for row in drawn.rows)


@EVERY
def test_lengths_keep_the_order_of_sizes(mismatch):
    found = sorted(bars(mismatch), key=lambda bar: bar.size)
    assert all(
        (one.share == other.share) == (one.size == other.size) and one.share <= other.share
        for one, other in zip(found, found[1:], strict=False)
    )
    assert max(bar.share for bar in found) == 1.0


@EVERY
def test_what_does_not_fit_is_marked_by_more_than_colour(mismatch):
    conflicts = sum(bar.conflict for bar in bars(mismatch))
    html = ruler(mismatch, report())
    assert words(mismatch).count("✗ does not fit") == conflicts
    drawn = [bar for bar in bars(mismatch) if bar.conflict and bar.size]
    assert len(re.findall(r'class="[^"]*pg-bar-bad', html)) == len(drawn)
    assert sum(CONFLICT in line for line in told(mismatch, report())) == len(drawn)


@EVERY
def test_the_description_names_every_axis_with_its_size(mismatch):
    said = description(mismatch, report())
    assert all(f"{bar.name} of size {bar.size:,}" in said for bar in bars(mismatch))


def test_sizes_are_to_scale():
    assert [(bar.size, bar.share) for bar in bars(UNEQUAL)][:3] == [(3, 0.75), (2, 0.5), (4, 1.0)]


def test_sizes_that_differ_a_hundredfold_go_by_the_square_root_and_it_is_said():
    shares = [bar.share for bar in bars(HUGE)]
    assert shares == pytest.approx([1.0, (1 / 50_000) ** 0.5, 0.0, (200 / 50_000) ** 0.5])
    assert "square root" in words(HUGE) and "square root" not in words(UNEQUAL)


def test_a_mapped_axis_has_the_colour_and_the_name_of_its_level():
    html = ruler(INNER, report())
    assert "mapped by j" in words(INNER) and 'class="pg-axis pg-hue1' in html
    assert "mapped" not in words(OPERANDS)


def test_axes_that_outer_levels_took_are_drawn_apart_with_both_numbers():
    rows = read(INNER, report()).rows
    assert [(bar.name, bar.role) for bar in rows[0].bars] == [
        ("full axis 0", "taken"),
        ("axis 0 (full 1)", "mapped"),
        ("axis 1 (full 2)", "free"),
    ]
    assert [bar.name for bar in rows[1].bars] == ["axis 0", "full axis 1", "axis 1 (full 2)"]
    assert "taken by i" in words(INNER)


def test_a_whole_that_does_not_agree_with_the_shape_is_not_drawn():
    assert [(bar.name, bar.size) for bar in read(INNER, report()).rows[2].bars] == [("axis 0", 5)]


def test_values_without_axes_are_told():
    assert "scale f32[] • a scalar, shared by every i" in words(UNEQUAL)
    assert "n • the Python value 3" in words(UNEQUAL)


def test_a_value_without_the_axis_is_marked_where_it_is_blamed():
    assert "✗ has no axis 1" in words(NO_AXIS, culprit="x")
    assert f"{CONFLICT} has no axis 1" in "\n".join(told(NO_AXIS, report(culprit="x")))
    assert "shared" not in words(NO_AXIS)


def test_equal_sizes_have_one_colour():
    kins = {
        bar.size: {other.kin for other in bars(UNEQUAL) if other.size == bar.size} for bar in bars(UNEQUAL)
    }
    assert kins == {3: {0}, 2: {1}, 4: {None}}


def test_of_many_values_the_culprit_is_kept_and_all_are_grouped():
    assert "w40" in [row.name for row in read(MANY, report()).rows]
    assert "size 5: w0, w1, w2, w3 and 55 more; size 4: w40." in words(MANY)


def test_text_lines_up():
    assert told(UNEQUAL, report()) == [
        "X      f32[3, 2]  axis 0  ███   3        mapped by i",
        "                  axis 1  ──    2",
        "Y      f32[4, 2]  axis 0  ╳╳╳╳  4        mapped by i, does not fit",
        "                  axis 1  ──    2",
        "Z      f32[2, 3]  axis 0  ──    2",
        "                  axis 1  ███   3        mapped by i",
        "scale  f32[]      · a scalar, shared by every i",
        "n                 · the Python value 3",
        "size 3: X, Z; size 4: Y",
    ]


def test_what_is_noted_of_a_conflict_stands_at_its_axis():
    noted = Mismatch((lane("X", 3, axis=0, bad=(0,), note="3 examples"), lane("Y", 4, axis=0)), 0)
    assert told(noted, report())[0].endswith("mapped by i, does not fit: 3 examples")
    assert words(noted).count("3 examples") == 1 and "✗ does not fit: 3 examples" in words(noted)


@pytest.mark.parametrize(("kind", "words"), [("nothing_mapped", "shared by every i"), ("spec_length", "")])
def test_without_any_axis_sharing_is_said_only_where_it_is_known(kind, words):
    failed = report()
    assert failed.failure is not None
    failed = replace(failed, failure=replace(failed.failure, kind=kind))
    assert [row.words for row in read(Mismatch((lane("X", 3), lane("Y", 4)), 0), failed).rows] == [words] * 2


def test_a_stated_size_is_no_axis():
    stated = Mismatch((lane("X", 4, axis=0, bad=(0,)), Lane("axis_size", "", (5,), 0)), 0)
    assert told(stated, report())[1] == "axis_size          stated  █████  5"


def test_results_are_not_said_to_be_shared():
    leaving = report()
    assert leaving.failure is not None
    leaving = replace(leaving, failure=replace(leaving.failure, stage="batch"))
    assert told(Mismatch((lane("out"), lane("out[1]", 2)), 0), leaving) == [
        "out     f32[]   · a scalar",
        "out[1]  f32[2]  axis 0  ──  2",
    ]


def test_names_stay_text():
    lanes = (replace(UNEQUAL.lanes[0], name="<img src=x>", note="<script>"), *UNEQUAL.lanes[1:])
    html = ruler(Mismatch(lanes, 0), report("<>"))
    assert "<img" not in html and "<script" not in html and "&lt;img src=x&gt;" in html


def test_a_level_nobody_reported_has_a_letter():
    assert "mapped by i" in words(replace(NO_AXIS, level=0))
    assert "mapped by k" in words(replace(NO_AXIS, level=2))


def test_nothing_handed_over_is_no_row():
    assert told(Mismatch(()), report()) == []
    assert read(Mismatch(()), report()).rows == ()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kin", range(style.KINS))
def test_sizes_can_be_read_on_their_colours(kin, theme):
    palette = style.PALETTES[theme]
    assert style.contrast(palette["ink"], palette[f"K{kin}s"]) >= 4.5
