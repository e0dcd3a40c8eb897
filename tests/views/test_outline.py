"""The list of calls: a tree, what each row says, and the call that is shown first."""

from __future__ import annotations

import pytest

import explainer
from explainer.report import Report
from explainer.spec import Argument, Request, Vmap
from explainer.views.outline import outline, starting

SCRIPT = """\
def dist(x, y):
    return jnp.sum((x - y) ** 2)

X, Y = jnp.ones((3, 2)), jnp.ones((4, 2))
for n in range(10):
    jax.vmap(jax.vmap(dist, in_axes=(None, 0)), in_axes=(0, None))(X, Y)
jax.jacrev(jnp.tanh)(jnp.ones(5))
"""


def explained(code: str, function: str = "", x: str = "", levels: tuple[Vmap, ...] = ()) -> Report:
    arguments = (Argument("x", x),) if x else ()
    return explainer.explain(Request(code, function, arguments, levels), until="batch")


def test_calls_are_listed_as_a_tree_with_line_arrays_count_and_maker():
    assert [(row.depth, row.label) for row in outline(explained(SCRIPT))] == [
        (0, "vmap i · dist · line 6 · x (i:3, 2) · × 10"),
        (1, "vmap j · dist · line 6 · y (j:4, 2) · × 10"),
        (0, "vmap i · VJP · line 7 · out_ct (i:5, 5) · inside jax.jacrev"),
    ]


def test_the_request_itself_stands_above_the_calls_inside_it():
    code = "def f(x):\n    return jax.vmap(jnp.sin)(x)\n"
    assert [(row.depth, row.label) for row in outline(explained(code, "f", "f32[3,2]", (Vmap(),)))] == [
        (0, "vmap(f)(x)"),
        (1, "vmap j · sin · line 2 · x (j:2,)"),
    ]


@pytest.mark.parametrize(
    "asked",
    [("def f(x):\n    return x\n", "f", "f32[3]", (Vmap(),)), ("x = 1\n",), ("",)],
    ids=["a stated nest", "a script without calls", "nothing"],
)
def test_without_captured_calls_there_is_no_list(asked):
    report = explained(*asked)
    assert outline(report) == ()
    assert starting(report) is None


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("jax.vmap(jax.vmap(jnp.sin))(jnp.ones((3, 2)))", 1),
        ("jax.vmap(lambda x: jax.vmap(jnp.sin)(x) + 1)(jnp.ones((3, 2)))", 0),
        ("jax.vmap(lambda x: (jax.vmap(jnp.sin)(x), jax.vmap(jnp.cos)(x)))(jnp.ones((3, 2)))", 0),
        ("jax.vmap(jnp.sin)(jnp.ones(3))\njax.vmap(jnp.cos)(jnp.ones(3))", 0),
    ],
    ids=["a call that only makes another", "work of its own", "two calls inside", "side by side"],
)
def test_the_first_call_with_work_of_its_own_is_shown_first(code, first):
    assert starting(explained(code)) == first


def test_a_stated_nest_is_shown_first():
    code = "def f(x):\n    return jax.vmap(jnp.sin)(x)\n"
    assert starting(explained(code, "f", "f32[3,2]", (Vmap(),))) is None
    assert starting(explained(code, "f", "f32[3]")) == 0


def test_a_call_that_failed_is_shown_first():
    code = (
        "jax.vmap(jnp.sin)(jnp.ones(3))\njax.vmap(jax.vmap(lambda x: x @ jnp.ones(3)))(jnp.ones((2, 2, 2)))"
    )
    report = explained(code)
    assert report.failure is not None
    assert [row.level for row in outline(report)] == [0, 1, 2]
    assert starting(report) == 2


def test_a_call_that_gives_nothing_back_is_no_failed_one():
    mapped = ("jnp.sin", "lambda x: ()", "jnp.cos")
    report = explained("\n".join((*(f"jax.vmap({each})(jnp.ones(3))" for each in mapped), "1 / 0")))
    assert report.failure is not None
    assert [len(level.outputs) for level in report.levels] == [1, 0, 1]
    assert starting(report) == 0


def test_many_arrays_are_named_up_to_two():
    row = outline(explained("jax.vmap(lambda a, b, c: a)(jnp.ones(3), jnp.ones(3), jnp.ones(3))"))[0]
    assert row.words == ("line 1", "a (i:3,)", "b (i:3,)", "+1")


def test_a_row_keeps_its_kind_when_its_line_moves():
    [before], [after] = (
        outline(explained(f"{space}jax.vmap(jnp.sin)(jnp.ones(3))")) for space in ("", "\n\n")
    )
    assert before.label != after.label
    assert before.kind == after.kind
