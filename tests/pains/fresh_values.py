"""More mistakes inside the mapped function, and results that are silently wrong, as people post them."""

from __future__ import annotations

from tests.pains.case import Case, edited, script, stated

ARANGE = script("""
from jax import vmap
import jax.numpy as jnp
import numpy as np

parts = jnp.array(np.arange(80.0).reshape(40, 2))

def innerRange(i):
    inds = jnp.arange(i)
    selected = parts[inds]
    return jnp.sum(selected, axis=0)

print(innerRange(3))
bounds = jnp.array([3, 4], dtype="int32")
print(vmap(innerRange)(bounds))
""")

SLICED = script("""
import jax
import jax.numpy as jnp

seqs = jnp.arange(12.0).reshape(3, 4)
lengths = jnp.array([2, 4, 1])

def mean_of(seq, length):
    return seq[:length].mean()

print(jax.vmap(mean_of)(seqs, lengths))
""")

LIST_OF_PAIRS = script("""
import jax
import jax.numpy as jnp

x = jnp.arange(6.0).reshape(2, 3)
new_map = []
for j in range(2):
    for i in range(3):
        new_map.append([j, i])

def inner(n):
    j, i = new_map[n]
    return x[j, i] * 2

print(jax.vmap(inner)(jnp.arange(6)))
""")

NUMPY_VDOT = script("""
import numpy as np
from jax import vmap

m1 = np.array([[1., 1., 1.], [2., 2., 2.]])
b = np.array([1., 2., 3.])

vv = lambda x, y: np.vdot(x, y)
mv = vmap(vv, (0, None), 0)
print(mv(m1, b))
""")

MATH = script("""
import math
import jax
import jax.numpy as jnp

def wave(t):
    return math.sin(t) + 1.0

print(jax.vmap(wave)(jnp.zeros(3)))
""")

ASSIGNED = script("""
import jax
import jax.numpy as jnp

def clip_first(x):
    x[0] = 0.0
    return x

print(jax.vmap(clip_first)(jnp.ones((2, 3))))
""")

FLOAT = script("""
import jax
import jax.numpy as jnp

def score(x):
    total = float(x.sum())
    return total * 2

print(jax.vmap(score)(jnp.ones((2, 3))))
""")

ITEM = script("""
import jax
import jax.numpy as jnp

def score(x):
    return x.max().item() + 1.0

print(jax.vmap(score)(jnp.ones((2, 3))))
""")

CHAINED = script("""
import jax
import jax.numpy as jnp

def window(x):
    return 1.0 if 0 < x < 2 else 0.0

print(jax.vmap(window)(jnp.array([1.0, 3.0, -1.0])))
""")

PYTHON_WHILE = script("""
import jax
import jax.numpy as jnp

def halve(x):
    n = 0
    while x > 1.0:
        x = x / 2
        n += 1
    return n

print(jax.vmap(halve)(jnp.array([1.0, 5.0, 64.0])))
""")

ENVIRONMENT = script("""
import jax
import jax.numpy as jnp
from typing import NamedTuple

class State(NamedTuple):
    pos: jax.Array
    t: jax.Array

def reset():
    return State(jnp.float32(0.0), jnp.int32(0))

def step(state, action):
    state = State(state.pos + action, state.t + 1)
    done = state.t >= 3
    if done:
        state = reset()
    return state, done

states = State(jnp.zeros(4), jnp.array([0, 1, 2, 3]))
states, done = jax.vmap(step)(states, jnp.ones(4))
print(states.pos, done)
""")

ZEROS = script("""
import jax
import jax.numpy as jnp

def padded(n):
    return jnp.zeros(n).at[0].set(1.0)

print(jax.vmap(padded)(jnp.array([2, 3])))
""")

UNIQUE = script("""
import jax
import jax.numpy as jnp

def count_labels(x):
    return jnp.unique(x).size

print(jax.vmap(count_labels)(jnp.array([[1, 1, 2], [3, 4, 5]])))
""")

FORMATTED = script("""
import jax
import jax.numpy as jnp

def f(x):
    print(f"value: {x:.2f}")
    return x * 2

print(jax.vmap(f)(jnp.arange(3.0)))
""")

LEAKED = script("""
import jax
import jax.numpy as jnp

history = []

def step(x):
    y = x * 2
    history.append(y)
    return y

jax.vmap(step)(jnp.arange(3.0))
print(history[0] + 1)
""")

