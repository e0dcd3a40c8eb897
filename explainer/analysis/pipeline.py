"""The pipeline: one Request through all stages, as far as it goes.

    Request ─▶ parse ─▶ trace ─▶ batch ─▶ lower ─▶ compile ─▶ run ─▶ check ─▶ time ─▶ Report

Each stage adds to the Report and hands it to `emit`, so a reader sees the axes while XLA still
compiles. A stage that fails leaves a Failure; what was found before stays. One explanation runs at
a time in a process: its stdout and stderr are recorded meanwhile, and those belong to all threads.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import jax
import jaxlib.version

from explainer.analysis import axes, batching, capture, checking, failures, parsing, running, tracing, values
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.errors import LimitError
from explainer.report import ArgumentReport, Environment, Failure, Leaf, Report, StageReport, Timing
from explainer.spec import STAGES, Request, Stage

T = TypeVar("T")
Emit = Callable[[Report], None]

PLAIN_CELLS = 10_000_000  # elements up to which a failing call is repeated without tracing

_turn = threading.RLock()  # user code may call explain itself


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take. `memory_bytes` bounds arguments, outputs and temporaries together."""

    memory_bytes: int = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.8)


def explain(
    request: Request, until: Stage = "time", emit: Emit | None = None, limits: RunLimits | None = None
) -> Report:
    """Explains a request up to and including the stage `until`; always returns a Report."""
    with _turn:
        run = _Run(request, emit or (lambda report: None), limits or RunLimits())
        for name in STAGES[: STAGES.index(until) + 1]:
            if not run.stage(name):
                break
        return run.finished()


class _Run:
    """One explanation under way: the Report so far, and what later stages need of earlier ones."""

    def __init__(self, request: Request, emit: Emit, limits: RunLimits) -> None:
        self.emit = emit
        self.limits = limits
        self.sources = Sources(request)
        environment = Environment(jax.__version__, jaxlib.version.__version__, platform.python_version())
        self.report = Report(request, environment=environment)
        self.program: Program | None = None
        self.nest: Nest | None = None
        self.found: batching.Description | None = None
        self.lowered: running.Lowered | None = None
        self.compiled: Any = None
        self.outputs: Any = None
        self.printed: dict[str, str] = {}

    def stage(self, name: Stage) -> bool:
        """Does one stage; returns whether the next may follow."""
        self.add(stages=(*self.report.stages, StageReport(name, "running")))
        self.emit(self.report)
        start = time.perf_counter()
        note, error = self.attempt(name)
        failure = None if error is None else self.failure(name, error)
        if failure is not None and failure.stage != name:  # only lowering tells why batching failed
            note = f"after the {failure.stage} stage failed"
        status = "skipped" if note else "failed" if failure else "done"
        if name == "batch" and note:
            status = "failed"
        done = StageReport(name, status, time.perf_counter() - start, note)
        self.add(stages=(*self.report.stages[:-1], done), failure=failure, printed=self.shown())
        return failure is None

    def attempt(self, name: Stage) -> tuple[str, BaseException | None]:
        """Does the work of one stage; returns its note and what it raised."""
        note, raised = "", None
        with capture.recorded() as recorder, _collector_paused(name in ("trace", "batch")):
            try:
                note = _STEPS[name](self) or ""
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
        return failures.describe(
            failures.Scene(self.report.request, self.sources, name, error, self.program, self.nest)
        )

    def shown(self) -> str:
        """Returns what the user's code printed, each print once: our extra traces and loops left out."""
        main = "lower" if "lower" in self.printed else "trace"
        return "".join(self.printed.get(name, "") for name in ("parse", main, "run"))

    def add(self, **fields: Any) -> None:
        """Puts fields into the Report."""
        self.report = replace(self.report, **fields)

    def valued(self) -> tuple[ArgumentReport, ...]:
        """Returns the arguments with their values, where a failure came before the run showed them."""
        program = self.program
        if program is None or self.report.outputs or _cells(program) > PLAIN_CELLS:
            return self.report.arguments
        try:
            return _arguments(program, previews=True)
        except Exception:  # noqa: BLE001  (an array the user's code deleted: its shape is still shown)
            return self.report.arguments

    def finished(self) -> Report:
        """Returns the Report with the stages that were never reached."""
        if self.report.stages[-1].name == "batch" and self.nest is not None and self.nest.error is not None:
            try:
                _raise_as_jax_does(_needed(self.program))
            except Exception as error:  # noqa: BLE001  (JAX's own error for the user's own call)
                self.add(failure=self.failure("batch", error))
        left = STAGES[len(self.report.stages) :]
        if self.report.failure is not None:
            note = f"after the {self.report.failure.stage} stage failed"
            skipped = (StageReport(name, "skipped", note=note) for name in left)
            self.add(stages=(*self.report.stages, *skipped), arguments=self.valued())
        self.emit(self.report)
        return self.report


