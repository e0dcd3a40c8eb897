"""Measures whether the reported steady time is true: `report.timing.median` against `timeit`.

`timeit` times what the user would write, one call of the compiled program and block_until_ready,
in the same process and in turn with the report, with as many calls a run and as many runs as the
report took; both give the median of their runs.
"""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Iterator

import jax
import jax.numpy as jnp

from bench import measure
from explainer import Argument, Request, Vmap, explain
from explainer.report import Timing

REPEATS = 7
CASES = (
    # name, the function, its shape
    ("x + 1, 4 numbers", "def f(x):\n    return x + 1\n", (4,)),
    ("sin, 40 000 numbers", "def f(x):\n    return jnp.sin(x)\n", (40, 1000)),
    ("x @ x.T @ x, 32 of 96 x 96", "def f(x):\n    return x @ x.T @ x\n", (32, 96, 96)),
    ("sort, 16 of 20 000", "def f(x):\n    return jnp.sort(x)\n", (16, 20_000)),
)


def rows() -> Iterator[tuple[object, ...]]:
    for name, code, shape in CASES:
        value = f"jax.random.normal(jax.random.key(0), {shape})"
        request = Request(code, "f", (Argument("x", value),), (Vmap(),))
        ours, plain, compiled = [], [], _compiled(code, value)
        for _ in range(measure.repeats(REPEATS)):
            timing = _reported(request)
            ours.append(timing.median)
            plain.append(_timeit(*compiled, timing))
        yield name, f"{measure.ratio(ours, plain):.3f}", measure.ms(ours), measure.ms(plain), _spread(plain)


def _compiled(code: str, value: str) -> tuple[jax.stages.Compiled, jax.Array]:
    """Returns the program as the user would compile it, and its argument."""
    namespace: dict[str, object] = {"jax": jax, "jnp": jnp}
    exec(code, namespace)
    x = eval(value, namespace)
    f = namespace["f"]
    assert callable(f)
    return jax.jit(jax.vmap(f)).lower(x).compile(), x


def _reported(request: Request) -> Timing:
    report = explain(request)
    if report.timing is None or report.timing.median is None:
        sys.exit(f"{request.function} was not timed: {report.failure}")
    return report.timing


def _timeit(compiled: jax.stages.Compiled, x: jax.Array, like: Timing) -> float:
    timer = timeit.Timer(lambda: jax.block_until_ready(compiled(x)))
    return statistics.median(timer.repeat(like.runs, like.calls_per_run)) / like.calls_per_run


def _spread(values: list[float]) -> str:
    """Returns how far timeit is from itself between turns: half its range over its median."""
    return f"± {(max(values) - min(values)) / 2 / statistics.median(values):.0%}"


def main() -> None:
    """Prints the table."""
    columns = ("program", "ratio", "reported ms", "timeit ms", "timeit against itself")
    measure.table("Reported steady time against timeit on the same compiled program", columns, rows())


if __name__ == "__main__":
    main()
