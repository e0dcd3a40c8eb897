"""Whole scripts of newcomers: code written for a batch, or for NumPy, that is handed to vmap."""

from __future__ import annotations

from tests.pains.case import Case, edited, script

UNPACKED_SHAPE = script("""
import jax
import jax.numpy as jnp

def standardise(X):
    n, d = X.shape
    mu = X.sum(axis=0) / n
    return X - mu

X = jnp.arange(12.0).reshape(4, 3)
print(jax.vmap(standardise)(X))
""")

COLUMN_OF_A_ROW = script("""
import jax
import jax.numpy as jnp

data = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

def area(rect):
    return rect[:, 0] * rect[:, 1]

print(jax.vmap(area)(data))
""")

SHAPE_ONE = script("""
import jax
import jax.numpy as jnp

def mean_square(x):
    return (x ** 2).sum() / x.shape[1]

print(jax.vmap(mean_square)(jnp.arange(12.0).reshape(4, 3)))
""")

WINDOWS = script("""
import jax
import jax.numpy as jnp

series = jnp.arange(10.0)
window = 3

def moving_average(i):
    return series[i:i + window].mean()

print(jax.vmap(moving_average)(jnp.arange(8)))
""")

PYTHON_MAX = script("""
import jax
import jax.numpy as jnp

def hinge(y, score):
    return max(0.0, 1.0 - y * score)

y = jnp.array([1.0, -1.0, 1.0])
scores = jnp.array([0.5, 0.5, 2.0])
print(jax.vmap(hinge)(y, scores))
""")

NOT_AND = script("""
import jax
import jax.numpy as jnp

def inside(x, y):
    return x > 0 and y > 0

print(jax.vmap(inside)(jnp.array([1.0, -1.0]), jnp.array([1.0, 1.0])))
""")

BATCHED_EINSUM = script("""
import jax
import jax.numpy as jnp

def matmul(a, b):
    return jnp.einsum("bij,bjk->bik", a, b)

a = jnp.ones((5, 2, 3))
b = jnp.ones((5, 3, 4))
print(jax.vmap(matmul)(a, b).shape)
""")

LOSS_OF_A_BATCH = script("""
import jax
import jax.numpy as jnp

def cross_entropy(logits, labels):
    logp = jax.nn.log_softmax(logits, axis=1)
    n = labels.shape[0]
    return -logp[jnp.arange(n), labels]

logits = jnp.zeros((4, 3))
labels = jnp.array([0, 2, 1, 1])
print(jax.vmap(cross_entropy)(logits, labels))
""")

PAIR_AS_ONE = script("""
import jax
import jax.numpy as jnp

def loss(params, x, y):
    return (x @ params - y) ** 2

params = jnp.ones(3)
batch = (jnp.ones((5, 3)), jnp.zeros(5))
print(jax.vmap(loss, in_axes=(None, 0))(params, batch))
""")

LINEN = script("""
import flax.linen as nn
import jax
import jax.numpy as jnp

model = nn.Dense(2)
x = jnp.ones((4, 3))
variables = model.init(jax.random.PRNGKey(0), x[0])
print(jax.vmap(model.apply)(variables, x).shape)
""")

GREEKS = script("""
import jax
import jax.numpy as jnp

def price(spot, strike, rate, vol, expiry):
    d = jnp.log(spot / strike) / (vol * jnp.sqrt(expiry))
    return spot * jax.nn.sigmoid(d) - strike * jnp.exp(-rate * expiry)

spots = jnp.linspace(80.0, 120.0, 5)
delta = jax.vmap(jax.grad(price))
print(delta(spots, 100.0, 0.05, 0.2, 1.0))
""")

BATCH_WITH_A_MASK = script("""
import jax
import jax.numpy as jnp

def loss(w, batch):
    err = (batch["x"] @ w - batch["y"]) ** 2
    return jnp.where(batch["mask"], err, 0.0)

w = jnp.ones(3)
batch = {"x": jnp.ones((4, 3)), "y": jnp.zeros(4), "mask": jnp.array([True, True, False, True])}
losses = jax.vmap(loss, in_axes=(None, {"x": 0, "y": 0}))(w, batch)
print(losses)
""")

