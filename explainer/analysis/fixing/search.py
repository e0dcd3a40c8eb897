"""The search: edits in order of their cost, tried until five are proven or the time is up.

Situation ──▶ candidates ──▶ trials, by cost ──▶ proofs, by rank ──▶ Fixes
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from explainer import notation
from explainer.analysis import axes as leaf_axes
from explainer.analysis import parsing
from explainer.analysis.fixing.trial import Failed, Prover, Trial, attempt
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.edits import arguments, axes, code, nests, results
from explainer.edits.candidate import Candidate
from explainer.edits.situation import Situation
from explainer.errors import SpecError
from explainer.report import Fix
from explainer.spec import Request

MOST_FIXES = 5
ENOUGH = 14  # candidates that trace; further ones cost more and would hardly be shown
SECONDS = 1.6
_BUSY = 3  # times as long where others need the machine, too
_TRACING = 0.6  # share of the time for traces; the rest is for proofs
_MENDING = 0.75  # share of the time after which no code is edited any more
MOST_MENDED = 8  # states of the code that are edited further
MOST_EDITS = 12  # edits of one state
_PROMOTES = 0.45  # cost of a function that combines arrays of different ranks

Evaluate = Callable[[Request], Program | None]


@dataclass(slots=True)
class Search:
    """A search under way.

    `request` is the user's text as a whole, whose code is edited; `situation.request` states the nest.
    `evaluate` makes a program of either, edited. `hopeless` are shapes known to make the function fail.
    """

    request: Request
    situation: Situation
    program: Program | None
    evaluate: Evaluate
    sources: Callable[[Request], Sources] = Sources
    seconds: float = field(default_factory=lambda: SECONDS)
    begun: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.perf_counter()))
    tried: int = 0
    hopeless: set[tuple[Any, ...]] = field(default_factory=set)
    seen: set[Request] = field(default_factory=set)

    def over(self, share: float = 1.0) -> bool:
        """Tells whether that share of the time is used up: by this process, or by all of a busy machine."""
        busy, wall = time.process_time() - self.begun[0], time.perf_counter() - self.begun[1]
        return busy > share * self.seconds or wall > _BUSY * share * self.seconds


@dataclass(frozen=True, slots=True)
class Alive:
    """A candidate that traces, and its rank."""

    candidate: Candidate
    trial: Trial

    @property
    def rank(self) -> float:
        """Returns the cost of the edit, and of what its function has to put up with."""
        return self.candidate.cost + (_PROMOTES if self.trial.promotes else 0.0)


def single_edits(search: Search) -> list[Alive]:
    """Returns the edits that trace, best first: one edit of the request, or several of its code."""
    alive = _alive(search, _singles(search.situation))
    if search.program is not None:
        alive += _mended(search)
    return sorted(alive, key=lambda one: one.rank)


def double_edits(search: Search) -> list[Alive]:
    """Returns the pairs of edits that trace, best first."""
    return sorted(_alive(search, axes.in_axes_twice(search.situation)), key=lambda one: one.rank)


def proven(
    search: Search, alive: Sequence[Alive], finish: Callable[[Fix, Alive], Fix | None] = lambda fix, _: fix
) -> tuple[Fix, ...]:
    """Proves candidates, best first, until there are five or the time is up; `finish` may refuse one."""
    program = search.program
    prover = Prover(None if program is None else program.function)
    found: list[Fix] = []
    fewest = 9  # edits of a fix: what takes one needs no second one
    wanted = _wanted(search.request.wanted)
    for each in sorted(alive, key=lambda one: (not _gives(one, wanted), one.candidate.edits, one.rank)):
        if len(found) == MOST_FIXES or (found and search.over()) or search.over(2.0):
            break
        if each.candidate.edits > fewest:
            continue
        proof = prover.proof(each.trial, each.candidate.code)
        if proof:
            c = each.candidate
            fix = Fix(c.request, c.summary, each.trial.outputs, c.place, c.before, c.after, proof)
            fix = finish(fix, each)
            found += [] if fix is None else [fix]
            fewest = fewest if fix is None else c.edits
    return tuple(found)


def _wanted(text: str) -> tuple[tuple[int, ...], ...]:
    """Returns the shapes of the output that the user asks for; () where none are stated."""
    try:
        asked = notation.parse(text) if text.strip() else None
    except SpecError:
        return ()
    return tuple(leaf.shape for leaf in asked.leaves) if isinstance(asked, notation.Shapes) else ()


def _gives(one: Alive, wanted: tuple[tuple[int, ...], ...]) -> bool:
    return bool(wanted) and tuple(leaf.shape for leaf in one.trial.outputs) == wanted


def _singles(s: Situation) -> list[Candidate]:
    """Lists the candidates with one edit, but those of code, cheapest first."""
    makers: tuple[Callable[[Situation], list[Candidate]], ...] = (arguments.arguments, code.names)
    if s.levels:
        makers += (axes.in_axes, nests.levels, nests.settings, results.out_axes)
    return sorted((c for make in makers for c in make(s)), key=lambda candidate: candidate.cost)


def _alive(search: Search, candidates: Iterable[Candidate]) -> list[Alive]:
    found: list[Alive] = []
    for candidate in candidates:
        if len(found) >= ENOUGH or search.over(_TRACING):
            break
        trial = _tried(search, candidate)
        if isinstance(trial, Trial):
            found.append(Alive(candidate, trial))
    return found


def _tried(search: Search, candidate: Candidate) -> Trial | Failed | None:
    """Traces a candidate; None where it cannot be evaluated, or is known to fail."""
    if candidate.request in search.seen:
        return None
    search.seen.add(candidate.request)
    program = search.evaluate(candidate.request)
    if program is None:
        return None
    key = _key(search, program)
    if key in search.hopeless:
        return None
    search.tried += 1
    trial = attempt(program)
    if isinstance(trial, Failed) and trial.inside and key:
        search.hopeless.add(key)
    return trial


def _key(search: Search, program: Program) -> tuple[Any, ...]:
    """Returns what decides whether the function can be called: what one example hands it; () if more does."""
    own = search.program
    if own is None or program.function is not own.function or program.operands is not own.operands:
        return ()
    if any(level.axis_name is not None for level in program.levels):
        return ()
    found = [_flat_axes(program, level) for level in program.levels]
    levels = [tuple(level) for level in found if level is not None]
    if len(levels) != len(found):
        return ()
    shapes = axes.example_shapes(search.situation, levels, [None] * len(levels))
    shared = tuple(all(level[n] is None for level in levels) for n in range(len(program.operands)))
    return () if shapes is None else (shapes, shared)


def _flat_axes(program: Program, level: parsing.ParsedLevel) -> list[int | None] | None:
    return leaf_axes.leaf_axes(program, level) if leaf_axes.fits(program, level) else None


@dataclass(frozen=True, slots=True)
class _State:
    """Code on its way to be mended: what was edited, and the error that it has now."""

    request: Request
    said: tuple[str, ...]
    cost: float
    error: Exception


def _mended(search: Search) -> list[Alive]:
    """Edits the code where it fails, and again where it fails next, the cheapest first."""
    program = search.program
    first = None if program is None else attempt(program)
    if not isinstance(first, Failed):
        return []
    found: list[Alive] = []
    left = [_State(search.request, (), 0.0, first.error)]
    for _ in range(MOST_MENDED):
        if not left or found or search.over(_MENDING):  # what takes one edit needs no second one
            break
        state = left.pop(0)
        alive, failed = _edited_once(search, state)
        found += alive
        left = sorted([*left, *failed], key=lambda state: state.cost)
    return found


def _edited_once(search: Search, state: _State) -> tuple[list[Alive], list[_State]]:
    """Returns (what traces after one edit more, what fails elsewhere after it)."""
    alive, failed = [], []
    for candidate in _next(search, state):
        if search.over(_MENDING):
            break
        trial = _tried(search, candidate)
        if isinstance(trial, Trial):
            alive.append(Alive(candidate, trial))
        elif isinstance(trial, Failed) and not _alike(search, state, candidate.request, trial.error):
            failed.append(_State(candidate.request, (candidate.summary,), candidate.cost, trial.error))
    return alive, failed


def _next(search: Search, state: _State) -> list[Candidate]:
    """Lists candidates with one edit more."""
    span = search.sources(state.request).of_error(state.error)
    source = "code" if span is None else span.source
    if source not in ("code", "function"):
        return []
    own = state.request.code if source == "code" else state.request.function.strip()
    found = []
    for edit in code.edits(own, span, type(state.error).__name__)[:MOST_EDITS]:
        after = code.edited(state.request, source, edit.text)
        said = [*state.said, edit.summary]
        found.append(code.candidate(search.request, after, said, state.cost + edit.cost))
    return found


def _alike(search: Search, state: _State, request: Request, error: Exception) -> bool:
    """Tells that an edit left the failure where it was: the same type of error at the same text."""
    if type(error) is not type(state.error):
        return False
    old, new = search.sources(state.request), search.sources(request)
    before, after = old.of_error(state.error), new.of_error(error)
    if before is None or after is None:
        return before is after
    return old.text(before) == new.text(after) and before.line >= after.line
