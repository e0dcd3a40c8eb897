"""Mistakes in out_axes, and results that do not stand where they were looked for."""

from __future__ import annotations

from explainer import Vmap
from tests.pains.case import Case, edited, releveled, script, stated

SCALAR_OUT = stated("def total(x):\n    return x.sum()", "total", Vmap("0", "1"), x="f32[4,3]")

STRUCTURE = script("""
import jax
import jax.numpy as jnp

def stats(x):
    return x.mean(), x.max()

x = jnp.arange(12.).reshape(4, 3)
mean, top = jax.vmap(stats, in_axes=0, out_axes=(0, 0, 0))(x)
print(mean, top)
""")

NOT_SHARED = script("""
import jax
import jax.numpy as jnp

def step(w, x):
    y = x @ w
    loss = (y ** 2).sum()
    return y, loss

w = jnp.ones((3, 2))
x = jnp.ones((4, 3))
y, loss = jax.vmap(step, in_axes=(None, 0), out_axes=(0, None))(w, x)
print(y.shape, loss)
""")

PMAP = script("""
import jax
import jax.numpy as jnp

n = jax.local_device_count()
x = jnp.arange(float(n))
out = jax.pmap(lambda v: v * 2, out_axes=None)(x)
print(out)
""")

OUT_OF_RANGE = stated("def double(x):\n    return 2 * x", "double", Vmap("0", "2"), x="f32[4,3]")

COLUMNS = stated(
    "def normalise(column):\n    return column - column.mean()",
    "normalise",
    "1",
    x="f32[3,5]",
)

BROADCAST = stated(
    "def step(params, x):\n    return params, x @ params",
    "step",
    "(None, 0)",
    params="f32[64,64]",
    x="f32[32,64]",
)

LAST_TWICE = stated(
    "def double(x):\n    return 2 * x",
    "double",
    Vmap("0", "-1"),
    Vmap("0", "-1"),
    x="f32[2,3,5]",
)

NOT_AN_ARRAY = script("""
import jax
import jax.numpy as jnp

def classify(x):
    return {"score": x.sum(), "label": "positive"}

out = jax.vmap(classify)(jnp.ones((4, 3)))
print(out["score"])
""")

CASES = (
    Case(
        "out-axes-of-a-scalar",
        "out_axes=1 for a function that returns a scalar",
        "jax-ml/jax#1368",
        SCALAR_OUT,
        says=("out_axes", "scalar|f32\\[\\]|rank", r"\b0\b"),
        level=0,
        mended=(releveled(SCALAR_OUT, "0"),),
    ),
    Case(
        "out-axes-of-another-tree",
        "three entries for two results",
        "jax-ml/jax#3613",
        STRUCTURE,
        says=("out_axes", "out\\[0\\]|2 (outputs|results|entries)|two"),
        level=0,
        mended=(edited(STRUCTURE, ("out_axes=(0, 0, 0)", "out_axes=(0, 0)")),),
    ),
    Case(
        "none-for-a-mapped-result",
        "out_axes=None for a result that differs from example to example",
        "jax-ml/jax#21559, jax-ml/jax#6377",
        NOT_SHARED,
        says=(r"out\[1\]", "None", r"\bx\b"),
        blames=("x",),
        level=0,
        mended=(
            edited(NOT_SHARED, ("out_axes=(0, None)", "out_axes=(0, 0)")),
            edited(NOT_SHARED, (", out_axes=(0, None)", "")),
        ),
    ),
    Case(
        "pmap-out-axes-none",
        "pmap with out_axes=None keeps one device's result and says nothing",
        "jax-ml/jax#21671",
        PMAP,
        finding="pmap_out_axes_none",
        says=("None", "device"),
        mended=(edited(PMAP, (", out_axes=None", "")),),
    ),
    Case(
        "out-axes-out-of-range",
        "out_axes beyond the rank of the result",
        "the message of jax.vmap",
        OUT_OF_RANGE,
        says=("out_axes", r"f32\[3\]", "0 (to|or) 1"),
        level=0,
        mended=(releveled(OUT_OF_RANGE, Vmap("0", "1")), releveled(OUT_OF_RANGE, Vmap("0", "-1"))),
    ),
    Case(
        "columns-come-back-as-rows",
        "mapped from axis 1, and the result is transposed",
        "jax-ml/jax#1368",
        COLUMNS,
        fact=lambda report: (
            report.outputs[0].shape == (5, 3)
            and report.stated[0].inputs[0].index == 1
            and report.stated[0].outputs[0].index == 0
        ),
    ),
    Case(
        "shared-result-copied",
        "a shared result is copied for every example",
        "jax-ml/jax#16585",
        BROADCAST,
        finding="copied_output",
        says=(r"out\[0\]", "None"),
        mended=(releveled(BROADCAST, Vmap("(None, 0)", "(None, 0)")),),
    ),
    Case(
        "minus-one-twice",
        "out_axes=-1 at two levels is not the same axis",
        "jax-ml/jax#3925, jax-ml/jax#4111, patrick-kidger/equinox#900",
        LAST_TWICE,
        fact=lambda report: (
            report.outputs[0].shape == (5, 3, 2)
            and [level.outputs[0].index for level in report.stated] == [2, 1]
        ),
    ),
    Case(
        "text-returned",
        "a string among the results",
        "the message of jax.vmap",
        NOT_AN_ARRAY,
        says=("label|positive", "classify"),
    ),
)