CONVOLUTION = script("""
import jax
import jax.numpy as jnp
from jax import lax

images = jnp.ones((4, 8, 8, 3))
kernel = jnp.ones((3, 3, 3, 2))

def conv(img):
    return lax.conv_general_dilated(img, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

print(jax.vmap(conv)(images).shape)
""")

FUNCTION_AS_ARGUMENT = script("""
import jax
import jax.numpy as jnp

def euler(f, y0, dt):
    y = y0
    for _ in range(10):
        y = y + dt * f(y)
    return y

y0s = jnp.array([1.0, 2.0, 3.0])
print(jax.vmap(euler)(lambda y: -y, y0s, 0.1))
""")

DEFAULT_ARGUMENT = script("""
import jax
import jax.numpy as jnp

def scale(x, factor=2.0):
    return x * factor

print(jax.vmap(scale, in_axes=(0, None))(jnp.arange(3.0)))
""")

CONCATENATED_COLUMNS = script("""
import jax
import jax.numpy as jnp

def with_bias(x, ones):
    return jnp.concatenate([x, ones], axis=1)

x = jnp.zeros((4, 2))
ones = jnp.ones((4, 1))
print(jax.vmap(with_bias)(x, ones))
""")

NONZERO = script("""
import jax
import jax.numpy as jnp

def first_positive(x):
    return jnp.where(x > 0)[0][0]

print(jax.vmap(first_positive)(jnp.array([[-1.0, 2.0, 3.0], [4.0, -1.0, -1.0]])))
""")

NUMPY_BUFFER = script("""
import jax
import jax.numpy as jnp
import numpy as np

def powers(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x ** i
    return out

print(jax.vmap(powers)(jnp.array([1.0, 2.0])))
""")

NUMPY_NOISE = script("""
import jax
import jax.numpy as jnp
import numpy as np

np.random.seed(0)

def augment(x):
    return x + np.random.normal()

print(jax.vmap(augment)(jnp.zeros(4)))
""")

FORGOTTEN_RETURN = script("""
import jax
import jax.numpy as jnp

def double(x):
    y = x * 2

out = jax.vmap(double)(jnp.arange(3.0))
print(out.shape)
""")

BEAMS = script("""
import jax
import jax.numpy as jnp

# (batch, beam, vocab) scores and (batch, beam) parents
scores = jnp.arange(24.0).reshape(2, 3, 4)
parents = jnp.array([[2, 0, 1], [0, 0, 2]])

def reorder(score, parent):
    return score[parent]

print(jax.vmap(reorder, in_axes=(1, 0))(scores, parents).shape)
""")

WRAPPED_IN_A_CLASS = script("""
import jax
import jax.numpy as jnp

class KNN:
    def __init__(self, X, k):
        self.X = X
        self.k = k

    def distance(self, a, b):
        return jnp.sqrt(((a - b) ** 2).sum())

    def predict(self, Q):
        d = jax.vmap(self.distance)(Q, self.X)
        return jnp.argsort(d, axis=-1)[..., : self.k]

knn = KNN(jnp.ones((6, 2)), k=2)
print(knn.predict(jnp.zeros((4, 2))).shape)
""")

STATIC_NAME = script("""
from functools import partial
import jax
import jax.numpy as jnp

@partial(jax.jit, static_argnames="order")
def lag(x, order):
    return x[order:].sum()

x = jnp.arange(12.0).reshape(3, 4)
print(jax.vmap(lag)(x, order=1))
""")

WORKS_THEN_FAILS = script("""
import jax
import jax.numpy as jnp

def score(w, x):
    return x @ w

batched = jax.vmap(score, in_axes=(None, 0))
w = jnp.ones(3)
print(batched(w, jnp.ones((4, 3))))
ws = jnp.ones((5, 3))
print(jax.vmap(batched, in_axes=(None, 0))(ws, jnp.ones((4, 3))))
""")

