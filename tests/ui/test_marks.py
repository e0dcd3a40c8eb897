"""Beside the code: what each line makes, and which equations each expression came to."""

from __future__ import annotations

import pytest

import explainer
from explainer.spec import Argument, Request, Vmap
from explainer.ui import marks
from explainer.ui.editor import Hint, HintPart
from explainer.ui.explanation import Explanation
from explainer.ui.marks import Margin

PAIRS = (Vmap("(0, None)"), Vmap("(None, 0)"))


def margin(
    code: str, function: str = "f", x: str = "f32[3,2]", levels: tuple[Vmap, ...] = (Vmap(),)
) -> Margin:
    arguments = (Argument("x", x),) if levels is not PAIRS else (Argument("x", x), Argument("y", "f32[4,2]"))
    request = Request(code, function, arguments, levels)
    return marks.of(Explanation(request, explainer.explain(request, until="batch"), None, 0.0))


def body(*lines: str) -> str:
    return "\n".join(["def f(x):", *(f"    {line}" for line in lines), ""])


def wide(hint: Hint) -> str:
    return "".join(part.text for part in hint.parts if part.room != "narrow")


def narrow(hint: Hint) -> str:
    return "".join(part.text for part in hint.parts if part.room != "wide")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["d = x - 1", "return d"], {2: "d: f32[2] in f32[i:3,2]", 3: "f32[2] in f32[i:3,2]"}),
        (["return jnp.sum(x ** 2)"], {2: "f32[] in f32[i:3]"}),
        (["return jnp.sum(", "    x ** 2", ")"], {4: "f32[] in f32[i:3]"}),
        (["a, b = x + 1, x.sum()", "return b"], {2: "a: f32[i:3,2] · b: f32[i:3]", 3: "f32[] in f32[i:3]"}),
        (["c, ys = lax.scan(lambda c, t: (c + t, c), 0.0, x)", "return c"],
         {2: "c: f32[i:3] · ys: f32[2,i:3]", 3: "f32[] in f32[i:3]"}),
        (["_, n = lax.top_k(x, 1)", "return n"], {2: "n: i32[1] in i32[i:3,1]", 3: "i32[1] in i32[i:3,1]"}),
        (["x += 1", "return x"], {2: "x: f32[2] in f32[i:3,2]", 3: "f32[2] in f32[i:3,2]"}),
        (["k = jnp.ones(3)", "return x[0] * k"], {2: "k: f32[3] shared", 3: "f32[3] in f32[i:3,3]"}),
        (["g = lambda v: v * 2", "return g(x)"], {2: "f32[2] in f32[i:3,2]", 3: "f32[2] in f32[i:3,2]"}),
        (["if (y := x * 2).ndim:", "    return y"], {}),
        (["return {'a': x * 2}, -x"], {2: "… · f32[i:3,2]"}),
        (["return -x, x + 1, x * 2, x / 3, x ** 4"], {2: "f32[i:3,2] · f32[i:3,2] · f32[i:3,2] · +2"}),
        (["return x"], {}),
    ],
)  # fmt: skip
def test_a_line_shows_the_value_that_it_assigns_or_returns(lines: list[str], expected: dict[int, str]):
    assert {hint.line: wide(hint) for hint in margin(body(*lines)).hints} == expected


def test_a_call_of_the_users_own_function_shows_what_that_call_returned():
    code = "def g(v):\n    w = v * 2\n    return w.sum()\n" + body("a = g(x)", "return a + g(x[:1])")
    shown = {hint.line: wide(hint) for hint in margin(code).hints}
    assert shown[5] == "a: f32[] in f32[i:3]"
    code = "def g(v):\n    return v * 2\n" + body("a = g(x[:1])", "b = g(x)", "return a + b")
    shown = {hint.line: wide(hint) for hint in margin(code).hints}
    assert (shown[4], shown[5]) == ("a: f32[1] in f32[i:3,1]", "b: f32[2] in f32[i:3,2]")


def test_under_grad_a_line_shows_its_value_not_its_gradient():
    code = "def f(x):\n    p = x @ x\n    return jnp.sum(p * 3)\n"
    shown = {hint.line: wide(hint) for hint in margin(code, "jax.grad(f)").hints}
    assert shown == {2: "p: f32[] in f32[i:3]", 3: "f32[] in f32[i:3]"}


def test_every_mapped_size_has_its_levels_name_and_colour():
    [hint] = margin("def f(x, y):\n    return x - y\n", levels=PAIRS).hints
    assert hint.parts == (
        HintPart("f32[2] in ", room="wide"),
        HintPart("f32["),
        HintPart("i:3", level=0),
        HintPart(","),
        HintPart("j:4", level=1),
        HintPart(","),
        HintPart("2"),
        HintPart("]"),
    )


def test_levels_side_by_side_have_the_colour_of_their_depth():
    code = "def f(x):\n    return x + 1\n\ndef g(x):\n    return x * 2\n"
    code += "jax.vmap(g)(jax.vmap(f)(jnp.ones(3)))\n"
    request = Request(code=code)
    shown = Explanation(request, explainer.explain(request), None, 0.0)
    assert [part.level for hint in marks.of(shown).hints for part in hint.parts if part.text == "i:3"] == [
        0,
        0,
    ]


def test_where_there_is_little_room_a_hint_says_the_batched_type_or_the_first_value_and_how_many_more():
    first, second, third = margin(body("d = x - 1", "a_very_long_name = x + 1", "return d, d, d")).hints
    assert narrow(first) == "d: f32[i:3,2]"
    assert (wide(second), narrow(second)) == (
        "a_very_long_name: f32[2] in f32[i:3,2]",
        "a_very_long…: f32[i:3,2]",
    )
    assert narrow(third) == "f32[i:3,2] · +2"


def test_an_expression_is_linked_to_its_equations_and_to_those_of_what_it_called():
    code = "def g(v):\n    return jnp.tanh(v) * 2\n" + body("return g(x) + g(-x)")
    found = {(link.line, link.column, link.end_column): link for link in margin(code).links}
    helper, call = found[2, 11, 22], found[4, 11, 15]
    assert len(helper.equations) == 2
    assert helper.words == "2 equations: tanh, called on line 4"
    assert (call.equations, len(call.inside)) == ((), 2)
    assert "".join(part.text for part in call.parts) == "f32[2] in f32[i:3,2]"
    assert found[4, 11, 23].words == "add"


def test_equations_that_no_text_made_are_linked_to_the_mapped_expression():
    beside = margin("", "jnp.linalg.norm")
    assert beside.links == ()
    [link] = beside.function_links
    assert (link.column, link.end_column) == (0, len("jnp.linalg.norm"))
    assert 0 in link.equations


def test_code_that_is_not_python_has_a_mark_and_no_hint():
    beside = margin("def f(x:\n")
    assert (beside.hints, beside.links) == ((), ())
    assert beside.marks
