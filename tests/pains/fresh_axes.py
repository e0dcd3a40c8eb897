"""More mistakes with axes, levels and containers, as people post them."""

from __future__ import annotations

from dataclasses import replace

from tests.pains.case import Case, edited, releveled, script, stated

LINEAR = script("""
import equinox as eqx
import jax
import jax.numpy as jnp

key = jax.random.PRNGKey(0)

# (B, C, H*W)
inputs = jnp.ones((3, 16, 64))
linear_layer = jax.vmap(eqx.nn.Linear(64, 8, use_bias=True, key=key))

outputs = linear_layer(inputs)
print(outputs.shape)
""")

OUTER_PRODUCT = script("""
from functools import partial
import jax.numpy as jnp
from jax import vmap

@partial(vmap, in_axes=(None, 0, 0))
def f2(x, y, z):
    return x * z + y

print(f2(jnp.arange(7), jnp.arange(5), jnp.arange(3)).shape)
""")

FOUR_AXES = replace(
    stated(
        "def mul(a, b):\n    return jnp.dot(a, b)",
        "mul",
        "0",
        M="f32[3,4,2,2]",
        N="f32[3,4,2,2]",
    ),
    wanted="f32[3,4,2,2]",
)

RAGGED = script("""
import jax
import jax.numpy as jnp

def test(x):
    return jnp.sum(x)

x = [jnp.array([1, 2, 3]), jnp.array([4, 5, 6, 7]), jnp.array([8, 9]), jnp.array([10])]
print(jax.vmap(test)(x))
""")

DECORATED_KEYWORD = script("""
import jax
from functools import partial

@partial(jax.vmap, in_axes=(0, 0))
def f(x, y):
    return x + y

x = y = jax.numpy.arange(4)
print(f(x, y=y))
""")

TRAINING_STEP = script("""
import jax
import jax.numpy as jnp

def init(key, sizes):
    keys = jax.random.split(key, len(sizes))
    return [
        {"w": jax.random.normal(k, (m, n)) * 0.1, "b": jnp.zeros(n)}
        for k, m, n in zip(keys, sizes[:-1], sizes[1:])
    ]

def forward(params, x):
    for layer in params[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]

def loss(params, x, y):
    return jnp.mean((forward(params, x) - y) ** 2)

params = init(jax.random.PRNGKey(0), [3, 16, 2])
x = jnp.ones((8, 3))
y = jnp.zeros((8, 2))

per_example_grads = jax.vmap(jax.grad(loss))(params, x, y)
print(jax.tree.map(jnp.shape, per_example_grads))
""")

TIME_MAJOR = script("""
import jax
import jax.numpy as jnp
from jax import lax

W = jnp.eye(4) * 0.5
U = jnp.ones((3, 4))

def rnn(h0, xs):
    def cell(h, x):
        h = jnp.tanh(h @ W + x @ U)
        return h, h
    last, hs = lax.scan(cell, h0, xs)
    return last

h0 = jnp.zeros((5, 4))          # (batch, hidden)
xs = jnp.ones((10, 5, 3))       # (time, batch, features)
print(jax.vmap(rnn)(h0, xs).shape)
""")

METHOD = script("""
import jax
import jax.numpy as jnp

class Model:
    def __init__(self, weights):
        self.weights = weights

    @jax.vmap
    def predict(self, x):
        return jnp.dot(self.weights, x)

model = Model(jnp.array([1.0, 2.0]))
x_batch = jnp.array([[1.0, 2.0], [3.0, 4.0]])
print(model.predict(x_batch))
""")

FRAME = script("""
import jax
import jax.numpy as jnp
import pandas as pd

df = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})

def row_sum(row):
    return row.sum()

print(jax.vmap(row_sum)(df))
""")

SERIES = script("""
import jax
import pandas as pd

df = pd.DataFrame({"price": [1.0, 2.0, 3.0]})

def tax(p):
    return p * 2

print(jax.vmap(tax)(df["price"]))
""")

PYTHON_LIST = script("""
import jax

def square(x):
    return x * x

print(jax.vmap(square)([1.0, 2.0, 3.0]))
""")

DATA_AS_AXES = script("""
import jax
import jax.numpy as jnp

def normalize(v):
    return v / v.sum()

batch = jnp.array([[1.0, 1.0], [3.0, 1.0]])
print(jax.vmap(normalize, batch))
""")

