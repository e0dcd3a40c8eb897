"""Lessons on what goes wrong: requests that fail, or run and are not what they seem.

Each is common in practice, and each has a small edit that mends it.
"""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

SCRIPT_CODE = """\
def predict(params, x):
    return params['w'] @ x + params['b']

params = {'w': jnp.ones((2, 3)), 'b': jnp.zeros(2)}
batch = jnp.arange(12.).reshape(4, 3)

out = jax.vmap(predict)(params, batch)
print(out.shape)
"""

LESSONS = (
    Lesson(
        id="mistake-unequal-sizes",
        topic="Mistakes",
        title="All pairs asked for with one vmap",
        summary="One vmap walks X and Y side by side, so 3 points meet 4 and it fails. All pairs need a "
        "level for each; the fixes show it.",
        request=Request(
            code="def dist(x, y):\n    return jnp.sum((x - y) ** 2)\n",
            function="dist",
            arguments=inputs(X="f32[3,2]", Y="f32[4,2]"),
            levels=nest("(0, 0)"),
        ),
        fails=True,
    ),
    Lesson(
        id="mistake-outer-only",
        topic="Mistakes",
        title="The inner vmap keeps its default",
        summary="Only the outer level is told to share Y. The inner one still maps axis 0 of everything, and "
        "what is left of x has another size there.",
        request=Request(
            code="def dist(x, y):\n    return jnp.sum((x - y) ** 2)\n",
            function="dist",
            arguments=inputs(X="f32[3,2]", Y="f32[4,2]"),
            levels=nest("(0, None)", "0"),
        ),
        fails=True,
    ),
    Lesson(
        id="mistake-weights-mapped",
        topic="Mistakes",
        title="The weights are mapped, too",
        summary="Without in_axes, vmap takes axis 0 of every array, the weights' as well. They are shared: "
        "their axis is None.",
        request=Request(code=SCRIPT_CODE),
        fails=True,
    ),
    Lesson(
        id="mistake-mask",
        topic="Mistakes",
        title="A mask gives each example another size",
        summary="x[x > 0] would keep two entries of one example and three of the next: no array holds both. "
        "Keep the shape and put something neutral where the mask is false.",
        request=Request(
            code="def positive_sum(x):\n    return jnp.sum(x[x > 0])\n",
            function="positive_sum",
            arguments=inputs(X="normal(f32[3,4])"),
            levels=nest("0"),
        ),
        fails=True,
    ),
    Lesson(
        id="mistake-numpy",
        topic="Mistakes",
        title="NumPy cannot compute on a mapped value",
        summary="np.sum wants numbers, but x stands for every example at once. jnp has the same function, "
        "and JAX can record it.",
        request=Request(
            code="import numpy as np\n\ndef norm(x):\n    return jnp.sqrt(np.sum(np.square(x)))\n",
            function="norm",
            arguments=inputs(X="f32[3,4]"),
            levels=nest("0"),
        ),
        fails=True,
    ),
    Lesson(
        id="mistake-same-noise",
        topic="Mistakes",
        title="Every example gets the same noise",
        summary="It runs, but one key is shared by all examples, so each adds the very same noise. A key per "
        "example mends it.",
        request=Request(
            code="def noisy(key, x):\n    return x + jax.random.normal(key, x.shape)\n",
            function="noisy",
            arguments=inputs(key="jax.random.key(0)", X="zeros(f32[3,4])"),
            levels=nest("(None, 0)"),
        ),
    ),
)
