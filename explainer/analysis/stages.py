"""The stages of a nest: a function, its arguments and the levels around it, step by step.

parse ─▶ trace ─▶ batch ─▶ lower ─▶ compile ─▶ run ─▶ check ─▶ time
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import Any

import jax

from explainer.analysis import (
    axes,
    batching,
    captured,
    checking,
    findings,
    fixing,
    layering,
    lens,
    parsing,
    printed,
    running,
    surroundings,
    tracing,
    values,
    wanting,
)
from explainer.analysis.parsing import Program
from explainer.analysis.reciting import calls, hearing, readings
from explainer.analysis.run import Plan, Run, needed
from explainer.errors import LimitError
from explainer.report import ArgumentReport, Leaf, Timing

PLAIN_CELLS = 10_000_000  # elements up to which a failing call is repeated without tracing


def _parse(run: Run) -> None:
    request = run.report.request
    code = parsing.compile_code(request)
    if not run.limits.final and not surroundings.leaves_alone(code, request.code, request.expressions):
        run.surroundings.enter_context(surroundings.restored())
    namespace = parsing.run_code(request, code)
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


def _take(run: Run) -> None:
    """Takes a program that is there already."""
    run.add(arguments=_arguments(needed(run.program), previews=False))


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
    aval = operand.aval
    return Leaf(operand.path, values.dtype_name(aval.dtype), tuple(aval.shape))


def _trace(run: Run) -> None:
    """Traces the nest. Where tracing needs a value that plain jax.vmap would have, it is given."""
    program = needed(run.program)
    with warnings.catch_warnings():  # a warning comes once a place: let lowering, which is shown, have it
        run.nest = nest = tracing.trace(program, hears=hearing.listener(run))
    run.add(levels=batching.levels(program, nest))
    if nest.source is not None:
        return
    try:
        _raise_as_jax_does(program)
    except Exception:  # whatever it is: what was traced before it is shown beside it
        _follow_to_failure(run)
        raise
    if axes.never_mapped(program):
        run.nest = nest = tracing.trace(program, concrete=True, hears=hearing.listener(run))
        run.add(levels=batching.levels(program, nest))
    if nest.source is None:
        _follow_to_failure(run)
        raise needed(nest.error)
    kept = ", ".join(program.operands[position].path for position in nest.kept)
    run.add(notes=(*run.report.notes, f"{kept}: kept concrete, since the function needs the value"))


def _follow_to_failure(run: Run) -> None:
    """Adds the equations that a function made before it failed, their batch axes followed."""
    program, nest = needed(run.program), needed(run.nest)
    # plain jax.vmap has the values of what no level maps, and may get further
    shared = nest.partial is not None and not nest.kept and axes.never_mapped(program)
    concrete = bool(shared) and _cells(program) <= PLAIN_CELLS
    if concrete or nest.capture.ended:
        with printed.dropped():
            run.nest = nest = tracing.trace(program, concrete, nest.capture.ended)
    ended = tracing.up_to_failure(program, nest)
    if ended is not None:
        found = batching.describe(program, ended, run.sources)
        inside = captured.with_texts(found.captured, nest.capture, found.listing)
        run.add(equations=found.equations, jaxpr=found.jaxprs, levels=(*run.report.levels, *inside))


def _raise_as_jax_does(program: Program) -> None:
    """Makes the user's own call, without any tracing of ours, for the very error that JAX raises."""
    with printed.recorded():  # told once already; an endless print ends here too
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


def _batch(run: Run) -> str:
    program, nest = needed(run.program), needed(run.nest)
    run.found = found = batching.describe(program, nest, run.sources)
    stated = run.report.levels[: len(program.levels)]
    levels = (*stated, *found.captured)
    run.add(equations=found.equations, jaxpr=found.jaxprs, levels=levels, returned=found.returned)
    run.add(layers=layering.layers(nest.capture.stack.found, levels, run.sources))
    # the user's out_axes, or a program the probes cannot follow: lowering tells the two apart
    return "" if nest.error is None else "the batch axes could not be followed to the end"


