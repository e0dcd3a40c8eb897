"""Measures the search for a wanted output: from a shape alone, and from named axes.

Each row is one request: its levels, what it traced, and the seconds of `wanted.solve` with its proofs, the
program parsed before. JAX remembers nothing of an earlier round, since each has a function of its own.
The last rows are the worst: every size the same, so that nothing can be ruled out by sizes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import jax

from bench import measure
from explainer import Argument, Request, notation
from explainer.analysis import parsing
from explainer.analysis.wanting import wanted
from explainer.analysis.wanting.trying import Trials

REPEATS = 7
DIST = "def f(a, b):\n    return jnp.sqrt(jnp.sum((a - b) ** 2))\n"
PREDICT = "def f(params, x):\n    return jax.nn.sigmoid(x @ params['w'] + params['b'])\n"
ATTENTION = "def f(q, k, v):\n    return jax.nn.softmax(q @ k.T / jnp.sqrt(k.shape[-1])) @ v\n"
BILINEAR = "def f(x, M, y):\n    return x @ M @ y\n"
PRODUCT = "def f(x, y, z):\n    return jnp.sum(x * y * z)\n"

CASES = (
    ("2 arguments of rank 2", DIST, ("f32[3,2]", "f32[4,2]"), "f32[3,4]", 2),
    ("2 arguments of rank 2, named", DIST, ("f32[3,2]", "f32[4,2]"), "n d, m d -> n m", 2),
    ("parameters and a batch", PREDICT, ("{'w': f32[2,5], 'b': f32[5]}", "f32[3,2]"), "f32[3,5]", 1),
    ("3 arguments of rank 3", ATTENTION, ("f32[2,6,8]", "f32[2,7,8]", "f32[2,7,4]"), "f32[2,6,4]", 1),
    ("3 arguments of rank 4", ATTENTION, ("f32[2,3,6,8]", "f32[2,3,7,8]", "f32[2,3,7,4]"), "(2, 3, 6, 4)", 2),
    ("3 arguments of rank 2 and 3", BILINEAR, ("f32[3,5]", "f32[4,5,2]", "f32[3,2]"), "f32[3,4]", 1),
    ("3 arguments of rank 3, impossible", PRODUCT, ("f32[3,2,5]", "f32[4,2,5]", "f32[3,4,5]"), "f32[7,9]", 0),
    ("3 arguments of rank 3, one size", PRODUCT, ("f32[4,4,4]",) * 3, "f32[4,4]", 2),
    ("3 arguments of rank 3, one size, impossible", PRODUCT, ("f32[4,4,4]",) * 3, "f32[4,9]", 0),
)


def trials_of(request: Request) -> Trials:
    """Returns a fresh function with its arguments, ready to be tried."""
    names = parsing.run_code(request)
    values = parsing.evaluate_arguments(request, names)
    program = parsing.program(request, names, parsing.find_function(request, names), values, ())
    return Trials(program, wanted.SECONDS)


def rows() -> Iterator[tuple[object, ...]]:
    for title, code, shapes, text, levels in CASES:
        arguments = tuple(Argument(name, shape) for name, shape in zip("xyz", shapes, strict=False))
        request, asked = Request(code, "f", arguments, (), text), notation.parse(text)
        taken, traces, solutions = [], 0, 0
        for _ in range(measure.repeats(REPEATS)):
            trials = trials_of(request)
            trials.program.values()
            start = time.perf_counter()
            found = wanted.solve(request, asked, trials)
            taken.append(time.perf_counter() - start)
            traces, solutions = len(trials.seen), len(found.solutions)
            if levels != (len(found.solutions[0].request.levels) if solutions else 0):
                sys.exit(f"{title}: {found}")
        yield title, text, levels, traces, solutions, measure.ms(taken), measure.ms([max(taken)])


def main() -> None:
    """Prints the table."""
    title = f"The search for a wanted output, proofs included (JAX {jax.__version__})"
    columns = ("request", "wanted", "levels", "shapes traced", "solutions", "median ms", "slowest ms")
    measure.table(title, columns, rows())


if __name__ == "__main__":
    main()