@contextlib.contextmanager
def _collector_paused(pause: bool) -> Iterator[None]:
    """Stops Python's cycle collector meanwhile: over JAX's many live objects it doubles a long trace."""
    if pause and gc.isenabled():
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
    else:
        yield


def _parse(run: _Run) -> None:
    request = run.report.request
    namespace = parsing.run_code(request)
    function = parsing.find_function(request, namespace)
    arguments = parsing.evaluate_arguments(request, namespace)
    # the leaves, even if a level fails
    run.program = parsing.program(request, namespace, function, arguments, ())
    run.add(arguments=_arguments(run.program, previews=False))
    levels = tuple(
        parsing.evaluate_level(level, number, namespace, arguments)
        for number, level in enumerate(request.levels)
    )
    run.program = parsing.program(request, namespace, function, arguments, levels)


def _arguments(program: Program, previews: bool) -> tuple[ArgumentReport, ...]:
    """Describes the arguments; with previews, the values are made."""
    described = []
    for argument in program.arguments:
        own = [n for n, operand in enumerate(program.operands) if operand.argument == argument.name]
        leaves = tuple(_leaf(program, n, previews) for n in own if program.operands[n].is_array)
        static = [program.operands[n] for n in own if not program.operands[n].is_array]
        text = (
            None if leaves else ", ".join(repr(operand.value)[:80] for operand in static[:8]) or "no leaves"
        )
        described.append(ArgumentReport(argument.name, argument.keyword, leaves, text))
    return tuple(described)


def _leaf(program: Program, position: int, preview: bool) -> Leaf:
    operand = program.operands[position]
    if preview:
        return values.leaf(operand.path, program.values()[position])
    return Leaf(operand.path, values.dtype_name(operand.aval.dtype), tuple(operand.aval.shape))


def _trace(run: _Run) -> None:
    """Traces the nest. Where tracing needs a value that plain jax.vmap would have, it is given."""
    program = _needed(run.program)
    with warnings.catch_warnings():  # a warning comes once a place: let lowering, which is shown, have it
        run.nest = nest = tracing.trace(program)
    run.add(levels=batching.levels(program, nest))
    if nest.source is not None:
        return
    _raise_as_jax_does(program)
    if axes.never_mapped(program):
        run.nest = nest = tracing.trace(program, concrete=True)
        run.add(levels=batching.levels(program, nest))
    if nest.source is None:
        raise _needed(nest.error)
    kept = ", ".join(program.operands[position].path for position in nest.kept)
    run.add(notes=(*run.report.notes, f"{kept}: kept concrete, since the function needs the value"))


def _raise_as_jax_does(program: Program) -> None:
    """Makes the user's own call, without any tracing of ours, for the very error that JAX raises."""
    with capture.recorded():  # told once already; an endless print ends here too
        if _cells(program) > PLAIN_CELLS:
            jax.eval_shape(*_abstract_call(program))
        else:
            args, kwargs = jax.tree.unflatten(program.tree, program.values())
            program.mapped(program.function)(*args, **kwargs)
        jax.effects_barrier()


def _cells(program: Program) -> int:
    """Returns the number of elements of all array arguments."""
    return sum(operand.aval.size for operand in program.operands if operand.is_array)


