"""The heatmap of an output: every kept entry, true indices, nothing invented."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from explainer.figures import style
from explainer.figures.heatmap import has_numbers, output_figure
from explainer.report import Leaf
from tests.figures.reports import leaf


@pytest.mark.parametrize(
    ("shape", "panels"),
    [((), 1), ((3,), 1), ((3, 4), 1), ((2, 3, 4), 2), ((2, 3, 2, 2), 6), ((5, 5, 2, 2), 12)],
)
def test_there_is_a_panel_per_leading_index(shape, panels):
    figure: Any = output_figure(leaf("out", np.arange(float(np.prod(shape))).reshape(shape)))
    assert len(figure["data"]) == panels
    axes = [name for name in figure["layout"] if name.startswith("xaxis")]
    assert len(axes) == panels
    for name in axes:
        assert all(0 <= end <= 1 for end in figure["layout"][name]["domain"])


def test_a_matrix_shows_its_values():
    value = np.arange(6.0).reshape(2, 3)
    figure: Any = output_figure(leaf("out", value))
    assert figure["data"][0]["z"] == value.tolist()
    assert figure["data"][0]["text"] == [["0", "1", "2"], ["3", "4", "5"]]


def test_left_out_indices_leave_a_blank_line_and_are_named():
    figure: Any = output_figure(leaf("out", np.arange(100.0)))
    assert figure["data"][0]["z"] == [[0, 1, 2, 3, 4, 5, 6, None, 99]]
    assert "drawn: axis 0: first 7 … last 1 of 100" in [
        note["text"] for note in figure["layout"]["annotations"]
    ]
    assert "⋯" in figure["layout"]["xaxis"]["ticktext"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([np.nan, np.inf, 1.0]), ["nan", "∞", "1"]),
        (np.array([True, False]), ["T", "F"]),
        (np.array(["(1+2j)"]), ["1+2…"]),
    ],
)
def test_values_without_a_colour_are_written(value, words):
    figure: Any = output_figure(leaf("out", value))
    assert figure["data"][0]["text"] == [words]


@pytest.mark.parametrize(
    ("empty", "words"),
    [
        (Leaf("out", "float32", (2, 3)), "the values are not known yet"),
        (Leaf("out", "float32", (0, 3), [], ((), (0, 1, 2))), "an axis has size 0: there are no entries"),
    ],
)
def test_without_values_it_says_so(empty, words):
    figure: Any = output_figure(empty)
    assert figure["data"] == []
    assert words in [note["text"] for note in figure["layout"]["annotations"]]


def test_no_token_is_left_in_either_theme():
    figure = output_figure(leaf("out['<$bg>']", np.ones((2, 2, 2))))
    for theme in style.PALETTES:
        assert not style.TOKEN.search(json.dumps(style.resolve(figure, theme)))


@pytest.mark.parametrize(
    ("value", "coloured"),
    [
        (np.array([[np.nan, 1.0]]), True),
        (np.array([True]), True),
        (np.array([np.nan, np.inf]), False),
        (np.array(["(1+2j)"]), False),
        (np.zeros((0, 3)), False),
    ],
)
def test_only_finite_numbers_have_a_colour(value, coloured):
    assert has_numbers(leaf("out", value)) is coloured


def test_a_path_with_a_dollar_sign_or_a_tag_is_shown_as_it_is():
    figure: Any = style.resolve(output_figure(leaf("out['$L0 <b>']", np.ones((2, 3, 4)))), "light")
    titles = [each["text"] for each in figure["layout"]["annotations"]]
    assert "out['&#36;L0 &lt;b&gt;'][0]" in titles
