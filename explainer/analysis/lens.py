"""The lens: the values of all intermediates, the proof of their claimed axes, the first nan and inf.

    Program, Nest, Report ──▶ look ──▶ Values

The batched program runs once more with every intermediate handed out (`replaying`). Cut along its
claimed batch axes, each value must be what a run of the example's own program, which knows nothing
of vmap, has at the same place. So the values that a reader sees are those the tracker is proven on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np

from explainer.analysis import checking, nonfinite, running, values
from explainer.analysis.internals import Instrumented, Key
from explainer.analysis.parsing import Program
from explainer.analysis.recording import Kept, Recording, record
from explainer.analysis.replaying import Spot
from explainer.analysis.tracing import Nest
from explainer.intermediates import Disagreement, Loop, Proof, Seen, Values
from explainer.report import BatchedAval, Report

MOST_ENTRIES = 4_000_000  # of all intermediates together, loops included, that one run hands out
MOST_EQUATIONS = 1500
SLOW = 4.0  # seconds to compile and run the plain program; with all its values handed out it takes longer
SHOWN_ENTRIES = 40_000  # of all previews together
SHOWN_VALUES = 4000
MOST_EXAMPLES = 8
_SECONDS = 0.5  # no new example is begun after this
_PREVIEWS = (1024, 256, 64, 16)  # entries per value, tried until all fit
_ITERATIONS = (48, 24, 12, 6, 3, 1)  # of each loop, tried until all fit
_NUDGE = 16  # roundings that the inputs are moved by, to see what rounding alone does to a value
_SWAY = 64  # a difference up to so many times that effect says nothing about axes


def look(program: Program, nest: Nest, keys: Sequence[Key], report: Report) -> Values:
    """Runs the program once more and returns its intermediates; says so where that is not possible.

    `keys[n]` is the way in of equation n of the report.
    """
    levels = report.levels[: len(program.levels)]
    refused = _refused(nest, report, [level.axis_size or 0 for level in levels])
    if refused or nest.source is None or nest.jaxpr is None:
        return Values(note=refused)
    ids = {key: number for number, key in reversed(list(enumerate(keys)))}
    kept = Kept(nest.source, MOST_ENTRIES)
    try:
        batched = record(nest.source, kept, nest.jaxpr, running.inputs(program, nest))
        bad = nonfinite.first(program, nest, report, batched, ids)
        proof = _Prover(program, nest, report, batched, ids).proof()
    except Exception as error:  # noqa: BLE001  (callbacks of the user's may raise anything)
        return Values(
            note=f"the program could not be run once more: {type(error).__name__}: {error}".split("\n")[0]
        )
    points, hidden = _points(batched, ids, report)
    loops = tuple(_loops(points, ids, nest.source))
    return Values(tuple(_seen(points, batched, ids, report)), loops, proof, bad, hidden + len(kept.left_out))


def _refused(nest: Nest, report: Report, sizes: Sequence[int]) -> str:
    """Returns why the values are not looked at, "" if they are."""
    timing = report.timing
    seconds = 0.0 if timing is None else (timing.compile or 0.0) + (timing.first_call or 0.0)
    if nest.source is None or nest.jaxpr is None:
        return "where the batch axes are is not known"
    if not report.equations:
        return "the program has no equations"
    if not prod(sizes):
        return "an axis has size 0: there is no example to look at"
    if len(report.equations) > MOST_EQUATIONS:
        return f"{len(report.equations):,} equations are too many to look into (at most {MOST_EQUATIONS:,})"
    if seconds > SLOW:
        return f"compiling and running took {seconds:.1f} s: a second run with all values would take longer"
    return ""


@dataclass(frozen=True, slots=True)
class _Point:
    """One kept value: where it stands in the recording and in the run."""

    spot: Spot
    slot: tuple[int, ...]
    iterations: tuple[int, ...]
    loops: tuple[Spot, ...]


def _points(batched: Recording, ids: dict[Key, int], report: Report) -> tuple[list[_Point], int]:
    """Lists the values to show in program order, and how many there are beyond."""
    spots = sorted((ids[spot.key], spot.output, spot) for spot in batched.values if spot.key in ids)
    tracked = [spot for number, output, spot in spots if report.equations[number].outputs[output].tracked]
    points = [
        _Point(spot, slot, iterations, batched.around[spot].loops)
        for spot in tracked
        for slot, iterations in batched.iterations(spot)
    ]
    fitting = points
    for most in _ITERATIONS:
        if len(fitting) <= SHOWN_VALUES:
            break
        fitting = [point for point in points if all(n < most for n in point.slot)]
    fitting = fitting[:SHOWN_VALUES]
    return fitting, len(points) - len(fitting)


def _seen(points: list[_Point], batched: Recording, ids: dict[Key, int], report: Report) -> Iterator[Seen]:
    """Describes the values, previews cut so that all of them fit."""
    sizes = [batched.value(point.spot, point.slot).size for point in points]
    most = next((n for n in _PREVIEWS if sum(min(size, n) for size in sizes) <= SHOWN_ENTRIES), _PREVIEWS[-1])
    for point in points:
        number, output = ids[point.spot.key], point.spot.output
        name = report.equations[number].outputs[output].name
        leaf = values.leaf(name, batched.value(point.spot, point.slot), most)
        yield Seen(number, output, point.iterations, leaf)


def _loops(points: list[_Point], ids: dict[Key, int], source: Instrumented) -> Iterator[Loop]:
    """Tells of every loop which iterations can be shown, and how many its body ran at most."""
    numbers: dict[Key, set[int]] = {}
    ran: dict[Key, int] = {}
    for point in points:
        for stamp, iteration in zip(point.loops, point.iterations, strict=True):
            numbers.setdefault(stamp.key, set()).add(iteration)
            if stamp.output == -1:  # not the test of a while
                ran[stamp.key] = max(ran.get(stamp.key, 0), iteration + 1)
    for key, found in sorted(numbers.items(), key=lambda item: ids[item[0]]):
        yield Loop(ids[key], tuple(sorted(found)), ran.get(key, 0), _test(key, ids, source))


def _test(key: Key, ids: dict[Key, int], source: Instrumented) -> int | None:
    """Returns the equation that gives the outcome of a while's test, None for a scan or a constant."""
    body, index = key[-1]
    params = source.bodies[body].eqns[index].params
    if "cond_jaxpr" not in params:
        return None
    test = params["cond_jaxpr"].jaxpr
    made_by = next((n for n, eqn in enumerate(test.eqns) if test.outvars[0] in eqn.outvars), None)
    within = (other for other in ids if len(other) == len(key) + 1 and other[:-1] == key)
    return next(
        (ids[other] for other in within if source.bodies[other[-1][0]] is test and other[-1][1] == made_by),
        None,
    )