CALLED_TOO_SOON = script("""
import jax
import jax.numpy as jnp

def f(x):
    return x + 1

x = jnp.arange(3)
y = jax.vmap(f(x))
print(y)
""")

INNER_SAME_SPEC = replace(
    stated(
        "def rbf(x, y):\n    return jnp.exp(-jnp.sum((x - y) ** 2))",
        "rbf",
        "(0, None)",
        "(0, None)",
        xs="f32[4,2]",
        ys="f32[5,2]",
    ),
    wanted="f32[4,5]",
)

TRANSPOSED_WEIGHTS = stated(
    "def layer(x, W, b):\n    return jnp.tanh(x @ W + b)",
    "layer",
    "(0, None, None)",
    x="f32[8,3]",
    W="f32[4,3]",
    b="f32[4]",
)

SHARED_BIAS_MAPPED = stated(
    "def layer(x, W, b):\n    return x @ W + b",
    "layer",
    "(0, None, 0)",
    x="f32[8,3]",
    W="f32[3,4]",
    b="f32[4]",
)

OUT_TREE = script("""
import jax
import jax.numpy as jnp

def moments(x):
    return {"mean": x.mean(), "var": x.var()}

x = jnp.arange(6.0).reshape(2, 3)
print(jax.vmap(moments, out_axes={"mean": 0})(x))
""")

OPTIMISER = script("""
import jax
import jax.numpy as jnp
import optax

params = jnp.ones((4, 3))
opt = optax.adam(1e-2)
state = opt.init(params)

def update(grad, state, param):
    updates, state = opt.update(grad, state, param)
    return optax.apply_updates(param, updates), state

params, state = jax.vmap(update)(jnp.ones((4, 3)), state, params)
print(params.shape)
""")

ASSERTED_RANK = script("""
import jax
import jax.numpy as jnp

def attention(q, k, v):
    assert q.ndim == 2, "q must be (seq, dim)"
    return jax.nn.softmax(q @ k.T) @ v

q = k = v = jnp.ones((6, 8))
print(jax.vmap(attention)(q, k, v).shape)
""")

SIZE_SAID_TWICE = script("""
import jax
import jax.numpy as jnp

batch_size = 32
data = jnp.ones((30, 4))
print(jax.vmap(lambda row: row.sum(), axis_size=batch_size)(data))
""")

CHANNELS_FIRST = script("""
import jax
import jax.numpy as jnp

images = jnp.ones((2, 5, 5, 3))      # NHWC
mean = jnp.zeros((3,))

def normalise_channel(channel, mean):
    return channel - mean

out = jax.vmap(normalise_channel)(images, mean)
print(out.shape)
""")

STARRED = script("""
import jax
import jax.numpy as jnp

def total(*arrays):
    return sum(a.sum() for a in arrays)

a, b, c = jnp.ones((3, 2)), jnp.ones((3, 4)), jnp.ones((2, 3))
print(jax.vmap(total, in_axes=(0, 0))(a, b, c))
""")

GRID = script("""
import jax
import jax.numpy as jnp

def bilinear(img, y, x):
    return img[y, x] * 1.0

img = jnp.arange(12.0).reshape(3, 4)
ys = jnp.arange(3)
xs = jnp.arange(4)
print(jax.vmap(bilinear, in_axes=(None, 0, 0))(img, ys, xs))
""")

