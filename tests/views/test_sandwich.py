"""The sandwich in words: each layer says what it did to the shapes that were seen."""

from __future__ import annotations

import pytest

import explainer
from explainer import Argument, Request, Vmap, report
from explainer.views import sandwich, sandwich_html

CODE = """\
def loss(w, x):
    return jnp.sum((x * w) ** 2)

def pair(x):
    return jnp.stack([x.sum(), (x**2).sum()])

def total(x):
    return lax.scan(lambda t, each: (t + each, t), jnp.zeros(()), x)

def either(x):
    return lax.cond(x.sum() > 0, lambda y: y * 2, jnp.sin, x)

def pulled(x):
    y, back = jax.vjp(pair, x)
    return back(y)
"""


def explained(function: str, *arguments: Argument, levels: tuple[Vmap, ...] = ()) -> report.Report:
    return explainer.explain(Request(CODE, function, arguments, levels), until="batch")


W, X, ONE = Argument("w", "f32[3]"), Argument("X", "f32[8,3]"), Argument("x", "f32[3]")


@pytest.mark.parametrize(
    ("function", "arguments", "kind", "sentence"),
    [
        (
            "jax.jit(pair)",
            (ONE,),
            "jit",
            "Changes no shape: its function sees what it is given, and it gives back what that returns.",
        ),
        (
            "jax.vmap(loss, (None, 0))",
            (W, X),
            "vmap",
            "Takes axis 0 (size 8) of x off; w goes in whole. Puts it back as axis 0 (size 8) of out.",
        ),
        (
            "jax.grad(loss)",
            (W, ONE),
            "grad",
            "Gives back dw f32[3], the shape of w; the result f32[] is not given back.",
        ),
        (
            "jax.value_and_grad(loss, 1)",
            (W, ONE),
            "value_and_grad",
            "Gives back dx f32[3], the shape of x, beside the result f32[].",
        ),
        (
            "jax.jacrev(pair)",
            (ONE,),
            "jacrev",
            "The Jacobian f32[2, 3] has the axes of the result f32[2], then those of x f32[3].",
        ),
        (
            "jax.jacfwd(pair)",
            (ONE,),
            "jvp",
            "A tangent goes along with each array, and has its shape, on the way in and on the way out.",
        ),
        (
            "total",
            (ONE,),
            "scan",
            "Goes along axis 0 (size 3) of xs: its function sees one step; init passes from step to step. "
            "The steps are stacked as axis 0 (size 3) of out[1].",
        ),
        ("either", (ONE,), "cond", "Both branches are traced, and each gives f32[3]."),
        (
            "pulled",
            (ONE,),
            "vjp",
            "Its pullback took f32[2], the shape of the result, and gave dx f32[3].",
        ),
    ],
)
def test_a_layer_says_what_it_did_to_shapes(function, arguments, kind, sentence):
    found = sandwich.flat(sandwich.sandwich(explained(function, *arguments)))
    assert sentence in [each.sentence for each in found if each.layer.kind == kind]


def test_the_text_form_shows_what_goes_in_and_comes_out():
    lines = sandwich.told(explained("jax.vmap(jax.grad(loss), (None, 0))", W, X))
    assert [line.strip() for line in lines if not line.strip().endswith(".")] == [
        "vmap i(grad(loss))",
        "in   w f32[3], x f32[i:8, 3]",
        "grad(loss)",
        "in   w f32[3], x f32[3]",
        "loss: w f32[3], x f32[3] -> out f32[]",
        "out  dw f32[3]",
        "out  out f32[i:8, 3]",
    ]


def test_stated_levels_alone_are_no_sandwich():
    found = explained("loss", W, X, levels=(Vmap("(None, 0)"),))
    assert (sandwich.told(found), sandwich_html.boxes(found)) == ([], "")


def test_the_boxes_escape_the_users_names():
    found = explained(
        "jax.vmap(jax.grad(lambda x: (x['<b>'] ** 2).sum()))", Argument("x", "{'<b>': f32[4,2]}")
    )
    html = sandwich_html.boxes(found)
    assert "&lt;b&gt;" in html and "<b>'" not in html


def test_layers_survive_the_wire():
    found = explained("jax.jit(jax.vmap(jax.grad(loss), (None, 0)))", W, X)
    assert report.from_msgpack(report.to_msgpack(found)).layers == found.layers


def test_a_layer_names_the_line_and_the_expression_that_called_it_once():
    script = (
        CODE + "step = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))\nstep(jnp.ones(3), jnp.ones((8, 3)))\n"
    )
    found = sandwich.flat(sandwich.sandwich(explainer.explain(Request(script), until="run")))
    assert [each.where for each in found] == ["line 17: step(jnp.ones(3), jnp.ones((8, 3)))", "", ""]
