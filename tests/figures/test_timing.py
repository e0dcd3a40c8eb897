"""The timing chart: the report's own numbers."""

from __future__ import annotations

from typing import Any

import pytest

from explainer.figures.timing import duration, steps, timing_figure
from explainer.report import Timing


def test_bars_are_the_reported_times():
    figure: Any = timing_figure(Timing(0.01, 0.02, 0.3, 0.004, 0.0005, 0.0004, 0.0007, 9, 100))
    assert figure["data"][0]["x"] == [0.01, 0.02, 0.3, 0.004, 0.0005]
    assert figure["data"][0]["y"][-1] == "steady call"
    assert figure["data"][0]["text"][-1] == "500 µs (quartiles 400 µs to 700 µs)"


def test_the_axis_is_logarithmic_and_says_so_in_the_units_of_the_bars():
    figure: Any = timing_figure(Timing(0.01, 0.02, 0.3, 0.004, 0.00005, 0.00004, 0.00007, 9, 100))
    axis = figure["layout"]["xaxis"]
    assert axis["type"] == "log"
    assert axis["ticktext"] == ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]
    assert "logarithmic" in axis["title"]["text"]
    assert 10 ** axis["range"][0] <= 0.00005 < 0.3 <= 10 ** axis["range"][1]


def test_without_steady_runs_there_is_no_steady_bar():
    figure: Any = timing_figure(Timing(0.01, 0.02, 0.3, 0.004))
    assert figure["data"][0]["y"] == ["trace", "lower", "compile", "first call"]


def test_a_step_that_was_not_reached_has_no_bar():
    figure: Any = timing_figure(Timing(0.01, 0.02))
    assert (figure["data"][0]["x"], figure["data"][0]["y"]) == ([0.01, 0.02], ["trace", "lower"])
    assert [name for name, seconds in steps(Timing(0.01, 0.02)) if seconds is None] == [
        "compile",
        "first call",
        "steady call",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.53, "1.53 s"), (0.0241, "24.1 ms"), (3.18e-4, "318 µs"), (8.5e-8, "85 ns")]
)
def test_a_duration_has_the_unit_that_suits_it(seconds, words):
    assert duration(seconds) == words
