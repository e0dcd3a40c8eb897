"""Mistakes with control flow, indexing and values that Python needs."""

from __future__ import annotations

from tests.pains.case import Case, edited, script, stated

COND = stated(
    """
def cheap(x):
    return x

def costly(x):
    for _ in range(20):
        x = jnp.tanh(x @ jnp.outer(x, x))
    return x

def f(flag, x):
    return lax.cond(flag, costly, cheap, x)
""",
    "f",
    "(0, 0)",
    flag="jnp.array([True, False, False, False])",
    x="f32[4,8]",
)

EFFECT = stated(
    """
def bad(x):
    jax.debug.print("negative: {}", x)
    return -x

def f(x):
    return lax.cond(x < 0, bad, lambda v: v, x)
""",
    "f",
    "0",
    x="jnp.array([1., 2., -3.])",
)

WHILE_IN_COND = stated(
    """
def shrink(x):
    return lax.while_loop(lambda v: v > 1.0, lambda v: v / 2, x)

def f(x):
    return lax.cond(x > 1.0, shrink, lambda v: v, x)
""",
    "f",
    "0",
    x="jnp.array([0.5, 3., 100.])",
)

SLOWEST = stated(
    """
def collatz(n):
    def step(state):
        n, steps = state
        return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1

    return lax.while_loop(lambda state: state[0] > 1, step, (n, 0))[1]
""",
    "collatz",
    "0",
    n="jnp.array([1, 2, 4, 27])",
)

EFFECT_IN_WHILE = script("""
import jax
import jax.numpy as jnp

def countdown(n):
    def body(n):
        jax.debug.print("n = {}", n, ordered=True)
        return n - 1
    return jax.lax.while_loop(lambda n: n > 0, body, n)

print(jax.vmap(countdown)(jnp.array([1, 3])))
""")

PYTHON_IF = script("""
import jax
import jax.numpy as jnp

def relu(x):
    if x > 0:
        return x
    else:
        return 0.0

xs = jnp.array([-1.0, 2.0, -3.0])
print(jax.vmap(relu)(xs))
""")

DICT_LOOKUP = script("""
import jax
import jax.numpy as jnp

prices = {0: 1.5, 1: 2.5, 2: 4.0}

def price(kind, count):
    return prices[kind] * count

kinds = jnp.array([0, 2, 1])
counts = jnp.array([1., 2., 3.])
print(jax.vmap(price)(kinds, counts))
""")

LIST_LOOKUP = script("""
import jax
import jax.numpy as jnp

weights = [0.5, 1.0, 2.0]

def scale(i, x):
    return weights[i] * x

print(jax.vmap(scale)(jnp.array([2, 0]), jnp.array([1.0, 3.0])))
""")

RANGE_MAPPED = script("""
import jax
import jax.numpy as jnp

def power_sum(x, n):
    total = 0.0
    for i in range(n):
        total = total + x ** i
    return total

xs = jnp.array([1.0, 2.0, 3.0])
ns = jnp.array([3, 3, 3])
print(jax.vmap(power_sum)(xs, ns))
""")

RANGE_SHARED = stated(
    """
def power_sum(x, n):
    total = 0.0
    for i in range(n):
        total = total + x ** i
    return total
""",
    "power_sum",
    "(0, None)",
    x="f32[3]",
    n="3",
)

AXIS_MAPPED = script("""
import jax
import jax.numpy as jnp

def reduce_along(x, axis):
    return jnp.sum(x, axis=axis)

x = jnp.ones((2, 3, 3))
print(jax.vmap(reduce_along)(x, jnp.array([0, 1])))
""")

MASK = script("""
import jax
import jax.numpy as jnp

def positives_sum(x):
    return x[x > 0].sum()

x = jnp.array([[1.0, -2.0, 3.0], [-1.0, -1.0, 5.0]])
print(jax.vmap(positives_sum)(x))
""")

MASK_RETURNED = script("""
import jax
import jax.numpy as jnp

def positives(x):
    return x[x > 0]

x = jnp.array([[1.0, -2.0, 3.0], [-1.0, -1.0, 5.0]])
print(jax.vmap(positives)(x))
""")

NUMPY_INSIDE = script("""
import jax
import jax.numpy as jnp
import numpy as np

def norm(x):
    return np.linalg.norm(x)

x = jnp.array([[3.0, 4.0], [6.0, 8.0]])
print(jax.vmap(norm)(x))
""")

