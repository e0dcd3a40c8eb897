"""The animation: a Report as one plain Plotly figure with frames, and what the player needs beside it.

    Report ──▶ nests ──▶ scene ──▶ script ──▶ frames ──▶ drawing ──▶ Animation(figure, meta)

The figure holds colour tokens (see style). The player draws it with its own controls; native
adds Plotly's. Big arrays are drawn in part, chosen so that the figure stays small and quick.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from explainer.figures import style
from explainer.figures.captions import Caption, Narrator
from explainer.figures.drawing import draw
from explainer.figures.frames import Frame, play, population
from explainer.figures.nests import read
from explainer.figures.plan import Limits, Nest
from explainer.figures.scene import Scene, compose
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
    (1110, 760, 7),
    (1340, 900, 9),
    (1_000_000, 1_000_000, len(LADDER)),
)


@dataclass(frozen=True, slots=True)
class Animation:
    """A figure with colour tokens, what the player shows around it, and the figure as JSON (`payload`).

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
        before = None
        for limits in LADDER[:rungs]:
            cut = nest.cut(limits)
            if cut == before:
                continue
            before = cut
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
    sizes = [len(loop.shown) for loop in nest.loops if not loop.stalled]
    if not sizes:
        return (Step("start", 0, ()), Step("end", 0, ()))
    whole = write(sizes, False, not nest.plain, bool(nest.outputs))
    return whole if len(whole) <= FULL_FRAMES else write(sizes, True, not nest.plain, bool(nest.outputs))


def _build(nest: Nest, scene: Scene, steps: Sequence[Step]) -> Animation:
    frames = play(nest, scene, steps)
    figure = draw(nest, scene, frames)
    narrator = Narrator(nest)
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
        "results": bool(nest.outputs),
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
