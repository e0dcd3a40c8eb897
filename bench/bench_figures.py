"""Measures figure building: the animation of a report, by moving cells and frames.

The ratio is against writing the same figure as JSON, the least that any way of building it must do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from bench import measure
from explainer import Argument, Request, Vmap, explain
from explainer.figures.animation import Animation, animation

REPEATS = 9
DIST = "def f(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n"
NORMALIZE = "def f(x):\n    return (x - x.mean()) / x.std()\n"
DOT = "def f(x, y, z):\n    return jnp.sum(x * y * z)\n"
PAIRS, TRIPLES = ("(0, None)", "(None, 0)"), ("(0, None, None)", "(None, 0, None)", "(None, None, 0)")

CASES = (
    ("vector", "def f(x):\n    return x * 2\n", ("f32[4]",), ("0",)),
    ("pairwise 3 x 4", DIST, ("f32[3,2]", "f32[4,2]"), PAIRS),
    ("pairwise 6 x 6", DIST, ("f32[6,2]", "f32[6,2]"), PAIRS),
    ("pairwise 1000 x 1000", DIST, ("f32[1000,2]", "f32[1000,2]"), PAIRS),
    ("images 2 x 4 x 4", NORMALIZE, ("f32[2,4,4]",), ("0",)),
    ("images 6 x 6 x 6", NORMALIZE, ("f32[6,6,6]",), ("0",)),
    ("images 64 x 28 x 28", NORMALIZE, ("f32[64,28,28]",), ("0",)),
    ("three levels", DOT, ("f32[3,2]", "f32[3,2]", "f32[3,2]"), TRIPLES),
    ("three levels of 8", DOT, ("f32[8,4]", "f32[8,4]", "f32[8,4]"), TRIPLES),
)


def rows() -> Iterator[tuple[object, ...]]:
    for name, code, shapes, levels in CASES:
        arguments = tuple(Argument(n, shape) for n, shape in zip("XYZ", shapes, strict=False))
        report = explain(Request(code, "f", arguments, tuple(Vmap(axes) for axes in levels)), until="run")
        built = animation(report)
        if built is None:
            sys.exit(f"{name}: no picture of {report.failure or report.request}")
        figure = built.figure
        calls = {"build": lambda r=report: animation(r), "json": lambda f=figure: json.dumps(f)}
        taken = measure.interleaved(calls, measure.repeats(REPEATS))
        size = f"{len(built.payload.encode()) / 1e3:.0f}"
        found = f"{measure.ratio(taken['build'], taken['json']):.1f}"
        yield name, *_size(built), size, found, measure.ms(taken["build"]), measure.ms(taken["json"])


def _size(built: Animation) -> tuple[int, int]:
    """Returns (moving cells, frames): the cells are the points with text that every frame places anew."""
    figure = json.loads(built.payload)
    moving = [figure["data"][trace] for trace in figure["frames"][0]["traces"]]
    return sum(len(trace["x"]) for trace in moving if "text" in trace["mode"]), len(figure["frames"])


def main() -> None:
    """Prints the table."""
    columns = ("picture", "moving cells", "frames", "kB", "ratio", "build ms", "JSON ms")
    measure.table("Figure building against writing the same figure as JSON", columns, rows())


if __name__ == "__main__":
    main()
