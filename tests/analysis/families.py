"""All that jax.vmap can be given, by family: a function `f`, its arguments, and the levels around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.spec import Argument, Request, Vmap

Levels = tuple[Vmap | str, ...]


@dataclass(frozen=True)
class Family:
    """A function of x, y, z, ... under levels, outermost first; a level's text alone is its in_axes."""

    name: str
    code: str
    values: tuple[str, ...]
    levels: Levels = ("0",)
    named: tuple[tuple[str, str], ...] = ()  # arguments passed by name
    proven: bool = True  # False: no example can be run alone, or no equation is left to look at

    @property
    def vmaps(self) -> tuple[Vmap, ...]:
        return tuple(Vmap(level) if isinstance(level, str) else level for level in self.levels)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        placed = tuple(Argument(name, value) for name, value in zip("xyzuvw", self.values))
        return placed + tuple(Argument(name, value, keyword=True) for name, value in self.named)

    @property
    def stated(self) -> Request:
        """The levels as a request states them."""
        return Request(self.code, "f", self.arguments, self.vmaps)

    @property
    def written(self) -> Request:
        """The levels as calls of jax.vmap in the code."""
        mapped = "f"
        for level in reversed(self.vmaps):
            mapped = f"jax.vmap({mapped}, {_settings(level)})"
        code = f"{self.code}\ndef top(*args, **named):\n    return {mapped}(*args, **named)\n"
        return Request(code, "top", self.arguments)


def _settings(level: Vmap) -> str:
    written = [f"in_axes={level.in_axes}", f"out_axes={level.out_axes}"]
    written += [f"axis_name={level.axis_name!r}"] if level.axis_name else []
    written += [f"axis_size={level.axis_size}"] if level.axis_size else []
    written += [f"spmd_axis_name={level.spmd_axis_name}"] if level.spmd_axis_name else []
    return ", ".join(written)


def named(*texts: str, axes: Sequence[str] = ()) -> Levels:
    """Returns one named level per text, each mapping axis 0 unless `axes` say otherwise."""
    return tuple(Vmap(axis, axis_name=text) for text, axis in zip(texts, axes or ["0"] * len(texts)))


M, V, W = "normal(f32[4,3,3])", "normal(f32[4,3])", "normal(f32[3])"
PAIRS = ("(0, None)", "(None, 0)")

TREES = """\
from typing import NamedTuple
from dataclasses import dataclass
from functools import partial

class Layer(NamedTuple):
    w: jax.Array
    b: jax.Array

@partial(jax.tree_util.register_dataclass, data_fields=['scale', 'layer'], meta_fields=['name'])
@dataclass
class Model:
    scale: jax.Array
    layer: Layer
    name: str = 'm'

class Box:
    def __init__(self, inside):
        self.inside = inside
jax.tree_util.register_pytree_node(Box, lambda box: ((box.inside,), None), lambda _, inside: Box(*inside))
"""

EQUINOX = """\
import equinox as eqx
class Model(eqx.Module):
    linear: eqx.nn.Linear
    depth: int = eqx.field(static=True)
    def __call__(self, x):
        for _ in range(self.depth):
            x = jax.nn.relu(self.linear(x))
        return x
model = Model(eqx.nn.Linear(3, 3, key=jax.random.key(0)), 2)
"""

LINEN = """\
import flax.linen as nn
class Model(nn.Module):
    width: int
    @nn.compact
    def __call__(self, x):
        return nn.LayerNorm()(nn.relu(nn.Dense(self.width)(x)))
model = Model(4)
"""

NNX = """\
from flax import nnx
class Model(nnx.Module):
    def __init__(self, rngs):
        self.inner, self.outer = nnx.Linear(3, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)
    def __call__(self, x):
        return self.outer(jnp.tanh(self.inner(x)))
graph, state = nnx.split(Model(nnx.Rngs(0)))
"""

CUSTOM = """\
@jax.custom_jvp
def soft(x):
    return jnp.log1p(jnp.exp(x))
@soft.defjvp
def soft_jvp(primals, tangents):
    return soft(*primals), jax.nn.sigmoid(primals[0]) * tangents[0]

@jax.custom_vjp
def clipped(x):
    return jnp.sin(x)
clipped.defvjp(lambda x: (clipped(x), x), lambda x, t: (jnp.clip(t * jnp.cos(x), -1, 1),))
"""

