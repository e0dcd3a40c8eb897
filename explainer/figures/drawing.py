"""From places and frames to Plotly's words: traces, layout and frames of one plain figure.

    scene, frames ──▶ draw ──▶ {"data": ..., "layout": ..., "frames": ...} with colour tokens

The traces that move come last: one of all movers, and one of windows per level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explainer.figures import style, text
from explainer.figures.frames import Frame, Troupe, troupes, window
from explainer.figures.layout import Rect
from explainer.figures.plan import Nest
from explainer.figures.scene import Box, Brace, Label, Scene, Spot


def draw(nest: Nest, scene: Scene, frames: Sequence[Frame]) -> dict[str, object]:
    """Returns the figure of a scene and its frames."""
    movers = troupes(nest, scene)
    static = list(_static_traces(nest, scene))
    waiting = [window(nest, scene, level, 0) for level in range(len(nest.loops))]
    dynamic = _dynamic_traces(nest, waiting, movers, frames[0])
    numbers = list(range(len(static), len(static) + len(dynamic)))
    constant = len({frame.words for frame in frames}) == 1
    return {
        "data": static + dynamic,
        "layout": _layout(scene),
        "frames": [
            {"name": str(number), "data": _states(nest, waiting, movers, frame, constant), "traces": numbers}
            for number, frame in enumerate(frames)
        ],
    }


def _static_traces(nest: Nest, scene: Scene) -> Iterator[dict[str, object]]:
    """Yields the cells that stay: inputs with their numbers, and empty slots."""
    depth = len(nest.loops)
    for array in nest.inputs:
        yield _input_trace(scene.spots[array.key, 0], depth)
    inner = [
        scene.spots[array.key, column]
        for array in nest.inputs + nest.outputs
        for column in range(1, depth + 1)
    ]
    points = [point for spot in inner for point in spot.points()]
    yield {**_cells(points, "$slot"), "hoverinfo": "skip"}
    for array in nest.outputs:
        yield _output_trace(nest, scene.spots[array.key, 0])


def _input_trace(spot: Spot, depth: int) -> dict[str, object]:
    array, values, indices = spot.array, spot.array.values(), spot.indices()
    level = next((level for level in range(depth) if array.mapped[level] is not None), None)
    entries = [values.at(_whole(index)) for index in indices]
    return {
        **_cells(spot.points(), "$cell" if level is None else f"{style.level_token(level)}s", False),
        "mode": "markers+text",
        "text": [text.cell(entry) for entry in entries],
        "textfont": {"size": style.CELL_TEXT, "family": style.MONO, "color": "$idle"},
        "hoverinfo": "text",
        "hovertext": _hover(spot, entries),
    }


def _output_trace(nest: Nest, spot: Spot) -> dict[str, object]:
    entries = [spot.array.values().at(_whole(index)) for index in spot.indices()]
    return {
        **_cells(spot.points(), "$slot"),
        "hoverinfo": "text",
        "hovertext": _hover(spot, entries),
        "customdata": [_example(nest, spot, index) for index in spot.indices()],
    }


def _hover(spot: Spot, entries: Sequence[object]) -> list[str]:
    path = text.escape(text.shorten(spot.array.path, 40))
    words = []
    for index, entry in zip(spot.indices(), entries, strict=True):
        place = f"[{', '.join(map(str, index))}]" if index else ""
        words.append(f"{path}{place} = {text.escape(text.full(entry))}")
    return words


def _example(nest: Nest, spot: Spot, index: tuple[int | None, ...]) -> str:
    """Returns the example whose call made an output cell: "1,2"; the first one if a level did not stack."""
    entries = []
    for level, axis in enumerate(spot.array.mapped):
        shown = nest.loops[level].shown
        entries.append(index[axis] if axis is not None else (shown[0] if shown else 0))
    return ",".join(map(str, entries))


def _whole(index: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(0 if entry is None else entry for entry in index)


def _cells(points: Sequence[tuple[int, int]], fill: str, line: bool = True) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "cliponaxis": False,
        "marker": {
            "symbol": "square",
            "size": style.CELL,
            "color": fill,
            "line": {"width": 1 if line else 0, "color": "$line"},
        },
    }


def _dynamic_traces(
    nest: Nest, waiting: Sequence[tuple[Rect, ...]], movers: Sequence[Troupe], first: Frame
) -> list[dict[str, object]]:
    ids = [f"{troupe.array.key}.{troupe.level}.{at}" for troupe in movers for at in range(len(troupe.slot))]
    colours = [_mover_colour(nest, troupe) for troupe in movers for _ in troupe.slot]
    states = _states(nest, waiting, movers, first, False)
    cells = {
        **states[0],
        "type": "scatter",
        "mode": "markers+text",
        "ids": ids,
        "hoverinfo": "skip",
        "cliponaxis": False,
        "textfont": {"size": style.CELL_TEXT, "family": style.MONO, "color": _inks(nest, movers, first)},
        "marker": {
            "symbol": "square",
            "size": style.CELL,
            "color": colours,
            "line": {"width": 0},
            "opacity": [int(visible) for visible in first.visible],
        },
    }
    lines = []
    for level in range(len(nest.loops)):
        line = {"width": 2.5, "simplify": False, "color": "$no"}
        lines.append(
            {
                **states[level + 1],
                "type": "scatter",
                "mode": "lines",
                "hoverinfo": "skip",
                "cliponaxis": False,
                "line": line,
            }
        )
    return [cells, *lines]


def _mover_colour(nest: Nest, troupe: Troupe) -> str:
    return "$L0" if nest.plain and not troupe.array.output else troupe.colour


def _inks(nest: Nest, movers: Sequence[Troupe], frame: Frame) -> list[str]:
    inks = ["$on" if nest.plain else troupe.ink for troupe in movers for _ in troupe.slot]
    return [ink if visible else "$no" for ink, visible in zip(inks, frame.visible, strict=True)]


def _states(
    nest: Nest, waiting: Sequence[tuple[Rect, ...]], movers: Sequence[Troupe], frame: Frame, constant: bool
) -> list[dict[str, object]]:
    """Returns the changing fields of all dynamic traces; numbers that never change stay in the trace.

    `waiting` are the windows that stand, unseen, in for a level that shows none.
    """
    cells: dict[str, object] = {
        "x": [x for x, _ in frame.points],
        "y": [y for _, y in frame.points],
        "marker": {"opacity": [int(visible) for visible in frame.visible]},
        "textfont": {"color": _inks(nest, movers, frame)},
    }
    if not constant:
        cells["text"] = list(frame.words)
    return [cells, *(_lines(waiting[level], frame, level) for level in range(len(nest.loops)))]


def _lines(waiting: tuple[Rect, ...], frame: Frame, level: int) -> dict[str, object]:
    rects = frame.windows[level]
    colour = style.level_token(level) if rects else "$no"
    shown = waiting if rects is None else rects
    xs: list[int | None] = []
    ys: list[int | None] = []
    for rect in shown:
        xs += [*([None] if xs else []), rect.left, rect.right, rect.right, rect.left, rect.left, rect.right]
        ys += [*([None] if ys else []), rect.top, rect.top, rect.bottom, rect.bottom, rect.top, rect.top]
    return {"x": xs or [0], "y": ys or [0], "line": {"color": colour}}


def _layout(scene: Scene) -> dict[str, object]:
    hidden = {"visible": False, "fixedrange": True}
    return {
        "width": scene.width,
        "height": scene.height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": style.SANS, "color": "$ink"},
        "xaxis": {"range": [0, scene.width], **hidden},
        "yaxis": {"range": [scene.height, 0], **hidden},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "shapes": [
            *(_box_shape(box, len(scene.boxes)) for box in scene.boxes),
            *(_sheet_shape(rect) for spot in scene.spots.values() for rect in _papers(spot)),
            *(_brace_shape(brace) for brace in scene.braces),
            *(_misfit_shape(rect) for spot in scene.spots.values() for rect in spot.misfits()),
        ],
        "annotations": [_annotation(label) for label in scene.labels],
        "hoverlabel": {
            "bgcolor": "$ink",
            "font": {"family": style.MONO, "size": style.LABEL_TEXT, "color": "$bg"},
        },
        "modebar": {"remove": ["all"]},
    }


def _papers(spot: Spot) -> list[Rect]:
    """Returns the sheets of an array of rank 3 or 4."""
    if len(spot.array.drawn_axes(spot.column)) < 3:
        return []
    return [sheet.rect.moved(spot.x, spot.y) for sheet in spot.placement.sheets]


def _box_shape(box: Box, depth: int) -> dict[str, object]:
    token = style.level_token(box.level)
    inner = box.level + 1 == depth
    return {
        "type": "path",
        "path": _rounded(box.rect, 12),
        "line": {
            "color": token if inner else f"{token}b",
            "width": 2 if inner else 1.5,
            "dash": "solid" if inner else "dot",
        },
        "fillcolor": f"{token}p",
        "layer": "below",
    }


def _sheet_shape(rect: Rect) -> dict[str, object]:
    around = Rect(rect.left - 3, rect.top - 3, rect.right + 3, rect.bottom + 3)
    line = {"color": "$line", "width": 1}
    return {"type": "path", "path": _rounded(around, 4), "line": line, "fillcolor": "$bg", "layer": "below"}


def _brace_shape(brace: Brace) -> dict[str, object]:
    x, top, bottom = brace.x, brace.top, brace.bottom
    path = f"M{x + 6},{top}Q{x},{top} {x},{top + 6}L{x},{bottom - 6}Q{x},{bottom} {x + 6},{bottom}"
    return {"type": "path", "path": path, "line": {"color": "$mute", "width": 1.5}, "layer": "below"}


def _misfit_shape(rect: Rect) -> dict[str, object]:
    line = {"color": "$bad", "width": 2, "dash": "dash"}
    return {"type": "path", "path": _rounded(rect, 4), "line": line, "layer": "above"}


def _rounded(rect: Rect, radius: int) -> str:
    left, top, right, bottom, r = rect.left, rect.top, rect.right, rect.bottom, radius
    return (
        f"M{left + r},{top}L{right - r},{top}Q{right},{top} {right},{top + r}"
        f"L{right},{bottom - r}Q{right},{bottom} {right - r},{bottom}"
        f"L{left + r},{bottom}Q{left},{bottom} {left},{bottom - r}"
        f"L{left},{top + r}Q{left},{top} {left + r},{top}Z"
    )


def _annotation(label: Label) -> dict[str, object]:
    return {
        "x": label.x,
        "y": label.y,
        "text": label.html,
        "showarrow": False,
        "xanchor": label.anchor,
        "yanchor": "middle",
        "font": {"size": label.size, "color": label.colour, "family": label.family},
    }
