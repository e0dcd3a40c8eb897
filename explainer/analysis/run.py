"""A run under way: the stages of one explanation, one after another, and the Report so far.

    pipeline ─▶ Run ── steps of stages.py, scripts.py ──▶ Report

A stage that fails leaves a Failure; what was found before stays.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import jax
import jaxlib.version

from explainer.analysis import batching, printed, running
from explainer.analysis.capturing import Capture
from explainer.analysis.failing import failed
from explainer.analysis.failing.failed import FailedCall
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.errors import message
from explainer.report import Environment, Failure, Report, StageReport
from explainer.spec import Request, Stage

T = TypeVar("T")
Emit = Callable[[Report], None]
Step = Callable[["Run"], "str | None"]
"""One stage's work; a note it returns says why it was skipped."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take, and leave.

    `memory_bytes` bounds arguments, outputs and temporaries together. After a `final` one its process
    explains nothing more, so what user code has changed for it need not be put back.
    """

    memory_bytes: int = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.8)
    final: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a kind of request in their order, and what it does once they are over.

    `shown` picks, of the stages that printed, those whose prints are the user's own; `at_end` may add to
    the Report. The stages after one of `bearable` are done although it failed.
    """

    steps: Mapping[Stage, Step]
    shown: Callable[[Collection[Stage]], tuple[Stage, ...]]
    at_end: Callable[[Run], None] = lambda run: None
    bearable: tuple[Stage, ...] = ()


