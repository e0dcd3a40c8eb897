"""The lens: the values of all intermediates, the proof of their claimed axes, the first nan and inf.

    Program, Nest, Report ──▶ look ──▶ Values

The batched program runs once more with every intermediate handed out (`recording`); `proving`
compares them with the examples' own runs. So the values that a reader sees are those that the
claimed axes are proven on.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax

from explainer.analysis import checking, nonfinite, proving, running, subjects, values
from explainer.analysis.batching import Description
from explainer.analysis.capturing import Capture
from explainer.analysis.internals import INPUTS, OUTPUTS, ClosedJaxpr, Instrumented, Key
from explainer.analysis.parsing import Program
from explainer.analysis.recording import Kept, Recording, record
from explainer.analysis.replaying import Spot
from explainer.analysis.subjects import Subject
from explainer.analysis.tracing import Nest
from explainer.intermediates import Loop, Proof, Seen, Values
from explainer.report import Report

MOST_ENTRIES = 4_000_000  # of all intermediates together, loops included, that one run hands out
MOST_EQUATIONS = 1500
SLOW = 4.0  # seconds to compile and run the plain program; with all its values handed out it takes longer
SHOWN_ENTRIES = 40_000  # of all previews together
SHOWN_VALUES = 4000
CALLS_SECONDS = 2.0  # no further call of a script is looked into after this
CROSSING_ENTRIES = 40_000  # of the previews of what crosses captured functions, all together
_PREVIEWS = (1024, 256, 64, 16)  # entries per value, tried until all fit
_ITERATIONS = (48, 24, 12, 6, 3, 1)  # of each loop, tried until all fit


def look(program: Program, nest: Nest, found: Description, report: Report) -> Values:
    """Runs the nest once more and returns its intermediates; says so where that is not possible."""
    refused = _refused(report)
    if refused or nest.source is None or nest.jaxpr is None:
        return Values(note=refused or "where the batch axes are is not known")
    whole = _Whole(nest.source, nest.jaxpr, running.inputs(program, nest), checking.coarsest(nest))
    own = subjects.stated(program, nest, report)
    return _looked(whole, [] if own is None else [own], nest.capture, found, report)


def look_at_calls(capture: Capture, found: Description, report: Report) -> tuple[Values, str]:
    """Runs each outermost call of a script once more, on the values it saw; returns all intermediates.

    The text says, if the time was up before the last call, how many were looked into.
    """
    refused = _refused(report)
    if refused:
        return Values(note=refused), ""
    values = Values(proof=Proof(note="no call saw values"))
    calls = [(each, each.unit, each.root) for each in capture.found if each.root is not None]
    end = time.perf_counter() + CALLS_SECONDS
    for number, (each, unit, root) in enumerate(calls):
        if time.perf_counter() > end:
            return values, f"values: the first {number:,} of {len(calls):,} calls were looked into"
        if unit is not None and root is not None and root.arguments is not None:
            whole = _Whole(unit, root.jaxpr, root.arguments, _coarsest(unit))
            with jax.enable_x64(each.x64):
                values = _together(values, _looked(whole, [], capture, found, report))
    return values, ""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A batched program, the unit it was made from, and its arguments over all examples."""

    source: Instrumented
    jaxpr: ClosedJaxpr
    arguments: list[Any]
    rounding: float


def _looked(
    whole: _Whole, stated: list[Subject], capture: Capture, found: Description, report: Report
) -> Values:
    ids = {key: number for number, key in reversed(list(enumerate(found.keys)))}
    kept = Kept(whole.source, MOST_ENTRIES, differs=functools.partial(_differs, capture, found))
    try:
        batched = record(whole.source, kept, whole.jaxpr, whole.arguments)
        all_of_them = [*stated, *_captured(capture, found, report, batched)]
        proof = proving.prove(all_of_them, batched, ids, report, whole.rounding)
        bad = nonfinite.first(all_of_them, batched, ids, report)
    except Exception as error:  # noqa: BLE001  (callbacks of the user's may raise anything)
        said = f"the program could not be run once more: {type(error).__name__}: {error}"
        return Values(note=said.split("\n")[0])
    _note_crossings(batched, capture, found)
    points, hidden = _points(batched, ids, report)
    loops = tuple(_loops(points, ids, whole.source))
    return Values(tuple(_seen(points, batched, ids, report)), loops, proof, bad, hidden + len(kept.left_out))


def _differs(capture: Capture, found: Description, spot: Spot) -> dict[Any, bool]:
    """Tells along which axes of the mesh around it a value is claimed to differ; {} where nothing is."""
    seen = found.listing.seen.get(spot.key)
    if seen is None or spot.output not in seen.places:
        return {}
    dims = seen.places[spot.output][0]
    around = capture.device_axes(capture.levels.get(spot.key[0][0]))
    return {axis.name: dims[axis.level] is not None for axis in around}


def _note_crossings(batched: Recording, capture: Capture, found: Description) -> None:
    """Leaves with the listing what crossed into the captured functions and out of them, when first called."""
    left = CROSSING_ENTRIES
    for each in capture.found:
        unit = each.unit
        if unit is None:
            continue
        for key in (((unit.root, INPUTS),), ((unit.root, OUTPUTS),)):
            for spot in (spot for spot in batched.values if spot.key == key):
                slot = next((slot for slot, _ in batched.iterations(spot)), None)
                if slot is None or left <= 0:
                    continue
                value = batched.value(spot, slot)
                left -= min(value.size, values.PREVIEW_CELLS)
                found.listing.values[key, spot.output] = values.leaf("", value)


def _captured(capture: Capture, found: Description, report: Report, batched: Recording) -> Iterator[Subject]:
    """Lists the captured functions that the program called."""
    for each in capture.found:
        chain = capture.chain(each.number)
        yield from subjects.captured(each, chain, report, found.listing, batched)


def _together(one: Values, other: Values) -> Values:
    """Returns the values of two calls, one after the other."""
    first, second = one.proof, other.proof
    compared = first.values + second.values
    proof = Proof(
        compared,
        first.examples + second.examples,
        first.of + second.of,
        first.agreed + second.agreed,
        first.undecided + second.undecided,
        first.wrong or second.wrong,
        "" if compared else second.note or first.note,
    )
    known = {bad.kind for bad in one.bad}
    bad = (*one.bad, *(bad for bad in other.bad if bad.kind not in known))
    left_out = one.left_out + other.left_out
    return Values(
        (*one.seen, *other.seen), (*one.loops, *other.loops), proof, bad, left_out, one.note or other.note
    )


def _coarsest(unit: Instrumented) -> float:
    """Returns the rounding of the coarsest dtype that a unit computes in."""
    bodies = (unit.bodies[body] for body, owner in unit.all.owner.items() if owner == unit.root)
    return checking.rounding(bodies)


def _refused(report: Report) -> str:
    """Returns why the values are not looked at, "" if they are."""
    timing = report.timing
    seconds = 0.0 if timing is None else (timing.compile or 0.0) + (timing.first_call or 0.0)
    if not report.equations:
        return "the program has no equations"
    if not all(level.axis_size for level in report.stated):
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