CASES = (
    Case(
        "cond-runs-both",
        "a cond on a mapped predicate runs both branches",
        "jax-ml/jax#8409, jax-ml/jax#3103, sotetsuk/pgx#438, elodin-sys/elodin#444",
        COND,
        finding="both_branches",
        says=(r"\bflag\b", "both"),
    ),
    Case(
        "effect-of-the-branch-not-taken",
        "debug.print in a branch that is not taken prints all the same",
        "jax-ml/jax#19314",
        EFFECT,
        finding="effect_in_branch",
        says=("print", "both|every|all examples"),
    ),
    Case(
        "while-inside-a-mapped-cond",
        "a loop in a branch runs although the branch is not taken",
        "jax-ml/jax#2947",
        WHILE_IN_COND,
        finding="both_branches",
        says=("while", "both"),
    ),
    Case(
        "while-waits-for-the-slowest",
        "a while loop runs until the slowest example is done",
        "jax-ml/jax#441, jax-ml/jax#485, jax-ml/jax#2586",
        SLOWEST,
        finding="slowest_example",
        says=("111", "%"),
    ),
    Case(
        "effect-in-a-mapped-while",
        "a print in a loop goes on for the examples that are done",
        "jax-ml/jax#20628",
        EFFECT_IN_WHILE,
        finding="slowest_example",
        says=("print|effect", "while|loop"),
        mended=(edited(EFFECT_IN_WHILE, ("jax.vmap(countdown)(", "jax.lax.map(countdown, ")),),
    ),
    Case(
        "python-if",
        "a Python if on a mapped value",
        "the family of jax-ml/jax#2285",
        PYTHON_IF,
        says=("x > 0", "xs|x\\b", "jnp.where|lax.cond"),
        blames=("xs",),
        marks="x > 0",
        level=0,
        mended=(
            edited(
                PYTHON_IF,
                (
                    "    if x > 0:\n        return x\n    else:\n        return 0.0\n",
                    "    return jnp.where(x > 0, x, 0.0)\n",
                ),
            ),
        ),
    ),
    Case(
        "dict-lookup",
        "a dict looked up by a mapped number",
        "jax-ml/jax#2285",
        DICT_LOOKUP,
        says=("prices", "kinds?", "array|switch"),
        marks="prices[kind]",
        mended=(edited(DICT_LOOKUP, ("prices[kind]", "jnp.array([1.5, 2.5, 4.0])[kind]")),),
    ),
    Case(
        "list-lookup",
        "a list looked up by a mapped number",
        "jax-ml/jax#292",
        LIST_LOOKUP,
        says=("weights", r"\bi\b", "array"),
        marks="weights[i]",
        mended=(edited(LIST_LOOKUP, ("weights[i]", "jnp.array(weights)[i]")),),
    ),
    Case(
        "range-of-a-mapped-number",
        "range(n) with a mapped n",
        "jax-ml/jax#700",
        RANGE_MAPPED,
        says=("range", r"\bn\b", "fori_loop|None"),
        marks="range(n)",
        mended=(
            edited(
                RANGE_MAPPED, ("jax.vmap(power_sum)(xs, ns)", "jax.vmap(power_sum, in_axes=(0, None))(xs, 3)")
            ),
        ),
    ),
    Case(
        "range-of-a-shared-number",
        "range(n) works where n is shared, since it stays a number",
        "jax-ml/jax#700",
        RANGE_SHARED,
        fact=lambda report: report.failure is None and report.outputs[0].shape == (3,),
    ),
    Case(
        "axis-is-mapped",
        "the axis of a sum is a mapped value",
        "jax-ml/jax#10493",
        AXIS_MAPPED,
        says=("axis", "static|known|Python", "partial|None|switch"),
        marks="jnp.sum(x, axis=axis)",
    ),
    Case(
        "boolean-mask",
        "a sum over what a mask selects",
        "jax-ml/jax#21994, jax-ml/jax#10231",
        MASK,
        says=(r"x > 0|x\[x > 0\]", "length|size|ragged", "where"),
        marks="x[x > 0]",
        mended=(edited(MASK, ("x[x > 0].sum()", "jnp.where(x > 0, x, 0).sum()")),),
    ),
    Case(
        "boolean-mask-returned",
        "the examples would have results of different lengths",
        "jax-ml/jax#21994, jax-ml/jax#10231",
        MASK_RETURNED,
        says=(r"x > 0|x\[x > 0\]", "length|size|ragged", "where"),
        marks="x[x > 0]",
        hopeless="a result of another length for every example is no array",
    ),
    Case(
        "numpy-inside",
        "NumPy called on a mapped value",
        "the message of JAX",
        NUMPY_INSIDE,
        says=(r"np\.linalg\.norm", "jnp"),
        marks="np.linalg.norm(x)",
        mended=(
            edited(
                NUMPY_INSIDE,
                ("np.linalg.norm(x)", "jnp.linalg.norm(x)"),
            ),
        ),
    ),
)
