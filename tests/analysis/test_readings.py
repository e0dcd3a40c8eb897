"""Readings of a nest: loops, named axes, einsum, jnp.vectorize; only what proves equal is shown."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from explainer import Argument, Request, Vmap, explain
from explainer.analysis import pipeline
from explainer.analysis.run import Run
from explainer.analysis.stages import NEST
from explainer.report import Reading, Report

DIST = "def dist(a, b):\n    return jnp.sqrt(jnp.sum((a - b) ** 2))\n"
PREDICT = "def predict(params, x):\n    return jnp.tanh(x @ params['w'] + params['b'])\n"
LINEAR = "def linear(params, x):\n    return x @ params['w']\n"
TWO = "def two(x, y):\n    return x.sum(), {'a': x * y}\n"
SQUARES = "def f(a, b):\n    return jnp.sum((a * b) ** 2)\n"
DROPOUT = "def f(key, x, rate):\n    return jax.random.bernoulli(key, 1 - rate, x.shape) * x\n"
KEYWORD = "def f(x, *, y):\n    return x @ y\n"
NORMAL = "def f(x):\n    return x / jax.lax.psum(x, 'i')\n"
POINTS = {"X": "normal(f32[3,2])", "Y": "normal(f32[4,2])"}
PAIRS = [("(0, None)", "0"), ("(None, 0)", "0")]


def report_of(code: str, function: str, arguments: dict[str, str], levels: list[tuple[str, str]]) -> Report:
    """Explains a nest; an argument called *y is passed by name."""
    given = tuple(Argument(name.lstrip("*"), value, "*" in name) for name, value in arguments.items())
    request = Request(code, function, given, tuple(Vmap(*level) for level in levels))
    steps = {
        name: step for name, step in NEST.steps.items() if name != "time"
    }  # nothing here needs measuring
    run = Run(request, replace(NEST, steps=steps))
    report = pipeline.through(run, "time")
    assert report.failure is None
    return report


def texts(report: Report, kind: str) -> list[str]:
    return [reading.text for reading in report.readings if reading.kind == kind]


@pytest.mark.parametrize(
    ("code", "function", "arguments", "levels", "lines"),
    [
        (
            DIST,
            "dist",
            POINTS,
            PAIRS,
            [
                "out = np.zeros((3, 4), 'float32')",
                "for i in range(3):  # vmap i",
                "    for j in range(4):  # vmap j",
                "        out[i, j] = dist(X[i], Y[j])",
            ],
        ),
        (
            "",
            "jnp.dot",
            {"M": "f32[2,3,5]", "v": "f32[5,4]"},
            [("(-2, None)", "-1"), ("(None, 1)", "1")],
            [
                "out = np.zeros((2, 4, 3), 'float32')",
                "for i in range(3):  # vmap i",
                "    for j in range(4):  # vmap j",
                "        out[:, j, i] = jnp.dot(M[:, i], v[:, j])",
            ],
        ),
        (
            PREDICT,
            "predict",
            {"params": "{'w': f32[2,5], 'b': f32[5]}", "x": "f32[2]"},
            [("({'w': 1, 'b': 0}, None)", "0")],
            [
                "out = np.zeros((5,), 'float32')",
                "for i in range(5):  # vmap i",
                "    out[i] = predict({'b': params['b'][i], 'w': params['w'][:, i]}, x)",
            ],
        ),
        (
            PREDICT,
            "predict",
            {"params": "{'w': f32[7,2,5], 'b': f32[7,5]}", "x": "f32[2]"},
            [("(0, None)", "0")],
            [
                "out = np.zeros((7, 5), 'float32')",
                "for i in range(7):  # vmap i",
                "    out[i] = predict(jax.tree.map(lambda leaf: leaf[i], params), x)",
            ],
        ),
        (
            TWO,
            "two",
            {"x": "f32[3,2]", "y": "f32[2]"},
            [("(0, None)", "(0, {'a': 1})")],
            [
                "out = (np.zeros((3,), 'float32'), {'a': np.zeros((2, 3), 'float32')})",
                "for i in range(3):  # vmap i",
                "    result = two(x[i], y)",
                "    out[0][i] = result[0]",
                "    out[1]['a'][:, i] = result[1]['a']",
            ],
        ),
        (
            KEYWORD,
            "f",
            {"x": "f32[3,2]", "*y": "f32[3,2]"},
            [("0", "0")],
            [
                "out = np.zeros((3,), 'float32')",
                "for i in range(3):  # vmap i",
                "    out[i] = f(x[i], y=y[i])",
            ],
        ),
        (
            "def g(w, x):\n    return jnp.sum(w * x)\n",
            "jax.grad(g)",
            {"w": "f32[2]", "x": "f32[3,2]"},
            [("(None, 0)", "0")],
            [
                "f = jax.grad(g)",
                "out = np.zeros((3, 2), 'float32')",
                "for i in range(3):  # vmap i",
                "    out[i] = f(w, x[i])",
            ],
        ),
        (
            "def one(x):\n    return jnp.float32(1.0)\n",
            "one",
            {"x": "f32[3]"},
            [("0", "None")],
            ["out = np.zeros((), 'float32')", "for i in range(3):  # vmap i", "    out[...] = one(x[i])"],
        ),
    ],
)
def test_loops_are_the_nest_in_plain_python(code, function, arguments, levels, lines):
    report = report_of(code, function, arguments, levels)
    assert texts(report, "loops") == ["\n".join(lines)]


@pytest.mark.parametrize(
    ("code", "function", "arguments", "levels", "einsum"),
    [
        ("", "jnp.dot", POINTS, PAIRS, 'jnp.einsum("id,jd->ij", X, Y)'),
        (
            "",
            "jnp.dot",
            {"M": "f32[2,3,5]", "v": "f32[4,5]"},
            [("(1, None)", "0"), ("(None, 0)", "-1")],
            'jnp.einsum("die,je->idj", M, v)',
        ),
        ("", "jnp.outer", {"x": "f32[3,2]", "y": "f32[3,4]"}, [("0", "0")], 'jnp.einsum("id,ie->ide", x, y)'),
        ("", "jnp.sum", {"x": "f32[3,2,4]"}, [("1", "0")], 'jnp.einsum("die->i", x)'),
        (SQUARES, "f", POINTS, PAIRS, 'jnp.einsum("id,jd,id,jd->ij", X, Y, X, Y)'),
        (
            LINEAR,
            "linear",
            {"params": "{'w': f32[7,2,5]}", "x": "f32[3,2]"},
            PAIRS,
            """jnp.einsum("jd,ide->ije", x, params['w'])""",
        ),
        (KEYWORD, "f", {"x": "f32[3,2]", "*y": "f32[3,2]"}, [("0", "0")], 'jnp.einsum("id,id->i", x, y)'),
    ],
)
def test_a_sum_of_products_is_one_einsum(code, function, arguments, levels, einsum):
    assert texts(report_of(code, function, arguments, levels), "einsum") == [einsum]


@pytest.mark.parametrize(
    ("code", "function", "arguments"),
    [
        (DIST, "dist", {"a": "f32[3,2]", "b": "f32[3,2]"}),
        ("", "lambda x: 2 * (x @ x)", {"x": "f32[3,2]"}),
        ("", "lambda x: jnp.sum(x * x[0])", {"x": "f32[3,2]"}),
        ("", "lambda x: jnp.sum(x) ** 2 + 0", {"x": "f32[3,2]"}),
        ("", "lambda x, y: x * y + x", {"x": "f32[3,2]", "y": "f32[3,2]"}),
        ("", "lambda x: jnp.sum(jnp.broadcast_to(x, (4, 2)))", {"x": "f32[3,2]"}),
        ("", "jnp.transpose", {"x": "f32[3,2,4]"}),
    ],
)
def test_what_is_more_than_products_and_sums_is_no_einsum(code, function, arguments):
    assert texts(report_of(code, function, arguments, [("0", "0")]), "einsum") == []


def test_the_square_of_a_sum_is_not_a_sum_of_squares():
    report = report_of("", "lambda x: jnp.sum(x) * jnp.sum(x)", {"x": "normal(f32[3,2])"}, [("0", "0")])
    assert texts(report, "einsum") == ['jnp.einsum("id,ie->i", x, x)']


@pytest.mark.parametrize(
    ("code", "function", "arguments", "levels", "vectorize"),
    [
        (DIST, "dist", POINTS, PAIRS, 'jnp.vectorize(dist, signature="(d),(d)->()")(X[:, None], Y)'),
        (DIST, "dist", POINTS, PAIRS[::-1], 'jnp.vectorize(dist, signature="(d),(d)->()")(X, Y[:, None])'),
        (
            "",
            "jnp.dot",
            {"M": "f32[2,3,5]", "v": "f32[4,5]"},
            [("(1, None)", "0"), ("(None, 0)", "0")],
            'jnp.vectorize(jnp.dot, signature="(d,e),(e)->(d)")(jnp.moveaxis(M, 1, 0)[:, None], v)',
        ),
        (
            DROPOUT,
            "f",
            {"key": "key[4]", "x": "f32[4,5]", "rate": "0.5"},
            [("(0, 0, None)", "0")],
            'jnp.vectorize(f, signature="(),(d)->(d)", excluded={2})(key, x, rate)',
        ),
        (
            PREDICT,
            "predict",
            {"params": "{'w': f32[2,5], 'b': f32[5]}", "x": "f32[3,2]"},
            [("(None, 0)", "0")],
            'jnp.vectorize(predict, signature="(d)->(e)", excluded={0})(params, x)',
        ),
        (TWO, "two", {"x": "f32[3,2]", "y": "f32[2]"}, [("(0, None)", "0")], None),
        (DIST, "dist", POINTS, [("(0, None)", "1"), ("(None, 0)", "0")], None),
        (KEYWORD, "f", {"x": "f32[3,2]", "*y": "f32[3,2]"}, [("0", "0")], None),
    ],
)
def test_vectorize_is_offered_where_it_says_the_same(code, function, arguments, levels, vectorize):
    found = texts(report_of(code, function, arguments, levels), "vectorize")
    assert found == ([] if vectorize is None else [vectorize])


@pytest.mark.parametrize(
    ("code", "function", "arguments", "levels", "named"),
    [
        (DIST, "dist", POINTS, PAIRS, "i [2], j [2] -> i j"),
        (
            "",
            "jnp.dot",
            {"M": "f32[2,3,5]", "v": "f32[4,5]"},
            [("(1, None)", "0"), ("(None, 0)", "-1")],
            "[2] i [5], j [5] -> i [2] j",
        ),
        (
            PREDICT,
            "predict",
            {"params": "{'w': f32[2,5], 'b': f32[5]}", "x": "f32[3,2]"},
            [("(None, 0)", "0")],
            "..., i [2] -> i [5]",
        ),
        (
            DROPOUT,
            "f",
            {"key": "key[4]", "x": "f32[4,5]", "rate": "0.5"},
            [("(0, 0, None)", "0")],
            "i, i [5], ... -> i [5]",
        ),
        ("", "jnp.multiply", {"s": "f32[]", "x": "f32[3,2]"}, [("(None, 0)", "0")], "[], i [2] -> i [2]"),
    ],
)
def test_named_axes_state_the_nest_again(code, function, arguments, levels, named):
    report = report_of(code, function, arguments, levels)
    assert texts(report, "named") == [named]
    request = Request(code, function, report.request.arguments, (), named)
    wanted = explain(request).wanted
    assert wanted is not None
    assert np.allclose(wanted.solutions[0].outputs[0].preview, report.outputs[0].preview)


def test_the_printed_lines_give_the_reported_values_when_a_reader_runs_them():
    report = report_of(DIST, "dist", POINTS, PAIRS)
    scope: dict[str, object] = {"jax": jax, "jnp": jnp, "np": np}
    exec(DIST, scope)
    for argument in report.arguments:
        scope[argument.name] = jnp.asarray(argument.leaves[0].preview, "float32")
    exec(texts(report, "loops")[0], scope)
    vectorized = eval(texts(report, "vectorize")[0], scope)
    assert np.allclose(scope["out"], report.outputs[0].preview)  # pyright: ignore[reportArgumentType]
    assert np.allclose(vectorized, report.outputs[0].preview)


def test_many_examples_are_compared_at_some_places_and_the_proof_says_so():
    report = report_of("", "jnp.exp", {"x": "bf16[300,200]"}, [("0", "0"), ("0", "0")])
    proofs = {reading.kind: reading.proof for reading in report.readings}
    assert proofs["loops"] == "equal on 56 of 60,000 examples, the first and the last among them"
    assert proofs["vectorize"] == "equal on all 60,000 examples"


def test_levels_keep_their_names_where_loops_can_have_them():
    arguments = (Argument("i", "f32[3,2]"), Argument("y", "f32[4]"))
    levels = (Vmap("(0, None)", axis_name="rows"), Vmap("(None, 0)", axis_name="cols"))
    report = explain(Request("", "lambda i, y: i * y", arguments, levels))
    assert "out[rows, cols] = f(i[rows], y[cols])" in texts(report, "loops")[0]
    unnamed = explain(Request("", "lambda i, y: i * y", arguments, (Vmap("(0, None)"), Vmap("(None, 0)"))))
    assert "for i in" not in texts(unnamed, "loops")[0]


def test_the_variables_of_the_loops_hide_none_of_the_users():
    report = report_of("", "lambda out, f: (out + f, out)", {"out": "f32[3]", "f": "f32[3]"}, [("0", "0")])
    assert texts(report, "loops")[0].splitlines() == [
        "f_ = lambda out, f: (out + f, out)",
        "out_ = (np.zeros((3,), 'float32'), np.zeros((3,), 'float32'))",
        "for i in range(3):  # vmap i",
        "    result = f_(out[i], f[i])",
        "    out_[0][i] = result[0]",
        "    out_[1][i] = result[1]",
    ]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (NORMAL, "f32[3]"),
        ("calls = []\ndef f(x):\n    calls.append(1)\n    return x * len(calls)\n", "f32[3]"),
    ],
    ids=["examples that communicate", "a function that counts its calls"],
)
def test_what_does_not_prove_equal_is_not_shown(code, value):
    report = explain(Request(code, "f", (Argument("x", value),), (Vmap(axis_name="i"),)))
    assert report.failure is None
    assert report.readings == ()


def test_a_report_that_ends_early_or_fails_reads_nothing():
    request = Request(
        DIST, "dist", (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")), (Vmap("(0, None)"),)
    )
    assert explain(request, until="check").readings == ()
    assert explain(Request(DIST, "dist", request.arguments, (Vmap(),))).readings == ()
    assert [reading.kind for reading in explain(request).readings if isinstance(reading, Reading)]
