"""Measures capture: a script with 100 vmap calls observed, against plain Python running the same script.

Prints, per kind of script, the ratio
    explain(script, until="run")  /  exec(script)
Both sides start from the text and run all of it; what the calls compute is small, so that the overhead
per call is what shows. "followed" adds the second run, in which the axes are followed, and the X-ray;
"whole" adds the proof on values too, for which XLA compiles every level's program: it is measured once.
Each line that calls is a place and so a level of its own; "in a loop" has one. Python and JAX remember
nothing of a script: its functions are new each time it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import jax

from bench import measure
from explainer import Request, explain
from explainer.report import Report
from explainer.spec import Stage

CALLS = 100
REPEATS = {"lines": 15, "in a loop": 15, "nests": 15, "gradients": 9, "inside jit": 3}
HEAD = """\
import jax
import jax.numpy as jnp

X = jnp.arange(12.).reshape(4, 3)
w = jnp.arange(3.)

def predict(x, w):
    return jnp.tanh(jnp.dot(x, w)) * 2 + 1

"""


def script(kind: str) -> tuple[str, int]:
    """Returns a script that makes 100 calls of vmapped functions, and how many levels it has."""
    call = "X = X + jax.vmap(predict, (0, None))(X, w)[:, None]"
    match kind:
        case "lines":
            return HEAD + f"{call}\n" * CALLS, CALLS
        case "in a loop":
            return f"{HEAD}for _ in range({CALLS}):\n    {call}\n", 1
        case "nests":
            nest = "X = X + jax.vmap(jax.vmap(predict, (None, 0)), (0, None))(X, X[:3])"
            return HEAD + f"{nest}\n" * (CALLS // 2), CALLS
        case "inside jit":
            return (
                f"{HEAD}@jax.jit\ndef step(X):\n{f'    {call}{chr(10)}' * CALLS}    return X\nX = step(X)\n",
                CALLS,
            )
        case "gradients":
            loss = "g = jax.grad(lambda w: jax.vmap(predict, (0, None))(X, w).sum())(w)"
            return HEAD + f"{loss}\n" * CALLS, CALLS
    raise ValueError(kind)


def sides(kind: str) -> tuple[Callable[[Stage], object], Callable[[], object]]:
    """Returns (ours, plain): the script explained up to a stage, and run by Python."""
    text, levels = script(kind)

    def explained(until: Stage) -> Report:
        report = explain(Request(text), until=until)
        if report.failure is not None or len(report.levels) != levels:
            sys.exit(f"{kind}: expected {levels} levels, got {len(report.levels)}: {report.failure}")
        return report

    def plain() -> None:
        names: dict[str, object] = {}
        exec(compile(text, "<plain>", "exec"), names)
        jax.block_until_ready(names["X"])

    return explained, plain


def rows() -> Iterator[tuple[object, ...]]:
    for kind, repeats in REPEATS.items():
        ours, plain = sides(kind)
        calls = {"observed": partial(ours, "run"), "plain": plain, "followed": partial(ours, "batch")}
        taken = measure.interleaved(calls, measure.repeats(repeats))
        whole = measure.seconds(partial(ours, "time"))
        ratios = (measure.ratio(taken[name], taken["plain"]) for name in ("observed", "followed"))
        times = (measure.ms(taken[name]) for name in calls)
        yield kind, script(kind)[1], *(f"{ratio:.2f}" for ratio in ratios), *times, measure.ms([whole])


def main() -> None:
    """Prints the table."""
    title = f"A script with {CALLS} vmap calls, observed and followed, against plain JAX {jax.__version__}"
    columns = ("calls", "levels", "ratio", "followed", "observed ms", "plain ms", "followed ms", "whole ms")
    measure.table(title, columns, rows())


if __name__ == "__main__":
    main()
