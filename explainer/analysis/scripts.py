"""The stages of a script: code alone, run top to bottom, and every jax.vmap call in it.

    parse ─▶ run ─▶ trace ─▶ batch ─▶ check

The script runs once as it is, each vmap call only noted: what it prints and raises is plain JAX's.
To follow the axes it runs again, without `jax.jit`, up to the point where every call was seen; what that
run prints and returns is nobody's.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace

import jax

from explainer.analysis import (
    batching,
    captured,
    findings,
    fixing,
    layering,
    lens,
    parsing,
    printed,
    running,
    surroundings,
)
from explainer.analysis.capturing import MOST_LEVELS, Capture, Captured, Enough
from explainer.analysis.findings import retraces
from explainer.analysis.inlining import without_jit
from explainer.analysis.listing import Listing
from explainer.analysis.reciting import calls, hearing
from explainer.analysis.run import Plan, Run, needed
from explainer.errors import message
from explainer.report import Level


def _parse(run: Run) -> None:
    if not run.limits.final:
        run.surroundings.enter_context(surroundings.restored())
    parsing.compile_code(run.report.request)


def _run(run: Run) -> None:
    run.observed = observed = Capture()
    watching = retraces.watched(run.compilations), observed.observing()
    with _as_it_was(run, observed), _found_added(run, observed), watching[0], watching[1], _exit_is_an_end():
        parsing.run_script(run.report.request)
        jax.effects_barrier()
    if len(observed.found) >= MOST_LEVELS:
        _note(run, f"only the first {MOST_LEVELS} places with a vmap call are listed")
    if observed.elsewhere:
        _note(run, f"calls of jax.vmap made in other threads, {observed.elsewhere} here, are not listed")


@contextlib.contextmanager
def _found_added(run: Run, observed: Capture) -> Iterator[None]:
    """Adds the calls that were found; explains an error while JAX's configuration is still the script's."""
    ended: BaseException | None = None
    try:
        yield
    except BaseException as error:
        ended = error
        raise
    finally:
        run.add(levels=captured.levels(observed, _nothing_known(run, observed)), device=running.device())
        run.add(layers=layering.layers(observed.stack.found, run.report.levels, run.sources))
        if isinstance(ended, Exception):
            with printed.dropped():
                run.failure("run", ended)


def _note(run: Run, note: str) -> None:
    run.add(notes=(*run.report.notes, note))


@contextlib.contextmanager
def _as_it_was(run: Run, observed: Capture) -> Iterator[None]:
    """Runs a script so that it can run again; modules that made calls when imported are imported anew."""
    last = next(reversed(sys.modules))
    put_back = surroundings.noted(first=run.limits.final)
    try:
        yield
    except BaseException:
        put_back()
        raise
    if run.limits.final and not observed.found:
        return  # nothing will run again
    put_back()
    sites = (site for found in observed.found for site in found.call.sites)
    files = {code.co_filename for code, _ in sites if code.co_name == "<module>"}
    names = list(sys.modules) if files else []
    for name in names[names.index(last) + 1 if last in names else 0 :]:
        if getattr(sys.modules[name], "__file__", None) in files:
            del sys.modules[name]


def _nothing_known(run: Run, capture: Capture) -> Listing:
    return Listing(capture, len(capture.found), run.sources, {})


@contextlib.contextmanager
def _exit_is_an_end() -> Iterator[None]:
    """Takes `sys.exit()` for the end of the script; with a message or a code it is an error."""
    try:
        yield
    except SystemExit as error:
        if error.code:
            raise


def _trace(run: Run) -> str:
    """Runs the script again and follows its calls; an error that ended the first run ends this one too."""
    wanted = len(needed(run.observed).found)
    if not wanted:
        run.capture = Capture()
        return "the script made no call of jax.vmap"
    best, trouble = -1, ""
    failing = needed(run.observed).ended
    for jit in (without_jit, contextlib.nullcontext):  # few scripts cannot do without it
        capture = Capture(failing=failing, hears=hearing.listener(run))
        error = _followed(run, capture, wanted, jit())
        same = _agreeing(run, capture)
        if same > best:
            best, trouble = same, "" if error is None else f"failed: {message(error)}".split("\n")[0]
            run.capture = capture
        if same == wanted or (run.report.failure is not None and same == len(capture.found)):
            return ""
    needed(run.capture).keep(best)
    trouble = trouble or "took another way: calls it did not make again are listed, not followed"
    _note(run, f"run a second time, to follow its axes, the script {trouble}")
    return ""


def _agreeing(run: Run, capture: Capture) -> int:
    """Counts the calls that were followed as they had been observed, up to the first that was not."""
    followed = captured.levels(capture, _nothing_known(run, capture))
    places = zip(needed(run.observed).found, capture.found, strict=False)
    pairs = zip(run.report.levels, followed, places, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: _same(*pair), pairs))


def _followed(
    run: Run, capture: Capture, wanted: int, jit: contextlib.AbstractContextManager[None]
) -> BaseException | None:
    """Follows the script's calls until all that are wanted were met; returns what ended the run before."""
    following = capture.following_roots(lambda capture: len(capture.found) >= wanted)
    try:
        with surroundings.restored(), following, jit, _exit_is_an_end():
            parsing.run_script(run.report.request)
    except Enough:
        pass
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (user code may raise anything, what ended the first run, say)
        return error
    return None


def _batch(run: Run) -> str:
    capture = needed(run.capture)
    if not capture.found:
        return "no call was followed"
    run.found = found = batching.describe_roots(capture, run.sources, len(run.report.levels))
    run.add(equations=found.equations, levels=_merged(run.report.levels, found.captured))
    return ""


def _merged(observed: tuple[Level, ...], followed: tuple[Level, ...]) -> tuple[Level, ...]:
    """Takes each level as it was followed, the first ones, and counts its calls as they were observed."""
    counted = [
        replace(
            level,
            count=observed[level.id].count,
            note=level.note or observed[level.id].note,
            enters=level.enters or observed[level.id].enters,  # a call that failed is not followed
        )
        for level in followed
    ]
    return (*counted, *observed[len(counted) :])


def _same(one: Level, other: Level, found: tuple[Captured, Captured]) -> bool:
    """Tells whether two runs made the same call: of a function from the same place, on such inputs."""
    mine, yours = ((level.span, level.parent, level.function, level.inputs) for level in (one, other))
    return mine == yours and found[0].place == found[1].place


def _check(run: Run) -> str:
    """Runs the calls that saw values once more, and checks the claimed axes on them."""
    found = run.found
    if found is None:
        return "no call was followed"
    capture = needed(run.capture)
    with printed.dropped():
        seen, cut = lens.look_at_calls(capture, found, run.report)
    followed = captured.with_values(found.captured, capture, found.listing)
    notes = (*run.report.notes, cut) if cut else run.report.notes
    run.add(values=seen, levels=_merged(run.report.levels, followed), notes=notes)
    return ""


def _at_end(run: Run) -> None:
    """Looks for fixes of what failed, and for what is silently wrong."""
    fixing.add_to(run)
    findings.add_to(run)
    if run.capture is not None:
        calls.add(run, run.capture)


SCRIPT = Plan(
    steps={"parse": _parse, "run": _run, "trace": _trace, "batch": _batch, "check": _check},
    shown=lambda done: ("run",),
    bearable=("run",),
    at_end=_at_end,
)
