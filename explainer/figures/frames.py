"""The moving part: numbers that travel from slice to function to result, frame by frame.

    nest, scene, script ──▶ play ──▶ frames of one fixed population of movers

Plotly keeps what a frame does not mention, and lets what enters fly in from the corner. So
every frame states every mover, and the population never changes: a mover that is not to be
seen is transparent and waits where it will be needed next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from explainer.figures import style, text
from explainer.figures.layout import Point, Rect
from explainer.figures.plan import Drawn, Nest, Values
from explainer.figures.scene import Scene
from explainer.figures.script import Phase, Step


@dataclass(frozen=True, slots=True)
class Frame:
    """One state of all movers, and of the windows of each level (None: not shown)."""

    phase: Phase
    level: int
    points: tuple[Point, ...]
    words: tuple[str, ...]
    visible: tuple[bool, ...]
    windows: tuple[tuple[Rect, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Troupe:
    """The movers of one array across one level's border: `outside` is its place in column `level`.

    Inputs travel outside -> inside, outputs inside -> outside. `slot` is the position of the
    example a mover belongs to, None in an array that the level does not map.
    """

    array: Drawn
    level: int
    outside: tuple[Point, ...]
    inside: tuple[Point, ...]
    slot: tuple[int | None, ...]
    index: tuple[tuple[int | None, ...], ...]

    @property
    def colour(self) -> str:
        if self.array.output:
            return "$out"
        return style.level_token(self.level) if self.array.mapped[self.level] is not None else "$shared"

    @property
    def ink(self) -> str:
        return "$os" if self.colour == "$shared" else "$on"

    @property
    def start(self) -> tuple[Point, ...]:
        return self.inside if self.array.output else self.outside

    @property
    def end(self) -> tuple[Point, ...]:
        return self.outside if self.array.output else self.inside


def troupes(nest: Nest, scene: Scene) -> tuple[Troupe, ...]:
    """Returns all movers of a scene, inputs first, outer levels first."""
    levels = range(len(nest.loops))
    return tuple(
        _troupe(array, level, scene)
        for arrays in (nest.inputs, nest.outputs)
        for level in levels
        for array in arrays
    )


def population(nest: Nest) -> int:
    """Returns how many movers a nest will have, without placing them."""
    total = 0
    for array in nest.inputs + nest.outputs:
        for level in range(len(nest.loops)):
            cells = 1
            for axis in array.drawn_axes(level):
                cells *= len(array.shown[axis])
            total += cells
    return total


def play(nest: Nest, scene: Scene, steps: Sequence[Step]) -> tuple[Frame, ...]:
    """Returns one frame per step."""
    stage = _Stage(nest, scene, troupes(nest, scene))
    return tuple(stage.step(step) for step in steps)


def window(nest: Nest, scene: Scene, level: int, position: int | None) -> tuple[Rect, ...]:
    """Returns the windows around one drawn example of a level, or around all of them for None."""
    shown = nest.loops[level].shown
    wanted = shown if position is None else shown[position : position + 1]
    rects: list[Rect] = []
    for array in nest.inputs + nest.outputs:
        axis = array.mapped[level]
        if axis is not None:
            spot = scene.spots[array.key, level]
            rects += _united([spot.windows(axis, index) for index in wanted])
    return tuple(rects)


def _troupe(array: Drawn, level: int, scene: Scene) -> Troupe:
    outer, inner = scene.spots[array.key, level], scene.spots[array.key, level + 1]
    index = tuple(outer.indices())
    axis = array.mapped[level]
    landing = dict(zip(inner.indices(), inner.points(), strict=True))
    inside = []
    for cell in index:
        left = tuple(None if at == axis else entry for at, entry in enumerate(cell))
        inside.append(landing[left])
    slot = tuple(None if axis is None else array.shown[axis].index(_entry(cell, axis)) for cell in index)
    return Troupe(array, level, tuple(outer.points()), tuple(inside), slot, index)


def _entry(cell: tuple[int | None, ...], axis: int) -> int:
    entry = cell[axis]
    assert entry is not None, "a mapped axis is still there in the column before its level"
    return entry


@dataclass(slots=True)
class _Act:
    """What one troupe does right now."""

    troupe: Troupe
    values: Values
    arrived: list[bool]
    visible: list[bool]
    outer: tuple[int, ...] = ()  # positions of the outer levels its numbers were taken at
    sent: tuple[int, ...] | None = None  # shared: the outer positions it was sent for

    def rest(self) -> None:
        """Sends who is not visible back to the start."""
        self.arrived = [
            arrived and visible for arrived, visible in zip(self.arrived, self.visible, strict=True)
        ]

    def hide(self) -> None:
        self.visible = [False] * len(self.visible)
        self.sent = None

    def chosen(self, position: int) -> list[int]:
        return [number for number, slot in enumerate(self.troupe.slot) if slot is None or slot == position]


@dataclass(slots=True)
class _Stage:
    """Plays steps one after the other."""

    nest: Nest
    scene: Scene
    cast: Sequence[Troupe]
    acts: list[_Act] = field(default_factory=list)
    windows: list[tuple[Rect, ...] | None] = field(default_factory=list)
    known: dict[tuple[int, int | None], tuple[Rect, ...]] = field(default_factory=dict)  # windows made before

    def __post_init__(self) -> None:
        self.acts = [
            _Act(troupe, troupe.array.values(), [False] * len(troupe.slot), [False] * len(troupe.slot))
            for troupe in self.cast
        ]
        self.windows = [None] * len(self.nest.loops)

    def step(self, step: Step) -> Frame:
        for act in self.acts:
            act.rest()
        if step.phase in ("slice", "pass"):
            self._enter(step, arrive=step.phase == "pass")
        elif step.phase in ("call", "calls"):
            self._call(step)
        elif step.phase == "restack":
            self._leave(step)
        elif step.phase == "end":
            self._finish()
        return self._frame(step)

    def _enter(self, step: Step, arrive: bool) -> None:
        """Lights up a slice in its place, or lets it arrive one column further in."""
        level, position = step.level, step.at[-1]
        self.windows[level] = self._window(level, position)
        for inner in range(level + 1, len(self.windows)):
            self.windows[inner] = None
        for act in self.acts:
            if act.troupe.array.output:
                continue
            if act.troupe.level > level and self._depends(act.troupe, level):
                act.hide()
                act.rest()
            if act.troupe.level == level:
                self._send(act, step, arrive)

    def _send(self, act: _Act, step: Step, arrive: bool) -> None:
        outer = step.at[:-1]
        shared = act.troupe.array.mapped[step.level] is None
        if shared and act.sent == self._relevant(act.troupe, outer):
            return
        act.outer = outer
        for number in act.chosen(step.at[-1]):
            act.visible[number] = True
            act.arrived[number] = arrive
        if shared and arrive:
            act.sent = self._relevant(act.troupe, outer)

    def _relevant(self, troupe: Troupe, outer: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the outer positions that this array's numbers depend on."""
        return tuple(at for level, at in enumerate(outer) if troupe.array.mapped[level] is not None)

    def _depends(self, troupe: Troupe, level: int) -> bool:
        return troupe.array.mapped[level] is not None

    def _call(self, step: Step) -> None:
        """Shows the result of a call, or of all inner calls, where they left it."""
        for level in range(step.level + 1, len(self.nest.loops)):
            self.windows[level] = self._window(level, None)
        for act in self.acts:
            if act.troupe.array.output and act.troupe.level == step.level:
                self._show(act, step)

    def _show(self, act: _Act, step: Step) -> None:
        outer = step.at[:-1]
        act.outer = outer
        if act.troupe.array.mapped[step.level] is None and act.sent == outer:
            return
        for number in act.chosen(step.at[-1]):
            act.visible[number] = True
            act.arrived[number] = False

    def _leave(self, step: Step) -> None:
        """Lets the result of an example fly to its place outside, and clears what it was made of."""
        level = step.level
        for act in self.acts:
            troupe = act.troupe
            if troupe.array.output and troupe.level == level:
                self._show(act, step)
                for number in act.chosen(step.at[-1]):
                    act.arrived[number] = True
                act.sent = step.at[:-1]
            elif self._is_used_up(troupe, level):
                act.hide()
        for inner in range(level + 1, len(self.windows)):
            self.windows[inner] = None

    def _is_used_up(self, troupe: Troupe, level: int) -> bool:
        """Tells whether movers belong to one example of a level, which is over."""
        if troupe.array.output:
            return troupe.level == level + 1
        return troupe.level >= level and self._depends(troupe, level)

    def _finish(self) -> None:
        if not self.nest.outputs:
            return
        for act in self.acts:
            if not act.troupe.array.output:
                act.hide()
        self.windows = [None] * len(self.windows)

    def _window(self, level: int, position: int | None) -> tuple[Rect, ...]:
        at = (level, position)
        if at not in self.known:
            self.known[at] = window(self.nest, self.scene, level, position)
        return self.known[at]

    def _frame(self, step: Step) -> Frame:
        points: list[Point] = []
        words: list[str] = []
        visible: list[bool] = []
        for act in self.acts:
            start, end = act.troupe.start, act.troupe.end
            points += [end[at] if arrived else start[at] for at, arrived in enumerate(act.arrived)]
            words += [text.cell(act.values.at(self._full(act, cell))) for cell in act.troupe.index]
            visible += act.visible
        return Frame(step.phase, step.level, tuple(points), tuple(words), tuple(visible), tuple(self.windows))

    def _full(self, act: _Act, cell: tuple[int | None, ...]) -> tuple[int, ...]:
        """Returns the full index of a mover: its own, and the outer examples it was taken from."""
        index = [0 if entry is None else entry for entry in cell]
        for level, axis in enumerate(act.troupe.array.mapped[: act.troupe.level]):
            if axis is not None:
                at = act.outer[level] if level < len(act.outer) else 0
                index[axis] = self.nest.loops[level].shown[at]
        return tuple(index)


def _united(many: Sequence[Sequence[Rect]]) -> list[Rect]:
    """Returns, window by window, the rectangle around the same window of every example."""
    united = list(many[0]) if many else []
    for rects in many[1:]:
        united = [one.union(other) for one, other in zip(united, rects, strict=True)]
    return united
