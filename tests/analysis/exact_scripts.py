"""Scripts whose every bit must be plain JAX's while their calls of jax.vmap are watched or followed.

Each prints all it computes through `show`: dtype, shape, weak type and the bytes themselves.
"""

from __future__ import annotations

PRELUDE = """\
import functools
from functools import partial
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, vmap

def show(*values):
    for leaf in jax.tree.leaves(values):
        if str(getattr(leaf, 'dtype', '')).startswith('key<'):
            print(leaf.dtype, end=' ')
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        print(type(leaf).__name__, array.dtype, array.shape, getattr(leaf, 'weak_type', None), end=' ')
        print(array.tobytes().hex())

X = jnp.linspace(-2., 3., 12).reshape(4, 3)
"""

SCRIPTS = {
    # values
    "a sum": "show(vmap(jnp.sum)(X))",
    "a nest": "show(vmap(vmap(lambda x, y: jnp.sqrt(jnp.sum((x - y) ** 2)), (None, 0)), (0, None))(X, X))",
    "two arguments by name": "show(vmap(lambda x, y: x / y)(x=X, y=X + 5))",
    "out_axes of -1": "show(vmap(lambda x: (x, x.sum()), out_axes=(-1, 0))(X))",
    "a matrix product": "show(vmap(lambda x: X @ x)(X), vmap(jnp.dot, (0, 0))(X, X))",
    "a decorator": """\
@partial(jax.vmap, in_axes=(None, 1), out_axes=1)
def scaled(w, x):
    '''Scales.'''
    return w * x
show(scaled(2., X))
print(scaled.__name__, scaled.__doc__, scaled.__wrapped__.__name__)
""",
    "a method": """\
class Model:
    def __init__(self):
        self.w, self.calls = jnp.arange(3.), 0
    def apply(self, x):
        self.calls += 1
        return jnp.tanh(x @ self.w)
model = Model()
show(vmap(model.apply)(X), jax.jit(vmap(model.apply))(X))
print(model.calls)
""",
    "closures in closures": """\
def rows(x):
    def row(a):
        def cell(b):
            return a * b + x[0]
        return vmap(cell)(x).sum(0)
    return vmap(row)(x)
show(rows(X), jax.jit(rows)(X))
""",
    "grad of a vmapped loss": """\
def loss(w, x):
    return jnp.mean(vmap(lambda r: jnp.tanh(r @ w))(x) ** 2)
show(jax.grad(loss)(jnp.ones(3), X), jax.jit(jax.value_and_grad(loss))(jnp.ones(3), X))
""",
    "gradients per example": """\
loss = lambda w, r: jnp.tanh(r @ w) ** 2
show(vmap(jax.grad(loss), (None, 0))(jnp.ones(3), X))
show(vmap(jax.value_and_grad(loss), (None, 0))(jnp.ones(3), X))
""",
    "jacobians": """\
f = lambda v: jnp.sin(v) * v[0]
show(jax.jacfwd(f)(X[0]), jax.jacrev(f)(X[0]), jax.hessian(lambda v: f(v).sum())(X[0]))
show(vmap(jax.jacrev(f))(X))
""",
    "jvp, vjp and linearize": """\
f = vmap(lambda r: jnp.sin(r).sum())
show(jax.jvp(f, (X,), (X,)), jax.vjp(f, X)[1](jnp.ones(4)), jax.linearize(f, X)[1](X))
""",
    "a scan around": """\
def step(c, r):
    return c + vmap(lambda a: a * c.sum())(r), c
show(lax.scan(step, jnp.ones(3), X), jax.jit(lambda x: lax.scan(step, jnp.ones(3), x))(X))
""",
    "a scan between": """\
f = lambda x: lax.scan(lambda c, a: (c + a, vmap(lambda b: a * b)(x)), 0., x)
show(vmap(f)(X))
""",
    "cond, switch and while": """\
f = lambda x: lax.cond(x.sum() > 0, vmap(jnp.sin), vmap(jnp.cos), x)
show(f(X), vmap(f)(X), vmap(lambda n, x: lax.switch(n, [jnp.sin, jnp.cos], x))(jnp.array([0, 1, 0, 1]), X))
show(lax.while_loop(lambda v: v.sum() < 50, vmap(lambda r: r * 2 + 1), jnp.abs(X)))
show(vmap(lambda v: lax.while_loop(lambda v: v.sum() < 9, lambda v: v * 2 + 1, v))(jnp.abs(X)))
""",
    "checkpoint and custom rules": """\
@jax.custom_vjp
def clip(x):
    return vmap(lambda r: jnp.clip(r, -1, 1))(x)
clip.defvjp(lambda x: (clip(x), x), lambda r, t: (vmap(jnp.add)(t, r),))
show(jax.grad(lambda x: clip(x).sum())(X), jax.grad(lambda x: jax.checkpoint(vmap(jnp.sin))(x).sum())(X))
@jax.custom_jvp
def twice(x):
    return 2 * x
twice.defjvp(lambda p, t: (twice(*p), 3 * t[0]))
show(vmap(jax.grad(lambda x: twice(x).sum()))(X))
""",
    "a rule of one's own": """\
@jax.custom_batching.custom_vmap
def f(x):
    return jnp.sin(x)
@f.def_vmap
def rule(size, mapped, x):
    print(size, mapped)
    return jnp.cos(x), True
show(vmap(f)(X), f(X))
""",
    "collectives": """\
f = lambda x: (x - lax.pmean(x, 'n'), lax.psum(1, 'n'), lax.axis_index('n'), lax.all_gather(x, 'n'))
show(vmap(f, axis_name='n')(X))
show(vmap(lambda x: lax.ppermute(x, 'n', [(0, 1), (1, 0)]), axis_name='n')(X))
show(vmap(vmap(lambda x: lax.psum(x, ('a', 'b')), axis_name='a'), axis_name='b')(X))
""",
    "keys": """\
keys = jax.random.split(jax.random.key(7), 4)
show(keys, vmap(lambda k: jax.random.normal(k, (2,)))(keys))
show(vmap(jax.random.split)(keys), vmap(jax.random.uniform)(jax.random.split(jax.random.PRNGKey(3), 4)))
show(vmap(lambda k, x: jax.random.permutation(k, x))(keys, X))
""",
    "a seed that runs on": """\
key = jax.random.key(0)
for _ in range(3):
    key, sub = jax.random.split(key)
    show(vmap(lambda k: jax.random.bernoulli(k, 0.3, (2,)))(jax.random.split(sub, 2)))
show(key)
""",
    "weak types": """\
show(vmap(lambda x: (x * 2, 1., 2, True, jnp.float32(3)))(X[:, 0]))
show(vmap(lambda x, y: x + y, (0, None))(jnp.arange(3, dtype=jnp.int8), 2), vmap(lambda x: x)(np.arange(3)))
show(vmap(lambda x, y: y, (0, None), None)(X, 2.5), vmap(lambda x, y: y, (0, None))(X, 2.5))
""",
    "dtypes": """\
for dtype in ('int8', 'uint32', 'bool', 'float16', 'bfloat16', 'complex64'):
    x = jnp.arange(6).reshape(2, 3).astype(dtype)
    show(vmap(lambda r: (r, r.sum(), r[::-1], r == r[0]))(x))
""",
    "double precision for a while": """\
with jax.enable_x64(True):
    x = jnp.arange(6.).reshape(2, 3)
    show(vmap(lambda r: r.sum() + 1)(x))
show(vmap(lambda r: r.sum() + 1)(jnp.arange(6.).reshape(2, 3)))
""",
    "nan and inf": "show(vmap(lambda r: (r / 0, jnp.log(r), r * jnp.nan))(X))",
    "empty arrays": """\
show(vmap(lambda r: r.sum())(jnp.zeros((0, 3))), vmap(lambda r: r.sum())(jnp.zeros((3, 0))))
""",
    "trees": """\
from collections import OrderedDict, namedtuple
P = namedtuple('P', 'w b')
out = vmap(lambda p, o: (P(p.b, p.w), {'o': o['z'], 'n': None}), (P(0, None), {'z': 1}))(P(X, 3.), {'z': X.T})
print(jax.tree.structure(out))
show(out)
""",
    "a dataclass": """\
from dataclasses import dataclass
@partial(jax.tree_util.register_dataclass, data_fields=['w'], meta_fields=['name'])
@dataclass
class P:
    w: object
    name: str
out = vmap(lambda p: P(p.w.sum(), p.name + '!'))(P(X, 'p'))
print(out.name)
show(out)
""",
    "axis_size": """\
show(vmap(lambda: jnp.arange(3), axis_size=2)(), vmap(lambda x: x, (None,), axis_size=2)(X[0]))
""",
    "None among the arguments": "show(vmap(lambda x, m: x if m is None else x * m, (0, None))(X, None))",
    "arrays of NumPy": "show(vmap(lambda r: r[0])(np.arange(6).reshape(2, 3)), vmap(jnp.add)(X, np.ones(4)))",
    "Python numbers": "show(vmap(lambda n, x: x * n, (None, 0))(3, X), vmap(lambda x: x ** 2)(X))",
    "a number that must be known": "show(vmap(lambda n, x: sum(x * i for i in range(n)), (None, 0))(3, X))",
    "an array that must be known": """\
def f(x, mask):
    return x[mask] if mask[0] else x[:1]
show(vmap(f, (0, None))(X, np.array([True, False, True])))
show(vmap(f, (0, None))(X, jnp.array([True, False, True])))
""",
    "a concrete closure": """\
table = jnp.arange(3)
def f(x):
    print(type(table).__name__, isinstance(table, jax.core.Tracer), int(table[2]), float(x.shape[0]))
    return x[: int(table[2])]
show(vmap(f)(X))
""",
    "what the function sees": """\
def f(x, y):
    print(isinstance(x, jax.core.Tracer), x.shape, x.dtype, x.ndim, len(x))
    print(isinstance(x, jax.Array), isinstance(y, jax.Array), isinstance(y, jax.core.Tracer), y)
    return x
vmap(f, (0, None))(X, jnp.float32(2))
""",
    "linear algebra": """\
A = vmap(lambda r: jnp.outer(r, r) + 9 * jnp.eye(3))(X)
show(vmap(jnp.linalg.solve)(A, X), vmap(jnp.linalg.cholesky)(A), vmap(jnp.linalg.eigh)(A))
""",
    "sort, gather and scatter": """\
show(vmap(jnp.sort)(X), vmap(jnp.argsort)(X), vmap(lambda x, i: x[i])(X, jnp.array([0, 2, 1, 0])))
show(vmap(lambda x, i: x.at[i].add(1.))(X, jnp.array([0, 2, 1, 0])), vmap(lambda x: jnp.unique(x, size=3))(X))
""",
    "jnp.vectorize": """\
h = jnp.vectorize(lambda a, b: a @ b, signature='(n),(n)->()')
show(h(X, X[0]), h(X[:, None], X), jnp.vectorize(lambda a, b: a * b)(X, X[0]))
""",
    "lax.map with batch_size": "show(lax.map(lambda r: r.sum() * 2, X, batch_size=3), lax.map(jnp.sin, X))",
    "equinox": """\
import equinox as eqx
linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
show(vmap(linear)(X), eqx.filter_vmap(linear)(X), eqx.filter_jit(eqx.filter_vmap(linear))(X))
heads = eqx.filter_vmap(lambda k: eqx.nn.MLP(3, 1, 4, 1, key=k))(jax.random.split(jax.random.key(1), 2))
show(eqx.filter_vmap(lambda m, x: m(x), in_axes=(eqx.if_array(0), None))(heads, X[0]))
""",
    "optax": """\
import optax
opt = optax.adam(1e-1)
w = jnp.ones(3)
state = opt.init(w)
@jax.jit
def step(w, state):
    g = jax.grad(lambda w: jnp.mean(vmap(lambda r: (r @ w) ** 2)(X)))(w)
    updates, state = opt.update(g, state)
    return optax.apply_updates(w, updates), state
for _ in range(3):
    w, state = step(w, state)
    show(w)
""",
    # effects
    "prints, in order": """\
import sys
def f(x):
    print('traced', x.shape)
    print('aside', file=sys.stderr)
    return x
print('before'); vmap(f)(X); print('between'); jax.jit(vmap(f))(X); jax.jit(vmap(f))(X); print('after')
""",
    "debug prints": """\
def f(x):
    jax.debug.print('{}', x.sum())
    return x
vmap(f)(X); jax.jit(vmap(f))(X); vmap(vmap(lambda a: jax.debug.print('{a}', a=a)))(X[:2, :2])
""",
    "counted calls": """\
calls, seen = [], {}
total = 0
def f(x):
    global total
    total += 1
    calls.append(x.shape)
    seen.setdefault('f', []).append(len(calls))
    return x * total
show(vmap(f)(X), vmap(f)(X), vmap(vmap(f))(X), jax.jit(vmap(f))(X), jax.grad(lambda x: vmap(f)(x).sum())(X))
print(calls, seen, total)
""",
    "what jit remembers": """\
traces = []
@jax.jit
def inner(x):
    traces.append(x.shape)
    return jnp.sin(x)
show(vmap(inner)(X), vmap(inner)(X), inner(X[0]), inner(X[0]), vmap(lambda x: inner(x) + inner(x))(X))
step = jax.jit(lambda x: vmap(inner)(x))
show(step(X), step(X), step(X + 1))
print(traces)
""",
    "callbacks": """\
def host(x):
    print('host', x.shape, x.dtype)
    return np.sin(x)
f = lambda x: jax.pure_callback(host, jax.ShapeDtypeStruct((3,), jnp.float32), x, vmap_method='sequential')
show(vmap(f)(X[:2]))
g = lambda x: jax.pure_callback(host, jax.ShapeDtypeStruct((3,), jnp.float32), x, vmap_method='expand_dims')
show(vmap(g)(X[:2]))
""",
    "a generator of results": """\
def f(x):
    return tuple(x[i] for i in range(3)), list(map(jnp.sin, x)), dict(zip('ab', x))
show(vmap(f)(X))
""",
    "globals changed meanwhile": """\
scale = 1.
def f(x):
    return x * scale
show(vmap(f)(X)); scale = 2.; show(vmap(f)(X))
""",
    "a random number of the host": """\
np.random.seed(3)
show(vmap(lambda x: x * np.random.rand())(X))
print(np.random.rand())
""",
    "recursion": """\
def total(x):
    return x if x.ndim == 0 else vmap(total)(x).sum()
show(total(X), jax.jit(total)(X), jax.grad(total)(X))
""",
    "an exception that is caught": """\
try:
    vmap(lambda x, y: x + y)(X, X[:2])
except ValueError as error:
    print(error)
try:
    vmap(lambda x: 1 / 0)(X)
except ZeroDivisionError as error:
    print(error)
show(vmap(jnp.sin)(X))
""",
    "a main block": "if __name__ == '__main__':\n    show(vmap(jnp.cos)(X))\n",
    "an exit": "show(vmap(jnp.cos)(X))\nimport sys\nsys.exit()\n",
    "a thread": """\
import threading
out = []
worker = threading.Thread(target=lambda: out.append(vmap(jnp.sin)(X)))
worker.start(); worker.join()
show(out)
""",
    # errors
    "unequal sizes": "vmap(lambda x, y: x + y)(X, X[:2])",
    "too many axes": "print('so far')\nvmap(lambda x, y: x, (0, 0, 0))(X, X)",
    "an axis that is not there": "vmap(lambda x: x, 2)(X)",
    "no axis at all": "vmap(lambda x: x, (None,))(X)",
    "an axis of the wrong type": "vmap(lambda x: x, 1.5)(X)",
    "an out axis of None": "vmap(lambda x: x, out_axes=None)(X)",
    "an out axis too large": "vmap(lambda x: x.sum(), out_axes=3)(X)",
    "out_axes of the wrong tree": "vmap(lambda x: (x, x), out_axes=(0, 0, 0))(X)",
    "not an array": "vmap(lambda x: x)('text')",
    "not a result": "vmap(lambda x: 'text')(X)",
    "an object among the results": "vmap(lambda x: (x, object()))(X)",
    "a branch on a tracer": "vmap(lambda x: x if x.sum() > 0 else -x)(X)",
    "a number of a tracer": "vmap(lambda x: float(x[0]))(X)",
    "an index of a tracer": "vmap(lambda x: [1, 2][x[0].astype(int)])(X)",
    "an array of a tracer": "vmap(lambda x: np.sin(x).sum())(X)",
    "a shape that needs a value": "vmap(lambda x: x[x > 0])(X)",
    "one's own error": "def f(x):\n    raise KeyError('mine', x.shape)\nvmap(f)(X)",
    "an error deep inside": "vmap(vmap(lambda a, b: a @ b, (None, 0)), (0, None))(X, X[:, :2])",
    "an error in a scan": "vmap(lambda x: lax.scan(lambda c, a: (c[None], a), x[0], x))(X)",
    "an unbound axis": "vmap(lambda x: lax.psum(x, 'n'))(X)",
    "an unbound axis next door": "vmap(lambda x: lax.psum(x, 'm'), axis_name='n')(X)",
    "grad of no scalar": "jax.grad(vmap(jnp.sin))(X)",
    "too few arguments": "vmap(lambda x, y: x)(X)",
    "no function": "vmap(3)(X)",
    "an error after the call": "show(vmap(jnp.sin)(X))\nundefined_name",
    "an error in a thread of jit": "jax.jit(vmap(lambda x: x.reshape(7)))(X)",
    "a leaked tracer": "kept = []\nvmap(lambda x: kept.append(x))(X)\nprint(kept[0] + 1)",
    "a host callback that fails": """\
def host(x):
    raise RuntimeError('not here')
like = jax.ShapeDtypeStruct((), jnp.float32)
vmap(lambda x: jax.pure_callback(host, like, x, vmap_method='sequential'))(X[0])
""",
}
"""The script by its name; PRELUDE comes before it. Those of the last part fail."""
