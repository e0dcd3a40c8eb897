"""What is said of a failure: its kind, the culprit, and the lanes of the values that do not fit."""

from __future__ import annotations

import pytest

from explainer import Argument, Request, Vmap, explain
from explainer.report import Lane
from tests.analysis.failing import failed

CODE = """\
import functools
def f(*args, **kwargs): return args
def pair(x): return x, 2 * x
"""


@pytest.mark.parametrize(
    ("arguments", "levels", "kind", "says"),
    [
        (
            {"x": "f32[5,2]", "y": "f32[5]", "mask": "f32[3]"},
            (Vmap(),),
            "unequal_sizes",
            ("x and y have 5 examples", "mask has 3", "No axis of mask has size 5"),
        ),
        (
            {"x": "f32[5,2]", "y": "f32[5]", "mask": "f32[3,5]"},
            (Vmap(),),
            "unequal_sizes",
            ("Axis 1 of mask has size 5: map that",),
        ),
        ({"X": "f32[3]", "Y": "f32[4]"}, (Vmap(),), "unequal_sizes", ("For all pairs, use two levels",)),
        (
            {"x": "f32[3]", "*y": "f32[4]"},
            (Vmap(),),
            "unequal_sizes",
            ("y is passed by name", "every keyword argument over axis 0"),
        ),
        (
            {"数": "f32[3,2]", "Y": "f32[4,2]"},
            (Vmap("(0, None)"), Vmap("(1, 0)")),
            "no_such_axis",
            ("Inside vmap over i, 数 is f32[2] here, so it has no axis 1", "axis 1 of that is axis 0 here"),
        ),
        (
            {"X": "f32[3]", "y": "f32[]"},
            (Vmap("(0, None)"), Vmap()),
            "no_such_axis",
            ("X is a scalar here", "i takes axis 0", "count for that level only", "in_axes=0 (the default)"),
        ),
        ({"x": "f32[4]", "s": "f32[]"}, (Vmap(),), "scalar_mapped", ("s is a scalar", "None in in_axes")),
        ({"x": "f32[4]", "k": "key[]"}, (Vmap(),), "key_not_split", ("jax.random.split(k, 4)",)),
        ({"x": "f32[4]", "k": "key[2]"}, (Vmap(),), "unequal_sizes", ("jax.random.split(key, 4)",)),
        (
            {"k": "jax.random.PRNGKey(0)", "x": "f32[4]"},
            (Vmap(),),
            "unequal_sizes",
            ("one old-style random key", "jax.random.split(k, 4)"),
        ),
        (
            {"ks": "u32[4,2]", "x": "f32[4]"},
            (Vmap("(1, 0)"),),
            "unequal_sizes",
            ("4 old-style random keys", "Map axis 0"),
        ),
        (
            {"models": "[{'w': f32[2]}, {'w': f32[2]}, {'w': f32[2]}]", "X": "f32[3,2]"},
            (Vmap(),),
            "list_of_items",
            ("list of 3 items", "3 separate arguments", "jnp.stack(leaves), *models"),
        ),
        ({"xs": "[1.0, 2.0]"}, (Vmap(),), "list_of_items", ("jnp.array(xs)",)),
        (
            {"xs": "range(4)"},
            (Vmap(),),
            "iterator",
            ("xs is a range, not an array", "in step, as zip does"),
        ),
        ({"mode": "'relu'", "x": "f32[4]"}, (Vmap(),), "static_mapped", ("Set it to None",)),
        (
            {"x": "f32[4]", "*n": "2"},
            (Vmap(),),
            "keyword_mapped",
            ("by position with None", "partial(f, n=...)"),
        ),
        (
            {"p": "{'a': f32[3], 'b': f32[3]}"},
            (Vmap("{'a': 0, 'b': 0}"),),
            "spec_not_wrapped",
            ("wrap the tree of p in a tuple, in_axes=({'a': 0, 'b': 0},)",),
        ),
        (
            {"p": "{'a': f32[3], 'b': f32[3]}"},
            (Vmap("({'a': 0},)"),),
            "spec_keys",
            ("p has keys 'a', 'b'", "'b' is missing"),
        ),
        (
            {"p": "(f32[3], f32[3])"},
            (Vmap("([0, 0],)"),),
            "spec_container",
            ("p is a tuple of 2, but its entry is a list of 2",),
        ),
        (
            {"p": "{'a': (f32[3], f32[3])}", "q": "f32[3]"},
            (Vmap("({'a': (0,)}, 0)"),),
            "spec_structure",
            ("p['a'] has 2 items, but its entry (0,) has 1",),
        ),
        ({"X": "f32[3,4]"}, (Vmap("((0, 1),)"),), "both_axes", ("nest 2 levels", "one axis each")),
        ({"x": "f32[3]", "y": "f32[3]"}, (Vmap("(0,)"),), "spec_length", ("Add one for y",)),
        ({"x": "f32[3]", "*y": "f32[3]"}, (Vmap("(0, 0)"),), "keyword_entry", ("y is passed by name",)),
        ({"x": "f32[3]"}, (Vmap("True"),), "bool_axis", ("True is not an axis",)),
        ({"x": "f32[3]"}, (Vmap("None"),), "nothing_mapped", ("set axis_size",)),
    ],
)
def test_arguments_that_a_level_cannot_take(arguments, levels, kind, says):
    failure = failed(CODE, arguments, *levels)
    assert failure.kind == kind
    for words in says:
        assert words in failure.explanation


