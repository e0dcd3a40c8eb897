"""Calls read aloud: the readings of every call of a vmapped function that the user's code made.

    Capture, what was heard of its calls ──▶ add ──▶ Report.readings, Report.unspoken

A call is run by itself, outside of the code around it: vmap, loops and all, on the arguments it was
handed, or on made-up ones of their shapes where they were traced.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace

import jax

from explainer.analysis import axes, batching, printed, surroundings, tracing
from explainer.analysis.calls import Captured
from explainer.analysis.capturing import Capture
from explainer.analysis.internals import MeshCall
from explainer.analysis.parsing import Program
from explainer.analysis.reciting import readings
from explainer.analysis.reciting.hearing import Heard
from explainer.analysis.run import Run
from explainer.analysis.wanting.trying import Trials
from explainer.errors import message
from explainer.report import Level, Reading, Unspoken

SECONDS = 3.0  # no further call is read aloud after this
_EACH = 0.5
_MADE_UP = ", with values made up for what was traced"


def add(run: Run, capture: Capture) -> None:
    """Puts the readings of the calls into the report of a run that went to its end."""
    if run.until != "time" or run.report.failure is not None:
        return
    end = time.perf_counter() + SECONDS
    for found in capture.found:
        levels = tuple(each.number for each in capture.found if _outer(each) == found.number)
        if not levels:  # a level of a call that was read already
            continue
        why, own = "there was no time left to read it aloud", []
        if time.perf_counter() < end:
            why, own = _told(found, run.report.levels)
        if why:
            run.add(unspoken=(*run.report.unspoken, Unspoken(levels, why)))
        spoken = (replace(reading, levels=levels) for reading in own)
        run.add(readings=(*run.report.readings, *spoken))


def _outer(found: Captured) -> int:
    """Returns the number of the outermost of the levels that are one call."""
    return found.heard.outer if isinstance(found.heard, Heard) else found.number


def _told(found: Captured, levels: tuple[Level, ...]) -> tuple[str, list[Reading]]:
    """Returns the readings of a call; without any, why there are none."""
    heard = found.heard
    if isinstance(found.call, MeshCall):
        return f"{found.call.transform} spreads it over devices, which loops and einsums know nothing of", []
    if not isinstance(heard, Heard):
        return "it was not met again when the code ran a second time", []
    if heard.program is None or found.ended:
        return heard.why or f"it ended in {found.ended}", []
    try:
        with printed.dropped(), surroundings.restored(), jax.enable_x64(found.x64), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(heard, heard.program, _around(levels, found.parent))
    except Exception as error:  # noqa: BLE001  (the user's code, run out of its place, may raise anything)
        return f"it does not run by itself ({_sentence(error)})", []


def _sentence(error: Exception) -> str:
    """Returns the first sentence of an error: NameError: Found an unbound axis name: b."""
    said = message(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _around(levels: tuple[Level, ...], parent: int | None) -> str:
    """Names the levels that a call stands in: "i and j"; "" for none."""
    names: list[str] = []
    while parent is not None:
        names.insert(0, levels[parent].name)
        parent = levels[parent].parent
    return " and ".join(names)


def _read(heard: Heard, program: Program, around: str) -> tuple[str, list[Reading]]:
    start = time.perf_counter()
    nest = tracing.trace(program)
    if nest.error is not None and axes.never_mapped(program):
        nest = tracing.trace(program, concrete=True)
    if nest.error is not None:
        raise nest.error
    levels = batching.levels(program, nest)
    trials = Trials(program, _EACH)
    tree = nest.outputs[len(program.levels)]
    if any(not level.axis_size for level in levels):
        return "an axis has size 0: there is no example", []
    if not trials.computable(nest.outputs[0]):
        return "its results are too large to compare values", []
    outputs = trials.results([program])[0]
    seconds = time.perf_counter() - start
    if seconds > readings.SLOW:
        return f"running it once took {seconds:.1f} s", []
    found = [
        _worded(reading, heard, around)
        for reading in readings.proven(trials, levels, tree, heard.function, outputs)
    ]
    return "" if found else _nothing_proven(trials, nest.avals[-1]), found


def _worded(reading: Reading, heard: Heard, around: str) -> Reading:
    """Adds what the names in a reading stand for, and what values it was compared on."""
    where = f" of one example of {around}" if around else ""
    proof = f"{reading.proof}{where}{_MADE_UP if heard.made_up else ''}"
    if reading.kind == "named":
        return replace(reading, proof=proof)
    notes = "".join(f"# {note}\n" for note in heard.notes)
    return replace(reading, text=notes + reading.text, proof=proof)


def _nothing_proven(trials: Trials, example: Sequence[jax.ShapeDtypeStruct]) -> str:
    """Tells why no reading gave the values: what the function does for one example alone."""
    try:
        jax.eval_shape(trials.flat(trials.program), *example)
    except Exception as error:  # noqa: BLE001  (whatever the user's function raises)
        return f"its function does not run for one example alone ({_sentence(error)})"
    return "no other words gave the same values"