class _Prover:
    """Compares each value of the batched run, cut as claimed, with the example's own run."""

    def __init__(
        self, program: Program, nest: Nest, report: Report, batched: Recording, ids: dict[Key, int]
    ) -> None:
        self.program, self.nest, self.report = program, nest, report
        self.levels = report.levels[: len(program.levels)]
        self.batched, self.ids = batched, ids
        self.rounding = checking.coarsest(nest)
        self.result = Proof(of=prod(level.axis_size or 0 for level in self.levels))

    def proof(self) -> Proof:
        """Runs one example after another until they, or the time, are used up."""
        if not self.levels:
            return replace(self.result, note="no level is stated: one run is all there is")
        source, end = self.nest.source, time.perf_counter() + _SECONDS
        assert source is not None  # look() has seen to it
        places = checking.sample([level.axis_size or 0 for level in self.levels], MOST_EXAMPLES)
        kept = Kept(source, MOST_ENTRIES, frozenset(self.batched.values))
        try:
            single = record(source, kept, source.closed, self._example(places[0]))
        except NameError as error:  # jax: an axis name that only vmap binds
            reason = f"examples communicate along an axis, so that none can be run alone ({error})"
            return replace(self.result, note=reason.split("\n")[0])
        for place in places:
            self._compare(single.again(self._example(place)), place)
            if time.perf_counter() > end:
                break
        return self.result

    def _example(self, place: tuple[int, ...]) -> list[Any]:
        leaves = checking.example(self.program, self.levels, place)
        return [leaves[position] for position in self.nest.traced]

    def _compare(self, single: Recording, place: tuple[int, ...]) -> None:
        nudged: Recording | None = None
        result = replace(self.result, examples=self.result.examples + 1)
        for spot, own in single.values.items():
            if spot.key not in self.ids:  # of a call that was made before, which the report counts only
                continue
            number = self.ids[spot.key]
            claim = self.report.equations[number].outputs[spot.output]
            both = _same_iterations(self.batched, single, spot)
            whole = self.batched.values[spot]
            if not both.any():
                continue
            agrees = _fits(whole, claim, both.ndim) and self._agrees(
                _cut(whole, claim, both.ndim, place)[both], own[both], whole
            )
            undecided = False
            if not agrees and _fits(whole, claim, both.ndim):
                nudged = nudged or single.again(_nudged(self._example(place)))
                undecided = _sways(
                    _cut(whole, claim, both.ndim, place)[both], own[both], nudged.values[spot][both]
                )
            count = int(both.sum())
            result = replace(
                result,
                values=result.values + count,
                agreed=result.agreed + count * agrees,
                undecided=result.undecided + count * undecided,
                wrong=result.wrong
                or (None if agrees or undecided else Disagreement(number, spot.output, place)),
            )
        self.result = result

    def _agrees(self, got: np.ndarray, expected: np.ndarray, whole: np.ndarray) -> bool:
        worst = checking.Worst(self.rounding)
        worst.add(expected, got, whole)
        return worst.agrees


