"""The wanted output: the levels that give it, proven and ranked, or why there are none."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from explainer import Argument, Request, Vmap, explain, notation
from explainer.analysis import parsing, surroundings
from explainer.analysis.wanting import wanted
from explainer.analysis.wanting.trying import Trials
from explainer.report import Wanted

DIST = "def dist(a, b):\n    return jnp.sqrt(jnp.sum((a - b) ** 2))\n"
PREDICT = "def predict(params, x):\n    return jax.nn.sigmoid(x @ params['w'] + params['b'])\n"
TWO = "def two(x, y):\n    return x.sum(), {'a': x * y}\n"
THREE = "def f(x, y, z):\n    return jnp.sum(x * y * z)\n"
DROPOUT = "def f(key, x, rate):\n    return jax.random.bernoulli(key, 1 - rate, x.shape) * x\n"
KEYWORD = "def f(x, *, y):\n    return x @ y\n"
POINTS = {"X": "f32[3,2]", "Y": "f32[4,2]"}
SQUARE = {"X": "f32[3,3]", "Y": "f32[3,3]"}
MATRICES = {"M": "f32[3,2,5]", "v": "f32[4,5]"}
PARAMS = {"params": "{'w': f32[2,5], 'b': f32[5]}", "X": "f32[3,2]"}
CUBES = {"x": "f32[3,5]", "y": "f32[4,5]", "z": "f32[2,5]"}
KEYS = {"key": "key[4]", "x": "f32[4,5]", "rate": "0.5"}


def request(code: str, function: str, arguments: dict[str, str], text: str, *levels: str) -> Request:
    """Returns a request for a wanted output; an argument called *y is passed by name."""
    given = tuple(Argument(name.lstrip("*"), value, "*" in name) for name, value in arguments.items())
    return Request(code, function, given, tuple(map(Vmap, levels)), text)


def solved(code: str, function: str, arguments: dict[str, str], text: str) -> Wanted:
    """Solves without the rest of an explanation."""
    asked = request(code, function, arguments, text)
    with surroundings.restored():
        names = parsing.run_code(asked)
        values = parsing.evaluate_arguments(asked, names)
        program = parsing.program(asked, names, parsing.find_function(asked, names), values, ())
        return wanted.solve(asked, notation.parse(text), Trials(program, seconds=30.0))


@pytest.mark.parametrize(
    ("code", "function", "arguments", "text", "levels"),
    [
        (DIST, "dist", POINTS, "n d, m d -> n m", [("(0, None)", "0"), ("(None, 0)", "0")]),
        (DIST, "dist", POINTS, "nd,md->mn", [("(None, 0)", "0"), ("(0, None)", "0")]),
        (DIST, "dist", POINTS, "f32[3,4]", [("(0, None)", "0"), ("(None, 0)", "0")]),
        (DIST, "dist", POINTS, "(4, 3)", [("(None, 0)", "0"), ("(0, None)", "0")]),
        (DIST, "dist", SQUARE, "f32[3,3]", [("(0, None)", "0"), ("(None, 0)", "0")]),
        (DIST, "dist", SQUARE, "(3,)", [("0", "0")]),
        (DIST, "dist", SQUARE, "a n, a m -> n m", [("(1, None)", "0"), ("(None, 1)", "0")]),
        ("", "jnp.dot", MATRICES, "f32[3,4,2]", [("(None, 0)", "1")]),
        ("", "jnp.dot", MATRICES, "b [i] j, n j -> b n i", [("(0, None)", "0"), ("(None, 0)", "0")]),
        (PREDICT, "predict", PARAMS, "..., n d -> n k", [("(None, 0)", "0")]),
        (PREDICT, "predict", PARAMS, "f32[3,5]", [("(None, 0)", "0")]),
        (
            PREDICT,
            "predict",
            PARAMS,
            "k, d k, n d -> n k",
            [("(None, 0)", "0"), ("({'b': 0, 'w': 1}, None)", "0")],
        ),
        (TWO, "two", {"x": "f32[3,2]", "y": "f32[2]"}, "((3,), (3, 2))", [("(0, None)", "0")]),
        (TWO, "two", {"x": "f32[3,2]", "y": "f32[2]"}, "n d, d -> n, d n", [("(0, None)", "(0, {'a': 1})")]),
        (
            THREE,
            "f",
            CUBES,
            "f32[3,4,2]",
            [("(0, None, None)", "0"), ("(None, 0, None)", "0"), ("(None, None, 0)", "0")],
        ),
        (DROPOUT, "f", KEYS, "f32[4,5]", [("(0, 0, None)", "0")]),
        (KEYWORD, "f", {"x": "f32[3,2]", "*y": "f32[3,2]"}, "(3,)", [("0", "0")]),
        ("", "jnp.sort", {"x": "f32[4,3]"}, "[n] m -> n m", [("1", "1")]),
        ("", "jnp.exp", {"x": "f32[3]"}, "f32[3]", [("0", "0")]),
    ],
)
def test_the_simplest_levels_come_first(code, function, arguments, text, levels):
    found = solved(code, function, arguments, text)
    assert found.why_not == ""
    assert [(level.in_axes, level.out_axes) for level in found.solutions[0].request.levels] == levels
    assert all(fix.proof.startswith("equal to ") for fix in found.solutions)


@pytest.mark.parametrize(
    ("code", "function", "arguments", "text", "said"),
    [
        (
            DIST,
            "dist",
            POINTS,
            "f32[3,7]",
            ["No argument has an axis of size 7", "only axis_size=7", "(3, 4)"],
        ),
        (DIST, "dist", POINTS, "i32[3,4]", ["out is f32, not i32"]),
        (DIST, "dist", POINTS, "(f32[3], f32[4])", ["dist returns 1 array", "2 outputs are wanted"]),
        (
            DIST,
            "dist",
            POINTS,
            "f32[3,4,3]",
            ["No stack of 1 to 3 levels", "With these arguments dist can give"],
        ),
        (DIST, "dist", POINTS, "n d, n d -> n", ["axis 0 of X has size 3, axis 0 of Y has size 4"]),
        (DIST, "dist", POINTS, "n d -> n", ["The axes of 1 array are named", "called with X, Y"]),
        (DIST, "dist", POINTS, "n d, m -> n m", ['"m" names 1 axis, but Y has 2']),
        (DIST, "dist", POINTS, "n 3, m d -> n m", ["Axis 1 of X is said to have size 3, but has 2"]),
        (DIST, "dist", POINTS, "n n, m d -> n m", ["n stands twice in the axes of X"]),
        (DIST, "dist", POINTS, "n d, m d -> n n", ["n stands twice in the output"]),
        (DIST, "dist", POINTS, "n d, m d -> n m k", ["No argument has an axis k", "come from dist"]),
        (DIST, "dist", POINTS, "n d, m d -> n, m", ["dist returns 1 array", "axes of 2 are named"]),
        (
            "def f(x):\n    raise ValueError('too hot')\n",
            "f",
            {"x": "f32[3]"},
            "(3,)",
            ["x f32[]", "too hot"],
        ),
        (
            "def f(x):\n    raise ValueError('too hot')\n",
            "f",
            {"x": "f32[3]"},
            "n -> n",
            ["over n", "too hot"],
        ),
        (
            "def f(x):\n    return 'a'\n",
            "f",
            {"x": "f32[3]"},
            "n -> n",
            ["it returns str, which is no array"],
        ),
        ("", "jnp.abs", {"x": "2.0"}, "(3,)", ["No argument has an axis of size 3"]),
    ],
)
def test_what_cannot_be_had_is_explained(code, function, arguments, text, said):
    found = solved(code, function, arguments, text)
    assert found.solutions == ()
    assert [part for part in said if part not in found.why_not] == []


def test_solutions_of_one_shape_differ_and_say_how():
    found = solved("", "jnp.dot", {"W": "f32[4,4]", "x": "f32[4,4]"}, "f32[4,4]")
    formulas = [fix.summary.partition(": ")[2] for fix in found.solutions]
    previews = [str(fix.outputs[0].preview) for fix in found.solutions]
    assert len(set(formulas)) == len(set(previews)) == len(found.solutions) == 5
    assert "out[i] = jnp.dot(W, x[i])" in formulas


def test_named_axes_tell_of_the_stated_nest_first_and_then_of_less():
    found = solved("", "jnp.dot", POINTS, "n d, m d -> n m")
    assert [len(fix.request.levels) for fix in found.solutions] == [2, 1]
    assert found.solutions[0].summary == "Nest 2 vmaps: out[n, m] = jnp.dot(X[n], Y[m])"
    assert found.solutions[1].summary == "Use one vmap: out[:, m] = jnp.dot(X, Y[m])"


def test_a_function_that_takes_all_needs_no_vmap():
    found = solved(PREDICT, "predict", PARAMS, "..., n d -> n k")
    assert [fix.summary for fix in found.solutions][-1] == "Use no vmap: out = predict(params, X)"


def test_unmapped_values_stay_concrete_as_under_jax_vmap():
    code = "def f(x, n):\n    return sum(x * k for k in range(n))\n"
    found = solved(code, "f", {"x": "f32[3,2]", "n": "jnp.array(3)"}, "f32[2,3]")
    assert found.solutions[0].request.levels[0].in_axes == "(1, None)"


NESTS = [
    (shapes, ins, outs)
    for shapes, ins, outs in [
        ((("f32[3,2]"), ("f32[4,2]")), ((0, None), (None, 0)), (0, 1)),
        ((("f32[2,3]"), ("f32[4,2]")), ((1, None), (None, 0)), (1, 0)),
        ((("f32[3,2,4]"), ("f32[4,2]")), ((0, None), (2, 0)), (0, 1)),
        ((("f32[3,2]"), ("f32[2,3]")), ((0, 1),), (0,)),
        ((("f32[5,3,2]"), ("f32[5,4,2]")), ((0, 0), (1, None), (None, 1)), (1, 0, 2)),
    ]
]


@pytest.mark.parametrize(("shapes", "ins", "outs"), NESTS)
@pytest.mark.parametrize("named", [True, False])
def test_the_nest_behind_an_output_is_found_again(shapes, ins, outs, named):
    """Axes count in the whole arrays; the result of plain loops over them is the one to be found."""
    arrays = {"X": shapes[0], "Y": shapes[1]}
    leaves = [tuple(map(int, text[4:-1].split(","))) for text in shapes]
    entries = [list("de"[: len(shape)]) and ["d"] * len(shape) for shape in leaves]
    sizes = []
    for name, axes in zip("ijk", ins, strict=False):
        for entry, axis in zip(entries, axes):
            if axis is not None:
                entry[axis] = name
        sizes.append(next(shape[axis] for shape, axis in zip(leaves, axes) if axis is not None))
    order = [name for _, name in sorted(zip(outs, "ijk", strict=False))]
    text = f"{', '.join(map(' '.join, entries))} -> {' '.join(order)}"
    if not named:
        text = str(tuple(sizes["ijk".index(name)] for name in order))
    found = solved(DIST, "dist", arrays, text)
    x, y = (_values(shape, seed) for seed, shape in enumerate(leaves))
    expected = np.zeros([sizes["ijk".index(name)] for name in order])
    for place in itertools.product(*map(range, sizes)):
        a, b = (_picked(array, [axes[n] for axes in ins], place) for n, array in enumerate((x, y)))
        at = tuple(number for _, number in sorted(zip(outs, place, strict=True)))
        expected[at] = np.sqrt(np.sum((a - b) ** 2))
    previews = [np.asarray(fix.outputs[0].preview) for fix in found.solutions]
    equal = [preview.shape == expected.shape and np.allclose(preview, expected) for preview in previews]
    assert equal[0] if named else any(equal)


def _values(shape: tuple[int, ...], seed: int) -> np.ndarray:
    spec = parsing.ShapeSpec("float32", shape)
    return np.asarray(parsing.values.fill(spec, seed), np.float64)


def _picked(array: np.ndarray, axes: list[int | None], place: tuple[int, ...]) -> np.ndarray:
    index: list[slice | int] = [slice(None)] * array.ndim
    for axis, number in zip(axes, place, strict=True):
        if axis is not None:
            index[axis] = number
    return array[tuple(index)]


@pytest.mark.parametrize("levels", [(), ("0",), ("(0,",)], ids=["none", "levels that fail", "not Python"])
def test_a_report_holds_what_was_found_whatever_the_levels_do(levels):
    report = explain(request(DIST, "dist", POINTS, "n d, m d -> n m", *levels))
    assert report.wanted is not None
    assert report.wanted.solutions[0].outputs[0].shape == (3, 4)
    again = explain(report.wanted.solutions[0].request, until="run")
    assert again.failure is None
    assert again.outputs[0].shape == (3, 4)


def test_levels_that_give_it_already_are_left_as_they_are():
    asked = request(DIST, "dist", POINTS, "f32[3,4]", "(0,None)", "(None,0)")
    found = explain(asked).wanted
    assert found is not None
    assert found.solutions[0].request == asked
    assert found.solutions[0].summary == "Leave it as it is: out[i, j] = dist(X[i], Y[j])"


def test_a_wanted_output_that_cannot_be_read_is_told_with_its_place():
    report = explain(request(DIST, "dist", POINTS, "f32[3,", "0"))
    assert report.wanted is not None
    assert report.wanted.why_not.endswith("the [ of f32 is never closed: write ]\n    f32[3,\n       ^")


def test_nothing_is_sought_where_the_explanation_ends_early_or_nothing_is_wanted():
    assert explain(request(DIST, "dist", POINTS, "f32[3,4]"), until="check").wanted is None
    assert explain(request(DIST, "dist", POINTS, " ", "(0, None)")).wanted is None


def test_what_is_too_large_to_be_computed_is_traced():
    found = solved(DIST, "dist", {"X": "f32[100000,2]", "Y": "f32[90000,2]"}, "n d, m d -> n m")
    assert found.solutions[0].proof == "traced; too large to be computed here"
    assert found.solutions[0].outputs[0].shape == (100000, 90000)


def test_the_same_shapes_are_traced_once():
    asked = request(THREE, "f", {"x": "f32[4,4,4]", "y": "f32[4,4,4]", "z": "f32[4,4,4]"}, "(4, 4)")
    names = parsing.run_code(asked)
    values = parsing.evaluate_arguments(asked, names)
    program = parsing.program(asked, names, parsing.find_function(asked, names), values, ())
    trials = Trials(program, seconds=30.0)
    calls = []
    program.function = lambda *args: calls.append([a.shape for a in args]) or jax.numpy.sum(args[0])
    trials.program.function = program.function
    for _ in range(2):
        trials.outcome(((4,), (4,), (4,)))
    assert len(calls) == 1
