"""Lessons on trees: parameters in a dict, a tuple or a module, with an axis per leaf."""

from __future__ import annotations

from dataclasses import replace

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

PREDICT_CODE = """\
def predict(params, x):
    logit = jnp.dot(params['w'], x) + params['b']
    return jnp.stack([logit, jax.nn.sigmoid(logit)])
"""

POINTS = "jnp.array([[1., 2.], [2.5, -1.], [-.25, .75]])"

ENSEMBLE = Request(
    code=PREDICT_CODE,
    function="predict",
    arguments=inputs(params="{'w': f32[5,2], 'b': f32[5]}", X=POINTS),
    levels=nest("({'w': 0, 'b': 0}, None)", "(None, 0)"),
)

MODULES_CODE = """\
import equinox as eqx

def build(key):
    return eqx.nn.MLP(2, 1, width_size=3, depth=1, key=key)

def stack(*leaves):
    return jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0]

members = [build(key) for key in jax.random.split(jax.random.PRNGKey(0), 5)]
ensemble = jax.tree.map(stack, *members)

def predict(model, x):
    return model(x)
"""

LESSONS = (
    Lesson(
        id="logits-params",
        topic="Trees",
        title="Share a whole tree of parameters",
        summary="None for params covers every array inside the dict. Only X is walked, one row per call.",
        request=Request(
            code=PREDICT_CODE,
            function="predict",
            arguments=inputs(params="{'w': jnp.array([1.5, -.5]), 'b': jnp.array(.25)}", X=POINTS),
            levels=nest("(None, 0)"),
        ),
    ),
    Lesson(
        id="params-tree-axes",
        topic="Trees",
        title="Give every leaf its own axis",
        summary="Five sets of parameters, each tried on three points. The outer level maps w and b, "
        "written as a dict of the same form as params; the inner one maps X.",
        request=ENSEMBLE,
    ),
    Lesson(
        id="params-tree-prefix",
        topic="Trees",
        title="One number for a whole subtree",
        summary="When all leaves use the same axis, a single 0 stands for the dict. JAX spreads it over "
        "every array inside.",
        request=replace(ENSEMBLE, levels=nest("(0, None)", "(None, 0)")),
    ),
    Lesson(
        id="params-tree-partial",
        topic="Trees",
        title="Map one leaf, share the other",
        summary="Five weight vectors use the same bias. In the tree of axes b is None, so it reaches every "
        "model as it is.",
        request=replace(
            ENSEMBLE,
            arguments=inputs(params="{'w': f32[5,2], 'b': f32[]}", X=POINTS),
            levels=nest("({'w': 0, 'b': None}, None)", "(None, 0)"),
        ),
    ),
    Lesson(
        id="list-for-tuple",
        topic="Trees",
        title="A list is not a tuple to JAX",
        summary="params is a tuple here, but its axes are written as a list. Inside in_axes the containers "
        "must be of the same type, or a single number above them.",
        request=Request(
            code="def predict(params, x):\n    w, b = params\n    return jnp.dot(w, x) + b\n",
            function="predict",
            arguments=inputs(params="(f32[5,2], f32[5])", X=POINTS),
            levels=nest("([0, 0], None)", "(None, 0)"),
        ),
        fails=True,
    ),
    Lesson(
        id="batched-modules",
        topic="Trees",
        title="An ensemble of Equinox models",
        summary="A module is a tree: arrays to map, and things like the activation function, which stay as "
        "they are. eqx.if_array(0) gives 0 to the arrays and None to the rest.",
        request=Request(
            code=MODULES_CODE,
            function="predict",
            arguments=inputs(models="ensemble", X=POINTS),
            levels=nest("(jax.tree.map(eqx.if_array(0), ensemble), None)", "(None, 0)"),
        ),
    ),
)
