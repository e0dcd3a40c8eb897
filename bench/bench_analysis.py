"""Measures analysis (trace + batch axes + report) against JAX's own two traces of the same function.

Prints, per number of equations and levels, the ratio
    explain(request, until="batch")  /  (make_jaxpr(f) + make_jaxpr(vmapped f))
as the median of interleaved runs in one process.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from explainer import Argument, Request, Vmap, explain

SIZES = (10, 100, 1000, 3000)
REPEATS = {10: 41, 100: 21, 1000: 9, 3000: 5}
AXES = (("(0, None)",), ("(0, None)", "(None, 0)"), ("(0, None)", "(None, 0)", "(1, None)"))
SHAPES = {1: ((3, 2), (2,)), 2: ((3, 2), (4, 2)), 3: ((3, 2, 5), (4, 2))}


def code(equations: int) -> str:
    """Returns a function of that many equations, written out line by line as a user would."""
    lines = ["def f(x, y):", "    z = x - y"]
    for n in range((equations - 2) // 2):
        lines += [f"    z = jnp.sin(z) * {n + 2}.0"]
    return "\n".join([*lines, "    return jnp.sum(z)"]) + "\n"


def seconds(call: Callable[[], object]) -> float:
    """Returns how long one call takes."""
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(equations: int, levels: int) -> tuple[float, float, float]:
    """Returns (median ratio, ours, JAX's) over interleaved runs, seconds."""
    text = code(equations)
    shapes = SHAPES[levels]
    example = jnp.ones(2), jnp.ones(2)
    full = tuple(jnp.ones(shape) for shape in shapes)
    axes = AXES[levels - 1]
    request = Request(
        text,
        "f",
        tuple(Argument(n, f"f32[{','.join(map(str, s))}]") for n, s in zip("XY", shapes, strict=True)),
        tuple(Vmap(a) for a in axes),
    )

    def jax_own() -> None:
        scope: dict[str, object] = {"jnp": jnp}
        exec(compile(text, "<plain>", "exec"), scope)
        jax.make_jaxpr(scope["f"])(*example)
        exec(compile(text, "<plain>", "exec"), scope)
        fun = scope["f"]
        for axis in reversed(axes):
            fun = jax.vmap(fun, eval(axis))
        jax.make_jaxpr(fun)(*full)

    ours, theirs = [], []
    for _ in range(REPEATS[equations]):
        theirs.append(seconds(jax_own))
        ours.append(seconds(lambda: explain(request, until="batch")))
    pairs = [a / b for a, b in zip(ours[1:], theirs[1:], strict=True)]
    return statistics.median(pairs), statistics.median(ours[1:]), statistics.median(theirs[1:])


def main() -> None:
    """Prints the table."""
    print(f"jax {jax.__version__}, ratio explain(until='batch') / (make_jaxpr(f) + make_jaxpr(vmapped f))")
    print("| equations | levels | ratio | ours ms | JAX ms |")
    print("|---|---|---|---|---|")
    for levels in (1, 2, 3):
        for equations in SIZES:
            median, ours, theirs = ratio(equations, levels)
            print(f"| {equations} | {levels} | {median:.2f} | {ours * 1e3:.1f} | {theirs * 1e3:.1f} |")


if __name__ == "__main__":
    main()
