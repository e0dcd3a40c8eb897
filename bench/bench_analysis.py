"""Measures analysis (trace + batch axes + report) against JAX's own two traces of the same function.

Prints, per number of equations and levels, the ratio
    explain(request, until="batch")  /  (make_jaxpr(f) + make_jaxpr(vmapped f))
Both sides start from a function that Python has compiled: JAX's is made outside of the clock, and
ours is counted without its parse stage, which compiles the user's texts. "with parsing" counts that
too. JAX gets a new function each time, since it remembers the trace of one it has seen.

Our trace runs with Python's cycle collector paused, JAX's as a user would call it. "collector off"
is the ratio with it off on both sides.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp

from bench import measure
from explainer import Argument, Request, Vmap, explain
from explainer.report import Report

REPEATS = {10: 161, 100: 15, 1000: 7, 3000: 5, 10_000: 3}
AXES = (("(0, None)",), ("(0, None)", "(None, 0)"), ("(0, None)", "(None, 0)", "(1, None)"))
SHAPES = {1: ((3, 2), (2,)), 2: ((3, 2), (4, 2)), 3: ((3, 2, 5), (4, 2))}


def code(equations: int) -> str:
    """Returns a function of that many equations, written out line by line as a user would."""
    lines = ["def f(x, y):", "    z = x - y"]
    lines += [f"    z = jnp.sin(z) * {n + 2}.0" for n in range((equations - 2) // 2)]
    return "\n".join([*lines, "    return jnp.sum(z)"]) + "\n"


def sides(equations: int, levels: int) -> tuple[Callable[[], Report], Callable[[], object]]:
    """Returns (ours, JAX's own) for a function of that many equations under that many levels."""
    text, axes = code(equations), AXES[levels - 1]
    binary = compile(text, "<plain>", "exec")
    full = [jax.ShapeDtypeStruct(shape, "float32") for shape in SHAPES[levels]]
    example = [jax.ShapeDtypeStruct((2,), "float32")] * 2
    arguments = zip("XY", SHAPES[levels], strict=True)
    request = Request(
        text,
        "f",
        tuple(Argument(name, f"f32[{','.join(map(str, shape))}]") for name, shape in arguments),
        tuple(Vmap(text) for text in axes),
    )

    def ours() -> Report:
        report = explain(request, until="batch")
        if report.failure is not None or len(report.equations) != equations:
            sys.exit(f"expected {equations} equations, got {len(report.equations)}: {report.failure}")
        return report

    def function() -> Callable[..., object]:
        namespace: dict[str, object] = {"jnp": jnp}
        exec(binary, namespace)
        f = namespace["f"]
        assert isinstance(f, types.FunctionType)
        return f

    def jax_own() -> None:
        jax.make_jaxpr(function())(*example)
        mapped = function()
        for axis in reversed(axes):
            mapped = jax.vmap(mapped, in_axes=eval(axis))
        jax.make_jaxpr(mapped)(*full)

    return ours, jax_own


def rows() -> Iterator[tuple[object, ...]]:
    for levels in (1, 2, 3):
        at_100 = float("nan")
        for equations, repeats in REPEATS.items():
            taken = compare(equations, levels, measure.repeats(repeats))
            found = measure.ratio(taken["ours"], taken["jax"])
            if equations == 100:
                at_100 = found
            against = f"{found / at_100:.2f}" if equations > 100 else ""
            parsing = measure.ratio(taken["whole"], taken["jax"])
            off = measure.ratio(taken["ours off"], taken["jax off"])
            times = measure.ms(taken["ours"]), measure.ms(taken["jax"])
            yield equations, levels, f"{found:.2f}", against, f"{parsing:.2f}", f"{off:.2f}", *times


def compare(equations: int, levels: int, repeats: int) -> dict[str, list[float]]:
    """Returns the seconds of both sides, measured in turn; "whole" is ours with its parse stage."""
    ours, jax_own = sides(equations, levels)
    parsing: dict[str, list[float]] = {"ours": [], "ours off": []}

    def explained(name: str) -> None:
        stage = ours().stage("parse")
        assert stage is not None
        parsing[name].append(stage.seconds)

    calls = {
        "ours": lambda: explained("ours"),
        "jax": jax_own,
        "ours off": without_collector(lambda: explained("ours off")),
        "jax off": without_collector(jax_own),
    }
    taken = measure.interleaved(calls, repeats)
    taken["whole"] = taken["ours"]
    for name, seconds in parsing.items():  # the first was measured to warm up
        taken[name] = [all_ - parse for all_, parse in zip(taken[name], seconds[1:], strict=True)]
    return taken


def without_collector(call: Callable[[], object]) -> Callable[[], object]:
    """Returns the call with Python's cycle collector switched off meanwhile."""

    def run() -> None:
        gc.disable()
        try:
            call()
        finally:
            gc.enable()

    return run


def main() -> None:
    """Prints the table."""
    title = f"Analysis against JAX {jax.__version__}'s own make_jaxpr(f) + make_jaxpr(vmapped f)"
    columns = ("equations", "levels", "ratio", "to ratio at 100", "with parsing", "collector off")
    measure.table(title, (*columns, "ours ms", "JAX ms"), rows())


if __name__ == "__main__":
    main()
