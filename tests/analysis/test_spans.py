"""Spans: which expression of the user's text each equation is owed to, and which calls led there."""

from __future__ import annotations

import pytest

import explainer
from explainer.report import Equation, Span
from explainer.spec import Argument, Request, Vmap

VECTOR = (Argument("x", "f32[3,2]"),)
HELPERS = """\
def norm(v):
    return jnp.sqrt(v @ v)

def unit(v):
    return v / norm(v)

def f(x):
    return unit(x) + unit(2 * x)
"""
JITTED = """\
@jax.jit
def g(v):
    return lax.map(lambda u: u * 3, v)

def f(x):
    return g(x) + g(x + 1)
"""
LOSS = """\
def loss(x):
    p = jnp.tanh(x)
    return jnp.sum(p * 3)
"""


def equations(code: str, function: str = "f", levels: int = 1) -> tuple[Equation, ...]:
    request = Request(code, function, VECTOR, tuple(Vmap() for _ in range(levels)))
    report = explainer.explain(request, until="batch")
    assert report.failure is None, report.failure
    return report.equations


def cut(code: str, span: Span | None) -> str:
    """Returns what a span covers, cut out of the text as Python strings are."""
    assert span is not None
    lines = code.splitlines(keepends=True)[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    return "".join(lines)


@pytest.mark.parametrize(
    ("code", "expressions"),
    [
        pytest.param(
            "def f(x):\n    return jnp.sqrt(jnp.sum((x - 1) ** 2))\n",
            ["x - 1", "(x - 1) ** 2", "jnp.sum((x - 1) ** 2)", "jnp.sqrt(jnp.sum((x - 1) ** 2))"],
            id="operators inside calls",
        ),
        pytest.param(
            "def f(x):\n    return jnp.sqrt(\n        (x\n         - 1.0) * 2\n    )\n",
            [
                "x\n         - 1.0",
                "(x\n         - 1.0) * 2",
                "jnp.sqrt(\n        (x\n         - 1.0) * 2\n    )",
            ],
            id="several lines",
        ),
        pytest.param(
            "def f(x):\n    é = 'ü𝔘'; 変数 = x * 2; return 変数 + 1\n",
            ["x * 2", "変数 + 1"],
            id="names and text beyond ASCII",
        ),
        pytest.param(
            "def f(x):\n    g = lambda v: v * 2 + 1\n    return g(x)\n", ["v * 2", "v * 2 + 1"], id="a lambda"
        ),
        pytest.param(
            "def f(x):\n    return sum(x[i] * 2 for i in range(2))\n",
            ["x[i]", "x[i]", "x[i] * 2", "sum(x[i] * 2 for i in range(2))"] * 2,
            id="a generator",
        ),
        pytest.param("def f(x):\n    x += 1\n    return -x\n", ["x += 1", "-x"], id="in place, unary"),
        pytest.param(
            "class M:\n    w = 2.0\n    def __call__(self, x):\n        return self.act(x * self.w)\n"
            "    def act(self, x):\n        return jnp.tanh(x)\nf = M()\n",
            ["x * self.w", "jnp.tanh(x)"],
            id="methods",
        ),
        pytest.param(
            "def twice(g):\n    @functools.wraps(g)\n    def h(x):\n        return g(g(x))\n    return h\n"
            "@twice\ndef f(x):\n    return x * 3\n",
            ["x * 3", "x * 3"],
            id="a decorator",
        ),
        pytest.param(
            "def f(x):\n    return jax.nn.relu(jnp.where(x > 0, x, 0.0))\n",
            ["x > 0", *["jnp.where(x > 0, x, 0.0)"] * 4, *["jax.nn.relu(jnp.where(x > 0, x, 0.0))"] * 3],
            id="functions that JAX jits itself",
        ),
    ],
)
def test_an_equation_has_exactly_its_expression(code: str, expressions: list[str]):
    assert [cut(code, each.span) for each in equations(code)] == expressions


@pytest.mark.parametrize(
    ("call", "expressions"),
    [
        ("lax.scan(lambda c, t: (c + t, c), 0.0, x)[0]", ["c + t"]),
        ("lax.map(lambda v: v * 2, x)", ["v * 2"]),
        ("lax.cond(x[0] > 0, lambda v: v + 1, lambda v: v - 1, x)", ["v - 1", "v + 1"]),
        ("lax.switch(0, [lambda v: v * 3, lambda v: v * 4], x)", ["v * 3", "v * 4"]),
        ("lax.while_loop(lambda v: v[0] < 9, lambda v: v * 5, x)", ["v * 5", *["v[0]"] * 2, "v[0] < 9"]),
        ("lax.fori_loop(0, 3, lambda i, v: v * 6, x)", ["v * 6"]),
        ("jax.checkpoint(lambda v: jnp.cos(v))(x)", ["jnp.cos(v)"]),
        ("jax.jit(lambda v: jnp.exp(v))(x)", ["jnp.exp(v)"]),
    ],
)
def test_an_equation_in_a_body_has_its_expression_and_the_call_that_runs_the_body(
    call: str, expressions: list[str]
):
    code = f"def f(x):\n    return {call}\n"
    inside = [each for each in equations(code) if each.depth and cut(code, each.span) in expressions]
    assert sorted({cut(code, each.span) for each in inside}) == sorted(set(expressions))
    assert {cut(code, each.callers[-1]) for each in inside} == {call.removesuffix("[0]")}


def test_an_equation_of_a_helper_names_every_call_that_led_to_it():
    found = {
        (cut(HELPERS, each.span), *(cut(HELPERS, call) for call in each.callers))
        for each in equations(HELPERS)
    }
    assert found == {
        ("v @ v", "norm(v)", "unit(x)"),
        ("jnp.sqrt(v @ v)", "norm(v)", "unit(x)"),
        ("v / norm(v)", "unit(x)"),
        ("2 * x",),
        ("v @ v", "norm(v)", "unit(2 * x)"),
        ("jnp.sqrt(v @ v)", "norm(v)", "unit(2 * x)"),
        ("v / norm(v)", "unit(2 * x)"),
        ("unit(x) + unit(2 * x)",),
    }


def test_a_jitted_helper_that_jax_remembers_is_owed_to_the_call_that_used_it():
    calls = [
        [cut(JITTED, call) for call in each.callers]
        for each in equations(JITTED)
        if cut(JITTED, each.span) == "u * 3"
    ]
    run = "lax.map(lambda u: u * 3, v)"
    assert calls == [[run, "g(x)"], [run, "g(x + 1)"]]


def test_the_backward_pass_keeps_the_expression_of_the_forward_pass():
    made = [
        (each.primitive, cut(LOSS, each.span), each.backward) for each in equations(LOSS, "jax.grad(loss)")
    ]
    assert ("tanh", "jnp.tanh(x)", False) in made
    assert ("mul", "p * 3", True) in made
    assert ("mul", "jnp.tanh(x)", True) in made
    assert all(each.differentiated for each in equations(LOSS, "jax.grad(loss)"))
    assert not any(each.differentiated or each.backward for each in equations(LOSS, "loss"))


def test_what_jax_adds_inside_a_scan_of_the_backward_pass_is_marked_backward():
    code = "def f(x):\n    return jnp.sum(lax.scan(lambda c, t: (c * t, c), 1.0, x)[1])\n"
    inside = [each for each in equations(code, "jax.grad(f)") if each.depth]
    assert {each.backward for each in inside} == {False, True}
    assert all(each.backward for each in inside if inside[0].parent != each.parent)


@pytest.mark.parametrize("function", ["jnp.linalg.norm", "jax.jacfwd(jnp.cumsum)", " jax.nn.softmax "])
def test_what_no_text_of_the_users_made_is_owed_to_the_mapped_expression(function: str):
    for each in equations("", function):
        assert each.span is not None
        assert (each.span.source, each.source) == ("function", function.strip())


def test_the_call_of_a_jitted_function_is_owed_to_the_mapped_expression():
    code = "@jax.jit\ndef f(x):\n    return x * 2\n"
    outer, inner = equations(code)
    assert outer.span == Span(1, 0, 1, 1, "function")
    assert cut(code, inner.span) == "x * 2"
    assert inner.callers == (outer.span,)


def test_a_second_explanation_is_not_told_of_the_text_of_the_first():
    first = "def f(x):\n    y = jnp.where(x > 0, x, 5.0)\n    return y\n"
    equations(first)
    second = "f = lambda x: jnp.where(x > 0, x, 5.0)\n"
    assert {cut(second, each.span) for each in equations(second)} == {"x > 0", "jnp.where(x > 0, x, 5.0)"}
    assert {each.source for each in equations("", "lambda x: jnp.linalg.norm(x)")} == {"jnp.linalg.norm(x)"}
