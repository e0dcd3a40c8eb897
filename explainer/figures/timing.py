"""Where the time went: one bar per step, and the steady runs with their quartiles.

Timing ──▶ timing_figure ──▶ Plotly figure with colour tokens
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from explainer.figures import style
from explainer.report import Timing

ROW = 34
WIDTH = 640
LEFT = 130


def timing_figure(timing: Timing) -> dict[str, object]:
    """Returns bars on a logarithmic axis, one per step that was measured."""
    rows = [(name, value) for name, value in steps(timing) if value is not None]
    seconds = [max(value, 1e-9) for _, value in rows]
    trace: dict[str, object] = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _ in rows],
        "x": seconds,
        "text": [_steady(timing) if name == "steady call" else duration(value) for name, value in rows],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "marker": {"color": ["$out" if name == "steady call" else "$L0" for name, _ in rows]},
    }
    return {"data": [trace], "layout": _layout(len(rows), _decades(seconds))}


def steps(timing: Timing) -> list[tuple[str, float | None]]:
    """Lists the steps and their seconds; None: the run did not get that far."""
    return [
        ("trace", timing.trace),
        ("lower", timing.lower),
        ("compile", timing.compile),
        ("first call", timing.first_call),
        ("steady call", timing.median),
    ]


def _decades(seconds: Sequence[float]) -> list[float]:
    """Returns the powers of ten from below the shortest time to the longest: 1e-05, 0.0001, ... 0.1."""
    first, last = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _steady(timing: Timing) -> str:
    """Returns the median with its quartiles: 500 µs (quartiles 400 µs to 700 µs)."""
    median = duration(max(timing.median or 0.0, 1e-9))
    if timing.q1 is None or timing.q3 is None:
        return median
    return f"{median} (quartiles {duration(timing.q1)} to {duration(timing.q3)})"


def duration(seconds: float) -> str:
    """Returns a time in the unit that suits it: 1.53 s, 24.1 ms, 318 µs, 85 ns."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _layout(rows: int, decades: Sequence[float]) -> dict[str, object]:
    return {
        "width": WIDTH,
        "height": rows * ROW + 60,
        "margin": {"l": LEFT, "r": 120, "t": 8, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": style.SANS, "color": "$ink", "size": style.TITLE_TEXT},
        "bargap": 0.35,
        "showlegend": False,
        "xaxis": {
            "type": "log",
            "range": [math.log10(decades[0]), math.log10(decades[-1])],
            "tickvals": list(decades),
            "ticktext": [duration(decade) for decade in decades],
            "tickfont": {"size": style.SMALL_TEXT, "color": "$mute"},
            "title": {
                "text": "time, logarithmic: each line is ten times the one before",
                "font": {"size": style.SMALL_TEXT, "color": "$mute"},
            },
            "gridcolor": "$line",
            "fixedrange": True,
        },
        "yaxis": {"autorange": "reversed", "fixedrange": True, "ticks": ""},
    }