FAMILIES = (
    # what is mapped
    Family(
        "arguments by name",
        "f = lambda x, *, scale: x * scale['a'] + scale['b']",
        (V,),
        named=(("scale", "{'a': normal(f32[4]), 'b': normal(f32[4,3])}"),),
    ),
    Family("starred arguments", "f = lambda *xs: sum(xs) * len(xs)", (V, V, W), ("(0, 0, None)",)),
    Family("defaults", "def f(x, y=2., *, z=3.): return x * y + z", (V,)),
    Family(
        "None among the leaves",
        "f = lambda x, y: (x['a'] * 2, x['b'], y)",
        ("{'a': f32[4], 'b': None}", "None"),
    ),
    Family("nothing mapped", "f = lambda x: x * 2", (V,), (Vmap("None", axis_size="3"),)),
    Family(
        "out_axes of None",
        "f = lambda x, y: (x + y, y * 2, 3.)",
        (V, W),
        (Vmap("(0, None)", "(1, None, None)"),),
    ),
    Family(
        "negative and inner axes",
        "f = lambda x, y: {'p': x @ y, 'q': x}",
        ("normal(f32[2,5,3])", "normal(f32[3,5])"),
        (Vmap("(-2, -1)", "{'p': 0, 'q': -1}"),),
    ),
    Family("pairs", "f = lambda x, y: jnp.sqrt(jnp.sum((x - y) ** 2))", (V, "normal(f32[5,3])"), PAIRS),
    Family(
        "four levels",
        "f = lambda x, y: jnp.tanh(x * y).sum()",
        ("normal(f32[2,3,2])", "normal(f32[2,4,2])"),
        ("(0, None)", "(None, 0)", "(0, None)", "(None, 0)"),
    ),
    Family("one example", "f = lambda x: jnp.cumsum(x) / 2", ("normal(f32[1,3])",)),
    Family("empty examples", "f = lambda x: (x.sum(), x + 1)", ("f32[4,0]",)),
    Family(
        "static arguments",
        "f = lambda x, y, z: getattr(jnp, y)(x) * z[1]",
        (V, "'sin'", "(1, 2)"),
        ("(0, None, None)",),
    ),
    # trees
    Family(
        "named tuple",
        f"{TREES}f = lambda x, y: Layer(x.w @ y, x.b * 2)",
        ("Layer(normal(f32[4,2,3]), normal(f32[4]))", W),
        ("(Layer(0, 0), None)",),
    ),
    Family(
        "dataclass",
        f"{TREES}f = lambda x, y: Model(x.scale * y, Layer(x.layer.w @ y, x.layer.b), x.name)",
        ("Model(normal(f32[4]), Layer(normal(f32[2,3]), normal(f32[4])))", W),
        (Vmap("(Model(0, Layer(None, 0)), None)", "Model(0, Layer(None, 0))"),),
    ),
    Family("registered class", f"{TREES}f = lambda x: Box(x.inside * 2)", (f"Box({V})",), ("(Box(0),)",)),
    Family(
        "lists and dicts",
        "f = lambda x: [x[0]['a'].sum(), (x[1],)]",
        ("[{'a': f32[4,3]}, f32[2,4]]",),
        ("([{'a': 0}, 1],)",),
    ),
    Family("equinox module", f"{EQUINOX}f = lambda x, y: model(x) * y", (V, "normal(f32[])"), ("(0, None)",)),
    Family(
        "equinox modules stacked",
        f"""{EQUINOX}
keys = jax.random.split(jax.random.key(0), 4)
models = eqx.filter_vmap(lambda key: Model(eqx.nn.Linear(3, 3, key=key), 2))(keys)
weights, static = eqx.partition(models, eqx.is_array)
f = lambda x, y: eqx.combine(x, static)(y)
""",
        ("weights", W),
        ("(0, None)",),
    ),
    Family(
        "flax linen",
        f"{LINEN}f = lambda x, y: model.apply(x, y)",
        (
            "jax.vmap(model.init, (0, None))(jax.random.split(jax.random.key(0), 4), jnp.ones(3))",
            "normal(f32[5,3])",
        ),
        PAIRS,
    ),
    Family(
        "flax nnx",
        f"{NNX}f = lambda x, y: nnx.merge(graph, x)(y)",
        ("state", V),
        ("(None, 0)",),
    ),
    # dtypes
    Family(
        "integers",
        "f = lambda x, y: (x // 3, x % 5, x & y, x << 1, -x, x ** 2, jnp.abs(x))",
        ("i32[4,3]", "i32[3]"),
        ("(0, None)",),
    ),
    Family(
        "small and unsigned",
        "f = lambda x, y: (x + x, y * 2, (x.astype(jnp.int32) + y).sum())",
        ("i8[4,3]", "u8[4,3]"),
    ),
    Family("booleans", "f = lambda x: (~x, x.any(), x.all(), x ^ True, jnp.where(x, 1, 2))", ("bool[4,3]",)),
    Family(
        "complex",
        "f = lambda x: (x * 1j, jnp.conj(x), jnp.abs(x), x.real + x.imag, jnp.exp(x))",
        ("normal(c64[4,3])",),
    ),
    Family(
        "half precision",
        "f = lambda x, y: (x * 2 + 1, x.sum(), y @ y)",
        ("normal(bf16[4,3])", "normal(f16[4,3])"),
    ),
    Family("weak types", "f = lambda x, y: (x * 2, y + 1, 2.5, x * y)", ("i8[4]", "3"), ("(0, None)",)),
    Family(
        "bit by bit",
        "f = lambda x: (lax.bitcast_convert_type(x, jnp.int32), lax.population_count(x.astype(jnp.int32)))",
        (V,),
    ),
    # keys
    Family(
        "typed keys",
        """\
f = lambda x: (jax.random.normal(jax.random.fold_in(x, 1), (2,)),
    jax.random.key_data(jax.random.split(x)))
""",
        ("key[4]",),
    ),
    Family(
        "raw keys",
        "f = lambda x, y: jax.random.bernoulli(x, y, (3,))",
        ("jax.random.split(jax.random.PRNGKey(0), 4)", "0.3"),
        ("(0, None)",),
    ),
    Family("keys and data", "f = lambda x, y: jax.random.permutation(x, y)", ("key[4]", W), ("(0, None)",)),
    # names
    Family(
        "psum, pmean, pmax, pmin",
        "f = lambda x: [g(x, 'i') for g in (lax.psum, lax.pmean, lax.pmax, lax.pmin)]",
        (V,),
        named("i"),
        proven=False,
    ),
    Family(
        "all_gather and its reverse",
        """\
f = lambda x: (lax.all_gather(x, 'i'), lax.all_gather(x, 'i', tiled=True), lax.psum_scatter(x, 'i'))
""",
        ("normal(f32[4,4])",),
        named("i"),
        proven=False,
    ),
    Family(
        "all_to_all and ppermute",
        """\
f = lambda x: (lax.all_to_all(x, 'i', 0, 0), lax.ppermute(x, 'i', [(0, 1), (1, 0), (2, 3), (3, 2)]))
""",
        ("normal(f32[4,4])",),
        named("i"),
        proven=False,
    ),
    Family(
        "axis_index and axis_size",
        "f = lambda x: x * lax.axis_index('i') + lax.axis_size('i') + lax.psum(1, 'i')",
        (V,),
        named("i"),
        proven=False,
    ),
    Family(
        "two names",
        "f = lambda x: (lax.psum(x, ('i', 'j')), lax.pmean(x, 'j') - lax.axis_index('i'))",
        (M,),
        named("i", "j", axes=("0", "1")),
        proven=False,
    ),
    Family(
        "a normalised batch",
        "f = lambda x: (x - lax.pmean(x, 'b')) * lax.rsqrt(lax.pmean(x ** 2, 'b') + 1e-5)",
        (V,),
        named("b"),
        proven=False,
    ),
    Family(
        "a name that is not used",
        "f = lambda x: jnp.sin(x)",
        (V,),
        (Vmap("0", axis_name="b", spmd_axis_name="'d'"),),
    ),
    # rules of one's own
    Family(
        "custom_jvp and custom_vjp",
        f"{CUSTOM}f = lambda x: (soft(x), jax.grad(soft)(x), clipped(x), jax.grad(clipped)(x))",
        ("normal(f32[4])",),
    ),
    Family("checkpoint", "f = jax.grad(jax.checkpoint(lambda x: jnp.sin(jnp.exp(x)).sum()))", (V,)),
    Family(
        "pure_callback",
        """\
f = lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((3,), jnp.float32), x,
    vmap_method='expand_dims')
""",
        (V,),
    ),
    # primitives
    Family(
        "elementwise",
        """\
def f(x, y):
    ones = (jnp.sign, jnp.floor, lax.erf, lax.lgamma, jnp.tan, jnp.isfinite)
    pairs = (jnp.arctan2, jnp.hypot, jnp.maximum, lax.rem, lax.nextafter)
    return [g(x) for g in ones], [g(x, y) for g in pairs]
""",
        (V, W),
        ("(0, None)",),
    ),
    Family(
        "powers and clamps",
        """\
f = lambda x, y: (jnp.abs(x) ** y, lax.clamp(-1., x, y), jnp.clip(x, -1, 1), lax.integer_pow(x, 3),
    lax.select(x > 0, x, x * y))
""",
        (V, "normal(f32[])"),
        ("(0, None)",),
    ),
    Family(
        "a predicate per example",
        """\
f = lambda x, y, z: (lax.select(x, y, z), jnp.where(x, y, z),
    lax.select_n(x.astype(jnp.int32), y, z, y))
""",
        ("bool[4]", V, W),
        ("(0, 0, None)",),
    ),
    Family(
        "reductions",
        """\
f = lambda x: (x.sum(0), x.prod(1), x.max(), x.min((0, 1)), jnp.argmax(x, 0), jnp.all(x > 0, 1),
    x.mean(), x.std(0))
""",
        (M,),
        ("2",),
    ),
    Family(
        "a reduction of two",
        """\
f = lambda x, y: lax.reduce((x, y), (0., 0.), lambda a, b: (a[0] + b[0], jnp.maximum(a[1], b[1])),
    (0,))
""",
        (V, V),
    ),
    Family(
        "running ones",
        """\
f = lambda x: (jnp.cumsum(x, 0), lax.cummax(x, 1), lax.cumprod(x, 0, reverse=True),
    lax.cumlogsumexp(x), lax.associative_scan(jnp.multiply, x))
""",
        (M,),
        ("1",),
    ),
    Family(
        "windows",
        """\
f = lambda x: (lax.reduce_window(x, 0., lax.add, (2, 2), (1, 1), 'SAME'),
    lax.reduce_window(x, -jnp.inf, lax.max, (2, 1), (1, 1), 'VALID'))
""",
        (M,),
    ),
    Family(
        "gradient of a pool",
        "f = jax.grad(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), 'VALID').sum())",
        (M,),
    ),
    Family(
        "shapes",
        """\
f = lambda x, y: (x.T, x.reshape(-1), x[None, :, None], jnp.squeeze(x[:1], 0),
    jnp.concatenate([x, y]), jnp.stack([x, y], 1), jnp.broadcast_to(x[0], (2, 3)))
""",
        (M, "normal(f32[3,3])"),
        ("(0, None)",),
    ),
    Family(
        "pads, tiles and turns",
        """\
f = lambda x: (jnp.pad(x, 1), lax.pad(x, 0., ((1, -1, 1), (0, 0, 0))), x[::-1], jnp.roll(x, 1, 0),
    jnp.tile(x, (1, 2)), jnp.flip(x, 1), jnp.tril(x))
""",
        (M,),
        ("1",),
    ),
    Family("splits", "f = lambda x: (jnp.split(x, 3), lax.split(x, (1, 2), 1), jnp.array_split(x, 2))", (M,)),
    Family(
        "products",
        """\
f = lambda x, y: (x @ y, jnp.dot(x, y.T), jnp.tensordot(x, y, 2), jnp.einsum('ab,bc->ca', x, y),
    jnp.outer(x[0], y[0]), jnp.vdot(x, y), jnp.kron(x, y))
""",
        (M, "normal(f32[3,3,2])"),
        ("(0, None)", "(None, 2)"),
    ),
    Family(
        "a batched product",
        "f = lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,))))",
        ("normal(f32[2,4,3,3])", "normal(f32[4,2,3,5])"),
        ("(1, 0)",),
    ),
    Family(
        "convolutions",
        """\
f = lambda x, y: (lax.conv(x, y, (1, 1), 'SAME'),
    lax.conv_general_dilated(x, y, (2, 1), 'VALID', rhs_dilation=(1, 2)))
""",
        ("normal(f32[3,1,2,4,4])", "normal(f32[2,3,2,2,2])"),
        ("(0, None)", "(None, 0)"),
    ),
    Family(
        "convolution of groups",
        "f = lambda x, y: lax.conv_general_dilated(x, y, (1,), 'SAME', feature_group_count=2)",
        ("normal(f32[3,1,4,5])", "normal(f32[3,2,2,2])"),
        ("(0, 0)",),
    ),
    Family(
        "1-d convolution",
        "f = lambda x, y: (jnp.convolve(x, y, 'same'), jnp.correlate(x, y))",
        (V, "normal(f32[5,3])"),
        PAIRS,
    ),
    Family(
        "fft",
        "f = lambda x: (jnp.fft.fft(x), jnp.fft.irfft(jnp.fft.rfft(x), 3), jnp.fft.fft2(x))",
        (M,),
        ("1",),
    ),
    Family(
        "sorts",
        """\
f = lambda x, y: (jnp.sort(x), jnp.argsort(x), lax.sort((x, y), num_keys=1), lax.top_k(x, 2),
    jnp.median(x), jnp.searchsorted(jnp.sort(y), x))
""",
        (V, W),
        ("(0, None)",),
    ),
    Family(
        "gathers",
        """\
f = lambda x, y: (x[y], x.at[y].get(mode='fill', fill_value=0), jnp.take(x, y, 0),
    jnp.take_along_axis(x, y[None, :] % 3, 1), x[0, y])
""",
        (M, "jnp.array([0, 2, 1, 0])[:, None] + jnp.array([0, 1])"),
        ("(0, 0)",),
    ),
    Family(
        "an index per example",
        """\
f = lambda x, y: (x[y], x[:, y], lax.dynamic_slice(x, (y, 0), (2, 2)),
    lax.dynamic_index_in_dim(x, y))
""",
        ("normal(f32[3,3])", "jnp.array([0, 2, 1, 0])"),
        ("(None, 0)",),
    ),
    Family(
        "scatters",
        """\
f = lambda x, y: (x.at[y].set(1.), x.at[y].add(2.), x.at[y].multiply(3.), x.at[y].max(0.),
    x.at[:, y].min(0.), lax.dynamic_update_slice(x, x[:1] * 2, (y, 0)))
""",
        (M, "jnp.array([0, 2, 1, 0])"),
    ),
    Family(
        "segments and counts",
        """\
f = lambda x, y: (jax.ops.segment_sum(x, y, 3), jnp.bincount(y, length=3), jax.nn.one_hot(y, 3),
    jnp.nonzero(x > 0, size=2))
""",
        (V, "jnp.arange(12).reshape(4, 3) % 3"),
    ),
    Family(
        "matrices",
        """\
f = lambda x, y: (jnp.linalg.inv(x + 5 * jnp.eye(3)), jnp.linalg.det(x),
    jnp.linalg.solve(x + 5 * jnp.eye(3), y), jnp.linalg.norm(x), jnp.trace(x),
    jnp.linalg.matrix_power(x, 2))
""",
        (M, W),
        ("(0, None)",),
    ),
    Family(
        "factors",
        """\
f = lambda x: (jnp.linalg.cholesky(x @ x.T + 5 * jnp.eye(3)), jnp.linalg.qr(x)[1],
    jnp.linalg.svd(x, compute_uv=False), jnp.linalg.eigh(x + x.T)[0])
""",
        (M,),
        ("0",),
    ),
    Family(
        "triangles",
        "f = lambda x, y: jax.scipy.linalg.solve_triangular(jnp.tril(x) + 5 * jnp.eye(3), y, lower=True)",
        (M, W),
        ("(0, None)",),
    ),
    Family(
        "a linear solver",
        """\
f = lambda x, y: jax.scipy.sparse.linalg.cg(lambda v: (x @ x.T + 3 * jnp.eye(3)) @ v, y,
    maxiter=3)[0]
""",
        (M, W),
        ("(0, None)",),
    ),
    Family(
        "special functions",
        """\
f = lambda x: (jax.nn.softmax(x), jax.nn.gelu(x), jax.scipy.special.logsumexp(x),
    jax.nn.log_sigmoid(x), jax.scipy.special.erfinv(jnp.tanh(x)))
""",
        (V,),
    ),
    Family(
        "counters and constants",
        """\
f = lambda x: (x + jnp.arange(3), jnp.eye(3) * x, jnp.linspace(x[0], 1, 3), lax.iota(jnp.int32, 3),
    jnp.zeros_like(x), jnp.full((2,), x[0]))
""",
        (V,),
    ),
    Family(
        "polynomials and interpolation",
        """\
f = lambda x, y: (jnp.polyval(x, y), jnp.interp(y, jnp.arange(3.), x), jnp.gradient(x), jnp.diff(x),
    jnp.trapezoid(x))
""",
        (V, W),
        ("(0, None)",),
    ),
    # transformations
    Family(
        "scan",
        "f = lambda x, y: lax.scan(lambda c, a: (jnp.tanh(c * y + a), c), 0., x)",
        (V, "normal(f32[5])"),
        PAIRS,
    ),
    Family(
        "scan in scan",
        """\
f = lambda x: lax.scan(lambda c, r: lax.scan(lambda d, a: (d + a * c.sum(), d), c, r), jnp.zeros(3),
    jnp.stack([x, x]))
""",
        (M,),
    ),
    Family(
        "cond per example",
        """\
f = lambda x, y: (lax.cond(x > 0, jnp.sin, jnp.cos, y),
    lax.cond(y[0] > 0, lambda a: a, lambda a: -a, x))
""",
        ("normal(f32[4])", W),
        ("(0, None)",),
    ),
    Family(
        "switch and a loop",
        "f = lambda x, y: lax.switch(x, [jnp.sin, lambda v: lax.fori_loop(0, x, lambda i, w: w + i, v)], y)",
        ("jnp.array([0, 1, 1, 0])", V),
        ("(0, 0)",),
    ),
    Family(
        "while per example",
        "f = lambda x, y: lax.while_loop(lambda s: s[0] < x, lambda s: (s[0] + 1, s[1] * 2 + y), (0., y))",
        ("arange(f32[3])", W),
        PAIRS,
    ),
    Family(
        "derivatives",
        """\
f = lambda x: (jax.grad(lambda v: jnp.sin(v).prod())(x), jax.jacfwd(jnp.cumprod)(x),
    jax.jacrev(jnp.cumsum)(x), jax.jvp(jnp.tan, (x,), (x,)))
""",
        (V,),
    ),
    Family(
        "hessian and linearize",
        """\
f = lambda x: (jax.hessian(lambda v: (v ** 3).sum() * v[0])(x), jax.linearize(jnp.exp, x)[1](x),
    jax.vjp(jnp.sin, x)[1](x))
""",
        (V,),
    ),
    Family(
        "jit inside",
        "f = jax.jit(lambda x, y: jax.jit(jnp.add)(x, y) * jax.jit(jnp.sin)(y))",
        (V, W),
        ("(0, None)",),
    ),
    Family(
        "lax.map inside",
        "f = lambda x: (lax.map(lambda r: r @ x, x), lax.map(jnp.sum, x, batch_size=2))",
        (M,),
    ),
    Family(
        "vmap inside",
        "f = lambda x, y: jax.vmap(lambda a: jax.vmap(lambda b: a * b)(y))(x)",
        (V, "normal(f32[5,2])"),
        PAIRS,
    ),
)
