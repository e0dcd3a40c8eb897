"""A nest read aloud: texts alone, from who maps what."""

from __future__ import annotations

import pytest

from explainer.views import aloud
from explainer.views.aloud import Spoken, SpokenArgument, SpokenLeaf

X = SpokenLeaf("X", (3, 2), (0, None), "float32")
Y = SpokenLeaf("Y", (2, 4), (None, 1), "float32")
OUT = SpokenLeaf("out", (3, 4), (0, 1), "float32")


def argument(
    name: str, *leaves: SpokenLeaf, template: str = "{0}", first: int = 0, **more: bool
) -> SpokenArgument:
    return SpokenArgument(
        name, more.get("keyword", False), leaves, template, first, more.get("static", False)
    )


def spoken(*arguments: SpokenArgument, function: str = "f", out: SpokenLeaf = OUT) -> Spoken:
    return Spoken(function, arguments, (out,), "{0}", ("i", "j"), (3, 4))


PAIRS = spoken(argument("X", X), argument("Y", Y, template="{1}", first=1))


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((3, 2), (0,), "X[i]"),
        ((3, 2), (1,), "X[:, i]"),
        ((3, 2), (None,), "X"),
        ((3, 4, 2), (1, 0), "X[j, i]"),
        ((3, 4, 2), (2, 0), "X[j, :, i]"),
        ((), (None, None), "X"),
    ],
)
def test_mapped_axes_are_indexed_by_the_names_of_their_levels(shape, axes, expected):
    assert aloud.indexed(SpokenLeaf("X", shape, axes), "ij") == expected


def test_a_pair_of_levels_is_said_in_every_way():
    assert aloud.formula(PAIRS) == "out[i, j] = f(X[i], Y[:, j])"
    assert aloud.loops(PAIRS).splitlines() == [
        "out = np.zeros((3, 4), 'float32')",
        "for i in range(3):  # vmap i",
        "    for j in range(4):  # vmap j",
        "        out[i, j] = f(X[i], Y[:, j])",
    ]
    assert aloud.named(PAIRS) == "i [2], [2] j -> i j"
    assert aloud.einsum(PAIRS, [(0, (7,)), (1, (7,))], []) == 'jnp.einsum("id,dj->ij", X, Y)'
    said = 'jnp.vectorize(f, signature="(d),(d)->()")(X[:, None], jnp.moveaxis(Y, 1, 0))'
    assert aloud.vectorize(PAIRS) == said


@pytest.mark.parametrize(
    ("function", "lines", "call"),
    [
        ("jnp.dot", [], "jnp.dot(X[i])"),
        ("jax.grad(f)", ["f = jax.grad(f)"], "f(X[i])"),
        ("lambda x: x", ["f = lambda x: x"], "f(X[i])"),
    ],
)
def test_a_function_that_is_an_expression_is_named_first(function, lines, call):
    text = aloud.loops(spoken(argument("X", X), function=function)).splitlines()
    assert text[: len(lines)] == lines
    assert text[-1].endswith(f" = {call}")


W, B = SpokenLeaf("p['w']", (2, 3), (1, None)), SpokenLeaf("p['b']", (3,), (0, None))
TREE = "{{'b': {0}, 'w': {1}}}"


@pytest.mark.parametrize(
    ("given", "call", "short"),
    [
        (argument("p", B, W, template=TREE), "f({'b': p['b'][i], 'w': p['w'][:, i]})", None),
        (argument("p", B, B, template=TREE), "f(jax.tree.map(lambda leaf: leaf[i], p))", "f(p[i])"),
        (
            argument("p", B, template="", static=True),
            'f(jax.tree.map(lambda leaf: leaf[i] if hasattr(leaf, "shape") else leaf, p))',
            "f(p[i])",
        ),
        (argument("p"), "f(p)", "f(p)"),
        (argument("x", B, keyword=True), "f(x=p['b'][i])", None),
    ],
)
def test_a_tree_is_handed_on_as_python_and_shown_in_short(given, call, short):
    nest = spoken(given)
    assert aloud.sayable(nest)
    assert aloud.loops(nest).splitlines()[-1].partition(" = ")[2] == call
    assert short is None or aloud.formula(nest).partition(" = ")[2] == short


def test_a_tree_with_other_leaves_than_arrays_cannot_be_taken_apart():
    assert not aloud.sayable(spoken(argument("p", B, W, template=TREE, static=True)))


@pytest.mark.parametrize(
    ("dtype", "held"), [("bfloat16", "'float32'"), ("int4", "'int8'"), ("bool", "'bool'")]
)
def test_numpy_is_asked_only_for_dtypes_that_it_has(dtype, held):
    out = SpokenLeaf("out", (3, 4), (0, 1), dtype)
    assert aloud.loops(spoken(argument("X", X), out=out)).splitlines()[0] == f"out = np.zeros((3, 4), {held})"


@pytest.mark.parametrize(
    "nest",
    [
        spoken(argument("X", X), argument("Y", Y, template="{1}", first=1, keyword=True)),
        spoken(argument("X", X)),
        spoken(
            argument("X", X), argument("Y", Y, template="{1}", first=1), out=SpokenLeaf("out", (4, 3), (1, 0))
        ),
        spoken(argument("X", SpokenLeaf("X", (4, 3, 2), (1, 0)))),
        spoken(argument("p", B, W, template=TREE)),
    ],
    ids=["by name", "a level that maps nothing", "levels swapped", "axes swapped", "a tree"],
)
def test_vectorize_is_silent_where_it_cannot_say_it(nest):
    assert aloud.vectorize(nest) == ""
