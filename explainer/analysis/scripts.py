"""The stages of a script: code alone, run top to bottom, and every jax.vmap call in it.

    parse ─▶ run ─▶ trace ─▶ batch ─▶ check

The script runs once as it is, each vmap call only noted: what it prints and raises is plain JAX's.
To follow the axes it runs again, without `jax.jit`, up to the point where every call was seen; what that
run prints and returns is nobody's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import jax

from explainer.analysis import batching, captured, layering, lens, parsing, printed, running
from explainer.analysis.capturing import MOST_LEVELS, Capture, Enough
from explainer.analysis.inlining import without_jit
from explainer.analysis.listing import Listing
from explainer.analysis.run import Plan, Run, needed
from explainer.report import Level


def _parse(run: Run) -> None:
    parsing.compile_code(run.report.request)


def _run(run: Run) -> None:
    run.observed = observed = Capture()
    try:
        with observed.observing(), _exit_is_an_end():
            parsing.run_script(run.report.request)
            jax.effects_barrier()
    finally:
        run.add(levels=captured.levels(observed, _nothing_known(run, observed)), device=running.device())
        run.add(layers=layering.layers(observed.stack.found, run.report.levels, run.sources))
    if len(observed.found) >= MOST_LEVELS:
        run.add(notes=(*run.report.notes, f"only the first {MOST_LEVELS} places with a vmap call are listed"))


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
    for jit in (without_jit, contextlib.nullcontext):  # few scripts cannot do without it
        run.capture = capture = Capture()
        error = _followed(run, capture, wanted, jit())
        if error is None or run.report.failure is not None:
            return ""
    note = f"run a second time, to follow its axes, the script failed: {error}".split("\n")[0]
    run.add(notes=(*run.report.notes, note))
    return ""


def _followed(
    run: Run, capture: Capture, wanted: int, jit: contextlib.AbstractContextManager[None]
) -> Exception | None:
    """Follows the script's calls until all that are wanted were met; returns what ended the run before."""
    following = capture.following_roots(lambda capture: len(capture.found) >= wanted)
    try:
        with following, jit, _exit_is_an_end():
            parsing.run_script(run.report.request)
    except Enough:
        pass
    except Exception as error:  # noqa: BLE001  (user code may raise anything)
        return error
    return None


def _batch(run: Run) -> str:
    capture = needed(run.capture)
    if not capture.found:
        return "no call was followed"
    run.found = found = batching.describe_roots(capture, run.sources)
    run.add(equations=found.equations, levels=_merged(run.report.levels, found.captured))
    return ""


def _merged(observed: tuple[Level, ...], followed: tuple[Level, ...]) -> tuple[Level, ...]:
    """Takes each level as it was followed, and counts its calls as they were observed."""
    merged = list(observed)
    for level in followed:
        if level.id < len(merged) and _same(merged[level.id], level):
            merged[level.id] = replace(level, count=merged[level.id].count)
    return tuple(merged)


def _same(one: Level, other: Level) -> bool:
    mine, yours = ((level.span, level.parent, level.function, level.inputs) for level in (one, other))
    return mine == yours


def _check(run: Run) -> str:
    """Runs the calls that saw values once more, and checks the claimed axes on them."""
    found = run.found
    if found is None:
        return "no call was followed"
    capture = needed(run.capture)
    with printed.dropped():
        seen = lens.look_at_calls(capture, found, run.report)
    followed = captured.with_values(found.captured, capture, found.listing)
    run.add(values=seen, levels=_merged(run.report.levels, followed))
    return ""


SCRIPT = Plan(
    steps={"parse": _parse, "run": _run, "trace": _trace, "batch": _batch, "check": _check},
    shown=lambda done: ("run",),
    bearable=("run",),
)
