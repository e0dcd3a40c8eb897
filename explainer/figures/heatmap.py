"""One array as a heatmap: rank 0 to 2 in one panel, higher ranks as one panel per leading index.

    Leaf (its preview) ──▶ output_figure ──▶ Plotly figure with colour tokens

Only what the preview holds is drawn. Axes carry the true indices, a blank line stands where
indices are left out, and the first line says what is shown of what.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from explainer.figures import style, text
from explainer.figures.plan import Values
from explainer.report import Leaf

MAX_PANELS = 12
WIDEST = 860
MAX_TEXT_CELLS = 400  # numbers are written into the cells up to this many
GAP = "⋯"
CELL = 34
SMALL_CELL = 14
HEAD = 22
TITLE = 26
FOOT = 26
LEFT = 46
BAR = 90
BETWEEN = 26


@dataclass(frozen=True, slots=True)
class _Panel:
    """A two-dimensional piece: values by row and column, None where indices are left out."""

    title: str
    rows: tuple[int | None, ...]
    columns: tuple[int | None, ...]
    values: tuple[tuple[object, ...], ...]


def output_figure(leaf: Leaf) -> dict[str, object]:
    """Returns the heatmap of an array; resolve it with `style.resolve` before it is drawn.

    (3, 4): one panel    (2, 3, 4): out[0], out[1]    (2, 5, 3, 4): out[0, 0], out[0, 1], ...
    """
    panels, left_out = _panels(leaf)
    numeric = [
        entry for panel in panels for row in panel.values for entry in row if _number(entry) is not None
    ]
    cells = sum(len(panel.values) * len(panel.columns) for panel in panels)
    side = CELL if cells <= MAX_TEXT_CELLS else SMALL_CELL
    width_of = max((len(panel.columns) for panel in panels), default=1) * side
    across = max(1, min(len(panels), (WIDEST - LEFT - BAR) // (width_of + BETWEEN)))
    height_of = max((len(panel.rows) for panel in panels), default=1) * side
    rows = -(-len(panels) // across)
    width = max(260, LEFT + across * (width_of + BETWEEN) + (BAR if numeric else 0))
    height = HEAD + max(1, rows) * (height_of + TITLE + FOOT)
    traces: list[dict[str, object]] = []
    layout = _layout(leaf, left_out, width, height, bool(numeric))
    notes: list[dict[str, object]] = layout["annotations"]  # pyright: ignore[reportAssignmentType] # built just above
    for number, panel in enumerate(panels):
        row, column = divmod(number, across)
        left = LEFT + column * (width_of + BETWEEN)
        top = HEAD + row * (height_of + TITLE + FOOT) + TITLE
        axis = "" if number == 0 else str(number + 1)
        right, bottom = left + len(panel.columns) * side, top + len(panel.rows) * side
        layout[f"xaxis{axis}"] = _axis(panel.columns, (left / width, right / width), f"y{axis}", False)
        layout[f"yaxis{axis}"] = _axis(
            panel.rows, (1 - bottom / height, 1 - top / height), f"x{axis}", len(leaf.shape) < 2
        )
        traces.append(_trace(panel, axis, cells <= MAX_TEXT_CELLS))
        if panel.title:
            notes.append(_title(panel.title, left / width, 1 - top / height))
    if not panels:
        notes.append(_title(_emptiness(leaf), LEFT / width, 1 - (HEAD + TITLE) / height))
    return {"data": traces, "layout": layout}


def has_numbers(leaf: Leaf) -> bool:
    """Tells whether there is anything to colour: complex numbers, keys and nothing but nan are text."""
    entries = [leaf.preview]
    while entries:
        entry = entries.pop()
        if isinstance(entry, list):
            entries += entry
        elif _number(entry) is not None:
            return True
    return False


def _panels(leaf: Leaf) -> tuple[list[_Panel], int]:
    """Returns the panels drawn and how many more there are in the preview."""
    if leaf.preview is None or 0 in leaf.shape:
        return [], 0
    values = Values.of(leaf, leaf.shape)
    lead, rows, columns = _split(leaf.kept)
    places = list(product(*lead))
    panels = [_panel(leaf, values, place, rows, columns) for place in places[:MAX_PANELS]]
    return panels, len(places) - len(panels)


def _split(
    kept: Sequence[tuple[int, ...]],
) -> tuple[Sequence[tuple[int, ...]], tuple[int, ...], tuple[int, ...]]:
    """Returns the leading axes, the rows and the columns; a vector is one row, a scalar one cell."""
    if not kept:
        return (), (), ()
    if len(kept) == 1:
        return (), (), kept[0]
    return kept[:-2], kept[-2], kept[-1]


def _panel(
    leaf: Leaf, values: Values, place: tuple[int, ...], rows: tuple[int, ...], columns: tuple[int, ...]
) -> _Panel:
    rank = len(leaf.shape)
    ys: tuple[int | None, ...] = _with_gaps(rows) if rank >= 2 else (0,)
    xs: tuple[int | None, ...] = _with_gaps(columns) if rank >= 1 else (0,)
    entries = tuple(
        tuple(
            None if y is None or x is None else values.at((*place, y, x)[-rank:] if rank else ()) for x in xs
        )
        for y in ys
    )
    title = f"{text.escape(text.shorten(leaf.path, 24))}[{', '.join(map(str, place))}]" if place else ""
    return _Panel(title, ys, xs, entries)


def _with_gaps(indices: Sequence[int]) -> tuple[int | None, ...]:
    """Returns the indices with None where some are left out: (0, 1, 9) -> (0, 1, None, 9)."""
    line: list[int | None] = []
    for index in indices:
        if line and line[-1] is not None and index != line[-1] + 1:
            line.append(None)
        line.append(index)
    return tuple(line)


def _number(entry: object) -> float | None:
    """Returns what colours a cell: a finite number; None for text, nan, infinities and gaps."""
    if isinstance(entry, bool | int | float) and math.isfinite(entry):
        return float(entry)
    return None


def _trace(panel: _Panel, axis: str, written: bool) -> dict[str, object]:
    words = [
        [
            "" if y is None or x is None else text.cell(entry)
            for x, entry in zip(panel.columns, row, strict=True)
        ]
        for y, row in zip(panel.rows, panel.values, strict=True)
    ]
    hover = [
        [
            "" if y is None or x is None else text.escape(f"row {y}, column {x}: {text.full(entry)}")
            for x, entry in zip(panel.columns, row, strict=True)
        ]
        for y, row in zip(panel.rows, panel.values, strict=True)
    ]
    trace: dict[str, object] = {
        "type": "heatmap",
        "z": [[_number(entry) for entry in row] for row in panel.values],
        "hovertext": hover,
        "hoverinfo": "text",
        "coloraxis": "coloraxis",
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": True,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }
    if written:
        trace |= {
            "text": [[text.escape(word) for word in row] for row in words],
            "texttemplate": "%{text}",
            "textfont": {"family": style.MONO, "size": style.CELL_TEXT, "color": "$ink"},
        }
    return trace


def _axis(
    indices: Sequence[int | None], domain: tuple[float, float], anchor: str, hidden: bool
) -> dict[str, object]:
    step = max(1, len(indices) // 8)
    ticks = [
        at for at in range(len(indices)) if at % step == 0 or at == len(indices) - 1 or indices[at] is None
    ]
    vertical = anchor.startswith("x")
    span = [len(indices) - 0.5, -0.5] if vertical else [-0.5, len(indices) - 0.5]
    return {
        "domain": [round(end, 5) for end in domain],
        "anchor": anchor,
        "range": span,
        "tickvals": ticks,
        "ticktext": [GAP if indices[at] is None else str(indices[at]) for at in ticks],
        "tickfont": {"size": style.SMALL_TEXT, "color": "$mute", "family": style.MONO},
        "showticklabels": not hidden,
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "fixedrange": True,
    }


def _layout(leaf: Leaf, left_out: int, width: int, height: int, coloured: bool) -> dict[str, object]:
    layout: dict[str, object] = {
        "width": width,
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": style.SANS, "color": "$ink"},
        "showlegend": False,
        "annotations": [
            _title(_shown(leaf, left_out), 0, 1 - 2 / height, style.SMALL_TEXT, "top"),
        ],
        "hoverlabel": {"bgcolor": "$ink", "font": {"family": style.MONO, "color": "$bg"}},
        "coloraxis": {
            "colorscale": [[0, "$heat0"], [1, "$heat1"]],
            "showscale": coloured,
            "colorbar": {
                "thickness": 12,
                "x": 1 - 70 / width,
                "xanchor": "left",
                "tickfont": {"size": style.SMALL_TEXT, "color": "$mute"},
                "outlinewidth": 0,
            },
        },
    }
    if coloured and leaf.min is not None and leaf.max is not None and leaf.min < leaf.max:
        layout["coloraxis"] |= {"cmin": leaf.min, "cmax": leaf.max}  # pyright: ignore[reportOperatorIssue] # a dict
    return layout


def _shown(leaf: Leaf, left_out: int) -> str:
    """Returns what is drawn of the whole, "" if everything is."""
    cuts = [
        f"axis {axis}: {words}"
        for axis, (kept, size) in enumerate(zip(leaf.kept, leaf.shape, strict=False))
        if (words := text.selection(kept, size))
    ]
    if left_out:
        cuts.append(f"{MAX_PANELS} panels of {MAX_PANELS + left_out}")
    return text.escape("drawn: " + "; ".join(cuts)) if cuts else ""


def _emptiness(leaf: Leaf) -> str:
    if 0 in leaf.shape:
        return "an axis has size 0: there are no entries"
    return "the values are not known yet"


def _title(
    words: str, x: float, y: float, size: float = style.LABEL_TEXT, anchor: str = "bottom"
) -> dict[str, object]:
    return {
        "text": words,
        "xref": "paper",
        "yref": "paper",
        "x": round(x, 5),
        "y": round(y, 5),
        "xanchor": "left",
        "yanchor": anchor,
        "showarrow": False,
        "font": {"size": size, "color": "$ink" if size != style.SMALL_TEXT else "$mute"},
    }
