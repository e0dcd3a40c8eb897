"""Running: lower, compile, run and time the mapped function on JAX's default device.

    Program ──▶ lower ──▶ compile_ ──▶ run ──▶ measure ──▶ outputs, Timing, Memory, Hlo

What runs is `jax.jit` of the user's own nest of `jax.vmap`; nothing of ours stands inside it.
"""

from __future__ import annotations

import functools
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax

from explainer.analysis import axes, internals, tracing
from explainer.analysis.parsing import Operand, Program
from explainer.analysis.tracing import Nest
from explainer.report import Device, Hlo, Memory, Timing

HLO_CHARACTERS = 200_000
_FRAME_TABLE = re.compile(r"\n(?:FileNames|FunctionNames|FileLocations|StackFrames)\n(?:\d+ .*\n)*")
_FRAME_ID = re.compile(r" stack_frame_id=\d+")
_LEAST_RUN = 1e-3  # seconds that one measurement lasts at least, far above the clock's grain
_MOST_RUNS = 51
_BUDGET = 0.4  # seconds for all steady measurements


@dataclass(frozen=True, slots=True)
class Lowered:
    """The traced and lowered program, with the seconds each step took."""

    lowered: Any
    trace_seconds: float
    lower_seconds: float


def lower(program: Program, nest: Nest) -> Lowered:
    """Traces and lowers `jax.jit` of the nest; static values and kept arrays are closed over."""
    avals = [_placed(program.operands[position]) for position in nest.traced]
    start = time.perf_counter()
    traced = jax.jit(_flat(program, nest)).trace(*avals)
    between = time.perf_counter()
    internals.refuse_leaks(traced)
    lowered = traced.lower()
    return Lowered(lowered, between - start, time.perf_counter() - between)


def _placed(operand: Operand) -> jax.ShapeDtypeStruct:
    """Returns the shape of an argument, and where it lies if the user put it on a device or a mesh."""
    value, aval = operand.value, operand.aval
    if not isinstance(value, jax.Array) or not value.committed:
        return aval
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type, sharding=value.sharding)


def _flat(program: Program, nest: Nest) -> Callable[..., Any]:
    """Returns the nest as a function of the traced leaves only."""
    mapped = program.mapped(program.function)
    others = tracing.others(program, nest)

    @functools.wraps(program.function)
    def fun(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, nest.traced, leaves, others)
        return mapped(*args, **kwargs)

    del fun.__wrapped__  # its signature is the flat one
    return fun


def inputs(program: Program, nest: Nest) -> list[Any]:
    """Returns the traced leaves as arrays on the device."""
    values = program.values()
    return [jax.device_put(values[position]) for position in nest.traced]


def memory(compiled: Any) -> Memory:
    """Reads XLA's own account of the compiled program; a figure it does not give stays None."""
    stats = compiled.memory_analysis()
    costs: dict[str, float] = compiled.cost_analysis() or {}
    return Memory(
        argument_bytes=getattr(stats, "argument_size_in_bytes", None),
        output_bytes=getattr(stats, "output_size_in_bytes", None),
        temp_bytes=getattr(stats, "temp_size_in_bytes", None),
        flops=costs.get("flops"),
        bytes_accessed=costs.get("bytes accessed"),
    )


def hlo(lowered: Any, compiled: Any | None) -> Hlo:
    """Returns the program's text before and after XLA's optimisation, capped."""
    optimized = "" if compiled is None else _without_call_sites(compiled.as_text() or "")
    return Hlo(_capped(lowered.as_text()), _capped(optimized))


def _without_call_sites(text: str) -> str:
    """Leaves out XLA's tables of Python frames: mostly files of this host, none of the user's business."""
    return _FRAME_ID.sub("", _FRAME_TABLE.sub("", text))


def _capped(text: str) -> str:
    if len(text) <= HLO_CHARACTERS:
        return text
    return text[:HLO_CHARACTERS] + f"\n... ({len(text) - HLO_CHARACTERS:,} more characters)"


def first_call(compiled: Any, args: list[Any]) -> tuple[Any, float]:
    """Calls the compiled program once; returns (outputs, seconds), effects such as debug prints done."""
    start = time.perf_counter()
    outputs = jax.block_until_ready(compiled(*args))
    seconds = time.perf_counter() - start
    jax.effects_barrier()
    return outputs, seconds


def steady(timing: Timing, compiled: Any, args: list[Any], budget: float = _BUDGET) -> Timing:
    """Measures repeated calls, each ended by block_until_ready, as many as the time budget allows."""
    calls = 1
    while _once(compiled, args, calls) * calls < _LEAST_RUN:
        calls *= 2
    runs: list[float] = []
    end = time.perf_counter() + budget
    while len(runs) < _MOST_RUNS and (len(runs) < 3 or time.perf_counter() < end):
        runs.append(_once(compiled, args, calls))
    q1, median, q3 = statistics.quantiles(runs, n=4, method="inclusive")
    return replace(timing, median=median, q1=q1, q3=q3, runs=len(runs), calls_per_run=calls)


def _once(compiled: Any, args: list[Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(compiled(*args))
    return (time.perf_counter() - start) / calls


def device() -> Device:
    """Names the device of the run as JAX does."""
    devices = jax.devices()
    return Device(devices[0].platform, devices[0].device_kind, len(devices))
