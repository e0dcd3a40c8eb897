"""The wanted output: which levels around the function give it, or why none can.

    Request.wanted ─▶ notation ─▶ stacks, tried on shapes ─▶ proven on values ─▶ Wanted

From named axes ("n d, m d -> n m") the stated nest follows, then those that give the same with less; from
a shape alone all stacks are searched. Each that is shown ran, and equals plain loops.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from explainer import export, notation
from explainer.analysis import printed, values
from explainer.analysis.parsing import Program
from explainer.analysis.run import Run
from explainer.analysis.wanting import namings, stacks, trying, unwanted
from explainer.analysis.wanting.stacks import Stack, Unit
from explainer.analysis.wanting.trying import Trials, leaves
from explainer.errors import SpecError, message
from explainer.notation import Shapes, WantedLeaf
from explainer.report import Fix, Wanted
from explainer.spec import Request, Vmap
from explainer.views import aloud

MOST_SOLUTIONS = 5
SECONDS = 1.2  # no new trial is begun after this
_AT_ONCE = 8  # stacks compiled together


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stack that gives the wanted shapes, and the output tree of one example."""

    stack: Stack
    tree: Any


def add(run: Run) -> None:
    """Puts what was found for the wanted output, which a request states, into the report of its run."""
    request = run.report.request
    try:
        asked = notation.parse(request.wanted)
    except SpecError as error:
        run.add(wanted=Wanted(request.wanted, why_not=f"The wanted output cannot be read: {error}"))
        return
    if run.program is None:
        why_not = "Nothing could be tried: the function and its arguments have to be there first."
        run.add(wanted=Wanted(request.wanted, why_not=why_not))
        return
    with printed.dropped():
        try:
            trials = Trials(run.program, SECONDS)
        except Exception as error:  # noqa: BLE001  (the user's own kind of tree, which must be rebuilt)
            why_not = f"The arguments cannot be rebuilt with other leaves: {message(error)}"
            run.add(wanted=Wanted(request.wanted, why_not=why_not))
            return
        run.add(wanted=solve(request, asked, trials))


def solve(request: Request, asked: notation.Shapes | notation.Named, trials: Trials) -> Wanted:
    """Finds the stacks that give what is asked for, at most five, or says why there is none."""
    if isinstance(asked, Shapes):
        found = _first_distinct(request, trials, _from_shapes(asked.leaves, trials))
        return Wanted(request.wanted, found, "" if found else unwanted.shapes(asked.leaves, trials))
    problem = namings.problem(asked, trials)
    if problem:
        return Wanted(request.wanted, why_not=problem)
    naming = namings.Naming.of(asked, trials)
    candidates = [Candidate(stack, tree) for stack, tree in naming.candidates(trials)]
    found = _first_distinct(request, trials, candidates, stated=naming.stated)
    return Wanted(request.wanted, found, "" if found else unwanted.names(naming, trials))


def _from_shapes(wanted: Sequence[WantedLeaf], trials: Trials) -> Iterator[Candidate]:
    """Lists the stacks for which the function's outputs have the wanted shapes, simplest first.

    Those of more levels than the simplest one are left out: they give it in a roundabout way.
    """
    main = max(range(len(wanted)), key=lambda n: len(wanted[n].shape))
    most = min(stacks.MOST_LEVELS, len(wanted[main].shape))
    units = (stacks.whole_units(trials.arguments), stacks.single_units(trials.arguments))
    for taken, levels in itertools.product(units, range(1, most + 1)):
        fitting = _of_levels(taken, levels, main, wanted, trials)
        first = next(fitting, None)
        if first is not None:
            yield first
            yield from fitting
            break
    bare = _fitting(Stack((), ()), (), main, wanted, trials)
    if bare is not None:
        yield bare


def _of_levels(
    units: Sequence[Unit], levels: int, main: int, wanted: Sequence[WantedLeaf], trials: Trials
) -> Iterator[Candidate]:
    for stack, places in stacks.stacks(trials.shapes, units, wanted[main].shape, levels):
        if trials.over:
            return
        candidate = _fitting(stack, places, main, wanted, trials)
        if candidate is not None:
            yield candidate


def _fitting(
    stack: Stack, places: tuple[int, ...], main: int, wanted: Sequence[WantedLeaf], trials: Trials
) -> Candidate | None:
    """Returns a stack with its places in all outputs, if the function's outputs then are as wanted."""
    outcome = trials.outcome(stack.example(trials.shapes))
    found = outcome.leaves
    if len(found) != len(wanted) or any(
        not _typed(leaf, one) for leaf, one in zip(found, wanted, strict=True)
    ):
        return None
    by_output: list[tuple[int | None, ...]] = []
    for n, (leaf, one) in enumerate(zip(found, wanted, strict=True)):
        choices: Iterable[tuple[int | None, ...]] = (
            [places] if n == main else stacks.placements(one.shape, stack.sizes)
        )
        fits = (axes for axes in choices if stacks.without(one.shape, axes) == tuple(leaf.shape))
        place = next(fits, None)
        if place is None:
            return None
        by_output.append(place)
    outs = tuple(zip(*by_output, strict=True)) if stack.sizes else ()
    return Candidate(replace(stack, outs=outs), outcome.tree)


