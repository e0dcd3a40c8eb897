"""The line above the picture: what this frame shows, readable by itself.

A caption is a list of [words, look] pairs: look is "" for plain text, "b" for bold, "m" for
muted, or the token of a level's colour ("L0"). Words are plain text, never markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer.figures import text
from explainer.figures.plan import Drawn, Nest
from explainer.figures.script import Step
from explainer.figures.style import HUES

Caption = list[list[str]]


def plain(caption: Caption) -> str:
    """Returns a caption without its looks."""
    return "".join(words for words, _ in caption)


def markup(caption: Caption) -> str:
    """Returns a caption as Plotly's pseudo-HTML with colour tokens."""
    pieces = []
    for words, look in caption:
        safe = text.escape(words)
        if look == "b":
            safe = f"<b>{safe}</b>"
        elif look:
            token = "mute" if look == "m" else look
            safe = f'<span style="color:${token}">{safe if look == "m" else f"<b>{safe}</b>"}</span>'
        pieces.append(safe)
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Narrator:
    """Writes the caption of each step of one nest."""

    nest: Nest

    def caption(self, step: Step) -> Caption:
        match step.phase:
            case "start":
                return self._start()
            case "end":
                return self._end()
            case "slice":
                return self._slice(step)
            case "pass":
                return self._pass(step)
            case "call":
                return self._call(step)
            case "calls":
                return self._calls(step)
            case "restack":
                return self._restack(step)

    def _start(self) -> Caption:
        if self.nest.outputs:
            return [["press play", "b"], [", or click a cell of the result to see the call that made it", ""]]
        if self.nest.loops[0].stalled:
            return [["no examples to slice", "b"], [f": {self.nest.stopped}", ""]]
        goal = self._function
        if self.nest.loops[-1].stalled:
            last = len(self.nest.loops) - 1
            goal = f"the {self._transform(last)} over {self._name(last)}, which cannot begin"
        return [["press play", "b"], [f": how the inputs reach {goal}", ""]]

    def _end(self) -> Caption:
        nest = self.nest
        if nest.stopped and nest.outputs:
            return [["no values", "b"], [f": {nest.stopped}", ""]]
        if nest.stopped:
            return [["stopped here", "b"], [f": {nest.stopped}", ""]]
        if not nest.outputs:
            return [["the results are not known yet", "b"]]
        if not nest.calls:
            return [["no examples", "b"], [": a mapped axis has size 0", ""]]
        if not nest.finished:
            return [["done", "b"], [": the values appear when the run has finished", "m"]]
        if nest.plain:
            return [["done", "b"], [f": one call of {self._function}, nothing is mapped", ""]]
        drawn = 1
        for loop in nest.loops:
            drawn *= len(loop.shown)
        calls = "1 call" if nest.calls == 1 else f"{nest.calls:,} calls"
        left = [[f"  ({drawn:,} drawn)", "m"]] if drawn < nest.calls else []
        return [["done", "b"], [f": {calls} of {self._function} in one program", ""], *left]

    def _slice(self, step: Step) -> Caption:
        mapped = [array for array in self.nest.inputs if array.mapped[step.level] is not None]
        return [
            *self._index(step, step.level),
            [" · slice ", ""],
            *self._references(mapped, step),
            *self._shared(step),
        ]

    def _pass(self, step: Step) -> Caption:
        mapped = [array for array in self.nest.inputs if array.mapped[step.level] is not None]
        inner = step.level + 1 == len(self.nest.loops)
        next_one = "" if inner else f"the {self._transform(step.level + 1)} over {self._name(step.level + 1)}"
        goal = next_one or self._function
        if self.nest.plain:
            return [["pass the arguments to ", ""], [goal, "b"]]
        return [
            *self._index(step, step.level),
            [" · pass ", ""],
            *self._references(mapped, step),
            [f" to {goal}", ""],
            *self._shared(step),
        ]

    def _call(self, step: Step) -> Caption:
        lead = [] if self.nest.plain else [*self._index(step, 0), [" · ", ""]]
        return [*lead, ["call ", ""], [self._function, "b"], *self._arguments(step), *self._result(step)]

    def _calls(self, step: Step) -> Caption:
        rest = range(step.level + 1, len(self.nest.loops))
        names = " and ".join(self._name(level) for level in rest)
        return [
            *self._index(step, 0),
            [" · call ", ""],
            [self._function, "b"],
            [f" for every {names} at once, as before", ""],
        ]

    def _restack(self, step: Step) -> Caption:
        if self.nest.plain:
            return [["return the result", ""]]
        loop = self.nest.loops[step.level]
        stacked = [array for array in self.nest.outputs if array.mapped[step.level] is not None]
        words: Caption = [["restack into ", ""], *self._references(stacked, step)]
        if not stacked:
            words = [["return one copy, not stacked", ""]]
        axes = [[f"  out_axes={text.shorten(loop.out_axes, 28)}", "m"]] if loop.out_axes else []
        return [*self._index(step, step.level), [" · ", ""], *words, *axes]

    @property
    def _function(self) -> str:
        return text.shorten(self.nest.function, 40)

    def _transform(self, level: int) -> str:
        return self.nest.loops[level].transform

    def _name(self, level: int) -> str:
        return text.shorten(self.nest.loops[level].name, 16)

    def _entry(self, step: Step, level: int) -> int:
        return self.nest.loops[level].shown[step.at[level]]

    def _index(self, step: Step, first: int) -> Caption:
        parts: Caption = []
        for level in range(first, step.level + 1):
            parts += [[", ", ""]] if parts else []
            parts.append([f"{self._name(level)} = {self._entry(step, level)}", f"L{level % HUES}"])
        return parts

    def _references(self, arrays: list[Drawn], step: Step, limit: int = 3) -> Caption:
        parts: Caption = []
        for array in arrays[:limit]:
            parts += [[", ", ""]] if parts else []
            parts += self._reference(array, step)
        if len(arrays) > limit:
            parts.append([f", +{len(arrays) - limit} more", "m"])
        return parts

    def _reference(self, array: Drawn, step: Step) -> Caption:
        """Returns the part of an array in use as one writes it: X[1], Y[:, 2]."""
        entries: Caption = [[":", ""] for _ in array.shape]
        for level in range(step.level + 1):
            axis = array.mapped[level]
            if axis is not None:
                entries[axis] = [str(self._entry(step, level)), f"L{level % HUES}"]
        while entries and entries[-1][0] == ":":
            entries.pop()
        if not entries:
            return [[array.name, ""]]
        parts: Caption = [[f"{array.name}[", ""]]
        for number, entry in enumerate(entries):
            parts += [[", ", ""]] if number else []
            parts.append(entry)
        return [*parts, ["]", ""]]

    def _shared(self, step: Step) -> Caption:
        shared = [array.name for array in self.nest.inputs if array.mapped[step.level] is None]
        return [[f"  ({text.listing(shared)} shared)", "m"]] if shared and not self.nest.plain else []

    def _arguments(self, step: Step) -> Caption:
        """Returns the arguments of one call; a tree is named as a whole, with the example it is sliced at."""
        names = [(name, keyword) for name, keyword in self.nest.arguments]
        if not names:
            return [["(", ""], *self._references(list(self.nest.inputs), step), [")", ""]]
        parts: Caption = [["(", ""]]
        for number, (name, keyword) in enumerate(names[:5]):
            parts += [[", ", ""]] if number else []
            parts += [[f"{text.shorten(name, 16)}=", ""]] if keyword else []
            parts += self._argument(name, step)
        parts += [[f", +{len(names) - 5} more", "m"]] if len(names) > 5 else []
        return [*parts, [")", ""]]

    def _argument(self, name: str, step: Step) -> Caption:
        leaves = [array for array in self.nest.inputs if array.path == name or array.group == name]
        if len(leaves) == 1 and leaves[0].path == name:
            return self._reference(leaves[0], step)
        parts: Caption = [[text.shorten(name, 16), ""]]
        levels = [
            level for level in range(step.level + 1) if any(leaf.mapped[level] is not None for leaf in leaves)
        ]
        for number, level in enumerate(levels):
            words = f"{self._name(level)}={self._entry(step, level)}"
            parts += [[", " if number else " at ", ""], [words, f"L{level % HUES}"]]
        return parts

    def _result(self, step: Step) -> Caption:
        """Returns the value of a scalar result, else the shape of one example's result."""
        if len(self.nest.outputs) != 1:
            return [[" → several results", ""]]
        array = self.nest.outputs[0]
        depth = len(self.nest.loops)
        shape = array.shape_at(depth)
        if shape:
            return [[" → shape ", ""], [text.shape(shape), "b"]]
        index = [0] * len(array.shape)
        for level, axis in enumerate(array.mapped):
            if axis is not None:
                index[axis] = self._entry(step, level)
        value = array.values().at(index)
        return [[" = ", ""], [text.shorten(text.full(value), 24), "b"]] if value is not None else []
