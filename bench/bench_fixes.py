"""Measures an explanation with its proven fixes, and what the search for them adds to it.

Each request of the table fails; "plain" is the same request explained to the batch stage, which looks for
no fixes. The seconds are those of one whole answer, functions of that many equations, five fixes at most.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace

from bench import measure
from explainer import Argument, Request, Vmap, explain

REPEATS = 7
SIZES = (5, 30, 100)


def function(equations: int) -> str:
    """Returns a function of that many equations on two vectors."""
    lines = ["def f(x, y):", "    z = x - y"]
    lines += [f"    z = jnp.sin(z) * {n + 2}.0" for n in range((equations - 2) // 2)]
    return "\n".join([*lines, "    return jnp.sum(z)"]) + "\n"


def requests(equations: int) -> Iterator[tuple[str, Request]]:
    """Yields (mistake, request) for a function of that many equations."""
    code = function(equations)
    xy = (Argument("X", "f32[7,5]"), Argument("Y", "f32[6,5]"))
    plain = Request(code, "f", xy, (Vmap(),))
    yield "unequal sizes", plain
    yield "no such axis", replace(plain, levels=(Vmap("(0, None)"), Vmap("(1, 0)")))
    yield "entry missing", replace(plain, levels=(Vmap("(0,)"),))
    yield "out of range", replace(plain, levels=(Vmap("(0, None)", "1"),))
    branch = code.replace("    return", "    if jnp.sum(z) > 0:\n        return jnp.max(z)\n    return")
    yield "an if", replace(plain, code=branch, levels=(Vmap("(0, None)"),))
    yield "a script", Request(f"{code}X, Y = jnp.ones((7, 5)), jnp.ones((6, 5))\njax.vmap(f)(X, Y)\n")


def rows() -> Iterator[tuple[object, ...]]:
    """Yields one row for each mistake and size."""
    for equations in SIZES:
        for mistake, request in requests(equations):
            calls = {
                "fixes": lambda request=request: explain(request),
                "plain": lambda request=request: explain(request, until="batch"),
            }
            fixes = explain(request).fixes
            if not fixes:
                sys.exit(f"no fix was found for {mistake} in {equations} equations")
            taken = measure.interleaved(calls, measure.repeats(REPEATS))
            yield (
                *(mistake, equations, len(fixes)),
                f"{statistics.median(taken['fixes']):.2f}",
                f"{measure.ratio(taken['fixes'], taken['plain']):.1f}",
            )


def main() -> None:
    """Prints the table."""
    columns = ("mistake", "equations", "fixes", "seconds", "ratio to plain")
    measure.table("A whole explanation with proven fixes", columns, rows())


if __name__ == "__main__":
    main()
