"""Preload: what a worker does ahead of its request, in three parts around the fork.

    zygote: preload(), later ahead() ── fork ──▶ worker: warm() ──▶ request
    a worker that is a fresh interpreter: preload(), warm(), ahead() while it waits ──▶ request

`preload` imports what every request needs. The steps of `ahead` fill Python's and JAX's caches with what
many do, and every worker made after them inherits that. Neither may start a JAX backend, because a child of
a process whose backend runs hangs: so shapes only, no arrays, no keys (the zygote refuses to work if threads
were started). `warm` starts the backend.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from explainer.analysis import internals, parsing, pipeline, surroundings
from explainer.spec import Argument, Request, Vmap

Shaped = jax.ShapeDtypeStruct
PAIRWISE = Request(
    "def distance(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n",
    "distance",
    (Argument("x", "f32[3,2]"), Argument("y", "f32[4,2]")),
    (Vmap("(0, None)"), Vmap("(None, 0)")),
)
REHEARSAL = Request("""import functools

class Count:
    def __init__(self, start):
        self.n = start

add = functools.partial(lambda x, y: x + y, np.arange(3))
print(f'{Count(1).n} {add(1)}', [key for key in {'a': 1}])
jax.jit(lambda x: (jnp.sin(x) @ x, x[0] @ x[0]))(np.ones((2, 5, 5), np.float32))
""")
"""A script with what scripts are made of, and a first program for XLA: the first product takes that 22 ms."""

LIBRARIES = (
    "scipy.linalg",
    "jax.scipy.linalg",
    "scipy.optimize",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.stats",
    "jax.experimental.pallas.tpu",
    "jax.experimental.pallas.mosaic_gpu",
    "jax.experimental.checkify",
    "jax.experimental.ode",
    "jax.experimental.sparse",
    "einops",
    "equinox",
    "flax.nnx",
)
"""What code imports beside JAX, where it is installed, or JAX late: for linear algebra on a CPU the first, to
interpret a Pallas kernel the two that name it. None starts a thread; each takes up to half a second."""

LATE = tuple(
    f"explainer.analysis.{name}"
    for name in (
        "explaining.failures",
        "failing.refused",
        "failing.retelling",
        "fixing.ending",
        "wanting.wanted",
    )
)
"""The analysis that few requests need: of those that fail, or say what they want. It takes 30 ms."""


def preload() -> None:
    """Does nothing more: to import this module is to import the analysis, but for what is `LATE`."""


def ahead(lasting: bool) -> list[Callable[[], object]]:
    """Lists steps for a process that waits; libraries only if it is `lasting`, for many to inherit."""
    pairwise = partial(pipeline.explain, PAIRWISE, until="batch")
    traces = [partial(_trace, function, example) for function, example in _warm_ups()]
    late = [partial(importlib.import_module, name) for name in LATE]
    imports = [partial(_import, name) for name in (LIBRARIES if lasting else LIBRARIES[:1])]
    return [*late, *imports, *traces, internals.read_dialects, pairwise, surroundings.untouched]


def _trace(function: Callable[..., object], example: Shaped) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax.make_jaxpr(jax.vmap(function))(example)
        with internals.apart(parsing.CONTEXT):  # JAX remembers apart what is traced there
            jax.make_jaxpr(jax.vmap(function))(example)


def _import(name: str) -> None:
    with contextlib.suppress(ImportError), warnings.catch_warnings():  # not every JAX has each
        warnings.simplefilter("ignore")
        importlib.import_module(name)


def warm() -> Request:
    """Starts the backend; returns a request for the worker to rehearse with while nobody asks.

    It touches what every request touches, XLA's compiler included.

    NumPy's global generator, which a fork copies, is seeded anew: else every worker would draw the same.
    """
    np.random.seed()
    jax.devices()
    return REHEARSAL


def _warm_ups() -> list[tuple[Callable[..., object], Shaped]]:
    import optax  # a name that the user's code finds in scope

    def f32(*shape: int) -> Shaped:
        return Shaped(shape, "float32")

    return [
        (lambda x: jnp.sqrt(jnp.sum((x - x[0]) ** 2)), f32(4, 3)),
        (
            lambda x: (jnp.sin(x) @ jnp.cos(x).T, jnp.where(x > 0, x, -x), x.mean(0), x.max(), x.argmax()),
            f32(4, 3, 3),
        ),
        (lambda x: lax.scan(lambda c, a: (c + a, c * a), 0.0, x), f32(4, 3)),
        (
            lambda x: lax.while_loop(lambda s: s[0] < x.sum(), lambda s: (s[0] + 1, s[1] * 1.1), (0.0, x)),
            f32(4, 3),
        ),
        (lambda x: lax.fori_loop(0, 3, lambda _, y: y * 2, x), f32(4, 3)),
        (lambda x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), f32(4, 3)),
        (
            lambda x: (jnp.sort(x), jnp.cumsum(x), x[::-1], x[1:3], x.at[0].set(1.0), jnp.stack([x, x])),
            f32(4, 5),
        ),
        (lambda x: (jnp.concatenate([x, x]), jnp.argsort(x), lax.top_k(x, 2), jnp.linalg.norm(x)), f32(4, 5)),
        (
            lambda x: (jnp.einsum("ij,jk->ik", x, x), jax.nn.softmax(x), jax.nn.relu(x), jnp.tanh(x)),
            f32(4, 5, 5),
        ),
        (lambda x: (jax.grad(lambda y: jnp.sum(jnp.tanh(y) ** 3))(x), jax.jacfwd(jnp.cumsum)(x)), f32(4, 5)),
        (_random, Shaped((4, 2), "uint32")),
        (
            lambda x: optax.apply_updates(x, optax.adam(1e-2).update(x, optax.adam(1e-2).init(x))[0]),
            f32(4, 5),
        ),
        (lambda x: jax.vmap(lambda y: jnp.vdot(x, y))(jnp.broadcast_to(x, (3, 5))), f32(4, 5)),
    ]


def _random(bits: jax.Array) -> object:
    key = jax.random.wrap_key_data(bits)
    return jax.random.split(key), jax.random.normal(key, (5,)), jax.random.uniform(key, (5,))