def _typed(leaf: Any, wanted: WantedLeaf) -> bool:
    """Tells whether an output has the dtype that is asked for, if one is; any keys are keys."""
    if not wanted.dtype:
        return True
    if wanted.dtype == "key":
        return values.is_key(leaf.dtype)
    return values.dtype_name(leaf.dtype) == values.dtype_name(jax.dtypes.canonicalize_dtype(wanted.dtype))


def _first_distinct(
    request: Request, trials: Trials, candidates: Iterable[Candidate], stated: Stack | None = None
) -> tuple[Fix, ...]:
    """Proves candidates in their order, those equal to an earlier one left out, until there are enough."""
    found: list[tuple[Fix, Any]] = []
    waiting = iter(candidates)
    while len(found) < MOST_SOLUTIONS:
        batch = _running(trials, waiting, _AT_ONCE if not found else MOST_SOLUTIONS)
        if not batch:
            break
        for fix, results in _proven(request, trials, batch):
            known = any(_same(results, other) for _, other in found)
            if len(found) < MOST_SOLUTIONS and not (known and stated is None):
                found.append((fix, results))
        if trials.over:
            break
    return tuple(fix for fix, _ in found)


def _running(trials: Trials, waiting: Iterator[Candidate], most: int) -> list[tuple[Candidate, Any, Any]]:
    """Takes the next candidates that jax.vmap accepts; with their levels and their program."""
    batch = []
    for candidate in waiting:
        try:
            levels = trials.levels(candidate.stack, candidate.tree)
            program = trials.parsed(levels)
        except Exception:  # noqa: BLE001  (the user's own kind of tree refuses axes as its leaves)
            continue
        try:
            shapes = trials.result_shapes(program)
        except trying.NEEDS_VALUE:  # of what no level maps: it is there when the nest runs
            shapes = None
        except Exception:  # noqa: BLE001  (what jax.vmap raises where it has no rule, or out_axes=None does not fit)
            continue
        batch.append((candidate, levels, program, shapes))
        if len(batch) >= most or trials.over:
            break
    return batch


def _proven(request: Request, trials: Trials, batch: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Fix, Any]]:
    """Runs stacks and compares them with plain loops; those that are too large are shown as traced."""
    computed = [(program, shapes) for _, _, program, shapes in batch if trials.computable(shapes)]
    results = iter(_results(trials, [program for program, _ in computed]))
    for candidate, levels, _, shapes in batch:
        if not trials.computable(shapes):
            yield (
                _fix(request, trials, candidate, levels, shapes, "traced; too large to be computed here"),
                None,
            )
            continue
        values_ = next(results)
        if values_ is None:
            continue
        proof = trials.prove(candidate.stack, jax.tree.leaves(values_))
        if proof.agrees:
            yield _fix(request, trials, candidate, levels, values_, str(proof)), values_


def _results(trials: Trials, programs: Sequence[Program]) -> list[Any]:
    """Returns the values of each nest; None where it does not run."""
    try:
        return trials.results(programs) if programs else []
    except Exception:  # noqa: BLE001  (one of them does not compile or run: each by itself)
        return [_alone(trials, program) for program in programs]


def _alone(trials: Trials, program: Program) -> Any:
    try:
        return trials.results([program])[0]
    except Exception:  # noqa: BLE001  (it is not shown as proven)
        return None


def _fix(
    request: Request, trials: Trials, candidate: Candidate, levels: Any, results: Any, proof: str
) -> Fix:
    as_it_is = bool(levels) and list(map(_axes_text, levels)) == list(map(_axes_text, request.levels))
    solved = request if as_it_is else replace(request, levels=tuple(levels))
    said = aloud.formula(trials.spoken(candidate.stack, candidate.tree, " ".join(request.function.split())))
    return Fix(
        request=solved,
        summary=f"{'Leave it as it is' if as_it_is else _headline(levels)}: {said}",
        outputs=leaves(results),
        place="levels",
        before=export.call(request),
        after=export.call(solved),
        proof=proof,
    )


def _axes_text(level: Vmap) -> tuple[str, str]:
    """Returns a level's axes, however they are spaced."""
    return "".join(level.in_axes.split()), "".join(level.out_axes.split())


def _headline(levels: Sequence[Any]) -> str:
    if not levels:
        return "Use no vmap"
    return "Use one vmap" if len(levels) == 1 else f"Nest {len(levels)} vmaps"


def _same(results: Any, other: Any) -> bool:
    """Tells whether two results have the same values; what was not computed is told apart."""
    if results is None or other is None:
        return False
    pairs = zip(jax.tree.leaves(results), jax.tree.leaves(other), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return all(a.shape == b.shape and np.allclose(_wide(a), _wide(b), equal_nan=True) for a, b in pairs)


def _wide(value: Any) -> Any:
    return np.asarray(value).astype(np.complex128 if np.iscomplexobj(value) else np.float64)
