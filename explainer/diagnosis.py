"""What is wrong and what mends it, as plain data: failures, silent bugs, proven fixes.

    analysis ─▶ Failure (with its Mismatch), Finding, Fix ─▶ Report

`explainer.report` holds these and gives their names on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from explainer.spec import Request, Stage
from explainer.xray import Leaf, Shape, Span


@dataclass(frozen=True, slots=True)
class Blame:
    """Where a failure comes from, in the user's own names."""

    arguments: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """One value of a mismatch, to be drawn to scale: a leaf of an argument, or an operand in the function.

    `shape` is what the failing level, or expression, was handed. `full` is the shape of the whole value
    outside of all levels; `taken[n]` is the level that maps axis n of it, None while none does: X
    f32[3,4,2] inside vmap over i is shape (4, 2), full (3, 4, 2), taken (0, None, None).
    """

    name: str  # "X", "params['w']", "x @ W"
    dtype: str
    shape: Shape
    axis: int | None = None  # of `shape`, which the failing level maps; None: shared, or out of range
    conflicts: tuple[int, ...] = ()  # axes of `shape` that do not fit the other lanes
    full: Shape = ()
    taken: tuple[int | None, ...] = ()
    span: Span | None = None
    note: str = ""  # "has no axis 1", "a scalar", "axis_size"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The values that do not fit each other, all of them, not only the majority.

    `level` is the id of the level that failed, None inside the mapped function.
    """

    lanes: tuple[Lane, ...]
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The stage that failed: what happened, where, what to do; JAX's own message beside it.

    `limit` names the limit that was hit ("deadline", "memory", "output", ...), else "". `kind` names the
    mistake ("unequal_sizes", "no_such_axis", ...), "" where it is only told in JAX's words.
    """

    stage: Stage
    error_type: str
    message: str
    explanation: str
    blame: Blame = Blame()
    limit: str = ""
    mismatch: Mismatch | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A silent bug: the code runs, but does not do what it seems to.

    "certain": shown by a run of this program; "likely", "possible": it may be meant.
    """

    kind: str  # "shared_key", "influence", "swapped", ...
    severity: Literal["info", "warning", "error"]
    explanation: str
    blame: Blame = Blame()
    confidence: Literal["certain", "likely", "possible"] = "likely"
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """An edited request that was proven to run, and the outputs it gave.

    `place` names the text that is edited as `Span.source` does ("in_axes of level 1", "code",
    "argument keys"), or is "levels"; `before` and `after` are that text, or the lines of it that differ.
    """

    request: Request
    summary: str  # "Map axis 0 of y, too": an instruction, in the user's names
    outputs: tuple[Leaf, ...]
    place: str = ""
    before: str = ""
    after: str = ""
    proof: str = ""  # "same as a Python loop over all 12 examples", "traced", "the script runs to its end"


@dataclass(frozen=True, slots=True)
class Reading:
    """A nest of levels said another way: loops, named axes, an einsum, a `jnp.vectorize` signature.

    "named" is "i [2], j [2] -> i j": mapped axes by name, in brackets those that the function sees whole.
    `proof` says what showed that it is the same: "equal on all 12 examples". `levels` are those of the
    call that it says, the levels that map one function at once; (): the nest that the request states.
    """

    kind: Literal["loops", "einsum", "vectorize", "named"]
    text: str
    proof: str = ""
    levels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unspoken:
    """A call of a vmapped function that cannot be said another way, and why."""

    levels: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was found for the output the user asked for ("f32[3,4]", "n d, m d -> n m").

    `solutions` are proven, simplest first; where there is none, `why_not` says what is impossible.
    """

    text: str
    solutions: tuple[Fix, ...] = ()
    why_not: str = ""
