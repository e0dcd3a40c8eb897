"""Calls that fail: what their functions did before is told, in scripts and of live functions as of nests."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

import explainer
from explainer import Argument, Request, Vmap
from explainer.report import Report
from explainer.views import text
from explainer.views.focus import focus

SCRIPTS = {
    "a direct call": (
        "def f(x, w):\n    y = jnp.sin(x)\n    z = y * 2\n    return z @ w\n"
        "jax.vmap(f, (0, None))(jnp.ones((3, 2)), jnp.ones((5, 4)))",
        ["i sin f32[i:3, 2] line 2", "i mul f32[i:3, 2] line 3"],
    ),
    "a decorator": (
        "@jax.jit\n@partial(jax.vmap, in_axes=(1, None))\ndef f(x, w):\n    return jnp.sin(x) @ w\n"
        "f(jnp.ones((2, 3)), jnp.ones((5, 4)))",
        ["i sin f32[2, i:3] line 4"],
    ),
    "two levels at once": (
        "def f(x, w):\n    y = jnp.sin(x) * w.sum()\n    return y @ w\n"
        "jax.vmap(jax.vmap(f, (0, None)), (None, 0))(jnp.ones((3, 2)), jnp.ones((6, 5, 4)))",
        [
            "j sin f32[j:3, 2] line 2",
            "j reduce_sum f32[i:6] line 2",
            "j mul f32[i:6, j:3, 2] line 2",
        ],
    ),
    "a closure over a mapped value": (
        "Y = jnp.ones((4, 3))\n"
        "def outer(x):\n    s = x * 2\n    return jax.vmap(lambda y: (jnp.cos(y) + s[0]) @ s)(Y)\n"
        "jax.vmap(outer)(jnp.ones((5, 2)))",
        [
            "i mul f32[i:5, 2] line 3",
            "j cos f32[j:4, 3] line 4",
            "j slice f32[i:5, 1] line 4",
            "j squeeze f32[i:5] line 4",
            "j add f32[i:5, j:4, 3] line 4",
        ],
    ),
    "inside jit": (
        "@jax.jit\ndef g(X, W):\n    return jax.vmap(lambda x: (x + 1) @ W)(X)\n"
        "g(jnp.ones((3, 2)), jnp.ones((5, 4)))",
        ["i add f32[i:3, 2] line 3"],
    ),
    "inside scan": (
        "def step(c, x):\n    return c, jax.vmap(lambda y: jnp.cos(y) @ x)(jnp.ones((4, 3)))\n"
        "jax.lax.scan(step, 0.0, jnp.ones((5, 2)))",
        ["i cos f32[i:4, 3] line 2"],
    ),
    "inside grad": (
        "def loss(w):\n    return jax.vmap(lambda x: jnp.sin(x) @ w)(jnp.ones((3, 2))).sum()\n"
        "jax.grad(loss)(jnp.ones(4))",
        ["i sin f32[i:3, 2] line 2"],
    ),
    "a Python condition": (
        "def f(x):\n    y = jnp.sin(x)\n    if y > 0:\n        return y\n    return -y\n"
        "jax.vmap(f)(jnp.ones(3))",
        ["i sin f32[i:3] line 2", "i gt bool[i:3] line 3"],
    ),
    "a result that is no array": (
        'def f(x):\n    y = jnp.sin(x)\n    return "a"\njax.vmap(f)(jnp.ones(3))',
        ["i sin f32[i:3] line 2"],
    ),
    "out_axes that do not fit": (
        "def f(x):\n    return jnp.sin(x)\njax.vmap(f, out_axes=5)(jnp.ones((3, 2)))",
        ["i sin f32[i:3, 2] line 2"],
    ),
    "in_axes inside that do not fit": (
        "def outer(x):\n    s = x * 2\n    return jax.vmap(jnp.dot)(s, jnp.ones((5, 2)))\n"
        "jax.vmap(outer)(jnp.ones((3, 2)))",
        ["i mul f32[i:3, 2] line 2", "i broadcast_in_dim f32[5, 2] line 3"],
    ),
    "after a call that works": (
        "X, W = jnp.ones((3, 2)), jnp.ones((5, 4))\n"
        "jax.vmap(lambda x: jnp.sin(x))(X)\njax.vmap(lambda x: jnp.cos(x) @ W)(X)",
        ["i sin f32[i:3, 2] line 2", "i cos f32[i:3, 2] line 3"],
    ),
}


def told(report: Report) -> list[str]:
    """Puts each equation into words: "i sin f32[i:3, 2] line 2"."""
    names = [level.name for level in report.levels]
    found = []
    for equation in report.equations:
        level = "" if equation.level is None else names[equation.level]
        line = equation.span.line if equation.span else None
        found.append(f"{level} {equation.primitive} {text.aval_text(equation.outputs[0], names)} line {line}")
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_failing_script_tells_the_equations_up_to_the_failing_one(name):
    code, expected = SCRIPTS[name]
    report = explainer.explain(Request(code))
    assert report.failure is not None and report.failure.stage == "run"
    assert told(report) == expected
    assert all(len(out.batch_dims) == len(report.levels) for each in report.equations for out in each.outputs)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_call_of_a_failing_script_can_be_picked_and_shown(name):
    report = explainer.explain(Request(SCRIPTS[name][0]))
    for level in report.levels:
        picked = focus(report, level.id)
        assert text.to_text(picked)
        assert picked.jaxpr is None or picked.equations or not report.equations
    innermost = focus(report, report.equations[-1].level)
    assert innermost.jaxpr is not None and innermost.equations


def test_values_of_a_failing_script_are_those_of_its_run():
    report = explainer.explain(Request(SCRIPTS["a closure over a mapped value"][0]))
    assert report.values is not None and report.values.proof.wrong is None
    shapes = [seen.value.shape for seen in report.values.seen]
    assert shapes == [(5, 2), (4, 3), (5, 1), (5,), (5, 4, 3)]
    last = report.values.seen[-1].value
    assert last.min == last.max == pytest.approx(float(jnp.cos(1.0) + 2.0))


def test_a_script_tells_what_the_stated_nest_tells():
    code = "def f(x, w):\n    y = jnp.sin(x) * w.sum()\n    return y @ w\n"
    levels = (Vmap("(None, 0)"), Vmap("(0, None)"))
    arguments = (Argument("x", "jnp.ones((3, 2))"), Argument("w", "jnp.ones((6, 5, 4))"))
    nest = explainer.explain(Request(code, "f", arguments, levels))
    call = "jax.vmap(jax.vmap(f, (0, None)), (None, 0))(jnp.ones((3, 2)), jnp.ones((6, 5, 4)))"
    script = explainer.explain(Request(f"{code}{call}"))

    def what(report: Report) -> list[Any]:
        return [(each.primitive, each.span, each.rewrite, each.outputs) for each in report.equations]

    assert what(script) and what(script) == what(nest)


def test_the_error_of_a_script_stays_that_of_jax_and_prints_come_once():
    code = (
        'def f(x):\n    print("called")\n    return jnp.sin(x) @ jnp.ones(9)\njax.vmap(f)(jnp.ones((3, 2)))'
    )
    report = explainer.explain(Request(code))
    with pytest.raises(TypeError) as raised:
        jax.vmap(lambda x: jnp.sin(x) @ jnp.ones(9))(jnp.ones((3, 2)))
    assert report.failure is not None and report.failure.message == str(raised.value)
    assert report.printed == "called\n"
    assert [each.primitive for each in report.equations][:1] == ["sin"]


def test_a_call_whose_error_a_script_catches_is_told_up_to_there():
    code = (
        "def f(x, w):\n    return jnp.sin(x) @ w\nX = jnp.ones((3, 2))\n"
        "def outer(x):\n"
        "    try:\n        return jax.vmap(f, (0, None))(x[None], jnp.ones((5, 4)))\n"
        "    except TypeError:\n        return jnp.cos(x)\n"
        "jax.vmap(outer)(X)"
    )
    report = explainer.explain(Request(code))
    assert report.failure is None
    assert [
        (each.level, each.primitive) for each in report.equations if each.primitive in ("sin", "cos")
    ] == [
        (1, "sin"),
        (0, "cos"),
    ]
    assert report.levels[1].note.startswith("the call ended in TypeError")


def test_the_notes_say_what_is_not_known_of_a_body_that_jax_dropped():
    code = (
        "def outer(x):\n    s = x * 2\n"
        "    def step(c, t):\n        return c, (t * 3) @ jnp.ones((4, 3))\n"
        "    return jax.lax.scan(step, 0.0, s)\n"
        "jax.vmap(outer)(jnp.ones((3, 2)))"
    )
    report = explainer.explain(Request(code))
    assert told(report) == ["i mul f32[i:3, 2] line 2"]
    assert "inside the function given to jax.lax.scan" in report.levels[0].note


def test_axes_are_not_claimed_where_a_dropped_body_stands_between_two_levels():
    code = (
        "def outer(x):\n    s = x * 2\n"
        "    def step(c, t):\n        return c, jax.vmap(lambda y: jnp.cos(y) @ s)(jnp.ones((4, 3)))\n"
        "    return jax.lax.scan(step, 0.0, s)\n"
        "jax.vmap(outer)(jnp.ones((3, 2)))"
    )
    report = explainer.explain(Request(code))
    assert told(report) == ["i mul f32[i:3, 2] line 2", "j cos not tracked line 4"]
    assert report.equations[1].dropped
    assert "is not known" in report.levels[1].note
    assert "JAX dropped this body with the error" in report._repr_html_()


def test_a_function_that_needs_values_before_it_fails_is_told_as_far_as_it_was_traced():
    code = (
        "def f(x):\n    y = jnp.sin(x)\n    if jnp.any(jnp.ones(2) > 0):\n        y = y + 1\n"
        "    return y @ jnp.ones(9)\njax.vmap(f)(jnp.ones((3, 2)))"
    )
    report = explainer.explain(Request(code))
    assert report.failure is not None and report.failure.error_type == "TypeError"
    assert report.equations[0].primitive == "sin"
    assert "only as far as it could be traced" in report.levels[0].note


def product(x, w):
    y = jnp.sin(x)
    return y @ w


X, W = jnp.ones((3, 2)), jnp.ones((5, 4))
LIVE = {
    "mapped itself": (jax.vmap(product, (0, None)), (X, W), ["i sin f32[i:3, 2]"]),
    "two levels": (
        jax.vmap(jax.vmap(product, (0, None)), (None, 0)),
        (X, jnp.ones((6, 5, 4))),
        ["j sin f32[j:3, 2]"],
    ),
    "under jit": (jax.jit(jax.vmap(product, (0, None))), (X, W), ["i sin f32[i:3, 2]"]),
    "under grad": (
        jax.grad(lambda w: jax.vmap(product, (0, None))(X, w).sum()),
        (jnp.ones(7),),
        ["i sin f32[i:3, 2]"],
    ),
    "inside a function": (
        lambda x: jax.vmap(product, (0, None))(x + 1, W),
        (X,),
        [" add f32[3, 2]", "i sin f32[i:3, 2]"],
    ),
    "a Python condition": (
        jax.vmap(lambda x: x if jnp.sin(x) > 0 else -x),
        (jnp.ones(3),),
        ["i sin f32[i:3]", "i gt bool[i:3]"],
    ),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_failing_live_function_tells_the_equations_up_to_the_failing_one(name):
    function, args, expected = LIVE[name]
    report = explainer.explain(function, *args)
    assert report.failure is not None
    found = [line.rpartition(" line ")[0] for line in told(report)]
    assert [line for line in found if "broadcast_in_dim" not in line] == expected
    assert report.jaxpr is not None


def test_a_call_inside_a_stated_function_that_fails_is_told_up_to_there():
    code = "def outer(x):\n    return jax.vmap(lambda y: jnp.cos(y) @ x)(jnp.ones((5, 2)))"
    report = explainer.explain(Request(code, "outer", (Argument("X", "f32[3,4]"),), (Vmap(),)))
    assert told(report)[-1] == "j cos f32[j:5, 2] line 2"


def test_every_value_has_an_entry_for_a_level_that_failed_before_it_was_met():
    code = "def outer(x):\n    s = x * 2\n    return jax.vmap(jnp.dot)(s, jnp.ones((5, 2)))"
    report = explainer.explain(Request(code, "outer", (Argument("X", "f32[3,2]"),), (Vmap(),)))
    assert len(report.levels) == 2 and report.equations
    assert all(len(each.outputs[0].batch_dims) == 2 for each in report.equations)


def test_what_a_mesh_maps_is_told_by_its_failure_alone():
    code = (
        'mesh = jax.make_mesh((1,), ("d",))\nP = jax.sharding.PartitionSpec\n'
        "def f(x):\n    return jax.vmap(lambda y: jnp.sin(y) @ jnp.ones(7))(x)\n"
        'jax.shard_map(f, mesh=mesh, in_specs=P("d"), out_specs=P("d"))(jnp.ones((4, 2)))'
    )
    report = explainer.explain(Request(code))
    assert report.failure is not None and text.to_text(report)