class Run:
    """One explanation under way: the Report so far, and what later stages need of earlier ones."""

    def __init__(
        self,
        request: Request,
        plan: Plan,
        emit: Emit | None = None,
        limits: RunLimits | None = None,
        main: str | None = None,
    ) -> None:
        self.plan = plan
        self._emit = emit
        self.limits = limits or RunLimits()
        self.sources = Sources(request, main)
        self.surroundings = contextlib.ExitStack()  # what is put back when the run is over
        self._fields = {"request": request, **_DEFAULTS, "environment": _environment()}  # in their order
        self._report: Report | None = None
        self.program: Program | None = None
        self.nest: Nest | None = None
        self.found: batching.Description | None = None
        self.lowered: running.Lowered | None = None
        self.compiled: Any = None
        self.outputs: Any = None
        self.observed: Capture | None = None  # of a script: its calls as it ran
        self.capture: Capture | None = None  # and as they were followed
        self.compilations: list[Any] = []  # of a script: what XLA compiled while it ran, and for which lines
        self.printed: dict[Stage, str] = {}
        self.until: Stage = "time"  # the last stage that was asked for
        self.failed: FailedCall | None = None  # the user's own vmapped call that an error came out of
        self._told: tuple[BaseException, Failure] | None = None  # the last error that was explained

    def stage(self, name: Stage) -> bool:
        """Does one stage; returns whether the next may follow."""
        before: tuple[StageReport, ...] = self._fields["stages"]
        self.add(stages=(*before, StageReport(name, "running")))
        self.emit()
        start = time.perf_counter()
        note, error = self.attempt(name)
        failure = None if error is None else self.failure(name, error)
        if failure is not None and failure.stage != name:  # only lowering tells why batching failed
            note = f"after the {failure.stage} stage failed"
        status = "skipped" if note else "failed" if failure else "done"
        if name == "batch" and note and self.nest is not None:
            status = "failed"
        done = StageReport(name, status, time.perf_counter() - start, note)
        failure = self._fields["failure"] or failure
        self.add(stages=(*before, done), failure=failure, printed=self.shown())
        return failure is None or failure.stage in self.plan.bearable

    def attempt(self, name: Stage) -> tuple[str, BaseException | None]:
        """Does the work of one stage; returns its note and what it raised."""
        note, raised = "", None
        with printed.recorded() as recorder:
            try:
                note = self.plan.steps[name](self) or ""
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  (user code may raise anything, anywhere)
                raised = error
        self.printed[name] = recorder.text
        return note, recorder.over or raised

    def failure(self, name: Stage, error: BaseException) -> Failure:
        """Explains the error of a stage; an earlier trouble with batch axes counts as the cause."""
        if name == "lower" and self.nest is not None and self.nest.error is not None:
            name = "batch"
        if self._told is None or self._told[0] is not error:
            self._told = error, self._own_call(name, error) or self._otherwise(name, error)
        return self._told[1]

    @property
    def error(self) -> BaseException | None:
        """Returns the last error that was explained."""
        return None if self._told is None else self._told[0]

    def _own_call(self, name: Stage, error: BaseException) -> Failure | None:
        """Explains an error by the user's own vmapped call that it came out of, if it came out of one."""
        stated = () if self.program is None else [level.name for level in self.program.levels]
        try:
            from explainer.analysis.failing import refused, retelling  # late: for failures only

            call = failed.find(error, self.sources, stated)
            if call is None:
                return refused.failure(error, self.sources, name)
            levels, ids = retelling.levels(call, self.report.levels)
            told = retelling.failure(call, self.report.request, self.sources, name, ids)
        except KeyboardInterrupt:
            raise
        except BaseException as trouble:  # noqa: BLE001  (user code, called again, may raise anything)
            self._note("the call that failed could not be taken apart", trouble)
            return None
        self.failed = call
        self.add(levels=levels)
        wide = retelling.widened(self.report)
        self.add(equations=wide.equations, levels=wide.levels, returned=wide.returned)
        return told

    def _otherwise(self, name: Stage, error: BaseException) -> Failure:
        """Explains an error by the nest that the request states."""
        try:
            from explainer.analysis.explaining import failures  # late: for failures only

            scene = failures.Scene(
                self.report.request, self.sources, name, error, self.program, self.nest, self.report
            )
            return failures.describe(scene)
        except KeyboardInterrupt:
            raise
        except BaseException as trouble:  # noqa: BLE001  (the user's error is told, if only in JAX's words)
            self._note("the error could not be explained", trouble)
            said = message(error) or type(error).__name__
            return Failure(name, type(error).__name__, said, said)

    def _note(self, what: str, trouble: BaseException) -> None:
        said = f"{what}: {type(trouble).__name__}: {message(trouble)}".split("\n")[0]
        self.add(notes=(*self.report.notes, said))

    def shown(self) -> str:
        """Returns what the user's code printed, each print once: our extra traces and loops left out."""
        return "".join(self.printed.get(name, "") for name in self.plan.shown(self.printed))

    @property
    def report(self) -> Report:
        """The Report so far, made when somebody looks: it has two dozen fields and changes ten times."""
        if self._report is None:
            self._report = Report(*self._fields.values())
        return self._report

    def emit(self) -> None:
        """Hands the Report so far to whoever listens."""
        if self._emit is not None:
            self._emit(self.report)

    def add(self, **fields: Any) -> None:
        """Puts fields into the Report."""
        self._fields |= fields
        self._report = None

    def finished(self) -> Report:
        """Returns the Report with the stages that were never reached."""
        self.plan.at_end(self)
        done = {stage.name for stage in self.report.stages}
        failure = self.report.failure
        if failure is not None and failure.stage not in self.plan.bearable:
            note = f"after the {failure.stage} stage failed"
            left: list[Stage] = [name for name in self.plan.steps if name not in done]
            skipped = (StageReport(name, "skipped", note=note) for name in left)
            self.add(stages=(*self.report.stages, *skipped))
        return self.report


_DEFAULTS = {each.name: each.default for each in fields(Report) if each.name != "request"}


@functools.cache
def _environment() -> Environment:
    return Environment(jax.__version__, jaxlib.version.__version__, platform.python_version())


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Stops Python's cycle collector meanwhile: over JAX's many live objects it doubles a long trace."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def needed(value: T | None) -> T:
    """Returns what an earlier stage left; its absence is a bug of ours, not the user's."""
    if value is None:
        raise RuntimeError("a stage ran before the one it depends on")
    return value
