"""What surprises about vmap without being wrong: memory, time, digits."""

from __future__ import annotations

from explainer.report import Report
from tests.pains.case import Case, script, stated


def intermediate_bytes(report: Report) -> int:
    """Returns the size of the largest array of 4-byte numbers that any equation makes."""
    shapes = [out.batched_shape for equation in report.equations for out in equation.outputs]
    sizes = []
    for shape in shapes:
        size = 4
        for extent in shape:
            size *= extent
        sizes.append(size)
    return max(sizes)


PAIRWISE = stated(
    "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))",
    "dist",
    "(0, None)",
    "(None, 0)",
    X="f32[60,8]",
    Y="f32[50,8]",
)

TOO_LARGE = stated(
    "def dist(x, y):\n    return jnp.sort(x - y)",
    "dist",
    "(0, None)",
    "(None, 0)",
    X="f32[200000,64]",
    Y="f32[200000,64]",
)

SMALL_WORK = stated("def f(x):\n    return jnp.tanh(x).sum()", "f", "0", x="f32[8,4]")

UPDATE = stated(
    "def write(buffer, value, index):\n    return lax.dynamic_update_slice(buffer, value, (index,))",
    "write",
    "0",
    buffer="f32[4,8]",
    value="f32[4,2]",
    index="jnp.array([0, 2, 4, 6])",
)

VECTORIZED = stated(
    "def f(x, y):\n    return jnp.vectorize(lambda a, b: jnp.dot(a, b), signature='(d),(d)->()')(x, y)",
    "f",
    x="f32[3,1,2]",
    y="f32[1,4,2]",
)

DIGITS = stated("def f(x, w):\n    return x @ w", "f", "(0, None)", x="f32[64,128]", w="f32[128,32]")

MAPPED = script("""
import jax
import jax.numpy as jnp

def f(x):
    return jnp.sin(x).sum()

x = jnp.ones((10, 4))
whole = jax.vmap(f)(x)
chunks = jax.lax.map(f, x, batch_size=4)
print(jnp.abs(whole - chunks).max() < 1e-5)
""")

CASES = (
    Case(
        "memory-of-all-pairs",
        "all pairs make an intermediate as large as both batches times the features",
        "jax-ml/jax#11319, jax-ml/jax#14808, jax-ml/jax#3865",
        PAIRWISE,
        fact=lambda report: (
            intermediate_bytes(report) == 60 * 50 * 8 * 4
            and report.memory is not None
            and report.memory.output_bytes == 60 * 50 * 4
        ),
    ),
    Case(
        "out-of-memory",
        "all pairs of 200,000 do not fit",
        "jax-ml/jax#11319",
        TOO_LARGE,
        says=("GB", "limit|memory", "lax.map|smaller|fewer"),
        hopeless="the result itself is too large",
    ),
    Case(
        "slower-than-a-loop",
        "work so small that compiling takes nearly all of the time",
        "jax-ml/jax#15339, jax-ml/jax#26568, jax-ml/jax#6312",
        SMALL_WORK,
        fact=lambda report: (
            report.timing is not None
            and None not in (report.timing.compile, report.timing.median)
            and (report.timing.compile or 0) > (report.timing.median or 0) > 0
        ),
    ),
    Case(
        "no-gain-over-a-loop",
        "the time to trace, lower and compile stands apart from the run",
        "jax-ml/jax#25703",
        SMALL_WORK,
        fact=lambda report: (
            report.timing is not None
            and report.timing.trace > 0
            and report.timing.lower > 0
            and (report.timing.first_call or 0) > 0
        ),
    ),
    Case(
        "update-becomes-scatter",
        "dynamic_update_slice at a mapped index becomes a scatter",
        "jax-ml/jax#21367, openxla/xla#12982, jax-ml/jax#17844",
        UPDATE,
        fact=lambda report: any(
            equation.primitive == "dynamic_update_slice" and "scatter" in equation.rewrite
            for equation in report.equations
        ),
    ),
    Case(
        "vectorize-broadcasts",
        "jnp.vectorize maps by levels that one does not see",
        "jax-ml/jax#14751",
        VECTORIZED,
        fact=lambda report: (
            report.outputs[0].shape == (3, 4)
            and {level.made_by for level in report.levels} == {"jax.numpy.vectorize"}
        ),
    ),
    Case(
        "last-digits-differ",
        "a batched product and a loop of products differ in the last digits",
        "jax-ml/jax#1816, jax-ml/jax#26308, jax-ml/jax#38768, jax-ml/jax#8715",
        DIGITS,
        fact=lambda report: (
            report.check is not None and report.check.agrees is True and report.check.max_ulp is not None
        ),
    ),
    Case(
        "chunks-by-lax-map",
        "lax.map with batch_size maps each chunk by a vmap of its own",
        "jax-ml/jax#27591, jax-ml/jax#31919",
        MAPPED,
        fact=lambda report: (
            report.failure is None
            and {level.axis_size for level in report.levels} >= {10, 4}
            and report.device is not None
            and "True" in report.printed
        ),
    ),
)
