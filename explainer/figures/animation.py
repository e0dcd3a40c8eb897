"""The animation: a Report as one plain Plotly figure with frames, and what the player needs beside it.

    Report ──▶ plan ──▶ scene ──▶ script ──▶ frames ──▶ Animation(figure, meta)

The figure holds colour tokens (see style). The player draws it with its own controls; native
adds Plotly's. Big arrays are drawn in part, chosen so that the figure stays small and quick.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from explainer.figures import style, text
from explainer.figures.captions import Caption, Narrator
from explainer.figures.frames import Frame, Troupe, play, population, troupes, window
from explainer.figures.layout import Rect
from explainer.figures.plan import Limits, Nest, read
from explainer.figures.scene import Box, Brace, Label, Scene, Spot, compose
from explainer.figures.script import Step, write
from explainer.report import Report

MAX_MOVERS = 450
MAX_FRAMES = 130
MAX_BYTES = 500_000
FULL_FRAMES = 60  # a longer play shows the inner calls of later examples in one go
LADDER = tuple(
    Limits(examples, entries, inputs, outputs)
    for inputs, outputs in ((12, 6), (6, 3), (3, 2))
    for examples, entries in (
        (8, 8),
        (8, 6),
        (6, 6),
        (6, 5),
        (5, 5),
        (5, 4),
        (4, 4),
        (4, 3),
        (3, 3),
        (3, 2),
        (2, 2),
    )
)
TASTES: tuple[tuple[int, int, int], ...] = (
    # width, height, rungs of the ladder to try: rather a picture to scroll than one with nothing in it
    (1040, 760, 3),
    (1180, 800, 6),
    (1340, 900, 9),
    (1_000_000, 1_000_000, len(LADDER)),
)


@dataclass(frozen=True, slots=True)
class Animation:
    """A figure with colour tokens; `meta` is what the player shows around it; `payload` is the figure as JSON.

    meta: phases [[phase, level], ...] and captions one a frame, jump {"1,2": frame}, pal, W, H,
    sid (same for the same structure, whatever the values), notes (what is not drawn), levels.
    """

    figure: dict[str, object]
    meta: dict[str, object]
    payload: str


def animation(report: Report) -> Animation | None:
    """Returns the animation of a report, None if nothing in it can be drawn truthfully."""
    nest = read(report)
    if nest is None:
        return None
    for width, height, rungs in TASTES:
        for limits in LADDER[:rungs]:
            cut = nest.cut(limits)
            steps = _script(cut)
            movers = population(cut)
            if movers > MAX_MOVERS or len(steps) > MAX_FRAMES or movers * len(steps) > MAX_BYTES // 20:
                continue
            scene = compose(cut)
            if scene.width > width or scene.height > height:
                continue
            built = _build(cut, scene, steps)
            if len(built.payload.encode()) <= MAX_BYTES:
                return built
    return None


def _script(nest: Nest) -> tuple[Step, ...]:
    sizes = [len(loop.shown) for loop in nest.loops]
    whole = write(sizes, False, not nest.plain, bool(nest.outputs))
    return whole if len(whole) <= FULL_FRAMES else write(sizes, True, not nest.plain, bool(nest.outputs))


def _build(nest: Nest, scene: Scene, steps: Sequence[Step]) -> Animation:
    movers = troupes(nest, scene)
    frames = play(nest, scene, steps)
    narrator = Narrator(nest)
    static = list(_static_traces(nest, scene))
    dynamic = _dynamic_traces(nest, scene, movers, frames[0])
    numbers = list(range(len(static), len(static) + len(dynamic)))
    constant = len({frame.words for frame in frames}) == 1
    figure: dict[str, object] = {
        "data": static + dynamic,
        "layout": _layout(scene),
        "frames": [
            {"name": str(number), "data": _states(nest, scene, movers, frame, constant), "traces": numbers}
            for number, frame in enumerate(frames)
        ],
    }
    captions = [narrator.caption(step) for step in steps]
    payload = json.dumps(figure, separators=(",", ":"), ensure_ascii=False)
    return Animation(figure, _meta(nest, scene, steps, frames, captions), payload)


def _meta(
    nest: Nest, scene: Scene, steps: Sequence[Step], frames: Sequence[Frame], captions: list[Caption]
) -> dict[str, object]:
    structure = (
        [(loop.name, loop.size, loop.shown, loop.function) for loop in nest.loops],
        [
            (array.key, array.path, array.shape, array.mapped, array.shown)
            for array in nest.inputs + nest.outputs
        ],
        len(steps),
    )
    return {
        "phases": [[step.phase, step.level] for step in steps],
        "captions": captions,
        "jump": _jump(nest, steps),
        "focus": _focus(frames, scene),
        "pal": style.PALETTES,
        "W": scene.width,
        "H": scene.height,
        "scale": [style.MIN_SCALE, style.MAX_SCALE],
        "shared": any(None in array.mapped for array in nest.inputs) and not nest.plain,
        "sid": hashlib.sha256(repr(structure).encode()).hexdigest()[:16],
        "notes": list(nest.notes),
        "levels": [loop.name for loop in nest.loops if not loop.plain],
    }


def _focus(frames: Sequence[Frame], scene: Scene) -> list[int]:
    """Returns where to look in each frame: the middle x of what moved or appeared, for narrow screens."""
    focus = [0]
    for before, now in pairwise(frames):
        changed = [
            x
            for (x, y), was, visible, seen in zip(
                now.points, before.points, now.visible, before.visible, strict=True
            )
            if visible and ((x, y) != was or not seen)
        ]
        focus.append(round((min(changed) + max(changed)) / 2) if changed else focus[-1])
    focus[-1] = scene.width if frames[-1].phase == "end" else focus[-1]
    return focus


def _jump(nest: Nest, steps: Sequence[Step]) -> dict[str, int]:
    """Returns the frame of the call for each drawn example, keyed "1,2" by its indices, outermost first."""
    shown = [loop.shown for loop in nest.loops]
    jump: dict[str, int] = {}
    for number, step in enumerate(steps):
        if step.phase in ("call", "calls"):
            fixed = [(shown[level][at],) for level, at in enumerate(step.at)]
            for example in product(*fixed, *shown[len(step.at) :]):
                jump[",".join(map(str, example))] = number
    return jump


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
    """Returns the example whose call made an output cell: "1,2"; for a level that did not stack it, the first one."""
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
    nest: Nest, scene: Scene, movers: Sequence[Troupe], first: Frame
) -> list[dict[str, object]]:
    ids = [f"{troupe.array.key}.{troupe.level}.{at}" for troupe in movers for at in range(len(troupe.slot))]
    colours = [_mover_colour(nest, troupe) for troupe in movers for _ in troupe.slot]
    states = _states(nest, scene, movers, first, False)
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
    nest: Nest, scene: Scene, movers: Sequence[Troupe], frame: Frame, constant: bool
) -> list[dict[str, object]]:
    """Returns the changing fields of all dynamic traces; numbers that never change stay in the trace."""
    cells: dict[str, object] = {
        "x": [x for x, _ in frame.points],
        "y": [y for _, y in frame.points],
        "marker": {"opacity": [int(visible) for visible in frame.visible]},
        "textfont": {"color": _inks(nest, movers, frame)},
    }
    if not constant:
        cells["text"] = list(frame.words)
    return [cells, *(_lines(nest, scene, frame, level) for level in range(len(nest.loops)))]


def _lines(nest: Nest, scene: Scene, frame: Frame, level: int) -> dict[str, object]:
    rects = frame.windows[level]
    colour = style.level_token(level) if rects else "$no"
    shown = window(nest, scene, level, 0) if rects is None else rects
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


def _rounded(rect: Rect, radius: int) -> str:
    left, top, right, bottom, r = rect.left, rect.top, rect.right, rect.bottom, radius
    return (
        f"M{left + r},{top}L{right - r},{top}Q{right},{top} {right},{top + r}"
        f"L{right},{bottom - r}Q{right},{bottom} {right - r},{bottom}"
        f"L{left + r},{bottom}Q{left},{bottom} {left},{bottom - r}L{left},{top + r}Q{left},{top} {left + r},{top}Z"
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
