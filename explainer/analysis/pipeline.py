"""The pipeline: one Request through all stages, as far as it goes.

    a function and its nest:  parse ─▶ trace ─▶ batch ─▶ lower ─▶ compile ─▶ run ─▶ check ─▶ time
    a script:                 parse ─▶ run ─▶ trace ─▶ batch ─▶ check

Each stage adds to the Report, which `emit` gets as the next one begins, so a reader sees the axes while
XLA still compiles; the whole Report is returned. One explanation runs at a time in a process: its
stdout and stderr are recorded meanwhile, and those belong to all threads.
"""

from __future__ import annotations

import contextlib
import functools
import threading

from explainer.analysis import depth
from explainer.analysis.failing import failed
from explainer.analysis.run import Emit, Plan, Run, collector_paused
from explainer.analysis.run import RunLimits as RunLimits
from explainer.analysis.scripts import SCRIPT
from explainer.analysis.stages import NEST
from explainer.report import Report
from explainer.spec import STAGES, Request, Stage

_turn = threading.RLock()  # user code may call explain itself

_COLLECTOR_PAUSED: tuple[Stage, ...] = ("trace", "batch")


def explain(
    request: Request, until: Stage = "time", emit: Emit | None = None, limits: RunLimits | None = None
) -> Report:
    """Explains a request up to and including the stage `until`; always returns a Report."""
    plan = SCRIPT if request.is_script else NEST
    return through(Run(request, plan, emit, limits), until)


def through(run: Run, until: Stage) -> Report:
    """Does the stages of a run up to `until`, as far as they go."""
    with _turn, run.surroundings, failed.keeping(most=8):
        run.until = until
        return depth.with_room(functools.partial(_through, run, until))


def _through(run: Run, until: Stage) -> Report:
    with contextlib.ExitStack() as pause:
        for name in _up_to(run.plan, until):
            if name in _COLLECTOR_PAUSED:
                pause.enter_context(collector_paused())
            else:
                pause.close()
            if not run.stage(name):
                break
    return run.finished()


def _up_to(plan: Plan, until: Stage) -> list[Stage]:
    """Lists the plan's stages up to `until`; up to its last one before it, where it has no such stage."""
    names = list(plan.steps)
    last = next((n for n in reversed(range(len(names))) if names[n] == until), None)
    if last is None:
        last = max((n for n, name in enumerate(names) if STAGES.index(name) < STAGES.index(until)), default=0)
    return names[: last + 1]
