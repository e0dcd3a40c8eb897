"""Every form in which a vmapped function can be written and called, with the levels that must be found."""

from __future__ import annotations

from dataclasses import dataclass

PRELUDE = """\
import jax
import jax.numpy as jnp
from functools import partial
from jax import vmap
"""


@dataclass(frozen=True)
class Level:
    """One level in words: what it is, the expression that calls it, and what crosses it.

    "0>j dot[4] x2 by equinox": under level 0, named j, 4 examples, 2 equal calls. "w(0,-)": in w, the axis
    of level 0 is axis 0, level 1 does not map it; "^w(0,-)": closed over, so it comes from level 0.
    """

    told: str
    source: str
    crossing: str


@dataclass(frozen=True)
class Form:
    """Code, and a call on `x`, an f32[3,2] or as it says, in which the levels are met in their order."""

    name: str
    code: str
    call: str
    levels: tuple[Level, ...]
    rows: int = 3

    @property
    def text(self) -> str:
        return f"{PRELUDE}{self.code}\ndef top(x):\n    return {self.call}\n"


FORMS = (
    Form(
        "a prebuilt function",
        """\
def f(x): return jnp.sin(x).sum()
g = jax.vmap(f)
""",
        "g(x)",
        (Level("i f[3]", "g(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "a nest",
        """\
def dot(x, y): return x @ y
X, Y = None, None
g = lambda x: jax.vmap(jax.vmap(dot, (None, 0)), (0, None))(x, x + 1)
""",
        "g(x)",
        (
            Level(
                "i dot[3]",
                "jax.vmap(jax.vmap(dot, (None, 0)), (0, None))(x, x + 1)",
                "x(0,-) y(-,-) -> out(0,-)",
            ),
            Level(
                "0>j dot[3]",
                "jax.vmap(jax.vmap(dot, (None, 0)), (0, None))(x, x + 1)",
                "x(0,-) y(-,0) -> out(0,1)",
            ),
        ),
    ),
    Form(
        "a decorator",
        """\
@jax.vmap
def g(x):
    return x * 2
""",
        "g(x)",
        (Level("i g[3]", "g(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "a decorator with partial",
        """\
@partial(jax.vmap, in_axes=1, out_axes=-1)
def g(x):
    return x * 2
""",
        "g(x)",
        (Level("i g[2]", "g(x)", "x(1) -> out(1)"),),
    ),
    Form(
        "vmap imported by name",
        "g = lambda x: vmap(jnp.sum)(x)",
        "g(x)",
        (Level("i sum[3]", "vmap(jnp.sum)(x)", "a(0) -> out(0)"),),
    ),
    Form(
        "another name for vmap",
        """\
vm = jax.vmap
g = lambda x: vm(lambda row: row + 1)(x)
""",
        "g(x)",
        (Level("i <lambda>[3]", "vm(lambda row: row + 1)(x)", "row(0) -> out(0)"),),
    ),
    Form(
        "a bound method",
        """\
class Model:
    def __init__(self, w):
        self.w = w
    def apply(self, x):
        return x @ self.w
m = Model(jnp.arange(2.))
g = lambda x: jax.vmap(m.apply)(x)
""",
        "g(x)",
        (Level("i apply[3]", "jax.vmap(m.apply)(x)", "x(0) ^self.w(-) -> out(0)"),),
    ),
    Form(
        "an object that is called",
        """\
class Model:
    def __call__(self, x):
        return x * 3
g = lambda x: jax.vmap(Model())(x)
""",
        "g(x)",
        (Level("i Model[3]", "jax.vmap(Model())(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "a decorated method",
        """\
class Model:
    @partial(jax.vmap, in_axes=(None, 0))
    def apply(self, x):
        return x + self.w
    w = 3.
m = Model()
jax.tree_util.register_pytree_node(Model, lambda m: ((), None), lambda *_: m)
g = lambda x: m.apply(x)
""",
        "g(x)",
        (Level("i apply[3]", "m.apply(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "a closure",
        """\
def outer(w):
    def inner(x):
        return x @ w
    return jax.vmap(inner)
g = lambda x: outer(x[0])(x)
""",
        "g(x)",
        (Level("i inner[3]", "outer(x[0])(x)", "x(0) ^w(-) -> out(0)"),),
    ),
    Form(
        "a vmap inside a mapped closure",
        """\
def g(x):
    def row(r):
        return jax.vmap(lambda a: a * r)(x)
    return jax.vmap(row)(x)
""",
        "g(x)",
        (
            Level("i row[3]", "jax.vmap(row)(x)", "r(0,-) ^x(-,-) -> out(0,-)"),
            Level("0>j <lambda>[3]", "jax.vmap(lambda a: a * r)(x)", "a(-,0) ^r(0,-) -> out(0,1)"),
        ),
    ),
    Form(
        "partial of the mapped function",
        """\
def h(w, x): return w * x
g = lambda x: jax.vmap(partial(h, x[0]))(x)
""",
        "g(x)",
        (Level("i h[3]", "jax.vmap(partial(h, x[0]))(x)", "x(0) ^w(-) -> out(0)"),),
    ),
    Form(
        "partial with a keyword",
        """\
def h(x, *, scale): return scale * x
g = lambda x: jax.vmap(partial(h, scale=2.))(x)
""",
        "g(x)",
        (Level("i h[3]", "jax.vmap(partial(h, scale=2.))(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "inside jit",
        "g = jax.jit(jax.vmap(jnp.sin))",
        "g(x)",
        (Level("i sin[3]", "g(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "around jit",
        "g = jax.vmap(jax.jit(lambda x: jnp.sin(x)))",
        "g(x)",
        (Level("i <lambda>[3]", "g(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "inside scan",
        """\
def g(x):
    def step(c, r):
        return c + jax.vmap(lambda a: a * c)(r).sum(), c
    return jax.lax.scan(step, 0., x)
""",
        "g(x)",
        (Level("i <lambda>[2]", "jax.vmap(lambda a: a * c)(r)", "a(0) ^c(-) -> out(0)"),),
    ),
    Form(
        "in the branches of cond",
        """\
def g(x):
    return jax.lax.cond(x.sum() > 0, lambda v: jax.vmap(jnp.sin)(v), lambda v: jax.vmap(jnp.cos)(v), x)
""",
        "g(x)",
        (
            Level("i sin[3]", "jax.vmap(jnp.sin)(v)", "x(0,-) -> out(0,-)"),
            Level("i cos[3]", "jax.vmap(jnp.cos)(v)", "x(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "in the body of while",
        """\
def g(x):
    return jax.lax.while_loop(lambda v: v.sum() < 50, jax.vmap(lambda r: r * 2 + 1), x)
""",
        "g(x)",
        (
            Level(
                "i <lambda>[3]",
                "jax.lax.while_loop(lambda v: v.sum() < 50, jax.vmap(lambda r: r * 2 + 1), x)",
                "r(0) -> out(0)",
            ),
        ),
    ),
    Form(
        "inside grad",
        """\
def loss(w, x): return jnp.sum(jax.vmap(lambda r: jnp.tanh(r @ w))(x))
g = lambda x: jax.grad(loss)(x[0], x)
""",
        "g(x)",
        (Level("i <lambda>[3]", "jax.vmap(lambda r: jnp.tanh(r @ w))(x)", "r(0) ^w(-) -> out(0)"),),
    ),
    Form(
        "around grad",
        """\
def loss(w, r): return jnp.tanh(r @ w)
g = lambda x: jax.vmap(jax.grad(loss), (None, 0))(x[0], x)
""",
        "g(x)",
        (Level("i loss[3]", "jax.vmap(jax.grad(loss), (None, 0))(x[0], x)", "w(-) r(0) -> out(0)"),),
    ),
    Form(
        "inside checkpoint",
        "g = lambda x: jax.checkpoint(lambda v: jax.vmap(jnp.sin)(v))(x)",
        "g(x)",
        (Level("i sin[3]", "jax.vmap(jnp.sin)(v)", "x(0) -> out(0)"),),
    ),
    Form(
        "around checkpoint",
        "g = lambda x: jax.vmap(jax.checkpoint(jnp.sin))(x)",
        "g(x)",
        (Level("i sin[3]", "jax.vmap(jax.checkpoint(jnp.sin))(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "inside custom_vjp",
        """\
@jax.custom_vjp
def h(x): return jax.vmap(jnp.sin)(x).sum()
h.defvjp(lambda x: (h(x), x), lambda r, t: (t * jax.vmap(jnp.cos)(r),))
g = lambda x: (h(x), jax.grad(h)(x))
""",
        "g(x)",
        (
            Level("i sin[3] x2", "jax.vmap(jnp.sin)(x)", "x(0,-) -> out(0,-)"),
            Level("i cos[3]", "jax.vmap(jnp.cos)(r)", "x(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "jacfwd",
        "g = lambda x: jax.jacfwd(lambda v: jnp.sin(v) * v[0])(x[0])",
        "g(x)",
        (
            Level(
                "i _jvp[2] by jax.jacfwd",
                "jax.jacfwd(lambda v: jnp.sin(v) * v[0])(x[0])",
                "tangents[0](0) ^primals[0](-) -> out[0](-) out[1](0)",
            ),
        ),
    ),
    Form(
        "jacrev",
        "g = lambda x: jax.jacrev(lambda v: jnp.sin(v) * v[0])(x[0])",
        "g(x)",
        (
            Level(
                "i VJP[2] by jax.jacrev",
                "jax.jacrev(lambda v: jnp.sin(v) * v[0])(x[0])",
                "out_ct(0) -> out[0](0)",
            ),
        ),
    ),
    Form(
        "hessian",
        "g = lambda x: jax.hessian(lambda v: jnp.sum(v ** 3))(x[0])",
        "g(x)",
        (
            Level(
                "i _jvp[2] by jax.jacfwd",
                "jax.hessian(lambda v: jnp.sum(v ** 3))(x[0])",
                "tangents[0](0,-) ^primals[0](-,-) -> out[0](-,-) out[1](0,-)",
            ),
            Level(
                "0>j VJP[1] by jax.jacrev",
                "jax.hessian(lambda v: jnp.sum(v ** 3))(x[0])",
                "out_ct(-,0) -> out[0](-,0)",
            ),
        ),
    ),
    Form(
        "jnp.vectorize with a signature",
        """\
@partial(jnp.vectorize, signature='(n),(n)->()')
def h(a, b): return a @ b
g = lambda x: h(x, x[0])
""",
        "g(x)",
        (Level("i wrapped[3] by jax.numpy.vectorize", "h(x, x[0])", "args[0](0) args[1](-) -> out(0)"),),
    ),
    Form(
        "jnp.vectorize over two axes",
        """\
h = jnp.vectorize(lambda a, b: a * b)
g = lambda x: h(x, x[0])
""",
        "g(x)",
        (
            Level("i <lambda>[3] by jax.numpy.vectorize", "h(x, x[0])", "a(0,-) b(-,-) -> out(0,-)"),
            Level("0>j <lambda>[2] by jax.numpy.vectorize", "h(x, x[0])", "a(0,1) b(-,0) -> out(0,1)"),
        ),
    ),
    Form(
        "lax.map in batches",
        "g = lambda x: jax.lax.map(lambda r: r * 2, x, batch_size=2)",
        "g(x)",
        (
            Level(
                "i <lambda>[2] by jax.lax.map",
                "jax.lax.map(lambda r: r * 2, x, batch_size=2)",
                "r(0,-) -> out(0,-)",
            ),
            Level(
                "i <lambda>[1] by jax.lax.map",
                "jax.lax.map(lambda r: r * 2, x, batch_size=2)",
                "r(-,0) -> out(-,0)",
            ),
        ),
    ),
    Form(
        "filter_vmap",
        """\
import equinox as eqx
g = lambda x: eqx.filter_vmap(lambda r: r * 2)(x)
""",
        "g(x)",
        (
            Level(
                "i _fun_wrapper[3] by equinox",
                "eqx.filter_vmap(lambda r: r * 2)(x)",
                "_dynamic_args[0](0) -> out[0](0)",
            ),
        ),
    ),
    Form(
        "a Python loop",
        """\
def g(x):
    for n in range(4):
        x = jax.vmap(lambda r: r * 2)(x)
    return x
""",
        "g(x)",
        (Level("i <lambda>[3] x4", "jax.vmap(lambda r: r * 2)(x)", "r(0) -> out(0)"),),
    ),
    Form(
        "a Python loop over shapes",
        """\
def g(x):
    out = []
    for n in (1, 2, 2):
        out.append(jax.vmap(lambda r: r * 2)(x[:n]).sum())
    return out
""",
        "g(x)",
        (
            Level("i <lambda>[1]", "jax.vmap(lambda r: r * 2)(x[:n])", "r(0,-) -> out(0,-)"),
            Level("i <lambda>[2] x2", "jax.vmap(lambda r: r * 2)(x[:n])", "r(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "two functions of one name",
        """\
def one(x):
    def f(r): return jnp.sin(r)
    return jax.vmap(f)(x)
def two(x):
    def f(r): return jnp.cos(r)
    return jax.vmap(f)(x)
g = lambda x: one(x) + two(x)
""",
        "g(x)",
        (
            Level("i f[3]", "jax.vmap(f)(x)", "r(0,-) -> out(0,-)"),
            Level("i f[3]", "jax.vmap(f)(x)", "r(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "two calls on a line",
        "g = lambda x: jax.vmap(jnp.sin)(x) + jax.vmap(jnp.cos)(x)",
        "g(x)",
        (
            Level("i sin[3]", "jax.vmap(jnp.sin)(x)", "x(0,-) -> out(0,-)"),
            Level("i cos[3]", "jax.vmap(jnp.cos)(x)", "x(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "one call of two functions",
        """\
def rows(fun, x): return jax.vmap(fun)(x)
g = lambda x: rows(jnp.sin, x) + rows(jnp.cos, x)
""",
        "g(x)",
        (
            Level("i sin[3]", "jax.vmap(fun)(x)", "x(0,-) -> out(0,-)"),
            Level("i cos[3]", "jax.vmap(fun)(x)", "x(-,0) -> out(-,0)"),
        ),
    ),
    Form(
        "a comprehension",
        "g = lambda x: [jax.vmap(lambda r: r * k)(x) for k in range(3)]",
        "g(x)",
        (Level("i <lambda>[3] x3", "jax.vmap(lambda r: r * k)(x)", "r(0) -> out(0)"),),
    ),
    Form(
        "three levels of closures",
        """\
def g(x):
    return jax.vmap(lambda a: jax.vmap(lambda b: jax.vmap(lambda c: a * b * c)(x[0]))(x[1]))(x[2])
""",
        "g(x)",
        (
            Level(
                "i <lambda>[2]",
                "jax.vmap(lambda a: jax.vmap(lambda b: jax.vmap(lambda c: a * b * c)(x[0]))(x[1]))(x[2])",
                "a(0,-,-) ^x(-,-,-) -> out(0,-,-)",
            ),
            Level(
                "0>j <lambda>[2]",
                "jax.vmap(lambda b: jax.vmap(lambda c: a * b * c)(x[0]))(x[1])",
                "b(-,0,-) ^x(-,-,-) ^a(0,-,-) -> out(0,1,-)",
            ),
            Level(
                "1>k <lambda>[2]",
                "jax.vmap(lambda c: a * b * c)(x[0])",
                "c(-,-,0) ^a(0,-,-) ^b(-,0,-) -> out(0,1,2)",
            ),
        ),
    ),
    Form(
        "a named axis",
        "g = jax.vmap(lambda r: r - jax.lax.pmean(r, 'batch'), axis_name='batch')",
        "g(x)",
        (Level("batch <lambda>[3]", "g(x)", "r(0) -> out(0)"),),
    ),
    Form(
        "a tree of arrays",
        "g = lambda x: jax.tree.map(jax.vmap(lambda r: r * 2), {'a': x, 'b': x})",
        "g(x)",
        (
            Level(
                "i <lambda>[3] x2",
                "jax.tree.map(jax.vmap(lambda r: r * 2), {'a': x, 'b': x})",
                "r(0) -> out(0)",
            ),
        ),
    ),
    Form(
        "recursion",
        """\
def g(x):
    return x.sum() if x.ndim == 1 else jax.vmap(g)(x)
""",
        "g(x[None])",
        (
            Level("i g[1]", "jax.vmap(g)(x)", "x(0,-) -> out(0,-)"),
            Level("0>j g[3]", "jax.vmap(g)(x)", "x(0,1) -> out(0,1)"),
        ),
    ),
    Form(
        "random keys",
        """\
keys = jax.random.split(jax.random.key(0), 3)
g = lambda x: jax.vmap(lambda k: jax.random.normal(k, (2,)))(keys)
""",
        "g(x)",
        (
            Level(
                "i <lambda>[3]",
                "jax.vmap(lambda k: jax.random.normal(k, (2,)))(keys)",
                "k(0) -> out(0)",
            ),
        ),
    ),
    Form(
        "a solver",
        "g = lambda x: jax.vmap(lambda r: jnp.linalg.solve(jnp.eye(2) * 2 + jnp.outer(r, r), r))(x)",
        "g(x)",
        (
            Level(
                "i <lambda>[3]",
                "jax.vmap(lambda r: jnp.linalg.solve(jnp.eye(2) * 2 + jnp.outer(r, r), r))(x)",
                "r(0) -> out(0)",
            ),
        ),
    ),
    Form(
        "in fori_loop",
        "g = lambda x: jax.lax.fori_loop(0, 3, lambda n, v: jax.vmap(lambda r: r * n)(v), x)",
        "g(x)",
        (Level("i <lambda>[3]", "jax.vmap(lambda r: r * n)(v)", "r(0) ^n(-) -> out(0)"),),
    ),
    Form(
        "in a loop whose carry changes its type",
        "g = lambda x: jax.lax.fori_loop(0, 3, lambda n, s: s + jax.vmap(jnp.sin)(x).sum(), 0)",
        "g(x)",
        (Level("i sin[3] x2", "jax.vmap(jnp.sin)(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "in the branches of switch",
        "g = lambda x: jax.lax.switch(1, [jax.vmap(jnp.sin), jax.vmap(jnp.cos)], x)",
        "g(x)",
        (
            Level(
                "i sin[3]",
                "jax.lax.switch(1, [jax.vmap(jnp.sin), jax.vmap(jnp.cos)], x)",
                "x(0,-) -> out(0,-)",
            ),
            Level(
                "i cos[3]",
                "jax.lax.switch(1, [jax.vmap(jnp.sin), jax.vmap(jnp.cos)], x)",
                "x(-,0) -> out(-,0)",
            ),
        ),
    ),
    Form(
        "inside jvp",
        "g = lambda x: jax.jvp(jax.vmap(jnp.sin), (x,), (x,))",
        "g(x)",
        (Level("i sin[3]", "jax.jvp(jax.vmap(jnp.sin), (x,), (x,))", "x(0) -> out(0)"),),
    ),
    Form(
        "arguments by name",
        """\
def h(x, *, scale): return x * scale
g = lambda x: jax.vmap(h)(x, scale=x + 1)
""",
        "g(x)",
        (Level("i h[3]", "jax.vmap(h)(x, scale=x + 1)", "x(0) scale(0) -> out(0)"),),
    ),
    Form(
        "starred arguments",
        """\
def h(*xs, **named): return sum(xs) + sum(named.values())
g = lambda x: jax.vmap(h, in_axes=(0, None))(x, x[0], k=x)
""",
        "g(x)",
        (
            Level(
                "i h[3]",
                "jax.vmap(h, in_axes=(0, None))(x, x[0], k=x)",
                "xs[0](0) xs[1](-) named['k'](0) -> out(0)",
            ),
        ),
    ),
    Form(
        "nothing mapped",
        "g = lambda x: jax.vmap(lambda: x[0], axis_size=4, out_axes=None)()",
        "g(x)",
        (Level("i <lambda>[4]", "jax.vmap(lambda: x[0], axis_size=4, out_axes=None)()", "^x(-) -> out(-)"),),
    ),
    Form(
        "static and class methods",
        """\
class Lib:
    @staticmethod
    def double(r): return r * 2
    @classmethod
    def rows(cls, x): return jax.vmap(cls.double)(x)
g = lambda x: Lib.rows(x)
""",
        "g(x)",
        (Level("i double[3]", "jax.vmap(cls.double)(x)", "r(0) -> out(0)"),),
    ),
    Form(
        "between decorators",
        """\
import functools
def logged(f):
    @functools.wraps(f)
    def call(*args):
        return f(*args)
    return call
@logged
@jax.vmap
@logged
def g(r): return r * 2
""",
        "g(x)",
        (Level("i g[3]", "f(*args)", "r(0) -> out(0)"),),
    ),
    Form(
        "around scan",
        "g = lambda x: jax.vmap(lambda r: jax.lax.scan(lambda c, a: (c + a, c), 0., r))(x)",
        "g(x)",
        (
            Level(
                "i <lambda>[3]",
                "jax.vmap(lambda r: jax.lax.scan(lambda c, a: (c + a, c), 0., r))(x)",
                "r(0) -> out[0](0) out[1](1)",
            ),
        ),
    ),
    Form(
        "grad and jit between levels",
        """\
def g(x):
    def row(r):
        total = r.sum()
        grad = jax.grad(lambda v: jnp.sum(jax.vmap(lambda c: jnp.sin(c * total))(v)))
        return jax.jit(grad)(r)
    return jax.vmap(row)(x)
""",
        "g(x)",
        (
            Level("i row[3]", "jax.vmap(row)(x)", "r(0,-) -> out(0,-)"),
            Level(
                "0>j <lambda>[2]",
                "jax.vmap(lambda c: jnp.sin(c * total))(v)",
                "c(0,1) ^total(0,-) -> out(0,1)",
            ),
        ),
    ),
    Form(
        "in a jitted function called twice",
        """\
@jax.jit
def rows(x): return jax.vmap(jnp.sin)(x)
g = lambda x: rows(x) + rows(x + 1)
""",
        "g(x)",
        (Level("i sin[3]", "jax.vmap(jnp.sin)(x)", "x(0) -> out(0)"),),
    ),
    Form(
        "inside associative_scan",
        "g = lambda x: jax.lax.associative_scan(jax.vmap(lambda a, b: a + b), x)",
        "g(x)",
        (
            Level(
                "i <lambda>[2]",
                "jax.lax.associative_scan(jax.vmap(lambda a, b: a + b), x)",
                "a(0,-,-) b(0,-,-) -> out(0,-,-)",
            ),
            Level(
                "i <lambda>[1] x2",
                "jax.lax.associative_scan(jax.vmap(lambda a, b: a + b), x)",
                "a(-,0,-) b(-,0,-) -> out(-,0,-)",
            ),
            Level(
                "i <lambda>[0]",
                "jax.lax.associative_scan(jax.vmap(lambda a, b: a + b), x)",
                "a(-,-,0) b(-,-,0) -> out(-,-,0)",
            ),
        ),
        rows=4,
    ),
    Form(
        "around jacfwd",
        "g = lambda x: jax.vmap(jax.jacfwd(lambda r: r ** 2))(x)",
        "g(x)",
        (
            Level("i <lambda>[3]", "jax.vmap(jax.jacfwd(lambda r: r ** 2))(x)", "r(0,-) -> out(0,-)"),
            Level(
                "0>j _jvp[2] by jax.jacfwd",
                "jax.vmap(jax.jacfwd(lambda r: r ** 2))(x)",
                "tangents[0](-,0) ^primals[0](0,-) -> out[0](0,-) out[1](0,1)",
            ),
        ),
    ),
)