@pytest.mark.parametrize(
    ("function", "out_axes", "kind", "says"),
    [
        ("pair", "(0, 0, 0)", "out_axes_structure", ("a tuple of 2", "out has 2 items, but out_axes")),
        ("pair", "(0, None)", "out_axes_none", ("out[1] f32[]", "because x is mapped", "Give it axis 0")),
        ("pair", "(0, 3)", "out_axes_range", ("out[1] is f32[]", "only stand at 0, not at 3")),
        ("lambda x: (x, 'ok')", "0", "output_not_array", ("out[1] is the str 'ok'",)),
    ],
)
def test_results_that_a_level_cannot_put_back(function, out_axes, kind, says):
    failure = failed(CODE, {"x": "f32[3]"}, Vmap("0", out_axes), function=function)
    assert failure.kind == kind
    for words in says:
        assert words in failure.explanation


def test_the_odd_leaf_is_blamed_and_every_leaf_is_drawn():
    failure = failed(CODE, {"p": "{'w': f32[5,2], 'b': f32[5]}", "mask": "f32[3]"})
    assert failure.mismatch is not None
    assert failure.blame.paths == ("mask",)
    assert [(lane.name, lane.axis, lane.conflicts) for lane in failure.mismatch.lanes] == [
        ("p['b']", 0, ()),
        ("p['w']", 0, ()),
        ("mask", 0, (0,)),
    ]


def test_a_lane_tells_which_outer_level_took_which_axis():
    failure = failed(CODE, {"X": "f32[3,4,2]", "Y": "f32[5]"}, Vmap("(1, None)"), Vmap("(2, 0)"))
    assert failure.mismatch is not None and failure.mismatch.level == 1
    assert failure.mismatch.lanes == (
        Lane("X", "float32", (3, 2), None, (), (3, 4, 2), (None, 0, None), note="has no axis 2"),
        Lane("Y", "float32", (5,), 0, (), (5,), (None,)),
    )


def test_two_thousand_leaves_are_told_in_a_few_lines():
    failure = failed(CODE, {"xs": "tuple(jnp.ones((2, n % 7 + 1)) for n in range(2000))", "y": "f32[3]"})
    assert "1995 more have 2 examples" in failure.explanation
    assert len(failure.explanation) < 600
    assert failure.mismatch is not None and len(failure.mismatch.lanes) == 2001


XW = {"X": "f32[5,3]", "W": "f32[4,2]"}
SHARED = Vmap("(0, None)")