CASES = (
    Case(
        "two-batch-axes-one-vmap",
        "a layer for vectors is handed matrices: one more level is missing",
        "patrick-kidger/equinox#662",
        LINEAR,
        says=(r"\(?16,? ?64\)?|\[16,64\]", "vmap|level"),
        mended=(
            edited(
                LINEAR,
                (
                    "jax.vmap(eqx.nn.Linear(64, 8, use_bias=True, key=key))",
                    "jax.vmap(jax.vmap(eqx.nn.Linear(64, 8, use_bias=True, key=key)))",
                ),
            ),
        ),
    ),
    Case(
        "outer-product-in-one-call",
        "an outer product wanted of one vmap",
        "a Stack Overflow question on several arguments",
        OUTER_PRODUCT,
        says=(r"\by\b.*5", r"\bz\b.*3", "level|pairs"),
        blames=("y", "z"),
        mended=(
            edited(
                OUTER_PRODUCT,
                (
                    "@partial(vmap, in_axes=(None, 0, 0))",
                    "@partial(vmap, in_axes=(None, 0, None))\n@partial(vmap, in_axes=(None, None, 0))",
                ),
            ),
            edited(
                OUTER_PRODUCT,
                (
                    "@partial(vmap, in_axes=(None, 0, 0))",
                    "@partial(vmap, in_axes=(None, None, 0))\n@partial(vmap, in_axes=(None, 0, None))",
                ),
            ),
        ),
    ),
    Case(
        "products-of-small-matrices",
        "one level over arrays with two batch axes gives an axis too many",
        "a Stack Overflow question on dot of 4-d arrays",
        FOUR_AXES,
        mended=(replace(FOUR_AXES, levels=FOUR_AXES.levels * 2),),
    ),
    Case(
        "ragged-list",
        "a list of arrays of different lengths",
        "a Stack Overflow question on lists of arrays",
        RAGGED,
        says=(r"\bx\[0\]", "3", "4", "length|size"),
        blames=("x",),
    ),
    Case(
        "keyword-beside-in-axes",
        "one of two mapped arguments is passed by keyword",
        "jax-ml/jax#13849",
        DECORATED_KEYWORD,
        says=(r"\by\b", "keyword"),
        blames=("y",),
        mended=(edited(DECORATED_KEYWORD, ("f(x, y=y)", "f(x, y)")),),
    ),
    Case(
        "parameters-mapped",
        "the parameters of a network are mapped with the data",
        "google/flax#858",
        TRAINING_STEP,
        says=(r"\bparams\b", r"\bx\b", "8", "None"),
        blames=("params",),
        mended=(
            edited(
                TRAINING_STEP, ("jax.vmap(jax.grad(loss))", "jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))")
            ),
        ),
    ),
    Case(
        "time-comes-first",
        "time-major data mapped over its first axis",
        "a forum question on a recurrent network",
        TIME_MAJOR,
        says=(r"\bh0\b.*5", r"\bxs\b.*10"),
        blames=("h0", "xs"),
        mended=(edited(TIME_MAJOR, ("jax.vmap(rnn)", "jax.vmap(rnn, in_axes=(0, 1))")),),
    ),
    Case(
        "self-is-mapped",
        "a decorated method maps self, too",
        "a Stack Overflow question on methods",
        METHOD,
        says=(r"\bself\b", "None|Model"),
        blames=("self",),
        mended=(
            edited(
                METHOD,
                ("    @jax.vmap\n", "    @partial(jax.vmap, in_axes=(None, 0))\n"),
                ("import jax\n", "import jax\nfrom functools import partial\n"),
            ),
        ),
    ),
    Case(
        "data-frame",
        "a pandas DataFrame as the batch",
        "a forum question on pandas",
        FRAME,
        says=(r"\bdf\b", "DataFrame", "to_numpy|array"),
        blames=("df",),
        mended=(
            edited(FRAME, ("(row_sum)(df)", "(row_sum)(df.to_numpy())")),
            edited(FRAME, ("(row_sum)(df)", "(row_sum)(jnp.array(df))")),
        ),
    ),
    Case(
        "series",
        "a pandas column as the batch",
        "a forum question on pandas",
        SERIES,
        says=("Series", "to_numpy|array"),
        mended=(edited(SERIES, ('df["price"]))', 'df["price"].to_numpy()))')),),
    ),
    Case(
        "list-of-numbers",
        "a Python list of numbers as the batch",
        "a tutorial on vmap",
        PYTHON_LIST,
        says=("list|each", "array", "3"),
        mended=(edited(PYTHON_LIST, ("([1.0, 2.0, 3.0])", "(jax.numpy.array([1.0, 2.0, 3.0]))")),),
    ),
    Case(
        "data-in-place-of-axes",
        "jax.vmap(f, x) in place of jax.vmap(f)(x)",
        "a forum question of a newcomer",
        DATA_AS_AXES,
        says=("in_axes", r"jax\.vmap\(normalize\)\(batch\)|\)\(batch\)"),
        marks="jax.vmap(normalize, batch)",
        mended=(edited(DATA_AS_AXES, ("(normalize, batch)", "(normalize)(batch)")),),
    ),
    Case(
        "result-in-place-of-function",
        "jax.vmap(f(x)) in place of jax.vmap(f)(x)",
        "a forum question of a newcomer",
        CALLED_TOO_SOON,
        says=("function|callable", r"jax\.vmap\(f\)\(x\)"),
        marks="jax.vmap(f(x))",
        mended=(edited(CALLED_TOO_SOON, ("jax.vmap(f(x))", "jax.vmap(f)(x)")),),
    ),
    Case(
        "both-levels-map-the-same",
        "both levels of a Gram matrix map the first argument",
        "a Stack Overflow question on kernels",
        INNER_SAME_SPEC,
        mended=(releveled(INNER_SAME_SPEC, "(0, None)", "(None, 0)"),),
    ),
    Case(
        "weights-transposed",
        "the weights are stored (out, in)",
        "a forum question on dense layers",
        TRANSPOSED_WEIGHTS,
        says=(r"x @ W", r"\bx\b.*f32\[3\]", r"\bW\b.*f32\[4,3\]", "3.*4|4.*3"),
        blames=("x", "W"),
        marks="x @ W",
        mended=(replace(TRANSPOSED_WEIGHTS, code=TRANSPOSED_WEIGHTS.code.replace("x @ W", "x @ W.T")),),
    ),
    Case(
        "bias-mapped",
        "a bias is mapped with the data",
        "a forum question on dense layers",
        SHARED_BIAS_MAPPED,
        says=(r"\bx\b", r"\bb\b", "8", "4"),
        blames=("b",),
        level=0,
        mended=(
            replace(
                SHARED_BIAS_MAPPED, levels=(replace(SHARED_BIAS_MAPPED.levels[0], in_axes="(0, None, None)"),)
            ),
        ),
    ),
    Case(
        "out-tree-misses-a-key",
        "out_axes names one of two results",
        "the message of jax.vmap",
        OUT_TREE,
        says=("out_axes", "var"),
        mended=(edited(OUT_TREE, ('{"mean": 0}', "0")),),
    ),
    Case(
        "optimiser-state",
        "the state of an optimiser has a count that is one number for all",
        "google-deepmind/optax, a forum question on per-example updates",
        OPTIMISER,
        says=("count", "scalar|None|no axis"),
        blames=("state",),
    ),
    Case(
        "asserted-rank",
        "the function asserts a rank that it has no more once the batch is taken",
        "a Stack Overflow question (73212780)",
        ASSERTED_RANK,
        says=("q", r"f32\[8\]"),
    ),
    Case(
        "size-said-twice",
        "axis_size is not the size of the data",
        "the message of jax.vmap",
        SIZE_SAID_TWICE,
        says=("axis_size", "32", "30", r"\bdata\b"),
        blames=("data",),
        mended=(edited(SIZE_SAID_TWICE, (", axis_size=batch_size", "")),),
    ),
    Case(
        "channels-last",
        "the channel axis is the last one, vmap takes the first",
        "a forum question on images",
        CHANNELS_FIRST,
        says=(r"\bimages\b.*2", r"\bmean\b.*3"),
        blames=("images", "mean"),
        mended=(
            edited(
                CHANNELS_FIRST, ("jax.vmap(normalise_channel)", "jax.vmap(normalise_channel, in_axes=(3, 0))")
            ),
            edited(
                CHANNELS_FIRST,
                ("jax.vmap(normalise_channel)", "jax.vmap(normalise_channel, in_axes=(0, None))"),
            ),
        ),
    ),
    Case(
        "starred-arguments",
        "two entries for a function of any number of arguments",
        "a forum question on *args",
        STARRED,
        says=("2 entries", "3"),
        mended=(edited(STARRED, ("in_axes=(0, 0)", "in_axes=(0, 0, 1)")),),
    ),
    Case(
        "grid-of-points",
        "a grid of rows and columns wanted, but vmap goes along the diagonal",
        "a Stack Overflow question on meshgrid and vmap",
        GRID,
        says=(r"\bys\b.*3", r"\bxs\b.*4", "pairs|level"),
        blames=("ys", "xs"),
        mended=(
            edited(
                GRID,
                (
                    "jax.vmap(bilinear, in_axes=(None, 0, 0))",
                    "jax.vmap(jax.vmap(bilinear, in_axes=(None, None, 0)), in_axes=(None, 0, None))",
                ),
            ),
            edited(
                GRID,
                (
                    "jax.vmap(bilinear, in_axes=(None, 0, 0))",
                    "jax.vmap(jax.vmap(bilinear, in_axes=(None, 0, None)), in_axes=(None, None, 0))",
                ),
            ),
        ),
    ),
)
