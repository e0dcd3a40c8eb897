"""The search: edits in order of their cost, tried until five are proven or the time is up.

Situation ──▶ candidates ──▶ trials, by cost ──▶ proofs, by rank ──▶ Fixes
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from explainer.analysis import parsing
from explainer.analysis.fixing.trial import Failed, Prover, Trial, attempt, quiet
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.edits import arguments, axes, code, nests, results
from explainer.edits.candidate import Candidate
from explainer.edits.situation import Situation
from explainer.report import Fix
from explainer.spec import Request

MOST_FIXES = 5
ENOUGH = 14  # candidates that trace; further ones cost more and would hardly be shown
SECONDS = 1.6
_TRACING = 0.6  # share of the time for traces; the rest is for proofs
_MENDING = 0.75  # share of the time after which no code is edited any more
MOST_MENDED = 8  # states of the code that are edited further
MOST_EDITS = 12  # edits of one state
_PROMOTES = 1.5  # cost of a function that combines arrays of different ranks


@dataclass(slots=True)
class Search:
    """A search under way: how many were tried, and the functions known to fail on some shapes."""

    situation: Situation
    program: Program | None
    end: float
    tried: int = 0
    hopeless: set[tuple[Any, ...]] = field(default_factory=set)
    seen: set[Request] = field(default_factory=set)

    def over(self, share: float = 1.0) -> bool:
        """Tells whether that share of the time is used up."""
        return time.perf_counter() > self.end - (1 - share) * SECONDS


@dataclass(frozen=True, slots=True)
class Alive:
    """A candidate that traces, and its rank."""

    candidate: Candidate
    trial: Trial
    rank: float


def search(
    situation: Situation, program: Program | None, seconds: float = SECONDS
) -> tuple[tuple[Fix, ...], int]:
    """Returns (proven fixes, best first; how many edits were tried)."""
    under_way = Search(situation, program, time.perf_counter() + seconds)
    alive = _alive(under_way, _singles(situation))
    if program is not None:
        alive += _mended(under_way)
    found = _proven(under_way, alive)
    if not found:
        found = _proven(under_way, _alive(under_way, axes.in_axes_twice(situation)))
    return found, under_way.tried


def _singles(s: Situation) -> list[Candidate]:
    """Lists the candidates with one edit, but those of code, cheapest first."""
    makers: tuple[Callable[[Situation], list[Candidate]], ...] = (arguments.arguments, code.names)
    if s.levels:
        makers += (axes.in_axes, nests.levels, nests.settings, results.out_axes)
    return sorted((c for make in makers for c in make(s)), key=lambda candidate: candidate.cost)


def _alive(under_way: Search, candidates: Iterable[Candidate]) -> list[Alive]:
    found: list[Alive] = []
    for candidate in candidates:
        if len(found) >= ENOUGH or under_way.over(_TRACING):
            break
        trial = _tried(under_way, candidate)
        if isinstance(trial, Trial):
            found.append(_ranked(candidate, trial))
    return found


def _ranked(candidate: Candidate, trial: Trial) -> Alive:
    return Alive(candidate, trial, candidate.cost + (_PROMOTES if trial.promotes else 0.0))


def _tried(under_way: Search, candidate: Candidate) -> Trial | Failed | None:
    """Traces a candidate; None where it is known to fail."""
    if candidate.request in under_way.seen:
        return None
    under_way.seen.add(candidate.request)
    before = under_way.situation.request
    program = edited(candidate.request, before, under_way.program)
    if program is None:
        return None
    key = _key(under_way, program, candidate.request)
    if key in under_way.hopeless:
        return None
    under_way.tried += 1
    trial = attempt(program)
    if isinstance(trial, Failed) and trial.inside and key:
        under_way.hopeless.add(key)
    return trial


def _key(under_way: Search, program: Program, request: Request) -> tuple[Any, ...]:
    """Returns what decides whether the function can be called: itself, and what one example hands it."""
    s = under_way.situation
    if program.function is not getattr(under_way.program, "function", None) or any(
        level.axis_name is not None for level in program.levels
    ):
        return ()
    if request.arguments != s.request.arguments:
        return ()
    levels = [tuple(found) for level in program.levels if (found := _flat_axes(program, level)) is not None]
    shapes = (
        axes.example_shapes(s, levels, [None] * len(levels)) if len(levels) == len(program.levels) else None
    )
    shared = tuple(all(level[n] is None for level in levels) for n in range(len(program.operands)))
    return () if shapes is None else (shapes, shared)


def _flat_axes(program: Program, level: parsing.ParsedLevel) -> list[int | None] | None:
    from explainer.analysis import axes as leaf_axes

    return leaf_axes.leaf_axes(program, level) if leaf_axes.fits(program, level) else None


def edited(request: Request, before: Request, program: Program | None) -> Program | None:
    """Evaluates an edited request, no more of it than changed; None where a text of it fails."""
    try:
        with quiet():
            same = replace(request, levels=before.levels) == before
            if same and program is not None:
                return _with_levels(request, program)
            return _anew(request)
    except Exception:  # noqa: BLE001  (texts of the user's)
        return None


def _with_levels(request: Request, program: Program) -> Program:
    args, kwargs = jax.tree.unflatten(program.tree, [operand.value for operand in program.operands])
    names = [a.name for a in program.arguments if not a.keyword]
    given = dict(zip(names, args, strict=True)) | kwargs
    scope = dict(program.scope)
    levels = tuple(
        parsing.evaluate_level(level, number, scope, given) for number, level in enumerate(request.levels)
    )
    return replace(program, levels=levels)


def _anew(request: Request) -> Program:
    namespace = parsing.run_code(request)
    function = parsing.find_function(request, namespace)
    given = parsing.evaluate_arguments(request, namespace)
    levels = tuple(
        parsing.evaluate_level(level, number, namespace, given) for number, level in enumerate(request.levels)
    )
    return parsing.program(request, namespace, function, given, levels)


def _mended(under_way: Search) -> list[Alive]:
    """Edits the code where it fails, and again where it fails next, the cheapest first."""
    s, program = under_way.situation, under_way.program
    if program is None:
        return []
    first = attempt(program)
    if not isinstance(first, Failed):
        return []
    found: list[Alive] = []
    left = [_State(s.request, (), 0.0, first.error)]
    for _ in range(MOST_MENDED):
        if not left or len(found) >= MOST_FIXES or under_way.over(_MENDING):
            break
        state = left.pop(0)
        alive, failed = _edited_once(under_way, state)
        found += alive
        left = sorted([*left, *failed], key=lambda state: state.cost)
    return found


@dataclass(frozen=True, slots=True)
class _State:
    """Code on its way to be mended: what was edited, and the error that it has now."""

    request: Request
    said: tuple[str, ...]
    cost: float
    error: Exception


def _edited_once(under_way: Search, state: _State) -> tuple[list[Alive], list[_State]]:
    """Returns (what traces after one edit more, what fails elsewhere after it)."""
    alive, failed = [], []
    for candidate in _next(under_way.situation.request, state):
        if under_way.over(_MENDING):
            break
        trial = _tried(under_way, candidate)
        if isinstance(trial, Trial):
            alive.append(_ranked(candidate, trial))
        elif isinstance(trial, Failed) and not _alike(state, candidate.request, trial.error):
            said = (*state.said, candidate.summary)
            failed.append(_State(candidate.request, said, candidate.cost, trial.error))
    return alive, failed


def _next(before: Request, state: _State) -> list[Candidate]:
    """Lists candidates with one edit more."""
    span = Sources(state.request).of_error(state.error)
    source = "code" if span is None else span.source
    if source not in ("code", "function"):
        return []
    own = state.request.code if source == "code" else state.request.function.strip()
    found = []
    for edit in code.edits(own, span, type(state.error).__name__)[:MOST_EDITS]:
        after = code.edited(state.request, source, edit.text)
        said = [*state.said, edit.summary]
        found.append(code.candidate(before, after, said, state.cost + edit.cost))
    return found


def _alike(state: _State, request: Request, error: Exception) -> bool:
    """Tells that an edit left the failure where it was: the same type of error at the same text."""
    if type(error) is not type(state.error):
        return False
    old, new = Sources(state.request), Sources(request)
    before, after = old.of_error(state.error), new.of_error(error)
    if before is None or after is None:
        return before is after
    return old.text(before) == new.text(after) and before.line >= after.line


def _proven(under_way: Search, alive: list[Alive]) -> tuple[Fix, ...]:
    """Proves candidates, best first, until there are five or the time is up."""
    program = under_way.program
    prover = Prover(None if program is None else program.function)
    found: list[Fix] = []
    for each in sorted(alive, key=lambda one: one.rank):
        if len(found) == MOST_FIXES or (found and under_way.over()):
            break
        proof = prover.proof(each.trial, each.candidate.code)
        if proof:
            found.append(_fix(each, proof))
    return tuple(found)


def _fix(alive: Alive, proof: str) -> Fix:
    c = alive.candidate
    return Fix(c.request, c.summary, alive.trial.outputs, c.place, c.before, c.after, proof)