@pytest.mark.parametrize(
    ("code", "arguments", "level", "kind", "says"),
    [
        (
            "def f(x, W): return x @ W",
            XW,
            SHARED,
            "matmul",
            (
                "3 against 4",
                "`x` is f32[3] here because vmap over i takes axis 0 (size 5) of X f32[5,3]",
                "(None)",
            ),
        ),
        (
            "def f(x, W):\n    h = jnp.tanh(x)\n    return h @ W",
            XW,
            SHARED,
            "matmul",
            ("`h` is f32[3] here, computed from X", "`W` is f32[4,2], whole"),
        ),
        (
            "g = jax.jit(lambda a, b: a @ b)\ndef f(x, W): return g(x, W)",
            XW,
            SHARED,
            "matmul",
            ("`a` is f32[3] here because vmap over i takes axis 0", "`b` is W f32[4,2]"),
        ),
        (
            "def f(x, y): return x + y",
            {"X": "f32[3,5]", "y": "f32[5]"},
            Vmap("(1, None)"),
            "broadcast",
            ("3 against 5", "Mapping axis 0 of X instead leaves f32[5] here, which fits"),
        ),
        (
            "def f(x, y):\n    x += y\n    return x",
            {"X": "f32[5,3]", "y": "f32[5,4]"},
            Vmap(),
            "broadcast",
            ("`x += y`", "3 against 4"),
        ),
        (
            "def f(x, y): return jnp.concatenate([x, y], axis=1)",
            {"X": "f32[5,3]", "y": "f32[5,3]"},
            Vmap(),
            "concatenate",
            ("`x` has no axis 1", "count without the mapped axes"),
        ),
        ("def f(x): return x.sum(axis=1)", {"x": "f32[5,3]"}, Vmap(), "axis_inside", ("it can be 0 or -1",)),
        (
            "def f(x): return x[:, 0]",
            {"x": "f32[5,3]"},
            Vmap(),
            "too_many_indices",
            ("2 indices", "one example"),
        ),
        (
            "def f(x): return x.reshape(5, 3)",
            {"x": "f32[5,3]"},
            Vmap(),
            "reshape",
            ("3 elements", "takes 15"),
        ),
        (
            "def f(x, W): return jnp.einsum('bi,ij->bj', x, W)",
            {"X": "f32[5,3]", "W": "f32[3,2]"},
            SHARED,
            "einsum",
            ("'bi' names 2 axes of `x`", "mapped axes have no letter"),
        ),
        (
            "def f(x):\n    b, d = x.shape\n    return x",
            {"x": "f32[5,3]"},
            Vmap(),
            "shape_taken_apart",
            ("`b, d = x.shape`", "`x` has 1 axis here"),
        ),
        (
            "def f(x):\n    a, b = x\n    return a + b",
            {"x": "f32[5,3]"},
            Vmap(),
            "taken_apart",
            ("`a, b = x`", "takes 2 entries apart, but axis 0 of `x` has size 3"),
        ),
        (
            "def f(x):\n    x[0] += 1.0\n    return x",
            {"x": "f32[5,3]"},
            Vmap(),
            "item_assignment",
            ("x = x.at[0].add(...)",),
        ),
        (
            "def f(x):\n    for row in x: x = x + row\n    return x",
            {"x": "f32[5]"},
            Vmap(),
            "iteration",
            ("`x` has no axis (a scalar) here",),
        ),
        (
            "def f(x): return lax.scan(lambda c, y: (c + y, y), 0.0, x)",
            {"x": "f32[5]"},
            Vmap(),
            "scan_over",
            ("`x` is a scalar here",),
        ),
        (
            "def f(x, v): return lax.scan(lambda c, y: (c + v, y), x, v)",
            {"x": "f32[5]", "v": "f32[5,3]"},
            Vmap(),
            "carry_type",
            ("`x` is f32[] here", "one shape and dtype"),
        ),
        (
            "def f(x): return lax.cond(x > 0, lambda v: v, lambda v: 0, x)",
            {"x": "f32[5]"},
            Vmap(),
            "branch_type",
            ("All branches must return the same",),
        ),
        (
            "def f(x):\n    assert x.ndim == 2\n    return x",
            {"x": "f32[5,3]"},
            Vmap(),
            "own_check",
            ("`x.ndim == 2` does not hold", "`x` is f32[3] here because"),
        ),
        (
            "f = jax.grad(lambda x: x * 2)",
            {"x": "f32[5,3]"},
            Vmap(),
            "grad_not_scalar",
            ("one number", "x f32[3] (vmap over i takes axis 0 of f32[5,3])"),
        ),
        (
            "def f(x): return lax.psum(x, 'rows')",
            {"x": "f32[5]"},
            Vmap(),
            "unbound_axis_name",
            ("axis name 'rows'", "jax.vmap(..., axis_name='rows')"),
        ),
        ("def f(x): return f(x)", {"x": "f32[5]"}, Vmap(), "recursion", ("calls itself without end",)),
    ],
)
def test_errors_inside_the_function_lead_back_to_the_axes(code, arguments, level, kind, says):
    failure = failed(code, arguments, level)
    assert failure.kind == kind
    for words in says:
        assert words in failure.explanation


def test_operands_are_drawn_with_the_sizes_that_clash():
    failure = failed("def f(x, W):\n    h = x * 2\n    return h @ W", XW, SHARED)
    assert failure.mismatch is not None and failure.mismatch.level is None
    h, w = failure.mismatch.lanes
    assert (h.name, h.shape, h.conflicts) == ("h", (3,), (0,))
    assert (w.name, w.conflicts, w.full, w.taken) == ("W", (0,), (4, 2), (None, None))
    assert h.span is not None and (h.span.line, h.span.column, h.span.end_column) == (3, 11, 12)


def test_what_was_traced_before_a_failure_is_shown():
    code = "def f(x, W):\n    h = jnp.sin(x)\n    h = h * 2\n    return h @ W"
    arguments = tuple(Argument(*pair) for pair in XW.items())
    report = explain(Request(code, "f", arguments, (SHARED,)))
    assert [equation.primitive for equation in report.equations] == ["sin", "mul"]
    assert [equation.outputs[0].batched_shape for equation in report.equations] == [(5, 3), (5, 3)]
    assert report.equations[0].source == "jnp.sin(x)"
    assert report.jaxpr is not None and "sin" in report.jaxpr.example.text
    assert [leaf.path for leaf in report.levels[0].inputs] == ["X", "W"]
