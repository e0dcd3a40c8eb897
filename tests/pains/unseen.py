"""Cases written before anything was known of how they come out: code as people have it."""

from __future__ import annotations

from tests.pains.case import Case, edited, script

_IMPORTS = "import jax\nimport jax.numpy as jnp\nfrom functools import partial\n"

TURNED = script(f"""{_IMPORTS}
W, b = jnp.arange(6.0).reshape(3, 2), jnp.ones(2)

def layer(x):
    return jax.nn.relu(W @ x + b)

h = jax.vmap(layer)(jnp.arange(30.0).reshape(10, 3))
print(h)
""")

TURNED_TWICE = script(f"""{_IMPORTS}
params = [jnp.ones((2, 16)), jnp.ones((16, 1))]

def forward(params, x):
    h = jnp.tanh(jnp.dot(params[0], x))
    return jnp.dot(params[1], h)

batched_forward = jax.vmap(forward, in_axes=(None, 0))

@jax.jit
def loss(params, xs, ys):
    return jnp.mean((batched_forward(params, xs) - ys) ** 2)

print(jax.grad(loss)(params, jnp.ones((64, 2)), jnp.ones((64, 1))))
""")

CONVOLVED = script(f"""{_IMPORTS}
def conv(img, kernel):
    return jax.lax.conv_general_dilated(img, kernel, (1, 1), "SAME")

out = jax.vmap(conv, in_axes=(0, None))(jnp.ones((2, 3, 8, 8)), jnp.ones((4, 3, 3, 3)))
print(out)
""")

INNER_FORGOTTEN = script(f"""{_IMPORTS}
def dist(x, y):
    return jnp.sqrt(jnp.sum((x - y) ** 2))

X, Y = jnp.arange(6.0).reshape(3, 2), jnp.arange(8.0).reshape(4, 2)
D = jax.vmap(jax.vmap(dist), in_axes=(0, None))(X, Y)
print(D)
""")

NAMED_OPTION = script(f"""{_IMPORTS}
def scale(x, factor, *, offset=0.0):
    return x * factor + offset

y = jax.vmap(scale, in_axes=(0, None))(jnp.ones((5, 3)), 2.0, offset=1.0)
print(y)
""")

METHOD = script(f"""{_IMPORTS}
class Layer:
    def __init__(self, W):
        self.W = W

    @partial(jax.vmap, in_axes=(0,))
    def __call__(self, x):
        return self.W @ x

print(Layer(jnp.ones((4, 3)))(jnp.ones((10, 3))))
""")

FLOAT_LABELS = script(f"""{_IMPORTS}
def xent(logits, label):
    return -jax.nn.log_softmax(logits)[label]

loss = jax.vmap(xent)(jnp.ones((6, 10)), jnp.zeros(6, jnp.float32))
print(loss)
""")

OTHER_NAME = script(f"""{_IMPORTS}
def f(x):
    return x / jax.lax.psum(x, "devices")

y = jax.pmap(f, axis_name="i")(jnp.ones((1, 4)))
print(y)
""")

LEFT_OUT = script(f"""{_IMPORTS}
def kernel(x1, x2, lengthscale):
    return jnp.exp(-jnp.sum((x1 - x2) ** 2) / lengthscale**2)

Xtrain, Xtest = jnp.ones((5, 2)), jnp.ones((4, 2))
K = jax.vmap(jax.vmap(kernel, in_axes=(None, 0, None)), in_axes=(0, None, None))(Xtrain, Xtest)
""")

RAGGED = script(f"""{_IMPORTS}
seqs = [jnp.ones(3), jnp.ones(5), jnp.ones(2)]
print(jax.vmap(lambda s: s.sum())(seqs))
""")

ENSEMBLE = script(f"""{_IMPORTS}
def loss(p, x, y):
    return jnp.mean((x @ p["w"] + p["b"] - y) ** 2)

params = {{"w": jnp.ones((5, 3, 1)), "b": jnp.zeros((5, 1))}}
x, y = jnp.ones((32, 3)), jnp.ones((32, 1))
grads = jax.vmap(jax.grad(loss))(params, x, y)
assert grads["w"].shape == (5, 3, 1)
print(grads)
""")

