"""Functions that random programs rarely reach: outputs equal plain jax.vmap's, and every claim holds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import explainer
from explainer.spec import Argument, Request, Vmap
from tests import oracle
from tests.analysis.agreement import assert_claims_hold, assert_outputs_equal


@dataclass(frozen=True)
class Case:
    """A function `f` of x, y, ... and the in_axes of its levels, outermost first."""

    name: str
    code: str
    values: tuple[str, ...]
    levels: tuple[str, ...]
    axis_size: str | None = None

    @property
    def request(self) -> Request:
        arguments = tuple(Argument(name, value) for name, value in zip("xyz", self.values))
        levels = tuple(Vmap(in_axes, axis_size=self.axis_size) for in_axes in self.levels)
        return Request(self.code, "f", arguments, levels)


CUSTOM_VJP = """\
@jax.custom_vjp
def g(x):
    return jnp.sin(x).sum()
g.defvjp(lambda x: (g(x), x), lambda r, t: (t * jnp.cos(r),))
f = jax.grad(g)
"""

COUNT_UP = "f = lambda n, m: lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1., s[1] + m), (0., m))"

WHILE_IN_SCAN = """\
def f(x):
    def step(c, n):
        r = lax.while_loop(lambda s: s < n, lambda s: s + 1.5, c)
        return r - 1, r
    return lax.scan(step, 0., x)
"""

COND_IN_WHILE = """\
def f(x):
    grow = lambda s: lax.cond(s > 5, lambda v: v * 2, lambda v: v + 1, s)
    return lax.while_loop(lambda s: s < 20, grow, x)
"""

NESTED_JIT = """\
@jax.jit
def a(x):
    return jnp.sin(x)
@jax.jit
def b(x):
    return a(x) + a(x * 2)
def f(x):
    return b(x) + a(x)
"""

NAMED_TUPLE = """\
from typing import NamedTuple
class P(NamedTuple):
    w: jax.Array
    b: jax.Array
def f(p, x):
    return P(p.w @ x, p.b + 1)
"""

ADAM = """\
opt = optax.adam(1e-2)
def f(p, g):
    u, s = opt.update(g, opt.init(p), p)
    return optax.apply_updates(p, u)
"""

CALLBACK = """\
def f(x):
    like = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.pure_callback(np.sin, like, x, vmap_method='sequential')
