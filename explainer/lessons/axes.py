"""Lessons on one batch axis: which axis goes in, what is shared, and where the results are put."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.lessons.nesting import MATVEC_CODE
from explainer.spec import Request, Vmap

NORMALIZE_CODE = """\
def normalize(x):
    return (x - x.mean()) / x.std()
"""

IMAGES = inputs(images="jax.random.normal(jax.random.PRNGKey(0), (2, 28, 28))")

LESSONS = (
    Lesson(
        id="matvec-one",
        topic="One batch axis",
        title="Start from one example",
        summary="No vmap yet: one matrix, one vector, one result. Write the function for a single example "
        "first, then add a level and watch the shapes grow.",
        request=Request(
            code=MATVEC_CODE,
            function="matvec",
            arguments=inputs(M="arange(f32[2,3])", v="arange(f32[3])"),
        ),
    ),
    Lesson(
        id="matvec-paired",
        topic="One batch axis",
        title="Walk two arguments in step",
        summary="With 0 for both, matrix i meets vector i and no other. Three pairs go in, three results "
        "come out, stacked along a new first axis.",
        request=Request(
            code=MATVEC_CODE,
            function="matvec",
            arguments=inputs(Ms="arange(f32[3,2,3])", vs="arange(f32[3,3])"),
            levels=nest("(0, 0)"),
        ),
    ),
    Lesson(
        id="other-axis",
        topic="One batch axis",
        title="Map an axis that is not the first",
        summary="The examples are the columns of X here, so its axis is 1. A negative axis counts from the "
        "end: -1 would be the same one.",
        request=Request(
            code="def norm(x):\n    return jnp.sqrt(jnp.sum(x ** 2))\n",
            function="norm",
            arguments=inputs(X="arange(f32[3,4])"),
            levels=nest("1"),
        ),
    ),
    Lesson(
        id="scaled-loss",
        topic="One batch axis",
        title="Share one argument with None",
        summary="Predictions and targets are walked row by row, the scale is the same number for all. "
        "None means: do not look for a batch axis here.",
        request=Request(
            code="def loss(scale, p, t):\n    return scale * jnp.sum((p - t) ** 2)\n",
            function="loss",
            arguments=inputs(
                scale="jnp.array(.5)",
                preds="jnp.array([[.2, .8], [.6, .4]])",
                targets="jnp.array([[0., 1.], [1., 0.]])",
            ),
            levels=nest("(None, 0, 0)"),
        ),
    ),
    Lesson(
        id="shared-argument",
        topic="One batch axis",
        title="A shared argument is not copied",
        summary="Everything made from w alone stays a single value. In the X-ray the batch axis first "
        "appears at the multiplication, where w meets a mapped x.",
        request=Request(
            code="def scale(x, w):\n    weight = jnp.exp(w) / jnp.sum(jnp.exp(w))\n    return x * weight\n",
            function="scale",
            arguments=inputs(X="arange(f32[4,3])", w="arange(f32[3])"),
            levels=nest("(0, None)"),
        ),
    ),
    Lesson(
        id="sizes-differ",
        topic="One batch axis",
        title="Mapped axes must be equally long",
        summary="Three matrices cannot be walked in step with four vectors. Share one of them with None, "
        "or give each its own level.",
        request=Request(
            code=MATVEC_CODE,
            function="matvec",
            arguments=inputs(Ms="arange(f32[3,2,3])", vs="arange(f32[4,3])"),
            levels=nest("(0, 0)"),
        ),
        fails=True,
    ),
    Lesson(
        id="normalize-channels",
        topic="Output axes",
        title="Results stack along axis 0 by default",
        summary="Each image is normalised by its own mean and spread. The two results are stacked in front: "
        "two images in, (2, 28, 28) out.",
        request=Request(code=NORMALIZE_CODE, function="normalize", arguments=IMAGES, levels=nest("0")),
    ),
    Lesson(
        id="normalize-channels-last",
        topic="Output axes",
        title="Choose where the results are stacked",
        summary="out_axes=-1 puts the batch axis last, as for images with channels last. The numbers are "
        "the same, only restacked to (28, 28, 2).",
        request=Request(
            code=NORMALIZE_CODE,
            function="normalize",
            arguments=IMAGES,
            levels=(Vmap(in_axes="0", out_axes="-1"),),
        ),
    ),
    Lesson(
        id="output-tree-axes",
        topic="Output axes",
        title="One output axis per result",
        summary="A function with two results may stack each of them elsewhere. None as an output axis keeps "
        "one copy, which is allowed only for a result that no example changes.",
        request=Request(
            code="def split(x, w):\n    return {'scaled': x * w, 'weights': w / jnp.sum(w)}\n",
            function="split",
            arguments=inputs(X="arange(f32[4,3])", w="jnp.array([1., 2., 1.])"),
            levels=(Vmap(in_axes="(0, None)", out_axes="{'scaled': 1, 'weights': None}"),),
        ),
    ),
)