ITERATED = script("""
import jax
import jax.numpy as jnp

def total(rows):
    s = 0.0
    for row in rows:
        s = s + row ** 2
    return s

print(jax.vmap(total)(jnp.arange(3.0)))
""")

GRAD_OF_VMAP = script("""
import jax
import jax.numpy as jnp

def f(x):
    return jnp.sin(x) ** 2

xs = jnp.linspace(0.0, 1.0, 5)
print(jax.grad(jax.vmap(f))(xs))
""")

GRAD_OF_VECTOR = script("""
import jax
import jax.numpy as jnp

def predict(w, x):
    return jnp.tanh(w * x)

w = jnp.ones(3)
xs = jnp.ones((5, 3))
print(jax.vmap(jax.grad(predict), in_axes=(None, 0))(w, xs).shape)
""")

CARRY = script("""
import jax
import jax.numpy as jnp
from jax import lax

def running_total(xs):
    def step(total, x):
        return total + x, total
    return lax.scan(step, jnp.zeros((), jnp.int32), xs)[0]

print(jax.vmap(running_total)(jnp.ones((2, 4))))
""")

BRANCHES = script("""
import jax
import jax.numpy as jnp

def f(x):
    return jax.lax.cond(x > 0, lambda v: v, lambda v: 0, x)

print(jax.vmap(f)(jnp.array([1.0, -1.0])))
""")

STATIC_BY_PARTIAL = script("""
from functools import partial
import jax
import jax.numpy as jnp

@partial(jax.jit, static_argnums=(2,))
def map_row(z, alpha, T):
    return z * alpha + T

alpha, T = 2.0, 3.0
rows = jnp.ones((4, 2))
print(jax.vmap(partial(map_row, alpha, T))(rows))
""")

HALF_SPLIT = script("""
import jax
import jax.numpy as jnp

def dropout(key, x, rate):
    mask = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(mask, x / (1 - rate), 0)

key = jax.random.key(42)
key, subkey = jax.random.split(key)
x = jnp.ones((4, 6))
out = jax.vmap(dropout, in_axes=(0, 0, None))(jax.random.split(subkey), x, 0.5)
print(out.shape)
""")

WHOLE_BATCH = script("""
import jax
import jax.numpy as jnp

x = jnp.arange(5.0)
y = 2 * x

def squared_error(xi):
    return jnp.mean((3 * xi - y) ** 2)

print(jax.vmap(squared_error)(x))
""")

COLUMN_AND_ROW = script("""
import jax
import jax.numpy as jnp

def mse(pred, target):
    return jnp.mean((pred - target) ** 2)

pred = jnp.arange(12.0).reshape(2, 6, 1)
target = jnp.arange(12.0).reshape(2, 6)
print(jax.vmap(mse)(pred, target))
""")

NAN_GRADIENT = script("""
import jax
import jax.numpy as jnp

def norm(x):
    return jnp.where(x.sum() > 0, jnp.sqrt(x @ x), 0.0)

xs = jnp.array([[3.0, 4.0], [0.0, 0.0]])
print(jax.vmap(jax.grad(norm))(xs))
""")

BATCH_NORM = script("""
import equinox as eqx
import jax
import jax.numpy as jnp

bn = eqx.nn.BatchNorm(5, axis_name="batch", mode="batch")
state = eqx.nn.State(bn)
x = jnp.ones((10, 5))
out, state = jax.vmap(bn, in_axes=(0, None), out_axes=(0, None))(x, state)
print(out.shape)
""")

RESHAPED = script("""
import jax
import jax.numpy as jnp

def flatten_and_sum(img):
    flat = img.reshape(28 * 28)
    return flat.sum()

imgs = jnp.ones((4, 3, 28, 28))
print(jax.vmap(flatten_and_sum)(imgs))
""")

CONCATENATED = script("""
import jax
import jax.numpy as jnp

def add_time(t, y):
    return jnp.concatenate([t, y])

ts = jnp.arange(3.0)
ys = jnp.ones((3, 2))
print(jax.vmap(add_time)(ts, ys))
""")

MEAN_INSIDE = stated(
    "def centre(x):\n    return x - x.mean(axis=1)",
    "centre",
    "0",
    x="f32[4,3]",
)

