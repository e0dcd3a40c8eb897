"""Honest functions under stated levels: what readers of JAX's libraries write, each a nest to explain."""

from __future__ import annotations

from explainer.spec import Request, Vmap
from tests.pains.case import stated

PAIRS = ("(0, None)", "(None, 0)")
M, V, W = "normal(f32[4,3,3])", "normal(f32[4,3])", "normal(f32[3])"
KEYS, RAW = "jax.random.split(jax.random.key(0), 4)", "jax.random.split(jax.random.PRNGKey(0), 4)"

NESTS: dict[str, Request] = {
    "pairwise_distances": stated(
        "def f(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))", "f", *PAIRS, x=V, y="normal(f32[5,3])"
    ),
    "a_dense_layer": stated(
        "def f(params, x):\n    return jax.nn.relu(params['w'] @ x + params['b'])",
        "f",
        "(None, 0)",
        params="{'w': f32[2,3], 'b': f32[2]}",
        x=V,
    ),
    "an_optax_step_per_member": stated(
        """
def loss(w, x):
    return jnp.mean((x @ w) ** 2)

def f(w, x):
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(1e-2, 10)))
    value, grads = jax.value_and_grad(loss)(w, x)
    updates, _ = tx.update(grads, tx.init(w), w)
    return optax.apply_updates(w, updates), value
""",
        "f",
        "(0, None)",
        w=V,
        x="normal(f32[6,3])",
    ),
    "optax_losses": stated(
        "def f(logits, label):\n"
        "    return optax.softmax_cross_entropy_with_integer_labels(logits, label), optax.huber_loss(logits)",
        "f",
        "0",
        logits=V,
        label="jnp.arange(4) % 3",
    ),
    "an_equinox_module": stated(
        """
import equinox as eqx

class Model(eqx.Module):
    first: eqx.nn.Linear
    second: eqx.nn.Linear

    def __init__(self, key):
        one, two = jax.random.split(key)
        self.first, self.second = eqx.nn.Linear(3, 8, key=one), eqx.nn.Linear(8, 2, key=two)

    def __call__(self, x):
        return self.second(jax.nn.gelu(self.first(x)))

model = Model(jax.random.key(0))
""",
        "model",
        "0",
        x=V,
    ),
    "an_equinox_mlp_and_its_gradient": stated(
        """
import equinox as eqx

mlp = eqx.nn.MLP(3, 1, 4, 2, key=jax.random.key(1))

def f(x):
    value, grads = eqx.filter_value_and_grad(lambda m: m(x)[0])(mlp)
    return value, jax.tree.map(jnp.shape, eqx.filter(grads, eqx.is_array)) and grads.layers[0].weight
""",
        "f",
        "0",
        x=V,
    ),
    "a_flax_linen_module": stated(
        """
import flax.linen as nn

class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.tanh(nn.Dense(4)(nn.LayerNorm()(x))))

net = Net()
params = net.init(jax.random.key(0), jnp.ones(3))

def f(x):
    return net.apply(params, x)
""",
        "f",
        "0",
        x=V,
    ),
    "a_flax_nnx_module": stated(
        """
from flax import nnx

model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
graph, state = nnx.split(model)

def f(x):
    return nnx.merge(graph, state)(x)
""",
        "f",
        "0",
        x=V,
    ),
    "einops": stated(
        """
from einops import einsum, rearrange, reduce, repeat

def f(x):
    heads = rearrange(x, '(h d) c -> h d c', h=2)
    return reduce(heads, 'h d c -> h c', 'mean'), repeat(x[0], 'c -> c n', n=2), einsum(x, x, 'i j, k j -> i k')
""",
        "f",
        "0",
        x="normal(f32[3,4,2])",
    ),
    "an_inverse_and_a_determinant": stated(
        "def f(a):\n    return jnp.linalg.inv(a + 3 * jnp.eye(3)), jnp.linalg.slogdet(a)", "f", "0", a=M
    ),
    "a_singular_value_decomposition": stated(
        "def f(a):\n    return jnp.linalg.svd(a, compute_uv=False), jnp.linalg.matrix_rank(a)", "f", "0", a=M
    ),
    "eigenvalues_of_a_symmetric_matrix": stated(
        "def f(a):\n    return jnp.linalg.eigvalsh(a + a.T)", "f", "0", a=M
    ),
    "a_cholesky_solve": stated(
        """
def f(a, b):
    factor = jax.scipy.linalg.cho_factor(a @ a.T + jnp.eye(3))
    return jax.scipy.linalg.cho_solve(factor, b), jnp.linalg.qr(a)[1], jnp.linalg.lstsq(a, b)[0]
""",
        "f",
        "0",
        a=M,
        b=V,
    ),
    "a_fourier_transform": stated(
        "def f(x):\n    return jnp.abs(jnp.fft.rfft(x)), jnp.fft.ifft(jnp.fft.fft(x)).real",
        "f",
        "0",
        x="normal(f32[3,8])",
    ),
    "a_convolution": stated(
        "def f(x, k):\n    return lax.conv_general_dilated(x[None], k, (1, 1), 'SAME')[0]",
        "f",
        "(0, None)",
        x="normal(f32[4,1,5,5])",
        k="normal(f32[2,1,3,3])",
    ),
    "a_running_mean_by_convolve": stated(
        "def f(x):\n    return jnp.convolve(x, jnp.ones(3) / 3, mode='valid')", "f", "0", x="normal(f32[3,8])"
    ),
    "a_scan": stated(
        "def f(h, xs):\n    return lax.scan(lambda h, x: (jnp.tanh(h + x), h.sum()), h, xs)",
        "f",
        "(0, 0)",
        h=V,
        xs="normal(f32[4,6,3])",
    ),
    "an_associative_scan": stated(
        "def f(x):\n    return lax.associative_scan(jnp.multiply, x), jnp.cumsum(x)", "f", "0", x=V
    ),
    "a_while_loop": stated(
        "def f(x):\n    return lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] * 2, s[1] + 1), (x, 0))",
        "f",
        "0",
        x="jnp.array([1., 2., 5.])",
    ),
    "a_fori_loop_of_newton": stated(
        "def f(a):\n    return lax.fori_loop(0, 8, lambda _, x: 0.5 * (x + a / x), a)",
        "f",
        "0",
        a="jnp.array([1., 2., 9.])",
    ),
    "a_cond_and_a_switch": stated(
        """
def f(x):
    sign = lax.cond(x.sum() > 0, lambda v: v * 2, jnp.negative, x)
    return sign, lax.switch(jnp.int32(jnp.abs(x[0]) * 3) % 3, [jnp.sin, jnp.cos, jnp.tanh], x)
""",
        "f",
        "0",
        x=V,
    ),
    "random_numbers_of_typed_keys": stated(
        "def f(key):\n"
        "    a, b = jax.random.split(key)\n"
        "    return jax.random.normal(a, (3,)), jax.random.permutation(b, 5), jax.random.bernoulli(b)",
        "f",
        "0",
        key=KEYS,
    ),
    "random_numbers_of_raw_keys": stated(
        "def f(key):\n    return jax.random.categorical(key, jnp.zeros(4)), jax.random.gamma(key, 2.0)",
        "f",
        "0",
        key=RAW,
    ),
    "dropout": stated(
        "def f(key, x):\n    keep = jax.random.bernoulli(key, 0.8, x.shape)\n    return jnp.where(keep, x / 0.8, 0)",
        "f",
        "(None, 0)",
        key="jax.random.key(3)",
        x=V,
    ),
    "an_ordinary_differential_equation": stated(
        """
from jax.experimental.ode import odeint

def f(y0):
    return odeint(lambda y, t: -0.5 * y, y0, jnp.array([0.0, 0.1]), rtol=1e-2, atol=1e-2)
""",
        "f",
        "0",
        y0="jnp.array([1.0, 2.0])",
    ),
    "a_pure_callback": stated(
        """
def host(x):
    return np.cumsum(np.asarray(x), axis=-1).astype(np.float32)

def f(x):
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(host, shape, x, vmap_method='sequential') * 2
""",
        "f",
        "0",
        x=V,
    ),
    "a_named_axis_and_a_collective": stated(
        "def f(x):\n    return x - lax.pmean(x, 'batch'), lax.axis_index('batch'), lax.psum(1, 'batch')",
        "f",
        Vmap("0", axis_name="batch"),
        x=V,
    ),
    "a_dataclass_of_arrays": stated(
        """
from dataclasses import dataclass

@partial(jax.tree_util.register_dataclass, data_fields=['mean', 'scale'], meta_fields=['name'])
@dataclass(frozen=True)
class Normal:
    mean: jax.Array
    scale: jax.Array
    name: str = 'normal'

    def log_prob(self, x):
        return -0.5 * ((x - self.mean) / self.scale) ** 2 - jnp.log(self.scale)

def f(mean, x):
    return Normal(mean, jnp.float32(2.0)).log_prob(x), Normal(mean, mean + 1)
""",
        "f",
        "0",
        mean="normal(f32[4])",
        x="normal(f32[4])",
    ),
    "a_named_tuple": stated(
        """
from typing import NamedTuple

class State(NamedTuple):
    position: jax.Array
    velocity: jax.Array

def f(x, v):
    state = State(x, v)
    return state._replace(position=state.position + 0.1 * state.velocity)
""",
        "f",
        "(0, None)",
        x=V,
        v=W,
    ),
    "a_hessian_and_jacobians": stated(
        """
def g(x):
    return jnp.sum(jnp.sin(x) * x[::-1])

def f(x):
    return jax.hessian(g)(x), jax.jacfwd(jnp.cumprod)(x), jax.jacrev(jnp.tanh)(x)
""",
        "f",
        "0",
        x=V,
    ),
    "products_with_tangents": stated(
        """
def f(x, v):
    value, tangent = jax.jvp(jnp.tanh, (x,), (v,))
    _, pull = jax.vjp(jnp.sin, x)
    return value, tangent, pull(v)[0], jax.linearize(jnp.exp, x)[1](v)
""",
        "f",
        "(0, 0)",
        x=V,
        v="normal(f32[4,3])",
    ),
    "a_custom_vjp": stated(
        """
@jax.custom_vjp
def clip(x):
    return jnp.clip(x, -1, 1)

clip.defvjp(lambda x: (clip(x), None), lambda _, g: (g,))

def f(x):
    return jax.grad(lambda v: clip(v).sum())(x)
""",
        "f",
        "0",
        x=V,
    ),
    "a_custom_jvp": stated(
        """
@jax.custom_jvp
def log1pexp(x):
    return jnp.log1p(jnp.exp(x))

@log1pexp.defjvp
def _(primals, tangents):
    return log1pexp(*primals), jax.nn.sigmoid(primals[0]) * tangents[0]

def f(x):
    return log1pexp(x), jax.grad(log1pexp)(x[0])
""",
        "f",
        "0",
        x=V,
    ),
    "a_checkpointed_function": stated(
        "@jax.checkpoint\ndef g(x):\n    return jnp.sin(jnp.sin(x)).sum()\n\ndef f(x):\n    return jax.grad(g)(x)",
        "f",
        "0",
        x=V,
    ),
    "a_jitted_function_with_static_arguments": stated(
        """
@partial(jax.jit, static_argnames='power')
def g(x, power):
    return x ** power

def f(x):
    return g(x, power=3)
""",
        "f",
        "0",
        x=V,
    ),
    "attention": stated(
        """
def f(q, k, v):
    weights = jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[-1]), axis=-1)
    return weights @ v
""",
        "f",
        "0",
        "0",
        q="normal(f32[2,3,4,5])",
        k="normal(f32[2,3,4,5])",
        v="normal(f32[2,3,4,5])",
    ),
    "gathers_and_scatters": stated(
        "def f(x, i):\n    return x[i], x.at[i].add(1.0), jnp.take_along_axis(x, i, 0), lax.dynamic_slice(x, i[:1], (2,))",
        "f",
        "(0, 0)",
        x=V,
        i="jnp.array([[0, 1], [2, 0], [1, 1], [2, 2]])",
    ),
    "sorting_and_searching": stated(
        "def f(x):\n    return jnp.sort(x), lax.top_k(x, 2), jnp.searchsorted(jnp.sort(x), 0.0), jnp.median(x)",
        "f",
        "0",
        x=V,
    ),
    "half_precision_and_integers": stated(
        "def f(x, n):\n    return x.astype(jnp.bfloat16) * 2, n << 2, lax.population_count(n)",
        "f",
        "0",
        x=V,
        n="jnp.arange(4, dtype=jnp.uint8)",
    ),
    "complex_numbers": stated("def f(x):\n    return jnp.exp(1j * x), jnp.angle(x + 1j)", "f", "0", x=V),
    "three_levels_over_three_axes": stated(
        "def f(x, y):\n    return x * y",
        "f",
        Vmap("(0, None)", "2"),
        "(None, 0)",
        "(0, 0)",
        x="normal(f32[2,4])",
        y="normal(f32[3,4])",
    ),
    "special_functions": stated(
        "def f(x):\n"
        "    s = jax.scipy.special\n"
        "    return s.logsumexp(x), s.erf(x), s.gammaln(jnp.abs(x) + 1), jax.scipy.stats.norm.logpdf(x)",
        "f",
        "0",
        x=V,
    ),
    "an_interpolation": stated(
        "def f(x):\n    return jnp.interp(x, jnp.arange(3.0), jnp.array([0.0, 1.0, 4.0])), jnp.polyval(jnp.ones(3), x)",
        "f",
        "0",
        x=V,
    ),
    "an_image_resized": stated(
        "def f(x):\n    return jax.image.resize(x, (6, 6), 'bilinear')", "f", "0", x="normal(f32[2,3,3])"
    ),
    "segment_sums": stated(
        "def f(x):\n    return jax.ops.segment_sum(x, jnp.array([0, 0, 1]), num_segments=2)", "f", "0", x=V
    ),
    "a_conjugate_gradient": stated(
        "def f(a, b):\n    return jax.scipy.sparse.linalg.cg(a @ a.T + jnp.eye(3), b, maxiter=5)[0]",
        "f",
        "0",
        a=M,
        b=V,
    ),
}