def _lower(run: Run) -> None:
    program, nest = needed(run.program), needed(run.nest)
    if nest.error is None:
        found = needed(run.found)
        stated = run.report.levels[: len(program.levels)]
        levels = (*stated, *captured.with_texts(found.captured, nest.capture, found.listing))
        run.add(jaxpr=batching.with_levels(program, nest, found), levels=levels)
    run.lowered = running.lower(program, nest)
    if nest.error is not None:
        note = f"JAX runs this program, but its batch axes could not be followed: {nest.error}"
        run.add(notes=(*run.report.notes, note.split("\n")[0]))
    timing = Timing(run.lowered.trace_seconds, run.lowered.lower_seconds)
    run.add(timing=timing, hlo=running.hlo(run.lowered.lowered, None))


def _compile(run: Run) -> None:
    lowered = needed(run.lowered)
    start = time.perf_counter()
    run.compiled = lowered.lowered.compile()
    seconds = time.perf_counter() - start
    run.add(
        device=running.device(),
        timing=replace(needed(run.report.timing), compile=seconds),
        memory=running.memory(run.compiled),
        hlo=running.hlo(lowered.lowered, run.compiled),
    )


def _run(run: Run) -> None:
    program, nest = needed(run.program), needed(run.nest)
    _refuse_too_large(run)
    args = running.inputs(program, nest)
    run.outputs, seconds = running.first_call(run.compiled, args)
    flat, _ = jax.tree_util.tree_flatten_with_path(run.outputs)
    run.add(
        arguments=_arguments(program, previews=True),
        outputs=tuple(values.leaf(batching.output_path(path), leaf) for path, leaf in flat),
        timing=replace(needed(run.report.timing), first_call=seconds),
    )


def _refuse_too_large(run: Run) -> None:
    memory = needed(run.report.memory)
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


def _check(run: Run) -> str:
    program, nest = needed(run.program), needed(run.nest)
    if nest.error is not None:
        return "where the results' axes are is not known"
    with printed.dropped():
        check = checking.compare_with_loop(program, nest, run.report.stated, run.outputs)
        found = needed(run.found)
        seen = lens.look(program, nest, found, run.report)
    inside = run.report.levels[len(program.levels) :]
    crossed = captured.with_values(inside, nest.capture, found.listing)
    run.add(check=check, values=seen, levels=(*run.report.stated, *crossed))
    return ""


def _time(run: Run) -> None:
    args = running.inputs(needed(run.program), needed(run.nest))
    with printed.dropped():
        timing = running.steady(needed(run.report.timing), run.compiled, args)
    run.add(timing=timing)


def _at_end(run: Run) -> None:
    """Replaces the error of a nest that could not be followed by JAX's own; shows the arguments' values."""
    batch_last = run.report.stages[-1].name == "batch"
    if batch_last and run.nest is not None and run.nest.error is not None:
        try:
            _raise_as_jax_does(needed(run.program))
        except Exception as error:  # noqa: BLE001  (JAX's own error for the user's own call)
            run.add(failure=run.failure("batch", error))
    if run.report.failure is not None:
        run.add(arguments=_valued(run))
    fixing.add_to(run)
    findings.add_to(run)
    wanting.add_to(run)
    readings.add(run)
    if run.nest is not None:
        calls.add(run, run.nest.capture)


def _valued(run: Run) -> tuple[ArgumentReport, ...]:
    """Returns the arguments with their values, where a failure came before the run showed them."""
    program = run.program
    if program is None or run.report.outputs or _cells(program) > PLAIN_CELLS:
        return run.report.arguments
    try:
        return _arguments(program, previews=True)
    except Exception:  # noqa: BLE001  (an array the user's code deleted: its shape is still shown)
        return run.report.arguments


NEST = Plan(
    steps={
        "parse": _parse,
        "trace": _trace,
        "batch": _batch,
        "lower": _lower,
        "compile": _compile,
        "run": _run,
        "check": _check,
        "time": _time,
    },
    shown=lambda done: ("parse", "lower" if "lower" in done else "trace", "run"),
    at_end=_at_end,
)

LIVE = replace(NEST, steps={**NEST.steps, "parse": _take})
"""The same for a function that exists already, with its arguments."""
