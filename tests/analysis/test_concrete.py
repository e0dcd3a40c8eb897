"""What is said where Python asks a traced value for a number: the expression, and the input it depends on."""

from __future__ import annotations

import pytest

from explainer import Argument, Request, Vmap, explain
from tests.analysis.failing import failed


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("if x > 0: return x", "python_condition", "`x > 0`"),
        ("while x > 0: x = x - 1", "python_condition", "lax.while_loop"),
        ("assert x > 0", "python_condition", "checkify"),
        ("return max(x, 0)", "python_condition", "jnp.maximum"),
        ("return 0 < x < 1", "python_condition", "(a < x) & (x < b)"),
        ("return x > 0 and x < 1", "python_condition", "jnp.logical_and"),
        ("return [1, 2][n]", "python_index", "jnp.array([...])"),
        ("return {0: 1.0}[n]", "unhashable", "jnp.array([...])"),
        ("for _ in range(n): x = x + 1", "python_index", "lax.fori_loop(0, n, ...)"),
        ("return jnp.zeros(n)", "static_shape", "`n` depends on n"),
        ("return jnp.sum(x[None], axis=n)", "static_shape", "`n` depends on n"),
        ("return jnp.arange(5)[:n]", "python_index", "lax.dynamic_slice_in_dim"),
        ("return int(x)", "python_number", "leave int() out"),
        ("return x.item()", "python_number", "`x` depends on x"),
        ("return np.sin(x)", "numpy_on_tracer", "jnp.sin for np.sin"),
        ("return math.sin(x)", "numpy_on_tracer", "jnp.sin"),
        ("return jnp.unique(x)", "data_sized", "unique(..., size=n)"),
        ("return f'{x:.2f}'", "print", "jax.debug.print"),
    ],
)
def test_a_value_that_python_asks_for_is_traced_to_the_mapped_input(body, kind, says):
    failure = failed(f"def f(x, n):\n    {body}\n    return x", {"x": "f32[4]", "n": "i32[4]"})
    assert failure.kind == kind
    assert says.lower() in failure.explanation.lower()
    assert "(vmap over i maps axis 0 of" in failure.explanation
    assert set(failure.blame.arguments) <= {"x", "n"} and failure.blame.levels == (0,)


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (
            "def step(c, y):\n    if c > 0: return c, y\n    return y, y\n"
            "def f(x, n): return lax.scan(step, x, n)",
            "python_condition",
            ("`c > 0`", "x (vmap over i maps axis 0 of f32[4])"),
        ),
        ("def f(x, n): return [jnp.sin, jnp.cos][n[0]](x)", "python_index", ("lax.switch",)),
        (
            "def f(x, n): return lax.dynamic_slice_in_dim(n, 0, n[0])",
            "static_shape",
            ("`n[0]` depends on n",),
        ),
        (
            "@partial(jax.jit, static_argnums=1)\ndef f(x, n): return x",
            "static_argument",
            ("static_argnums",),
        ),
        (
            "def f(x, n):\n    out = np.zeros(3)\n    out[0] = x\n    return out",
            "item_assignment",
            ("out is a NumPy array", "out.at[0].set(...)"),
        ),
    ],
)
def test_values_are_followed_into_loops_and_calls(code, kind, says):
    failure = failed(code, {"x": "f32[4]", "n": "i32[4,3]"})
    assert failure.kind == kind
    for words in says:
        assert words in failure.explanation


def test_a_value_that_is_only_traced_because_of_jit_says_so():
    code = "@jax.jit\ndef f(x, n):\n    for _ in range(n): x = x + 1\n    return x"
    said = failed(code, {"x": "f32[4]", "n": "3"}, Vmap("(0, None)")).explanation
    assert "`n` depends on n of f, which jax.jit traces" in said and "static_argnames='n'" in said


def test_a_kept_tracer_is_named_by_what_holds_it():
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return x + seen[0]"
    request = Request(code, "f", (Argument("x", "f32[4]"),), (Vmap(),))
    failure = explain(request, until="lower").failure
    assert failure is not None and failure.kind == "leaked_tracer"
    assert "`seen`, which holds what an earlier call of it left behind" in failure.explanation
