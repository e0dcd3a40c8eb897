"""What batching made of an equation: every row is checked on what JAX really emitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr

import explainer
from explainer.report import BatchedAval, Change, Equation, Report
from explainer.spec import Argument, Request, Vmap
from explainer.views import rewrites
from explainer.views.rewrite_rules import LAX, LINALG, RULES

CODE = """
SHAPE = jax.ShapeDtypeStruct((2,), jnp.float32)

def callback(x, method):
    return jax.pure_callback(lambda v: np.asarray(v).reshape(v.shape), SHAPE, x, vmap_method=method)

def shout(x):
    jax.debug.print("{}", x)
    return x

def whisper(x):
    jax.debug.print("traced")
    return x

@jax.custom_vjp
def sine(x):
    return jnp.sin(x)

sine.defvjp(lambda x: (sine(x), x), lambda x, g: (g * jnp.cos(x),))

@jax.custom_batching.custom_vmap
def twice(x):
    return 2 * x

@twice.def_vmap
def _(size, mapped, x):
    return x + x, True
"""

ONES = "jnp.ones((3, 2))"
LONG = "jnp.ones((3, 5))"
MATRICES = "jnp.broadcast_to(jnp.eye(2), (3, 2, 2))"
FLAGS = "jnp.array([True, False, True])"
COUNTS = "jnp.array([1, 2, 0])"
KEYS = "jax.random.split(jax.random.key(0), 3)"
IMAGES = "jnp.ones((3, 1, 2, 8))"
KERNEL = "jnp.ones((4, 2, 3))"
KERNELS = "jnp.ones((3, 4, 2, 3))"

BRANCH = "lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)"
SWITCH = "lambda n, x: lax.switch(n, [jnp.sin, jnp.cos, jnp.tan], x)"
HALVE = "lambda x: lax.while_loop(lambda s: s[0] > 1, lambda s: (s[0] / 2, s[1] + 1), (x, 0))"
STEPS = "lambda x: lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] / 2, s[1] + 1), (x, 0))"
SCAN = "lambda xs: lax.scan(lambda c, x: (c + x, c * x), jnp.zeros(2), xs)"
SLICE = "lambda x, i: lax.dynamic_slice(x, (i,), (2,))"
UPDATE = "lambda x, i: lax.dynamic_update_slice(x, jnp.zeros(2), (i,))"
CONV = "lambda x, w: lax.conv(x, w, (1,), 'SAME')"
SOLVE = "lambda a, b: jax.scipy.linalg.solve_triangular(a, b)"
DRAW = "lambda key: jax.random.uniform(key, (2,))"
SPLIT = "lambda key: jax.random.split(key)"

# function, arguments, in_axes of each level, the primitive looked at, its kind, primitives that JAX emitted
ROWS = [
    (BRANCH, (FLAGS, ONES), ["0"], "cond", "cond-select", {"select_n", "sin", "cos"}),
    (BRANCH, (FLAGS, ONES), ["(0, None)", "(None, 0)"], "cond", "cond-select", {"select_n"}),
    (BRANCH, ("True", ONES), ["(None, 0)"], "cond", "cond-kept", {"cond"}),
    (SWITCH, (COUNTS, ONES), ["0"], "cond", "cond-select", {"select_n", "sin", "cos", "tan"}),
    (HALVE, ("jnp.array([1., 2., 9.])",), ["0"], "while", "while-masked", {"while"}),
    (STEPS, ("jnp.array([1., 2., 9.])",), ["0"], "while", "while-kept", {"while"}),
    (SCAN, ("jnp.ones((3, 5, 2))",), ["0"], "scan", "scan-moved", {"scan", "transpose"}),
    (SCAN, ("jnp.ones((5, 3, 2))",), ["1"], "scan", "scan", {"scan"}),
    ("lambda x: lax.map(jnp.sin, x)", (LONG,), ["0"], "scan", "scan-moved", {"scan", "transpose"}),
    ("lambda x: lax.fori_loop(0, 3, lambda n, v: v * 2, x)", (ONES,), ["0"], "scan", "scan", {"scan"}),
    ("lambda x: callback(x, 'sequential')", (ONES,), ["0"], "pure_callback", "callback-loop", {"scan"}),
    ("lambda x: callback(x, 'expand_dims')", (ONES,), ["0"], "pure_callback", "callback-once", set()),
    ("lambda x: callback(x, 'broadcast_all')", (ONES,), ["0"], "pure_callback", "callback-once", set()),
    ("shout", (ONES,), ["0"], "debug_print", "effect-repeated", {"slice", "debug_print"}),
    ("whisper", (ONES,), ["0"], "debug_print", None, {"debug_print"}),
    ("twice", (ONES,), ["0"], "custom_vmap_call", "custom-vmap", {"add"}),
    ("jax.nn.relu", (ONES,), ["0"], "custom_jvp_call", "derivative-kept", {"custom_jvp_call"}),
    ("sine", (ONES,), ["0"], "custom_vjp_call", "derivative-kept", {"custom_vjp_call"}),
    (SLICE, (LONG, COUNTS), ["0"], "dynamic_slice", "slice-gather", {"gather"}),
    (SLICE, (LONG, "1"), ["(0, None)"], "dynamic_slice", "slice-gather", {"gather"}),
    (UPDATE, (LONG, COUNTS), ["0"], "dynamic_update_slice", "update-scatter", {"scatter"}),
    ("lambda x, i: x[i]", (LONG, COUNTS), ["0"], "dynamic_slice", "slice-gather", {"gather"}),
    ("lambda x, i: x[i]", (LONG, f"{COUNTS}[:, None]"), ["0"], "gather", "gather-axis", {"gather"}),
    ("lambda x, i: x.at[i].set(1.)", (LONG, COUNTS), ["0"], "scatter", "scatter-axis", {"scatter"}),
    ("lambda x, i: x.at[i].add(1.)", (LONG, COUNTS), ["0"], "scatter-add", "scatter-axis", {"scatter-add"}),
    ("jnp.dot", (ONES, ONES), ["0"], "dot_general", "dot-batched", {"dot_general"}),
    ("jnp.dot", (ONES, ONES), ["(None, 0)"], "dot_general", "dot-larger", {"dot_general"}),
    ("jnp.dot", (ONES, ONES), ["(0, None)", "(None, 0)"], "dot_general", "dot-larger", {"dot_general"}),
    (CONV, (IMAGES, KERNELS), ["0"], "conv_general_dilated", "conv-groups", {"reshape"}),
    (CONV, (IMAGES, KERNEL), ["(0, None)"], "conv_general_dilated", "conv-merged", {"reshape"}),
    (SOLVE, (MATRICES, ONES), ["0"], "triangular_solve", "linalg", {"triangular_solve"}),
    (SOLVE, ("jnp.eye(2)", ONES), ["(None, 0)"], "triangular_solve", "solve-columns", {"reshape"}),
    ("jnp.linalg.cholesky", (MATRICES,), ["0"], "cholesky", "linalg", {"cholesky"}),
    ("jnp.linalg.eigh", (MATRICES,), ["0"], "eigh", "linalg", {"eigh"}),
    ("jnp.fft.fft", (LONG,), ["0"], "fft", "fft", {"fft"}),
    (DRAW, (KEYS,), ["0"], "random_bits", "random-mapped", {"random_bits"}),
    ("lambda key, x: x * jax.random.uniform(key)", ("jax.random.key(0)", ONES), ["(None, 0)"], "random_bits",
     "random-shared", {"random_bits"}),
    (SPLIT, (KEYS,), ["0"], "random_split", "random-mapped", {"random_split"}),
    ("jnp.add", ("jnp.ones((3, 2))", "jnp.ones((2, 3))"), ["(0, 1)"], "add", "moved", {"transpose"}),
    ("lambda x: x.reshape(4)", ("jnp.ones((2, 2, 3))",), ["2"], "reshape", "moved", {"transpose"}),
    ("jnp.sum", (ONES,), ["0"], "reduce_sum", "shifted", {"reduce_sum"}),
    ("jnp.sort", (ONES,), ["0"], "sort", "shifted", {"sort"}),
    ("jnp.cumsum", (ONES,), ["0"], "cumsum", "shifted", {"cumsum"}),
    ("lambda x: x.T", (MATRICES,), ["0"], "transpose", "shifted", {"transpose"}),
    ("jnp.add", ("jnp.ones(3)", ONES), ["0"], "add", "lined-up", {"broadcast_in_dim"}),
    ("jnp.subtract", (ONES, ONES), ["(0, None)", "(None, 0)"], "sub", "lined-up", {"broadcast_in_dim"}),
    ("jnp.sin", (ONES,), ["0"], "sin", None, {"sin"}),
    ("lambda x: x.astype(jnp.int32)", (ONES,), ["0"], "convert_element_type", None, {"convert_element_type"}),
    ("jax.jit(jnp.sin)", (ONES,), ["0"], "jit", None, {"sin"}),
    ("lambda x: x + jnp.arange(2)", (ONES,), ["0"], "iota", None, {"iota"}),
]  # fmt: skip

# function, the primitive looked at, its kind, primitives that JAX emitted; mapped over "b"
NAMED_ROWS = [
    ("lambda x: lax.psum(x, 'b')", "psum", "collective-reduce", set()),
    ("lambda x: lax.pmax(x, 'b')", "pmax", "collective-reduce", set()),
    ("lambda x: x - lax.all_gather(x, 'b')[0]", "all_gather", "collective-gather", set()),
    (
        "lambda x: lax.ppermute(x, 'b', [(0, 1), (1, 2), (2, 0)])",
        "ppermute",
        "collective-permute",
        {"gather"},
    ),
    ("lambda x: lax.all_to_all(x, 'b', 0, 0)", "all_to_all", "collective-transpose", {"transpose"}),
    ("lambda x: lax.psum_scatter(x, 'b')", "reduce_scatter", "collective-scatter", {"reduce_sum"}),
    ("lambda x: x * lax.axis_index('b')", "axis_index", "collective-index", {"iota"}),
]


@pytest.mark.parametrize(("function", "arguments", "in_axes", "primitive", "kind", "emitted"), ROWS)
def test_the_kind_follows_what_jax_emitted(function, arguments, in_axes, primitive, kind, emitted):
    levels = tuple(Vmap(text) for text in in_axes)
    report = _explained(function, arguments, levels)
    assert _kinds(report, primitive) == {kind}
    assert emitted <= _really_emitted(function, arguments, levels)


@pytest.mark.parametrize(("function", "primitive", "kind", "emitted"), NAMED_ROWS)
def test_a_collective_over_a_mapped_axis_stays_on_one_device(function, primitive, kind, emitted):
    arguments, levels = ("jnp.ones((3, 3))",), (Vmap("0", axis_name="b"),)
    report = _explained(function, arguments, levels)
    assert _kinds(report, primitive) == {kind}
    found = _really_emitted(function, arguments, levels)
    assert emitted <= found
    assert not {"all_gather", "ppermute", "all_to_all", "reduce_scatter", "axis_index"} & found


def test_every_row_of_the_table_is_met_by_one_of_these():
    met = {row[4] for row in ROWS} | {row[2] for row in NAMED_ROWS}
    assert {rule.kind for rule in RULES} - met == {"merged", "nothing", "replaced"}


@pytest.mark.parametrize(
    ("equation", "kind"),
    [
        (("top", ("reshape", "top", "reshape"), ()), "merged"),
        (("top", ("low", "high"), ()), "replaced"),
        (("top", (), ()), "nothing"),
        (("cond", ("while",), ()), "replaced"),
        (("dot_general", ("dot_general",), (Change("precision", "None", "1"),)), "dot-larger"),
        (("sort", ("sort",), (Change("num_keys", "1", "2"),)), None),
    ],
)
def test_what_no_row_names_is_still_said(equation, kind):
    assert _kind(_equation(*equation)) == kind


@pytest.mark.parametrize(("tracked", "emitted"), [(False, ()), (True, ("sin",))])
def test_nothing_is_said_where_nothing_is_known_or_nothing_happened(tracked, emitted):
    out = BatchedAval("a", "float32", (), (None,), (), tracked)
    assert _kind(replace(_equation("sin", emitted, ()), outputs=(out,))) is None


def test_without_a_level_nothing_was_rewritten():
    assert rewrites.rewrite(_equation("random_bits", ("random_bits",), ()), []) is None


def test_the_levels_are_called_by_name():
    said = rewrites.rewrite(_equation("sum", ("sum",), (Change("axes", "(0,)", "(1,)"),)), ["i"])
    assert said is not None
    assert said.sentence.endswith("make room for i.")


@pytest.mark.parametrize(("level", "kind"), [(0, "random-shared"), (None, None)])
def test_a_draw_is_shared_only_by_the_examples_of_a_level_it_stands_in(level, kind):
    out = BatchedAval("a", "uint32", (2,), (None,), (2,))
    equation = _equation("random_bits", ("random_bits",), ())
    assert _kind(replace(equation, outputs=(out,), level=level)) == kind


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_row_is_one_sentence_on_a_page_of_the_documentation(rule):
    said = rewrites.rewrite_of(rule, _equation("psum", ("psum",), ()), ["i"])
    assert said.sentence[0].isupper()
    assert re.fullmatch(r"[^.]+(\.[^. ]+)*\.", said.sentence)
    assert 0 < len(said.title) <= 40
    assert said.url.startswith("https://docs.jax.dev/en/latest/")
    assert said.url.endswith(".html")
    assert eval(said.term, {"jax": jax}) is not None


@pytest.mark.parametrize("name", (*LAX, *LINALG))
def test_a_primitive_with_a_page_is_a_function_of_jax(name):
    assert callable(getattr(lax.linalg if name in LINALG else lax, name))


def _explained(function: str, arguments: tuple[str, ...], levels: tuple[Vmap, ...]) -> Report:
    given = tuple(Argument(f"x{n}", text) for n, text in enumerate(arguments))
    report = explainer.explain(Request(CODE, function, given, levels), until="batch")
    assert report.failure is None
    return report


def _kinds(report: Report, primitive: str) -> set[str | None]:
    names = [level.name for level in report.levels]
    found = [rewrites.rewrite(each, names) for each in report.equations if each.primitive == primitive]
    return {said and said.kind for said in found}


def _kind(equation: Equation) -> str | None:
    said = rewrites.rewrite(equation, ["i"])
    return said and said.kind


def _equation(primitive: str, rewrite: tuple[str, ...], changed: tuple[Change, ...]) -> Equation:
    out = BatchedAval("a", "float32", (2,), (0,), (3, 2))
    return Equation(0, primitive, (), (out,), 0, "", None, "", None, rewrite, changed=changed)


def _really_emitted(function: str, arguments: tuple[str, ...], levels: tuple[Vmap, ...]) -> set[str]:
    """Returns the primitives of plain `jax.make_jaxpr` of the nest, bodies included."""
    names = {"jax": jax, "jnp": jnp, "lax": lax, "np": np}
    exec(CODE, names)
    mapped = eval(function, names)
    for level in reversed(levels):
        mapped = jax.vmap(mapped, in_axes=eval(level.in_axes), axis_name=level.axis_name)
    closed = jax.make_jaxpr(mapped)(*(eval(text, names) for text in arguments))
    return set(_primitives(closed.jaxpr))


def _primitives(jaxpr) -> Iterator[str]:
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for body in _bodies(eqn.params.values()):
            yield from _primitives(body)


def _bodies(values) -> Iterator[Jaxpr]:
    for value in values:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _bodies(value)
