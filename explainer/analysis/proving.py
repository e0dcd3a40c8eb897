"""Proving: every value of the batched run, cut along its claimed axes, is what the example's own run has.

    Recording of the batched program, subjects ──▶ prove ──▶ Proof

The example's run knows nothing of vmap. Where the two differ, the inputs are moved by a few
roundings: a value that moves as much by that alone says nothing about axes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from explainer.analysis import checking
from explainer.analysis.internals import Key
from explainer.analysis.recording import Kept, Recording, record
from explainer.analysis.replaying import Spot
from explainer.analysis.subjects import Subject
from explainer.intermediates import Disagreement, Proof
from explainer.report import BatchedAval, Report

MOST_EXAMPLES = 8
_SECONDS = 1.0  # no new subject, and after its first no new example, is begun after this
_NUDGE = 16  # roundings that the inputs are moved by
_SWAY = 64  # a difference up to so many times the effect of that is rounding


def prove(
    subjects: Iterable[Subject], batched: Recording, ids: dict[Key, int], report: Report, rounding: float
) -> Proof:
    """Compares at some examples of each subject; `rounding` is that of the coarsest dtype computed in."""
    prover, end = _Prover(batched, ids, report, rounding), time.perf_counter() + _SECONDS
    for spot in sorted(spot for spot in batched.kept.unlike if spot.key in ids):  # one value for all devices
        wrong = prover.result.wrong or Disagreement(ids[spot.key], spot.output, ())
        prover.result = replace(prover.result, values=prover.result.values + 1, wrong=wrong)
    for subject in subjects:
        if time.perf_counter() > end:
            break
        try:
            prover.check(subject, end)
        except NameError as error:  # jax: an axis name that only vmap binds
            reason = f"examples communicate along an axis, so that none can be run alone ({error})"
            prover.result = replace(
                prover.result, note=reason.split(". To fix")[0].split("\n")[0].rstrip(")") + ")"
            )
    result = prover.result
    if not result.of and not result.note:
        return replace(result, note="there is no level: one run is all there is")
    if not result.values and not result.note:
        return replace(result, note="the run met no equation of a level")
    return result


class _Prover:
    """The comparison so far."""

    def __init__(self, batched: Recording, ids: dict[Key, int], report: Report, rounding: float) -> None:
        self.batched, self.ids, self.report, self.rounding = batched, ids, report, rounding
        self.result = Proof()

    def check(self, subject: Subject, end: float) -> None:
        """Runs one example of a subject after another until they, or the time, are used up."""
        if not subject.levels or not subject.examples:
            return
        places = checking.sample(subject.sizes, MOST_EXAMPLES)
        kept = Kept(subject.unit, self.batched.kept.most, frozenset(self.batched.values))
        kept.differs = self.batched.kept.differs
        single = record(subject.unit, kept, subject.closed, subject.example(places[0]))
        self.result = replace(self.result, of=self.result.of + subject.examples)
        for n, place in enumerate(places):
            if n and time.perf_counter() > end:
                break
            self._compare(subject, single.again(subject.example(place)), place)

    def _compare(self, subject: Subject, single: Recording, place: tuple[int, ...]) -> None:
        nudged: Recording | None = None
        result = replace(self.result, examples=self.result.examples + 1)
        for spot, own in single.values.items():
            if spot.key not in self.ids:  # inputs; a call made before, which the report only counts
                continue
            both = self._same_iterations(subject.slot, single, spot)
            if not both.any():
                continue
            number = self.ids[spot.key]
            whole = self._whole(subject, single, spot)
            claim = self.report.equations[number].outputs[spot.output]
            part = _cut(whole, claim, both.ndim, subject, place)
            agrees = part is not None and self._agrees(part[both], own[both], whole)
            undecided = False
            if part is not None and not agrees:
                nudged = nudged or single.again(_nudged(subject.example(place)))
                undecided = _sways(part[both], own[both], nudged.values[spot][both])
            count = int(both.sum())
            wrong = None if agrees or undecided else Disagreement(number, spot.output, place)
            result = replace(
                result,
                values=result.values + count,
                agreed=result.agreed + count * agrees,
                undecided=result.undecided + count * undecided,
                wrong=result.wrong or wrong,
            )
        self.result = result

    def _whole(self, subject: Subject, single: Recording, spot: Spot) -> np.ndarray:
        """Returns a value with an axis for each loop around it, also one that JAX moved it out of."""
        value, here, there = self.batched.values[spot], self.batched.around[spot], single.around[spot]
        slots = dict(zip(subject.loops, subject.slot, strict=False))
        value = value[tuple(slots.get(loop, slice(None)) for loop in here.loops)]
        moved = tuple(n for n, loop in enumerate(there.loops) if loop not in here.loops)
        value = np.expand_dims(value, moved)
        sizes = (there.slots[n] if n in moved else size for n, size in enumerate(value.shape))
        return np.broadcast_to(value, tuple(sizes))

    def _same_iterations(self, slot: tuple[int, ...], single: Recording, spot: Spot) -> np.ndarray:
        """Returns a mask over the kept iterations: those that both runs have."""
        at = single.around[spot]
        mask = np.ones(at.slots, bool)
        for stamp in at.loops:
            other = single.stamps[stamp]
            same = other >= 0
            if stamp in self.batched.stamps:  # else JAX moved all that was in it out
                same &= self.batched.stamps[stamp][slot] == other
            mask &= same.reshape(same.shape + (1,) * (mask.ndim - same.ndim))
        for stamp in at.branches:
            ran = single.stamps[stamp] >= 0
            if stamp in self.batched.stamps:
                ran = ran & (self.batched.stamps[stamp][slot] >= 0)
            mask &= ran.reshape(ran.shape + (1,) * (mask.ndim - ran.ndim))
        return mask

    def _agrees(self, got: np.ndarray, expected: np.ndarray, whole: np.ndarray) -> bool:
        worst = checking.Worst(self.rounding)
        worst.add(expected, got, whole)
        return worst.agrees


def _cut(
    whole: np.ndarray, claim: BatchedAval, loops: int, subject: Subject, place: tuple[int, ...]
) -> np.ndarray | None:
    """Returns one example's part along the claimed axes, the axes of loops kept in front.

    None: the claimed axes are not there to be cut along.
    """
    index: list[Any] = [slice(None)] * whole.ndim
    for level, number in zip(subject.levels, place, strict=True):
        axis = claim.batch_dims[level.id]
        if axis is not None:
            index[loops + axis] = number
    shape = whole.shape[loops : loops + len(claim.batched_shape)]
    return whole[tuple(index)] if claim.tracked and shape == claim.batched_shape else None


def _nudged(leaves: list[Any]) -> list[Any]:
    """Moves every float by a few roundings, up or down."""
    rng = np.random.default_rng(0)

    def moved(value: Any) -> Any:
        if not jnp.issubdtype(value.dtype, jnp.inexact):
            return value
        host = np.asarray(value)
        step = 1 + _NUDGE * float(jnp.finfo(host.dtype).eps) * rng.choice([-1.0, 1.0], host.shape)
        return (host * step).astype(host.dtype)

    return [moved(value) for value in leaves]


def _sways(got: np.ndarray, expected: np.ndarray, nudged: np.ndarray) -> bool:
    """Tells whether rounding alone moves a value about as far as the two runs are apart."""
    if got.shape != expected.shape:
        return False
    if expected.dtype.kind in "bui":
        return bool(((got == expected) | (nudged != expected)).all())
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    a, b, c = got.astype(wide), expected.astype(wide), nudged.astype(wide)
    with np.errstate(invalid="ignore"):
        apart, moved = np.abs(a - b), np.abs(c - b)
    known = np.isfinite(apart).all() and np.isfinite(moved).all()
    return bool(known and apart.max(initial=0) <= _SWAY * moved.max(initial=0))
