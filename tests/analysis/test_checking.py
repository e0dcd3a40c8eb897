"""The comparison with a plain Python loop: what it says of functions that no loop can repeat."""

from __future__ import annotations

import pytest

from explainer import Argument, Request, Vmap, explain

MIXED = ("normal(f32[2,3,4])", "normal(bf16[4,2])")


def check_of(code: str, value: str = "f32[3]"):
    """Returns the check of `f(x)` under one level."""
    report = explain(Request(code, "f", (Argument("x", value),), (Vmap(),)), until="check")
    assert report.failure is None and report.check is not None
    return report.check


@pytest.mark.parametrize(
    "code",
    [
        "def f(x): return x * np.random.rand()",
        "calls = []\ndef f(x):\n    calls.append(1)\n    return x.astype(jnp.bfloat16) * len(calls)",
        "calls = []\ndef f(x):\n    calls.append(1)\n    return x * len(calls)",
        "calls = []\ndef f(x):\n    calls.append(1)\n    return [x] * len(calls)",
        "calls = []\ndef f(x):\n    calls.append(1)\n    return x * jnp.ones(len(calls))",
    ],
    ids=["random numbers", "half floats", "counted calls", "another tree", "another shape"],
)
def test_a_function_that_does_not_repeat_itself_is_found_out(code):
    check = check_of(code)
    assert check.agrees is False
    assert "f does not do the same each time it is called" in check.note


@pytest.mark.parametrize(
    ("code", "values", "in_axes"),
    [
        ("def f(x, t): return x * np.sin(t).sum()", ("f32[3]", "np.arange(3.0)"), "(0, None)"),
        ("def f(x, y): return (x.astype('bfloat16') @ y).astype('float32')", MIXED, "(0, None)"),
        ("def f(x, n): return x * sum(range(n)) / 3", ("bf16[3]", "jnp.array(3)"), "(0, None)"),
        ("def f(x, s): return x * s", ("normal(bf16[3])", "jnp.array(2.7)"), "(0, None)"),
        ("def f(x, s): return x * s", ("normal(bf16[3])", "jnp.full(3, 2.7)"), "0"),
    ],
    ids=[
        "NumPy inside",
        "mixed precision",
        "a concrete number",
        "weakly typed, shared",
        "weakly typed, mapped",
    ],
)
def test_the_loop_computes_in_the_dtypes_of_the_mapped_run(code, values, in_axes):
    arguments = tuple(Argument(name, value) for name, value in zip("xy", values))
    report = explain(Request(code, "f", arguments, (Vmap(in_axes),)), until="check")
    assert report.failure is None and report.check is not None
    assert (report.check.agrees, report.check.note) == (True, "")


def test_the_gradient_of_a_whole_number_has_a_shape_and_no_values():
    code = "def f(x): return jax.grad(lambda n: 1.0 * n, allow_int=True)(x)"
    report = explain(Request(code, "f", (Argument("x", "i32[3]"),), (Vmap(),)))
    assert report.failure is None and report.check is not None and report.check.agrees
    assert (report.outputs[0].dtype, report.outputs[0].shape) == ("float0", (3,))
    assert report.outputs[0].preview is None
