"""The stack of transformations: the order of its layers, and shapes that `jax.eval_shape` confirms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax._src import ad_checkpoint, api, custom_derivatives, pjit
from jax._src.interpreters import ad, partial_eval
from jax._src.lax.control_flow import conditionals, loops

import explainer
from explainer import Argument, Request, Vmap
from explainer.layers import Layer
from explainer.report import Report

CODE = """\
def loss(w, x):
    return jnp.sum((x * w) ** 2)

def f(x):
    return jnp.sin(x) * 2

def pair(x):
    return jnp.stack([x.sum(), (x**2).sum()])

def cumulative(x):
    return lax.scan(lambda total, each: (total + f(each).sum(), total), 0.0, x)

def step_by_step(X):
    return lax.scan(lambda total, row: (total + jax.vmap(f)(row).sum(), row), 0.0, X)

def either(x):
    return lax.cond(x.sum() > 0, lambda y: y * 2, f, x)

def chosen(x):
    return lax.switch(1, [f, lambda y: y + 1, jnp.cos], x)

def until(x):
    return lax.while_loop(lambda c: c.sum() < 10, lambda c: c + jax.jit(f)(c) + 1, x)

def three_times(x):
    return lax.fori_loop(0, 3, lambda i, c: c + f(c), x)

def mapped(X):
    return lax.map(f, X)

def in_batches(X):
    return lax.map(f, X, batch_size=2)

def combined(X):
    return lax.associative_scan(lambda a, b: a * b, X)

@jax.custom_vjp
def own(x):
    return jnp.sin(x)

own.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x),))

@jax.custom_jvp
def forward(x):
    return jnp.sin(x)

forward.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), jnp.cos(primals[0]) * tangents[0]))

def pulled(x):
    y, back = jax.vjp(f, x)
    return back(y)

def pushed(x):
    return jax.jvp(f, (x,), (x,))

def linear(x):
    y, line = jax.linearize(f, x)
    return line(x)
