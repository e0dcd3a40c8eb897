"""What one run saw inside: the values of the intermediates, and what they prove.

    analysis/lens ─▶ Values ─▶ Report ─▶ lens (look-ups) ─▶ ui, text

Every value is kept over all examples, with its batch axes in it as the program holds them; which
part belongs to one example is said by `Equation.outputs[n].batch_dims`, and checked by `Proof`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from explainer.xray import Leaf

Kind = Literal["nan", "inf"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One output of one equation at one point of the run, over all examples.

    `iterations` has one number per loop around the equation, outermost first; () outside of loops.
    """

    equation: int
    output: int
    iterations: tuple[int, ...]
    value: Leaf  # its path is the variable's name, its shape the batched shape


@dataclass(frozen=True, slots=True)
class Loop:
    """A scan or while: the iterations whose values are kept, in order, and how many ran at most.

    A while's condition is tested once more than its body runs, at iteration `count`. `test` is the
    equation that gives its outcome: an example for which it is False has finished, and what the body
    goes on to compute for it is thrown away.
    """

    equation: int
    kept: tuple[int, ...]
    count: int
    test: int | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A value that is not where its claimed axes say: the first one found."""

    equation: int
    output: int
    example: tuple[int, ...]  # one index per level around the equation, outermost first


@dataclass(frozen=True, slots=True)
class Proof:
    """The claimed batch axes checked on real values: each example's slice against its own run.

    `values` slices (an output of an equation, in one iteration, for one example) were compared at
    `examples` of `of` examples, those of the stated function and of each captured one together.
    `agreed` are equal up to rounding. `undecided` ones differ by no more than rounding alone moves
    them, so they say nothing. Where `note` is set and nothing was compared, it says why.
    """

    values: int = 0
    examples: int = 0
    of: int = 0
    agreed: int = 0
    undecided: int = 0
    wrong: Disagreement | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether every compared value sits where it is claimed to; None: nothing was compared."""
        return self.wrong is None if self.values else None


@dataclass(frozen=True, slots=True)
class Bad:
    """The first nan or the first inf in the order of execution.

    `inputs` says what the equation was handed already: without `kind` in it, this equation made it.
    `example` has one index per level around the equation, `element` is the index within its value.
    """

    kind: Kind
    equation: int
    output: int
    example: tuple[int, ...]
    iterations: tuple[int, ...]
    element: tuple[int, ...]
    inputs: tuple[Kind, ...] = ()
    reaches_results: bool = False  # an output of the run holds a nan or inf too
    levels: tuple[int, ...] = ()  # ids of the levels that `example` has an index of

    @property
    def origin(self) -> bool:
        """Whether this equation made it of good inputs; a nan made of inf counts as made here."""
        return self.kind not in self.inputs


@dataclass(frozen=True, slots=True)
class Values:
    """The intermediates of the run. `left_out` values were too many to keep; `note`: why there are none."""

    seen: tuple[Seen, ...] = ()
    loops: tuple[Loop, ...] = ()
    proof: Proof = Proof()
    bad: tuple[Bad, ...] = ()  # at most one per kind, in the order of execution
    left_out: int = 0
    note: str = ""
