"""Mistakes with levels inside levels, and sizes that hide them."""

from __future__ import annotations

from dataclasses import replace

from tests.pains.case import Case, edited, releveled, script, stated

DIST = "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))"

THREE_LEVELS = stated(
    "def f(x, y, z):\n    return x.sum() * y * z",
    "f",
    "(0, None, None)",
    "(1, 0, None)",
    "(1, None, 0)",
    x="f32[2,3,4,5]",
    y="f32[4]",
    z="f32[5]",
)

PAIRS = stated(DIST, "dist", "0", X="f32[3,2]", Y="f32[4,2]")

OUTER_ONLY = script("""
import jax
import jax.numpy as jnp

def kernel(x, y):
    return jnp.exp(-(x - y) ** 2)

xs = jnp.zeros((3, 4))
print(jax.vmap(jax.vmap(kernel), in_axes=(0, None))(xs, 1.0))
""")

SWAPPED = replace(
    stated(DIST, "dist", "(None, 0)", "(0, None)", X="f32[3,2]", Y="f32[4,2]"), wanted="f32[3,4]"
)

RELATIVE = stated("def double(x):\n    return 2 * x", "double", "0", "1", x="f32[2,3,4]")

TOO_DEEP = stated("def f(x, y):\n    return x + y", "f", "(0, None)", "(1, 0)", X="f32[3,2]", Y="f32[2]")

SQUARE = stated("def cumulative(x):\n    return jnp.cumsum(x)", "cumulative", "1", x="f32[3,3]")

SQUARE_WEIGHTS = stated(
    "def predict(w, x):\n    return x @ w", "predict", "(None, 1)", w="f32[4,2]", x="ones(f32[4,4])"
)

CASES = (
    Case(
        "which-level-takes-which-axis",
        "three levels on one array of rank 4",
        "a Stack Overflow question (73212780), jax-ml/jax#29829",
        THREE_LEVELS,
        fact=lambda report: (
            [level.inputs[0].shape for level in report.stated] == [(2, 3, 4, 5), (3, 4, 5), (3, 5)]
        ),
    ),
    Case(
        "pairs-wanted",
        "all pairs wanted, but vmap goes through both together",
        "a Stack Overflow question (73212780)",
        PAIRS,
        says=(r"\bX\b", r"\bY\b", "3", "4", "pairs|two levels"),
        blames=("X", "Y"),
        level=0,
        mended=(
            releveled(PAIRS, "(0, None)", "(None, 0)"),
            releveled(PAIRS, "(None, 0)", "(0, None)"),
        ),
    ),
    Case(
        "spec-on-the-outer-level-only",
        "vmap(vmap(f), in_axes=...): the inner one maps everything",
        "the message of jax.vmap",
        OUTER_ONLY,
        says=("inner|inside|level 1|default", "in_axes"),
        level=1,
        mended=(edited(OUTER_ONLY, ("jax.vmap(kernel)", "jax.vmap(kernel, in_axes=(0, None))")),),
    ),
    Case(
        "levels-swapped",
        "the levels stand in the other order than the wanted result",
        "jax-ml/jax#2960",
        SWAPPED,
        mended=(releveled(SWAPPED, "(0, None)", "(None, 0)"),),
    ),
    Case(
        "inner-axes-are-relative",
        "the inner in_axes counts without the axis that the outer level took",
        "the documentation of jax.vmap",
        RELATIVE,
        fact=lambda report: (
            report.outputs[0].shape == (2, 4, 3)
            and report.stated[1].inputs[0].shape == (3, 4)
            and report.stated[1].inputs[0].index == 1
        ),
    ),
    Case(
        "axis-already-taken",
        "axis 1 of the array is axis 0 inside the outer level",
        "the documentation of jax.vmap",
        TOO_DEEP,
        says=(r"\bX\b", r"f32\[2\]", "no axis 1", "axis 1 of .*axis 0"),
        blames=("X",),
        level=1,
        mended=(releveled(TOO_DEEP, "(0, None)", "(0, 0)"),),
    ),
    Case(
        "square-hides-the-axis",
        "rows and columns of a square array give different values in one shape",
        "a blog on wrong in_axes",
        SQUARE,
        finding="ambiguous_axes",
        says=(r"\bx\b", "3"),
    ),
    Case(
        "ones-hide-the-axis",
        "square data of ones looks right with a wrong axis",
        "a blog on wrong in_axes",
        SQUARE_WEIGHTS,
        finding="ambiguous_axes",
        says=(r"\bx\b", "4"),
    ),
)