"""
SPACE: dict = {"jax": jax, "jnp": jnp, "lax": lax}
exec(CODE, SPACE)
SHAPES = {"w": (3,), "x": (3,), "X": (8, 3)}

STACKS = [
    ("jax.jit(jax.vmap(f))", "X", "jit(vmap)"),
    ("jax.vmap(jax.jit(f))", "X", "vmap(jit)"),
    ("jax.grad(lambda X: jax.vmap(f)(X).sum())", "X", "grad(vmap)"),
    ("jax.vmap(jax.grad(loss), (None, 0))", "wX", "vmap(grad)"),
    ("jax.jit(jax.vmap(jax.value_and_grad(loss), (None, 0)))", "wX", "jit(vmap(value_and_grad))"),
    ("jax.jacfwd(pair)", "x", "jacfwd(vmap(jvp))"),
    ("jax.jacrev(pair)", "x", "jacrev(vmap)"),
    ("jax.hessian(lambda x: jnp.sum(x**3))", "x", "jacfwd(vmap(jvp(jacrev(vmap))))"),
    ("jax.vmap(jax.hessian(lambda x: jnp.sum(x**3)))", "X", "vmap(jacfwd(vmap(jvp(jacrev(vmap)))))"),
    ("jax.grad(lambda x: jax.grad(lambda y: (y**3).sum())(x).sum())", "x", "grad(grad)"),
    ("pulled", "x", "vjp"),
    ("jax.vmap(pushed)", "X", "vmap(jvp)"),
    ("linear", "x", "linearize"),
    ("jax.checkpoint(f)", "x", "checkpoint"),
    ("jax.grad(jax.checkpoint(lambda x: f(x).sum()))", "x", "grad(checkpoint)"),
    ("cumulative", "x", "scan"),
    ("jax.vmap(cumulative)", "X", "vmap(scan)"),
    ("lambda X: step_by_step(X)", "X", "scan(vmap)"),
    ("jax.jit(jax.grad(lambda X: jax.vmap(cumulative)(X)[0].sum()))", "X", "jit(grad(vmap(scan)))"),
    ("mapped", "X", "map"),
    ("in_batches", "X", "map(vmap)"),
    ("jax.vmap(either)", "X", "vmap(cond(if true, if false))"),
    ("chosen", "x", "switch(branch 0, branch 1, branch 2)"),
    ("until", "x", "while_loop(condition, body(jit))"),
    ("three_times", "x", "fori_loop"),
    ("combined", "X", "associative_scan"),
    ("jax.grad(lambda x: own(x).sum())", "x", "grad(custom_vjp)"),
    ("jax.vmap(forward)", "X", "vmap(custom_jvp)"),
    ("jax.jit(jax.vmap(jnp.dot))", "XX", "jit(vmap)"),
]


def explained(function: str, names: str, levels: tuple[Vmap, ...] = ()) -> Report:
    arguments = tuple(Argument(f"{name}{n}", _spec(name)) for n, name in enumerate(names))
    report = explainer.explain(Request(CODE, function, arguments, levels), until="batch")
    assert report.failure is None
    return report


def _spec(name: str) -> str:
    return f"f32[{','.join(map(str, SHAPES[name]))}]"


def nested(report: Report, parent: int | None = None) -> str:
    """Writes the kinds of the layers as calls: jit(vmap(grad))."""
    return ", ".join(
        layer.kind + (f"({within})" if (within := nested(report, layer.id)) else "")
        for layer in report.layers
        if layer.parent == parent
    )


@pytest.mark.parametrize(("function", "names", "order"), STACKS)
def test_layers_stand_in_the_order_of_the_calls(function, names, order):
    assert nested(explained(function, names)) == order


@pytest.mark.parametrize(("function", "names", "order"), STACKS)
def test_what_the_outermost_layer_is_given_and_gives_is_what_jax_says(function, names, order):
    report = explained(function, names)
    whole = eval(function, SPACE)
    given = [jax.ShapeDtypeStruct(SHAPES[name], jnp.float32) for name in names]
    expected = [leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(whole, *given))]
    outermost = report.layers[0]
    if order.startswith(("vjp", "linearize")):  # the table's function goes on with what these return
        return
    assert [leaf.shape for leaf in outermost.left] == expected
    if order.split("(")[0] in ("jit", "vmap", "grad", "jacfwd", "jacrev", "checkpoint"):
        assert [leaf.shape for leaf in outermost.arrived] == [each.shape for each in given]


@pytest.mark.parametrize(("function", "names", "order"), STACKS)
def test_what_a_layer_hands_its_function_makes_that_return_what_it_returned(function, names, order):
    """Every layer around a function of the table's code: jax.eval_shape on what it was handed agrees."""
    for layer in explained(function, names).layers:
        own = SPACE.get(layer.function)
        if layer.unseen or own is None or layer.kind == "fori_loop" or layer.part:
            continue
        handed = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in layer.handed]
        result = jax.tree.leaves(jax.eval_shape(own, *handed))
        assert [leaf.shape for leaf in layer.returned] == [leaf.shape for leaf in result]


def only(report: Report, kind: str) -> Layer:
    (found,) = (layer for layer in report.layers if layer.kind == kind)
    return found


def shapes(leaves) -> list[tuple[str, tuple[int, ...]]]:
    return [(leaf.path, leaf.shape) for leaf in leaves]


def test_a_gradient_layer_tells_what_it_is_handed_and_gives_back():
    layer = only(explained("jax.vmap(jax.value_and_grad(loss), (None, 0))", "wX"), "value_and_grad")
    assert shapes(layer.handed) == [("w", (3,)), ("x", (3,))]
    assert shapes(layer.returned) == [("out", ())]
    assert shapes(layer.pulled) == [("cotangent", ())]
    assert shapes(layer.gradients) == [("dw", (3,))]
    assert shapes(layer.left) == [("out", ()), ("dw", (3,))]
    assert (layer.by, layer.function) == (("w",), "loss")


def test_stated_levels_are_the_outermost_layers():
    report = explained("jax.grad(loss)", "wX", (Vmap("(None, 0)"),))
    assert nested(report) == "vmap(grad)"
    assert [layer.level for layer in report.layers] == [0, None]