CASES = (
    Case(
        "arange-of-a-mapped-number",
        "an index range whose length is mapped",
        "jax-ml/jax#5454",
        ARANGE,
        says=(r"jnp\.arange\(i\)", "bounds|\\bi\\b", "length|shape|size"),
        marks="jnp.arange(i)",
    ),
    Case(
        "slice-of-mapped-length",
        "a sequence cut at a mapped length",
        "jax-ml/jax#1007",
        SLICED,
        says=(r"seq\[:length\]", "lengths?", "length|size", "where|dynamic_slice|mask"),
        marks="seq[:length]",
    ),
    Case(
        "list-of-pairs",
        "a list of index pairs looked up by a mapped number",
        "jax-ml/jax#4309",
        LIST_OF_PAIRS,
        says=("new_map", r"\bn\b", "array"),
        marks="new_map[n]",
        mended=(edited(LIST_OF_PAIRS, ("new_map[n]", "jnp.array(new_map)[n]")),),
    ),
    Case(
        "numpy-vdot",
        "np in place of jnp in a lambda",
        "jax-ml/jax#1162",
        NUMPY_VDOT,
        says=(r"np\.vdot", "jnp"),
        marks="np.vdot(x, y)",
        mended=(
            edited(
                NUMPY_VDOT,
                ("np.vdot", "jnp.vdot"),
                ("import numpy as np\n", "import numpy as np\nimport jax.numpy as jnp\n"),
            ),
        ),
    ),
    Case(
        "math-sin",
        "math.sin on a mapped number",
        "a forum question of a newcomer",
        MATH,
        says=(r"math\.sin", r"jnp\.sin|jnp"),
        marks="math.sin(t)",
        mended=(edited(MATH, ("math.sin(t)", "jnp.sin(t)")),),
    ),
    Case(
        "assigned-in-place",
        "an element is assigned in place",
        "a forum question of a newcomer",
        ASSIGNED,
        says=(r"x\[0\]", r"\.at\[", "set"),
        marks="x[0] = 0.0",
        mended=(edited(ASSIGNED, ("x[0] = 0.0", "x = x.at[0].set(0.0)")),),
    ),
    Case(
        "float-of-a-sum",
        "float() of a mapped value",
        "a forum question of a newcomer",
        FLOAT,
        says=(r"float\(x\.sum\(\)\)|float", r"\bx\b"),
        marks="float(x.sum())",
        mended=(edited(FLOAT, ("float(x.sum())", "x.sum()")),),
    ),
    Case(
        "item-of-a-maximum",
        ".item() of a mapped value",
        "a forum question of a newcomer",
        ITEM,
        says=(r"item", r"\bx\b"),
        mended=(edited(ITEM, (".item()", "")),),
    ),
    Case(
        "chained-comparison",
        "a chained comparison in a conditional expression",
        "RobertTLange/gymnax#83",
        CHAINED,
        says=(r"0 < x < 2|0 < x", "jnp.where|cond"),
        mended=(edited(CHAINED, ("1.0 if 0 < x < 2 else 0.0", "jnp.where((0 < x) & (x < 2), 1.0, 0.0)")),),
    ),
    Case(
        "python-while",
        "a Python while on a mapped value",
        "a forum question of a newcomer",
        PYTHON_WHILE,
        says=(r"x > 1\.0", "while_loop"),
        marks="x > 1.0",
    ),
    Case(
        "environment-reset",
        "an environment resets itself by a Python if",
        "RobertTLange/gymnax#83",
        ENVIRONMENT,
        says=(r"\bdone\b", "states?", "where|cond|select"),
        marks="done",
    ),
    Case(
        "shape-is-mapped",
        "the length of an array is mapped",
        "brentyi/egoallo#17",
        ZEROS,
        says=(r"jnp\.zeros\(n\)", r"\bn\b", "shape|length|size"),
        marks="jnp.zeros(n)",
        hopeless="the examples would have results of different lengths",
    ),
    Case(
        "unique-inside",
        "the number of distinct labels is not known before the values are",
        "jax-ml/jax#10231",
        UNIQUE,
        says=(r"jnp\.unique\(x\)", "size"),
        marks="jnp.unique(x)",
    ),
    Case(
        "formatted-print",
        "a mapped value in a format string",
        "jax-ml/jax#1476",
        FORMATTED,
        says=(r"x:\.2f|print|format", r"debug\.print"),
    ),
    Case(
        "list-outside",
        "a value is kept in a list of the module, and used after the call",
        "google/flax#4760",
        LEAKED,
        says=("history", "return"),
        marks="history[0] + 1",
    ),
    Case(
        "loop-over-a-scalar",
        "the axis that the function loops over is the one that vmap took",
        "a forum question of a newcomer",
        ITERATED,
        says=(r"\brows\b", r"f32\[\]|scalar", "axis"),
    ),
    Case(
        "gradient-of-a-batch",
        "grad of vmap in place of vmap of grad",
        "a forum question on gradients",
        GRAD_OF_VMAP,
        says=("scalar", r"f32\[5\]|\(5,\)|5", r"vmap\(jax\.grad\(f\)\)|vmap.*grad"),
        mended=(edited(GRAD_OF_VMAP, ("jax.grad(jax.vmap(f))", "jax.vmap(jax.grad(f))")),),
    ),
    Case(
        "gradient-of-a-vector",
        "grad of a function that returns a vector for each example",
        "jax-ml/jax#1092",
        GRAD_OF_VECTOR,
        says=("predict", r"f32\[3\]|\(3,\)", "scalar|jacrev|sum"),
    ),
    Case(
        "carry-changes-its-type",
        "a scan begins with an int and goes on with floats",
        "a forum question on scan",
        CARRY,
        says=("carry|total", "int32|i32", "float32|f32"),
        mended=(edited(CARRY, ("jnp.int32", "jnp.float32")),),
    ),
    Case(
        "branches-of-two-types",
        "the branches of a cond give a float and an int",
        "a forum question on cond",
        BRANCHES,
        says=("branch|true_fun|lambda", "float32|f32", "int32|i32"),
        mended=(edited(BRANCHES, ("lambda v: 0,", "lambda v: 0.0,")),),
    ),
    Case(
        "partial-fills-from-the-left",
        "partial binds the first arguments, so the data lands on a static one",
        "a Stack Overflow question on static arguments",
        STATIC_BY_PARTIAL,
        says=("static|hash", r"\bT\b|rows"),
    ),
    Case(
        "two-keys-for-four-rows",
        "split() without a number gives two keys",
        "jax-ml/jax#5549",
        HALF_SPLIT,
        says=("2", "4", "split"),
        mended=(edited(HALF_SPLIT, ("jax.random.split(subkey), x", "jax.random.split(subkey, 4), x")),),
    ),
    Case(
        "whole-batch-closed-over",
        "the function maps x but uses all of y",
        "a forum question on losses",
        WHOLE_BATCH,
        finding="whole_batch",
        says=(r"\by\b", "5"),
    ),
    Case(
        "column-minus-row",
        "(6, 1) minus (6,) is (6, 6) inside each example",
        "a forum question on a loss that does not fall",
        COLUMN_AND_ROW,
        finding="accidental_broadcast",
        says=(r"pred", r"target", "6"),
        marks="pred - target",
    ),
    Case(
        "nan-gradient",
        "the gradient of a guarded square root is nan where the guard is false",
        "the JAX FAQ on where",
        NAN_GRADIENT,
        finding="nan_gradient",
        says=("nan", "sqrt|where"),
    ),
    Case(
        "batch-norm-without-a-name",
        "a BatchNorm names an axis that no vmap has",
        "patrick-kidger/equinox#161",
        BATCH_NORM,
        says=("axis_name", "'batch'"),
        mended=(edited(BATCH_NORM, ("out_axes=(0, None))", 'out_axes=(0, None), axis_name="batch")')),),
    ),
    Case(
        "reshape-forgets-channels",
        "a reshape for one channel meets three",
        "a forum question on images",
        RESHAPED,
        says=(r"img\.reshape\(28 \* 28\)|reshape", r"f32\[3,28,28\]|\(3, 28, 28\)", "784|2352"),
        marks="img.reshape(28 * 28)",
    ),
    Case(
        "concatenating-a-scalar",
        "a vector of times becomes a scalar per example",
        "patrick-kidger/equinox#234",
        CONCATENATED,
        says=(r"\bt\b", r"f32\[\]|scalar|0-d", r"\bts\b|axis 0"),
        marks="jnp.concatenate([t, y])",
        mended=(
            edited(CONCATENATED, ("[t, y]", "[t[None], y]")),
            edited(CONCATENATED, ("[t, y]", "[jnp.atleast_1d(t), y]")),
        ),
    ),
    Case(
        "axis-of-the-batch-inside",
        "the function sums over axis 1, which one example does not have",
        "a tutorial on vmap",
        MEAN_INSIDE,
        says=(r"x\.mean\(axis=1\)|axis", r"f32\[3\]", "axis 1|axis=1"),
        marks="x.mean(axis=1)",
        mended=(stated("def centre(x):\n    return x - x.mean()", "centre", "0", x="f32[4,3]"),),
    ),
)
