"""Numbers in four characters, names made safe."""

from __future__ import annotations

import random

import pytest

from explainer.figures import text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "·"),
        (True, "T"),
        (False, "F"),
        (0, "0"),
        (-20, "−20"),
        (9999, "9999"),
        (123456, "1e5"),
        (-123456, "−1e5"),
        (0.0, "0"),
        (-0.0, "0"),
        (4.0, "4"),
        (0.5, ".50"),
        (-0.257, "−.26"),
        (0.999, "1.0"),
        (-0.996, "−1.0"),
        (5.6568, "5.7"),
        (9.97, "10"),
        (-123.4, "−123"),
        (999.7, "1e3"),
        (1234.5, "1e3"),
        (-1e10, "−e10"),
        (1e30, "1e30"),
        (1e300, "e300"),
        (1e-7, "≈0"),
        (-0.004, "≈0"),
        (float("nan"), "nan"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        ("1+2j", "1+2j"),
        ("(-3.5-1j)", "−3.…"),
        ("0x00000000075bcd15", "…d15"),
        ("", ""),
    ],
)
def test_a_cell_holds_a_value_in_four_characters(value, expected):
    assert text.cell(value) == expected


def test_no_number_needs_more_than_four_characters():
    source = random.Random(0)
    for _ in range(5000):
        value = source.choice((-1, 1)) * 10 ** source.uniform(-45, 308)
        assert len(text.cell(value)) <= 4
        assert len(text.cell(int(value) if abs(value) < 2**64 else 7)) <= 4


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("$L0", "&#36;L0"),
        ("two\nlines", "two lines"),
        ("π", "π"),
    ],
)
def test_escape_leaves_nothing_for_plotly_to_read(raw, safe):
    assert text.escape(raw) == safe


@pytest.mark.parametrize(
    ("kept", "size", "expected"),
    [
        ((0, 1, 2), 3, ""),
        ((0, 1, 2, 1023), 1024, "first 3 … last 1 of 1,024"),
        ((0, 1), 9, "first 2 of 9"),
        ((0, 4, 8), 9, "3 of 9"),
        ((), 0, ""),
    ],
)
def test_selection_says_what_is_drawn(kept, size, expected):
    assert text.selection(kept, size) == expected


def test_shorten_cuts_in_the_middle():
    assert text.shorten("averylongname", 7) == "ave…ame"
    assert text.shorten("short", 7) == "short"