"""

M, V = "normal(f32[4,3,3])", "normal(f32[4,3])"
CASES = (
    Case("solve", "f = lambda A, b: jnp.linalg.solve(A + 5 * jnp.eye(3), b)", (M, V), ("(0, 0)",)),
    Case("eigh", "f = lambda A: jnp.linalg.eigh(A + A.T)[0]", (M,), ("0",)),
    Case("conv", "f = lambda x, k: jnp.convolve(x, k)", (V, "normal(f32[2,3])"), ("(0, None)", "(None, 0)")),
    Case("fft", "f = lambda x: jnp.abs(jnp.fft.fft(x))", (V,), ("1",)),
    Case("complex", "f = lambda x: x * 1j + jnp.conj(x)", ("c64[4,2]",), ("1",)),
    Case("associative-scan", "f = lambda x: lax.associative_scan(jnp.add, x)", (V,), ("0",)),
    Case("custom-vjp", CUSTOM_VJP, (V,), ("0",)),
    Case(
        "typed-keys", "f = lambda key: jax.random.normal(jax.random.split(key)[0], (2,))", ("key[4]",), ("0",)
    ),
    Case("sort-pairs", "f = lambda k, v: lax.sort((k, v), num_keys=1)", (V, "i32[3]"), ("(0, None)",)),
    Case("scatter", "f = lambda x, n: x.at[n].add(1.).at[0].mul(2.)", ("f32[5]", "i32[4]"), ("(None, 0)",)),
    Case("gather", "f = lambda x, n: x[n]", ("normal(f32[5,2])", "i32[4]"), ("(None, 0)",)),
    Case(
        "trip-count-per-example",
        "f = lambda n, x: lax.fori_loop(0, n, lambda i, v: v * 2 + i, x)",
        ("i32[4]", V),
        ("(0, 0)",),
    ),
    Case("while-outer", COUNT_UP, ("arange(f32[4])", "normal(f32[3])"), ("(0, None)", "(None, 0)")),
    Case("while-inner", COUNT_UP, ("arange(f32[4])", "normal(f32[3])"), ("(None, 0)", "(0, None)")),
    Case("while-in-scan", WHILE_IN_SCAN, (V,), ("0",)),
    Case("cond-in-while", COND_IN_WHILE, ("arange(f32[6])",), ("0",)),
    Case(
        "cond-in-scan",
        "f = lambda x, p: lax.scan(lambda c, n: (lax.cond(p, jnp.sin, jnp.cos, c + n), c), 0., x)",
        (V, "jnp.array(True)"),
        ("(0, None)",),
    ),
    Case(
        "scan-reverse",
        "f = lambda x: lax.scan(lambda c, n: (c + n, c * n), 0., x, reverse=True)",
        (V,),
        ("0",),
    ),
    Case(
        "scan-mapped-constant",
        "f = lambda x, w: lax.scan(lambda c, n: (c * w, c + n), 1., x)",
        ("normal(f32[5])", "normal(f32[4])"),
        ("(None, 0)",),
    ),
    Case(
        "grad-of-scan",
        "f = jax.grad(lambda x, w: lax.scan(lambda c, n: (jnp.tanh(c * w + n), c), 1., x)[0], (0, 1))",
        (V, "normal(f32[])"),
        ("(0, None)",),
    ),
    Case("nested-jit", NESTED_JIT, (V,), ("0",)),
    Case(
        "jit-shared-and-mapped",
        "a = jax.jit(jnp.sin)\nf = lambda x, w: a(w) + a(x)",
        (V, "normal(f32[3])"),
        ("(0, None)",),
    ),
    Case(
        "one-branch-twice",
        "f = lambda p, x: lax.switch(p, [jnp.sin, jnp.sin, jnp.cos], x)",
        ("arange(i32[3])", "normal(f32[3])"),
        ("(0, 0)",),
    ),
    Case(
        "cond-two-levels",
        "f = lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)",
        ("jnp.array([True, False])", "normal(f32[3])"),
        ("(None, 0)", "(0, None)"),
    ),
    Case("passed-through", "f = lambda x, y: (x, y, 1.0, None)", (V, "f32[2]"), ("(0, None)",)),
    Case("named-tuple", NAMED_TUPLE, ("P(normal(f32[4,2,3]), f32[4])", "f32[3]"), ("(P(0, 0), None)",)),
    Case("no-examples", "f = lambda x: x.sum()", ("f32[0,4]",), ("0",)),
    Case("empty-examples", "f = lambda x: x.sum()", ("f32[4,0]",), ("0",)),
    Case("half-precision", "f = lambda x: x * 2", ("bf16[4,2]",), ("0",)),
    Case("only-axis-size", "f = lambda x: x * 2", ("f32[2]",), ("(None,)",), axis_size="3"),
    Case("python-callback", CALLBACK, ("normal(f32[3])",), ("0",)),
    Case("vmap-within", "f = lambda x: jax.vmap(jnp.sin)(x).sum()", (V,), ("0",)),
    Case("linearize", "f = lambda x: jax.linearize(jnp.sin, x)[1](x)", (V,), ("0",)),
    Case(
        "einsum",
        "f = lambda a, b: jnp.einsum('ij,jk->ki', a, b)",
        ("normal(f32[4,2,3])", "normal(f32[5,3,2])"),
        ("(0, None)", "(None, 0)"),
    ),
    Case("optax-adam", ADAM, ("{'w': normal(f32[4,3])}", "{'w': normal(f32[4,3])}"), ("(0, 0)",)),
    Case("static-number", "f = lambda x, n: sum(x * i for i in range(n))", ("f32[3]", "3"), ("(0, None)",)),
    Case("static-text", "f = lambda x, how: getattr(jnp, how)(x)", ("f32[3]", "'sin'"), ("(0, None)",)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outputs_are_those_of_plain_vmap_and_every_value_sits_where_the_report_says(case: Case):
    report = explainer.explain(case.request, until="run")
    assert report.failure is None, report.failure
    assert all(output.tracked for equation in report.equations for output in equation.outputs)
    assert_outputs_equal(report, oracle.read(case.request).jitted_outputs())
    assert_claims_hold(report)


def test_a_body_that_a_custom_rule_replaces_is_not_claimed():
    code = """\
@jax.custom_batching.custom_vmap
def g(x):
    return jnp.sin(x)
@g.def_vmap
def rule(size, mapped, x):
    return jnp.sin(x), True
def f(x):
    return g(x) + 1
"""
    report = explainer.explain(Request(code, "f", (Argument("x", "f32[3]"),), (Vmap(),)), until="run")
    assert report.failure is None
    tracked = {equation.primitive: equation.outputs[0].tracked for equation in report.equations}
    assert tracked == {"custom_vmap_call": True, "sin": False, "add": True}