MISSED_KEY = script(f"""{_IMPORTS}
def move(state, action):
    return {{"pos": state["pos"] + action, "t": state["t"] + 1}}

state = {{"pos": jnp.zeros((8, 2)), "t": 0}}
print(jax.vmap(move, in_axes=({{"pos": 0}}, 0))(state, jnp.ones((8, 2))))
""")

_OF = "somebody's training code"

CASES = (
    Case(
        "product-the-other-way-round",
        "a weight matrix of the shape that x @ W takes",
        _OF,
        TURNED,
        says=(r"W @ x", "3 against|against 3"),
        mended=(edited(TURNED, ("W @ x", "x @ W")),),
    ),
    Case(
        "two-products-the-other-way-round",
        "two layers whose weights stand on the wrong side",
        _OF,
        TURNED_TWICE,
        blames=("params[0]",),
        mended=(edited(TURNED_TWICE, ("params[0], x", "x, params[0]"), ("params[1], h", "h, params[1]")),),
    ),
    Case(
        "convolution-without-batch",
        "a convolution that takes a batch meets one image",
        _OF,
        CONVOLVED,
        says=("3 and 4",),
        mended=(edited(CONVOLVED, ("dilated(img,", "dilated(img[None],"), ('"SAME")', '"SAME")[0]')),),
    ),
    Case(
        "inner-level-without-axes",
        "all pairs, the inner level left as it is",
        _OF,
        INNER_FORGOTTEN,
        says=("inside vmap over i",),
        mended=(edited(INNER_FORGOTTEN, ("jax.vmap(dist)", "jax.vmap(dist, in_axes=(None, 0))")),),
    ),
    Case(
        "option-by-name-only",
        "an option that can only be passed by name",
        _OF,
        NAMED_OPTION,
        blames=("offset",),
        mended=(
            edited(
                NAMED_OPTION, ("vmap(scale,", "vmap(partial(scale, offset=1.0),"), ("2.0, offset=1.0", "2.0")
            ),
        ),
    ),
    Case(
        "decorated-method",
        "a decorator that counts no self",
        _OF,
        METHOD,
        says=("self, x", "1 entry"),
        mended=(edited(METHOD, ("in_axes=(0,)", "in_axes=(None, 0)")),),
    ),
    Case(
        "labels-as-floats",
        "labels that are floats index the logits",
        _OF,
        FLOAT_LABELS,
        blames=("label",),
        mended=(edited(FLOAT_LABELS, ("[label]", "[label.astype(int)]")),),
    ),
    Case(
        "another-axis-name",
        "a collective along a name that no level has",
        _OF,
        OTHER_NAME,
        says=("devices",),
        mended=(edited(OTHER_NAME, ('"i"', '"devices"')),),
    ),
    Case(
        "argument-left-out", "a function of three called with two", _OF, LEFT_OUT, says=("needs lengthscale",)
    ),
    Case(
        "only-a-ragged-list",
        "a list of arrays of unequal lengths",
        _OF,
        RAGGED,
        blames=("seqs[1]",),
        says=("pad them", "mask"),
        hopeless="arrays of unequal lengths are no batch",
    ),
    Case(
        "ensemble-on-one-batch",
        "an ensemble of models, one batch for all",
        _OF,
        ENSEMBLE,
        mended=(edited(ENSEMBLE, ("grad(loss))", "grad(loss), in_axes=(0, None, None))")),),
    ),
    Case(
        "axes-of-a-dict-with-a-key-missed",
        "a counter that in_axes forgets",
        _OF,
        MISSED_KEY,
        blames=("state",),
        mended=(edited(MISSED_KEY, ('{"pos": 0}, 0)', '{"pos": 0, "t": None}, 0)')),),
    ),
)
