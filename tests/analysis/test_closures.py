"""What a function closes over is looked at for names only: it may be anything, or not be there yet."""

from __future__ import annotations

import pytest

import explainer
from explainer import Argument, Request

X = Argument("x", "f32[4,3]")

ODD = {
    "a dict without an order": "D = {1: 2.0, 'b': 3.0}\ndef mapped(x):\n    return x * D[1]\n",
    "a variable that is set later": """\
def mapped(x):
    def inner(x):
        return x * 2 if x.ndim == 0 else later(x)
    y = jax.vmap(inner)(x)
    def later(x):
        return x
    return y
""",
    "an object that cannot be flattened": """\
class Odd:
    pass
def refuse(odd):
    raise RuntimeError("not to be taken apart")
jax.tree_util.register_pytree_node(Odd, refuse, lambda aux, children: Odd())
odd = Odd()
def mapped(x):
    return x * 2 if isinstance(odd, Odd) else x
""",
    "in_axes that cannot be written": """\
class Odd:
    def __init__(self, x):
        self.x = x
    def __repr__(self):
        raise RuntimeError("not to be written")
jax.tree_util.register_pytree_node(Odd, lambda odd: ((odd.x,), None), lambda aux, children: Odd(*children))
def mapped(x):
    return jax.vmap(lambda odd: odd.x * 2, in_axes=(Odd(0),))(Odd(x))
""",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_things_in_a_closure_change_nothing(name):
    stated = explainer.explain(Request(ODD[name], "jax.vmap(mapped)", (X,)), until="run")
    assert stated.failure is None
    script = explainer.explain(Request(ODD[name] + "jax.vmap(mapped)(jnp.ones((4, 3)))\n"))
    assert (script.failure, script.notes) == (None, ())
    assert script.levels and all(level.enters for level in script.levels)
