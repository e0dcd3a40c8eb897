"""The pipeline: one Request through all stages, as far as it goes.

    Request ─▶ parse ─▶ trace ─▶ batch ─▶ lower ─▶ compile ─▶ run ─▶ check ─▶ time ─▶ Report

Each stage adds to the Report and hands it to `emit`, so a reader sees the axes while XLA still
compiles. A stage that fails leaves a Failure; what was found before stays.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import jax
import jaxlib

from explainer.analysis import axes, batching, capture, checking, failures, parsing, running, tracing, values
from explainer.analysis.axes import Peeled
from explainer.analysis.batching import Batched
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Example
from explainer.errors import LimitError
from explainer.report import ArgumentReport, Environment, Leaf, Report, StageReport, Timing
from explainer.spec import STAGES, Request, Stage

T = TypeVar("T")
Emit = Callable[[Report], None]

PLAIN_CELLS = 10_000_000  # elements up to which a failing call is repeated without tracing


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take. `memory_bytes` bounds arguments, outputs and temporaries together."""

    memory_bytes: int = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.8)


def explain(
    request: Request, until: Stage = "time", emit: Emit | None = None, limits: RunLimits | None = None
) -> Report:
    """Explains a request up to and including the stage `until`; always returns a Report."""
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
        environment = Environment(jax.__version__, jaxlib.__version__, platform.python_version())
        self.report = Report(request, environment=environment)
        self.program: Program | None = None
        self.peeled: Peeled | None = None
        self.example: Example | None = None
        self.batched: Batched | None = None
        self.lowered: running.Lowered | None = None
        self.compiled: Any = None
        self.outputs: Any = None
        self.batch_error: Exception | None = None
        self.printed: dict[str, str] = {}

    def stage(self, name: Stage) -> bool:
        """Does one stage; returns whether the next may follow."""
        self.add(stages=(*self.report.stages, StageReport(name, "running")))
        self.emit(self.report)
        start = time.perf_counter()
        failure = None
        with capture.recorded() as recorder:
            try:
                note = _STEPS[name](self) or ""
            except (Exception, SystemExit) as error:  # the user's code may raise anything at every stage
                failure = self.failure(name, error)
                note = ""
        self.printed[name] = recorder.text
        status = (
            "failed" if failure or (name == "batch" and self.batch_error) else "skipped" if note else "done"
        )
        done = StageReport(name, status, time.perf_counter() - start, note)
        self.add(stages=(*self.report.stages[:-1], done), failure=failure, printed=self.shown())
        return failure is None

    def failure(self, name: Stage, error: BaseException) -> Any:
        """Explains the error of a stage; an earlier trouble with batch axes counts as the cause."""
        if self.batch_error is not None and name == "lower":
            name, error = "batch", self.batch_error
        return failures.describe(
            failures.Scene(
                self.report.request, self.sources, name, error, self.program, self.peeled, self.batched
            )
        )

    def shown(self) -> str:
        """Returns what the user's code printed, each print once: our extra traces and loops left out."""
        main = "lower" if "lower" in self.printed else "trace"
        return "".join(self.printed.get(name, "") for name in ("parse", main, "run"))

    def add(self, **fields: Any) -> None:
        """Puts fields into the Report."""
        self.report = replace(self.report, **fields)

    def finished(self) -> Report:
        """Returns the Report with the stages that were never reached."""
        left = STAGES[len(self.report.stages) :]
        if self.report.failure is not None:
            note = f"after the {self.report.failure.stage} stage failed"
            self.add(
                stages=(*self.report.stages, *(StageReport(name, "skipped", note=note) for name in left))
            )
        self.emit(self.report)
        return self.report


def _parse(run: _Run) -> None:
    request = run.report.request
    namespace = parsing.run_code(request)
    function = parsing.find_function(request, namespace)
    arguments = parsing.evaluate_arguments(request, namespace)
    run.program = parsing.program(request, function, arguments, ())  # the leaves, even if a level fails
    run.add(arguments=_arguments(run.program, previews=False))
    levels = tuple(
        parsing.evaluate_level(level, number, namespace, arguments)
        for number, level in enumerate(request.levels)
    )
    run.program = parsing.program(request, function, arguments, levels)


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
    program = _needed(run.program)
    run.peeled = axes.peel(program)
    run.add(levels=axes.levels(program, run.peeled))
    if run.peeled.error is not None:
        raise run.peeled.error
    try:
        run.example = tracing.trace(program, run.peeled)
    except Exception as error:
        run.example = _trace_concrete(run, error)
    if run.example.kept:
        kept = ", ".join(run.example.kept)
        run.add(notes=(*run.report.notes, f"{kept}: kept concrete, since the function needs the value"))


def _trace_concrete(run: _Run, error: Exception) -> Example:
    """Tries again as jax.vmap itself does, which leaves unmapped arrays concrete; raises what it raises."""
    program, peeled = _needed(run.program), _needed(run.peeled)
    if sum(operand.aval.size for operand in program.operands if operand.is_array) > PLAIN_CELLS:
        raise error
    args, kwargs = jax.tree.unflatten(program.tree, program.values())
    program.mapped(program.function)(*args, **kwargs)  # raises JAX's own message for the user's own call
    if not axes.never_mapped(program, peeled):
        raise error
    return tracing.trace(program, peeled, concrete=True)


def _batch(run: _Run) -> str:
    program, peeled, example = _needed(run.program), _needed(run.peeled), _needed(run.example)
    try:
        for batched in batching.batch(program, peeled, example):
            run.batched = batched
    except Exception as error:  # the user's out_axes, or a program the probes cannot follow: lowering tells
        run.batch_error = error
    batched = _needed(run.batched)
    found, texts = batching.describe(program, batched, run.sources)
    run.add(equations=found, jaxpr=texts, levels=batching.levels(program, run.report.levels, batched))
    if run.batch_error is None:
        return ""
    return "the batch axes could not be followed to the end"


def _lower(run: _Run) -> None:
    run.lowered = running.lower(_needed(run.program), _needed(run.example))
    if run.batch_error is not None:
        note = f"JAX runs this program, but its batch axes could not be followed: {run.batch_error}"
        run.add(notes=(*run.report.notes, note.split("\n")[0]))
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
    program, example = _needed(run.program), _needed(run.example)
    _refuse_too_large(run)
    args = running.inputs(program, example)
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
            f"By XLA's own account this run needs {sum(parts.values()) / 1e9:.1f} GB ({listed}); the limit is "
            f"{run.limits.memory_bytes / 1e9:.1f} GB, so it was not started. Take smaller shapes.",
            "memory",
        )


def _check(run: _Run) -> str:
    if run.batch_error is not None:
        return "where the results' axes are is not known"
    run.add(
        check=checking.compare_with_loop(
            _needed(run.program), _needed(run.peeled), run.report.levels, run.outputs
        )
    )
    return ""


def _time(run: _Run) -> None:
    args = running.inputs(_needed(run.program), _needed(run.example))
    run.add(timing=running.steady(_needed(run.report.timing), run.compiled, args))


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