def _abstract_call(program: Program) -> tuple[Any, ...]:
    """Returns the user's call as a function of its arrays, and their shapes, where values are too large."""
    arrays = axes.array_operands(program)
    statics = [None if operand.is_array else operand.value for operand in program.operands]

    def call(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, arrays, leaves, statics)
        return program.mapped(program.function)(*args, **kwargs)

    return call, *(program.operands[position].aval for position in arrays)


def _batch(run: _Run) -> str:
    program, nest = _needed(run.program), _needed(run.nest)
    run.found = found = batching.describe(program, nest, run.sources)
    stated = run.report.levels[: len(program.levels)]
    run.add(equations=found.equations, jaxpr=found.jaxprs, levels=(*stated, *found.captured))
    # the user's out_axes, or a program the probes cannot follow: lowering tells the two apart
    return "" if nest.error is None else "the batch axes could not be followed to the end"


def _lower(run: _Run) -> None:
    program, nest = _needed(run.program), _needed(run.nest)
    run.lowered = running.lower(program, nest)
    if nest.error is not None:
        note = f"JAX runs this program, but its batch axes could not be followed: {nest.error}"
        run.add(notes=(*run.report.notes, note.split("\n")[0]))
    else:
        run.add(jaxpr=batching.with_inner_levels(program, nest, _needed(run.found)))
    timing = Timing(run.lowered.trace_seconds, run.lowered.lower_seconds)
    run.add(timing=timing, hlo=running.hlo(run.lowered.lowered, None))


def _compile(run: _Run) -> None:
    lowered = _needed(run.lowered)
    start = time.perf_counter()
    run.compiled = lowered.lowered.compile()
    seconds = time.perf_counter() - start
    run.add(
        device=running.device(),
        timing=replace(_needed(run.report.timing), compile=seconds),
        memory=running.memory(run.compiled),
        hlo=running.hlo(lowered.lowered, run.compiled),
    )


def _run(run: _Run) -> None:
    program, nest = _needed(run.program), _needed(run.nest)
    _refuse_too_large(run)
    args = running.inputs(program, nest)
    run.outputs, seconds = running.first_call(run.compiled, args)
    flat, _ = jax.tree_util.tree_flatten_with_path(run.outputs)
    run.add(
        arguments=_arguments(program, previews=True),
        outputs=tuple(values.leaf(batching.output_path(path), leaf) for path, leaf in flat),
        timing=replace(_needed(run.report.timing), first_call=seconds),
    )


def _refuse_too_large(run: _Run) -> None:
    memory = _needed(run.report.memory)
    parts = {
        "arguments": memory.argument_bytes or 0,
        "outputs": memory.output_bytes or 0,
        "temporaries": memory.temp_bytes or 0,
    }
    if sum(parts.values()) > run.limits.memory_bytes:
        listed = ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in parts.items() if size)
        raise LimitError(
            f"By XLA's own account this run needs {sum(parts.values()) / 1e9:.1f} GB ({listed}); the limit "
            f"is {run.limits.memory_bytes / 1e9:.1f} GB, so it was not started. Take smaller shapes.",
            "memory",
        )


def _check(run: _Run) -> str:
    program, nest = _needed(run.program), _needed(run.nest)
    if nest.error is not None:
        return "where the results' axes are is not known"
    with capture.dropped():
        check = checking.compare_with_loop(
            program, nest, run.report.levels[: len(program.levels)], run.outputs
        )
    run.add(check=check)
    return ""


def _time(run: _Run) -> None:
    args = running.inputs(_needed(run.program), _needed(run.nest))
    with capture.dropped():
        timing = running.steady(_needed(run.report.timing), run.compiled, args)
    run.add(timing=timing)


def _needed(value: T | None) -> T:
    """Returns what an earlier stage left; its absence is a bug of ours, not the user's."""
    if value is None:
        raise RuntimeError("a stage ran before the one it depends on")
    return value


_STEPS: dict[Stage, Callable[[_Run], str | None]] = {
    "parse": _parse,
    "trace": _trace,
    "batch": _batch,
    "lower": _lower,
    "compile": _compile,
    "run": _run,
    "check": _check,
    "time": _time,
}
