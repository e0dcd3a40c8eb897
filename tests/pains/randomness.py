"""Mistakes with random keys, and with printing what happens."""

from __future__ import annotations

from tests.pains.case import Case, edited, releveled, revalued, script, stated

PRINTED = script("""
import jax
import jax.numpy as jnp

def f(x):
    print("x is", x)
    return x.sum()

jax.vmap(f)(jnp.ones((3, 2)))
""")

ORDER = stated(
    """
def f(x):
    jax.debug.print("first {}", x)
    jax.debug.print("second {}", x * 10)
    return x
""",
    "f",
    "0",
    x="jnp.arange(3.)",
)

SHARED_KEY = stated(
    "def noisy(key, x):\n    return x + jax.random.normal(key)",
    "noisy",
    "(None, 0)",
    key="jax.random.key(0)",
    x="zeros(f32[3])",
)

CLOSED_KEY = script("""
import jax
import jax.numpy as jnp

key = jax.random.PRNGKey(0)

def dropout(x):
    keep = jax.random.bernoulli(key, 0.5, x.shape)
    return jnp.where(keep, x, 0.0)

print(jax.vmap(dropout)(jnp.ones((4, 6))))
""")

NOT_SPLIT = script("""
import jax
import jax.numpy as jnp

def sample(key, mean):
    return mean + jax.random.normal(key)

key = jax.random.key(0)
means = jnp.arange(5.0)
print(jax.vmap(sample)(key, means).shape)
""")

WRONG_COUNT = stated(
    "def sample(key, mean):\n    return mean + jax.random.normal(key)",
    "sample",
    "0",
    keys="jax.random.split(jax.random.key(0), 4)",
    means="f32[5]",
)

OLD_KEY = script("""
import jax
import jax.numpy as jnp

def sample(key, mean):
    return mean + jax.random.normal(key)

key = jax.random.PRNGKey(0)
means = jnp.arange(5.0)
print(jax.vmap(sample)(key, means).shape)
""")

OLD_KEYS_AXIS = stated(
    "def sample(key):\n    return jax.random.normal(key)",
    "sample",
    "1",
    keys="jax.random.split(jax.random.PRNGKey(0), 2)",
)

CASES = (
    Case(
        "print-shows-a-tracer",
        "print inside the function shows one example's shape and no values",
        "jax-ml/jax#1476, jax-ml/jax#2591",
        PRINTED,
        fact=lambda report: (
            "float32[2]" in report.printed
            and any(path.aval.shape == (2,) for level in report.levels for path in level.enters)
        ),
    ),
    Case(
        "prints-in-another-order",
        "debug.print goes operation by operation, not example by example",
        "jax-ml/jax#29829",
        ORDER,
        fact=lambda report: report.printed.index("first 2") < report.printed.index("second 0"),
    ),
    Case(
        "one-key-for-all",
        "one key for all examples gives all of them the same numbers",
        "google/flax#4195, jax-ml/jax#4973, jax-ml/jax#7708",
        SHARED_KEY,
        finding="shared_key",
        says=(r"\bkey\b", "3", "split"),
        blames=("key",),
        mended=(releveled(revalued(SHARED_KEY, key="jax.random.split(jax.random.key(0), 3)"), "(0, 0)"),),
    ),
    Case(
        "closed-over-key",
        "the key is closed over, so every example drops the same entries",
        "jax-ml/jax#4973",
        CLOSED_KEY,
        finding="shared_key",
        says=(r"\bkey\b", "4", "split"),
    ),
    Case(
        "key-not-split",
        "one typed key where a batch of keys is mapped",
        "jax-ml/jax#17747, jax-ml/jax#5549, jax-ml/jax#37484",
        NOT_SPLIT,
        says=(r"\bkey\b", "split", "5"),
        blames=("key",),
        mended=(edited(NOT_SPLIT, ("(key, means)", "(jax.random.split(key, 5), means)")),),
    ),
    Case(
        "too-few-keys",
        "another number of keys than examples",
        "jax-ml/jax#5549",
        WRONG_COUNT,
        says=(r"\bkeys\b", "4", "5"),
        blames=("keys",),
        level=0,
        mended=(revalued(WRONG_COUNT, keys="jax.random.split(jax.random.key(0), 5)"),),
    ),
    Case(
        "old-key-not-split",
        "an old key is an array of two numbers, so its halves are mapped",
        "jax-ml/jax#37484",
        OLD_KEY,
        says=(r"\bkey\b", "split", "5"),
        blames=("key",),
        mended=(edited(OLD_KEY, ("(key, means)", "(jax.random.split(key, 5), means)")),),
    ),
    Case(
        "old-keys-on-the-wrong-axis",
        "two old keys mapped over their halves",
        "jax-ml/jax#9263, jax-ml/jax#20474",
        OLD_KEYS_AXIS,
        finding="key_axis",
        says=(r"\bkeys\b", "axis"),
        blames=("keys",),
        mended=(releveled(OLD_KEYS_AXIS, "0"),),
    ),
)