def _same_iterations(batched: Recording, single: Recording, spot: Spot) -> np.ndarray:
    """Returns a mask over the kept iterations: those that both runs have, and that the example did run."""
    mask = np.ones(tuple(batched.around[spot].slots), bool)
    for stamp in single.around[spot].loops:
        one, other = batched.stamps[stamp], single.stamps[stamp]
        same = (one == other) & (other >= 0)
        mask &= same.reshape(same.shape + (1,) * (mask.ndim - same.ndim))
    for stamp in single.around[spot].branches:
        ran = single.stamps[stamp] >= 0
        if stamp in batched.stamps:
            ran &= batched.stamps[stamp] >= 0
        mask &= ran.reshape(ran.shape + (1,) * (mask.ndim - ran.ndim))
    return mask


def _fits(whole: np.ndarray, claim: BatchedAval, loops: int) -> bool:
    """Tells whether an array has the claimed shape, behind the axes of the loops around it."""
    return claim.tracked and whole.shape[loops : loops + len(claim.batched_shape)] == claim.batched_shape


def _cut(whole: np.ndarray, claim: BatchedAval, loops: int, place: tuple[int, ...]) -> np.ndarray:
    """Returns one example's part along the claimed axes, the axes of the loops kept in front."""
    index: list[Any] = [slice(None)] * whole.ndim
    for axis, number in zip(claim.batch_dims, place, strict=False):
        if axis is not None:
            index[loops + axis] = number
    return whole[tuple(index)]


def _nudged(leaves: list[Any]) -> list[Any]:
    """Moves every float by a few roundings, up or down."""
    rng = np.random.default_rng(0)

    def moved(value: Any) -> Any:
        if not jnp.issubdtype(jnp.result_type(value), jnp.inexact):
            return value
        host = np.asarray(value)
        step = 1 + _NUDGE * float(jnp.finfo(host.dtype).eps) * rng.choice([-1.0, 1.0], host.shape)
        return (host * step).astype(host.dtype)

    return [moved(value) for value in leaves]


def _sways(got: np.ndarray, expected: np.ndarray, nudged: np.ndarray) -> bool:
    """Tells whether rounding alone moves a value about as far as the two runs are apart."""
    if expected.dtype.kind in "bui":
        return bool(((got == expected) | (nudged != expected)).all())
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    a, b, c = got.astype(wide), expected.astype(wide), nudged.astype(wide)
    with np.errstate(invalid="ignore"):
        apart, moved = np.abs(a - b), np.abs(c - b)
    finite = np.isfinite(apart)
    return bool(
        np.isfinite(moved).all()
        and apart[finite].max(initial=0) <= _SWAY * moved.max(initial=0)
        and finite.all()
    )