CASES = (
    Case(
        "shape-unpacked",
        "n, d = X.shape where one example has one axis left",
        "a forum question of a newcomer",
        UNPACKED_SHAPE,
        says=(r"\bX\b", r"f32\[3\]", "axis 0|vmap"),
        marks="n, d = X.shape",
    ),
    Case(
        "column-of-a-row",
        "x[:, 0] where one example is a row",
        "a forum question of a newcomer",
        COLUMN_OF_A_ROW,
        says=(r"rect", r"f32\[2\]", "axis 0|vmap"),
        marks="rect[:, 0]",
        mended=(edited(COLUMN_OF_A_ROW, ("rect[:, 0] * rect[:, 1]", "rect[0] * rect[1]")),),
    ),
    Case(
        "second-axis-of-a-row",
        "x.shape[1] where one example has one axis",
        "a forum question of a newcomer",
        SHAPE_ONE,
        says=(r"\bx\b", r"f32\[3\]", "axis 0|vmap"),
        marks="x.shape[1]",
        never=r"asarray",
        mended=(edited(SHAPE_ONE, ("x.shape[1]", "x.shape[0]")),),
    ),
    Case(
        "sliding-windows",
        "a slice that begins at a mapped index",
        "a Stack Overflow question on sliding windows",
        WINDOWS,
        says=(r"series\[i:i \+ window\]", "dynamic_slice", r"\bi\b"),
        marks="series[i:i + window]",
        mended=(edited(WINDOWS, ("series[i:i + window]", "jax.lax.dynamic_slice(series, (i,), (window,))")),),
    ),
    Case(
        "python-max",
        "Python's max of a mapped value",
        "a forum question of a newcomer",
        PYTHON_MAX,
        says=("max", r"jnp\.maximum|where"),
        marks="max(0.0, 1.0 - y * score)",
        mended=(edited(PYTHON_MAX, ("max(0.0", "jnp.maximum(0.0")),),
    ),
    Case(
        "python-and",
        "`and` of two mapped conditions",
        "a forum question of a newcomer",
        NOT_AND,
        says=("and|x > 0", "logical_and|&"),
        mended=(edited(NOT_AND, ("x > 0 and y > 0", "(x > 0) & (y > 0)")),),
    ),
    Case(
        "einsum-with-the-batch",
        "an einsum that names the batch that vmap has taken",
        "a Stack Overflow question on einsum",
        BATCHED_EINSUM,
        says=(r"einsum", r"f32\[2,3\]"),
        mended=(
            edited(BATCHED_EINSUM, ("bij,bjk->bik", "ij,jk->ik")),
            edited(BATCHED_EINSUM, ("jax.vmap(matmul)", "matmul")),
        ),
    ),
    Case(
        "loss-written-for-a-batch",
        "axis=1 and labels.shape[0] of a loss written for a batch",
        "a forum question on cross entropy",
        LOSS_OF_A_BATCH,
        says=(r"logits", r"f32\[3\]", "axis 1|axis=1"),
        marks="jax.nn.log_softmax(logits, axis=1)",
    ),
    Case(
        "pair-passed-as-one",
        "two arrays passed as one argument",
        "a forum question on batches",
        PAIR_AS_ONE,
        says=(r"\by\b", "missing|argument"),
        mended=(
            edited(
                PAIR_AS_ONE, ("in_axes=(None, 0))(params, batch)", "in_axes=(None, 0, 0))(params, *batch)")
            ),
        ),
    ),
    Case(
        "variables-of-a-module-mapped",
        "the variables of a Flax module are mapped",
        "google/flax, a question on apply",
        LINEN,
        says=("variables", "kernel|bias", r"\bx\b|args", "4"),
        mended=(edited(LINEN, ("jax.vmap(model.apply)", "jax.vmap(model.apply, in_axes=(None, 0))")),),
    ),
    Case(
        "many-scalars",
        "one array and four numbers",
        "a blog on option prices",
        GREEKS,
        says=("strike", "rate", "vol", "expiry", "None"),
        blames=("strike", "expiry"),
        mended=(
            edited(
                GREEKS,
                (
                    "jax.vmap(jax.grad(price))",
                    "jax.vmap(jax.grad(price), in_axes=(0, None, None, None, None))",
                ),
            ),
        ),
    ),
    Case(
        "mask-added-to-the-batch",
        "a key was added to the batch, but not to its axes",
        "jax-ml/jax#3161",
        BATCH_WITH_A_MASK,
        says=(r"\bbatch\b", "mask"),
        blames=("batch",),
        mended=(edited(BATCH_WITH_A_MASK, ('{"x": 0, "y": 0}', "0")),),
    ),
    Case(
        "convolution-of-one-image",
        "a convolution wants a batch axis that vmap has taken",
        "a Stack Overflow question on convolutions",
        CONVOLUTION,
        says=(r"img|images", r"f32\[8,8,3\]"),
        marks="lax.conv_general_dilated(img, kernel",
    ),
    Case(
        "function-as-argument",
        "a function and a number among the mapped arguments",
        "jax-ml/jax#183",
        FUNCTION_AS_ARGUMENT,
        says=(r"\bf\b", "None", "dt"),
        mended=(
            edited(FUNCTION_AS_ARGUMENT, ("jax.vmap(euler)", "jax.vmap(euler, in_axes=(None, 0, None))")),
        ),
    ),
    Case(
        "entry-for-a-default",
        "an entry for an argument that is left at its default",
        "a forum question of a newcomer",
        DEFAULT_ARGUMENT,
        says=("2 entries", "1 positional", "factor|default"),
        mended=(edited(DEFAULT_ARGUMENT, ("in_axes=(0, None)", "in_axes=0")),),
    ),
    Case(
        "concatenated-columns",
        "columns joined along axis 1, which one example does not have",
        "a forum question of a newcomer",
        CONCATENATED_COLUMNS,
        says=(r"\bx\b", r"f32\[2\]", "axis 1|axis=1"),
        marks="jnp.concatenate([x, ones], axis=1)",
        mended=(edited(CONCATENATED_COLUMNS, ("axis=1", "axis=0")),),
    ),
    Case(
        "where-with-one-argument",
        "jnp.where with one argument gives as many indices as there are",
        "jax-ml/jax#10231",
        NONZERO,
        says=(r"jnp\.where\(x > 0\)", "size"),
        marks="jnp.where(x > 0)",
        mended=(edited(NONZERO, ("jnp.where(x > 0)[0][0]", "jnp.where(x > 0, size=1)[0][0]")),),
    ),
    Case(
        "numpy-buffer",
        "mapped values written into a NumPy array",
        "a forum question of a newcomer",
        NUMPY_BUFFER,
        says=(r"out\[i\]|np\.zeros", r"jnp|\.at\["),
        mended=(
            edited(
                NUMPY_BUFFER,
                ("np.zeros(3)", "jnp.zeros(3)"),
                ("out[i] = x ** i", "out = out.at[i].set(x ** i)"),
            ),
        ),
    ),
    Case(
        "numpy-noise",
        "NumPy draws one number for all examples",
        "the JAX sharp bits on random numbers",
        NUMPY_NOISE,
        finding="python_random",
        says=(r"np\.random", "same|one"),
    ),
    Case(
        "forgotten-return",
        "the mapped function returns nothing",
        "a forum question of a newcomer",
        FORGOTTEN_RETURN,
        says=("double|out", "None", "return"),
    ),
    Case(
        "beams-before-batch",
        "the beam axis is mapped in place of the batch",
        "a forum question on beam search",
        BEAMS,
        says=("scores.*3", "parents.*2"),
        blames=("scores", "parents"),
        mended=(edited(BEAMS, ("in_axes=(1, 0)", "in_axes=(0, 0)")),),
    ),
    Case(
        "method-of-a-class",
        "all pairs wanted inside a method",
        "a forum question on nearest neighbours",
        WRAPPED_IN_A_CLASS,
        says=(r"\bQ\b.*4", r"self\.X.*6", "pairs|level"),
        mended=(
            edited(
                WRAPPED_IN_A_CLASS,
                (
                    "jax.vmap(self.distance)",
                    "jax.vmap(jax.vmap(self.distance, in_axes=(None, 0)), in_axes=(0, None))",
                ),
            ),
        ),
    ),
    Case(
        "static-name-under-vmap",
        "a static argument of a jitted function, passed by keyword to vmap",
        "jax-ml/jax#5617",
        STATIC_NAME,
        says=(r"\border\b", "keyword|partial"),
        blames=("order",),
        mended=(edited(STATIC_NAME, ("jax.vmap(lag)(x, order=1)", "jax.vmap(partial(lag, order=1))(x)")),),
    ),
    Case(
        "second-call-fails",
        "the first call works, a nest built of it does not",
        "a forum question on ensembles",
        WORKS_THEN_FAILS,
        says=(r"\bws\b|\bw\b", r"f32\[5,3\]"),
        mended=(
            edited(
                WORKS_THEN_FAILS,
                ("jax.vmap(batched, in_axes=(None, 0))", "jax.vmap(batched, in_axes=(0, None))"),
            ),
        ),
    ),
)
