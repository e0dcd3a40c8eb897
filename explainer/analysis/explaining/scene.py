"""The scene of a failure: what is known when a stage fails, and what an explainer tells of it.

    Run ──▶ Scene ──▶ misfits, outcomes, conflicts, concrete, mistakes ──▶ Told ──▶ failures ──▶ Failure

Also here: the words that all explainers share, and where an axis of what a level is handed stands in
the whole array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from explainer.analysis import axes
from explainer.analysis.parsing import Operand, Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.report import Blame, Lane, Mismatch, Report
from explainer.source import short_dtype
from explainer.spec import Request, Stage

MOST_NAMED = 12  # leaves listed in one explanation


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when a stage fails; later fields are None while their stage has not run."""

    request: Request
    sources: Sources
    stage: Stage
    error: BaseException
    program: Program | None = None
    nest: Nest | None = None
    report: Report | None = None  # as far as it got


@dataclass(frozen=True, slots=True)
class Told:
    """What an explainer says of a failure; `kind` and `mismatch` as in `Failure`."""

    explanation: str
    blame: Blame = Blame()
    kind: str = ""
    mismatch: Mismatch | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """An array leaf as level k is handed it, and what the levels around did to it.

    X f32[3,4,2], axis 0 mapped by level 0: shape (4, 2), taken (0, None, None), left (1, 2).
    """

    operand: Operand
    dtype: str
    full: tuple[int, ...]
    taken: tuple[int | None, ...]  # per axis of the full array, the level that maps it
    left: tuple[int, ...]  # per axis here, that axis of the full array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.full[axis] for axis in self.left)

    @property
    def path(self) -> str:
        return self.operand.path

    @property
    def type(self) -> str:
        """The type here: f32[4,2]."""
        return type_name(self.dtype, self.shape)

    @property
    def full_type(self) -> str:
        """The type of the whole array: f32[3,4,2]."""
        return type_name(self.dtype, self.full)

    def lane(self, axis: int | None = None, conflicts: Iterable[int] = (), note: str = "") -> Lane:
        """Returns the leaf as a lane; `axis` is counted from the front or from behind."""
        index = axis % len(self.left) if axis is not None and self.has(axis) else None
        return Lane(
            self.path, self.dtype, self.shape, index, tuple(conflicts), self.full, self.taken, note=note
        )

    def has(self, axis: int) -> bool:
        """Tells whether an axis number, negative ones counted from behind, is one of this leaf here."""
        return -len(self.left) <= axis < len(self.left)

    def without(self, level: int, axis: int | None) -> Handed:
        """Returns the leaf as the level inside `level` is handed it."""
        if axis is None or not self.has(axis):
            return self
        gone = self.left[axis]
        taken = tuple(level if n == gone else before for n, before in enumerate(self.taken))
        return Handed(self.operand, self.dtype, self.full, taken, tuple(n for n in self.left if n != gone))


def handed_leaves(program: Program, k: int) -> dict[int, Handed]:
    """Returns the array leaves that level k is handed, by their position among the operands."""
    found = {}
    for position in axes.array_operands(program):
        operand = program.operands[position]
        full = tuple(operand.aval.shape)
        found[position] = Handed(
            operand, dtype_name(operand.aval.dtype), full, (None,) * len(full), tuple(range(len(full)))
        )
    for number, level in enumerate(program.levels[:k]):
        own = axes.array_axes(program, level)
        for position, axis in zip(found, own or (), strict=False):
            found[position] = found[position].without(number, axis)
    return found


def known(scene: Scene) -> tuple[Program, Nest]:
    """Returns the program and its nest, which whoever asks has seen to be there."""
    if scene.program is None or scene.nest is None:
        raise TypeError("explaining axes needs a traced nest")
    return scene.program, scene.nest


def level_title(program: Program, k: int) -> str:
    """Names a level as a sentence begins: "vmap over j (level 1, counted from outside)"."""
    depth = "" if len(program.levels) == 1 else f" (level {k}, counted from outside)"
    return f"vmap over {program.levels[k].name}{depth}"


def inside(program: Program, k: int) -> str:
    """Names the levels around level k: "Inside vmap over i and j, "; "" for the outermost."""
    names = [level.name for level in program.levels[:k]]
    return f"Inside vmap over {listed(names)}, " if names else ""


def of_operands(operands: Iterable[Operand], k: int) -> Blame:
    """Blames leaves at a level."""
    operands = list(operands)
    names = tuple(dict.fromkeys(operand.argument for operand in operands))
    return Blame(arguments=names, paths=tuple(operand.path for operand in operands), levels=(k,))


def shape(aval: Any) -> str:
    """Returns the short name of a type: f32[3,2]."""
    return type_name(dtype_name(aval.dtype), aval.shape)


def type_name(dtype: str, sizes: Sequence[int]) -> str:
    """Returns the short name of a type: f32[3,2]."""
    return f"{short_dtype(dtype)}[{','.join(map(str, sizes))}]"


def handed(program: Program, nest: Nest) -> str:
    """Lists the array leaves that reach the innermost call, and what the levels took of each."""
    leaves = handed_leaves(program, len(nest.avals) - 1).values()
    return capped([described(program, leaf) for leaf in leaves]) or "nothing"


def described(program: Program, leaf: Handed) -> str:
    """Describes a leaf as it reaches a level: "x f32[2] (vmap over i takes axis 0 of f32[3,2])"."""
    steps = takes(program, leaf)
    return f"{leaf.path} {leaf.type} ({steps} of {leaf.full_type})" if steps else f"{leaf.path} {leaf.type}"


def takes(program: Program, leaf: Handed) -> str:
    """Says which levels take which axes: "vmap over i takes axis 0 and vmap over j takes axis 2"."""
    levels = sorted((level, axis) for axis, level in enumerate(leaf.taken) if level is not None)
    return listed([f"vmap over {program.levels[level].name} takes axis {axis}" for level, axis in levels])


def listed(words: Sequence[str], word: str = "and") -> str:
    """Lists words as a sentence does: "x, y and z"."""
    return f"{', '.join(words[:-1])} {word} {words[-1]}" if len(words) > 1 else "".join(words)


def capped(words: Sequence[str], most: int = MOST_NAMED, joint: str = ", ") -> str:
    """Joins words, the first ones only where there are many: "x, y, ... (1998 more)"."""
    left = len(words) - most
    return joint.join(words) if left <= 0 else f"{joint.join(words[:most])}{joint}... ({left} more)"