def test_a_scan_tells_the_axis_that_it_goes_along():
    layer = only(explained("jax.vmap(cumulative)", "X"), "scan")
    assert [(leaf.path, leaf.index) for leaf in layer.arrived] == [("init", None), ("xs", 0)]
    assert [leaf.index for leaf in layer.left] == [None, 0]
    assert layer.count == 1  # traced twice, for the weak type of its init


def test_equal_calls_in_a_loop_are_one_layer():
    report = explained("lambda x: sum(jax.jit(lambda y: y * 2)(x) for _ in range(4))", "x")
    assert [(layer.kind, layer.count) for layer in report.layers] == [("jit", 4)]


def test_a_jitted_function_that_was_traced_before_says_so():
    report = explained("lambda x, g=jax.jit(f): g(x) + g(x)", "x")
    assert [(layer.kind, layer.same) for layer in report.layers] == [("jit", None), ("jit", 0)]


@pytest.mark.parametrize(
    "function",
    [
        "jnp.linalg.norm",
        "lambda x: jax.nn.softmax(jax.nn.relu(x)) + jnp.cumsum(x) + jnp.percentile(x, 3)",
        "lambda x: x + jax.random.normal(jax.random.key(0), (3,)) + jnp.linalg.solve(jnp.eye(3), x)",
    ],
)
def test_what_jax_does_for_itself_is_no_layer(function):
    assert explained(function, "x").layers == ()


def test_a_script_has_the_layers_of_its_run():
    script = CODE + (
        "step = jax.jit(jax.vmap(jax.value_and_grad(loss), (None, 0)))\n"
        "w = jnp.ones(3)\n"
        "for _ in range(3):\n"
        "    values, slopes = step(w, jnp.ones((8, 3)))\n"
        "    w = w - slopes.mean(0)\n"
    )
    report = explainer.explain(Request(script))
    assert nested(report) == "jit(vmap(value_and_grad))"
    line = 1 + script.split("\n").index("    values, slopes = step(w, jnp.ones((8, 3)))")
    assert {layer.span.line for layer in report.layers if layer.span} == {line}
    assert report.layers[0].function == "vmap(value_and_grad(loss))"


def test_a_function_built_before_anybody_looked_is_seen():
    built = jax.jit(jax.vmap(jax.grad(SPACE["loss"]), (None, 0)))
    report = explainer.explain(built, jnp.ones(3), jnp.ones((8, 3)))
    assert nested(report) == "jit(vmap(grad))"


def test_jax_is_left_as_it_was_even_by_an_error():
    places = (
        *((pjit, "_infer_params"), (ad, "linearize"), (api, "_vjp3_bwd"), (api, "_jvp")),
        *((api, "_jacfwd_unravel"), (api, "_jacrev_unravel"), (ad_checkpoint, "_trace_to_jaxpr")),
        (partial_eval, "trace_to_jaxpr"),
    )
    functions = (
        *(loops.scan, loops.map, loops.fori_loop, loops.while_loop, loops.associative_scan),
        *(conditionals.cond, conditionals.switch),
        *(custom_derivatives.custom_jvp.__call__, custom_derivatives.custom_vjp.__call__),
    )

    def state() -> list[object]:
        wrapped = [cell.cell_contents for function in functions for cell in (function.__closure__ or ())[:1]]
        return [*(getattr(place, name) for place, name in places), *wrapped]

    before = state()
    code = CODE + "def wrong(x):\n    return jax.jit(jax.grad(lambda y: lax.cond(y, f, f)))(x)\n"
    report = explainer.explain(Request(code, "wrong", (Argument("x", "f32[3]"),)))
    assert report.failure is not None and report.failure.error_type == "TypeError"
    assert all(one is other for one, other in zip(before, state(), strict=True))


@pytest.mark.parametrize("function", [function for function, names, _ in STACKS if names == "x"])
def test_noting_keeps_no_tracer_alive(function):
    """JAX looks for tracers that outlive their trace, and would raise."""
    script = CODE + f"with jax.checking_leaks():\n    jax.jit({function})(jnp.ones(3))\n"
    report = explainer.explain(Request(script), until="run")
    assert report.failure is None
    assert report.layers[0].kind == "jit"
