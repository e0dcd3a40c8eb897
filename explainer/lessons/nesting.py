"""Lessons on several levels: one vmap around another, and what jit does about it."""

from __future__ import annotations

from dataclasses import replace

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

EUCLID_CODE = """\
def dist(x, y):
    return jnp.sqrt(jnp.sum((x - y) ** 2))
"""

EUCLID = Request(
    code=EUCLID_CODE,
    function="dist",
    arguments=inputs(X="jnp.array([[0., 0.], [1., 0.], [0., 1.]])", Y="jnp.array([[0., 0.], [1., 1.]])"),
    levels=nest("(0, None)", "(None, 0)"),
)

SQUARED = Request(
    code="def dist(a, b):\n    return jnp.sum((a - b) ** 2)\n",
    function="dist",
    arguments=inputs(
        A="jnp.array([[1., 0.], [0., 1.], [-1., 0.]])",
        B="jnp.array([[2., 2.], [-2., 2.], [2., -2.], [-2., -2.]])",
    ),
    levels=nest("(0, None)", "(None, 0)"),
)

MATVEC_CODE = """\
def matvec(M, v):
    return jnp.dot(M, v)
"""

LESSONS = (
    Lesson(
        id="euclid-pairwise",
        topic="Several levels",
        title="Every point against every other",
        summary="Two vmaps turn a distance between two points into a table of all distances: the outer one "
        "walks down X and shares Y, the inner one walks along Y and shares the x it was handed.",
        request=EUCLID,
    ),
    Lesson(
        id="distance-pairwise",
        topic="Several levels",
        title="The outer level becomes the first axis",
        summary="Three points in A and four in B give a (3, 4) table. Row i belongs to the outer vmap, "
        "column j to the inner one.",
        request=SQUARED,
    ),
    Lesson(
        id="swapped-nest",
        topic="Several levels",
        title="Swap the levels, transpose the result",
        summary="The same calls are made, but now the outer vmap walks along B. Its axis stands first in "
        "the output, so the table comes out as (4, 3).",
        request=replace(SQUARED, levels=nest("(None, 0)", "(0, None)")),
    ),
    Lesson(
        id="matvec-pairwise",
        topic="Several levels",
        title="Every matrix with every vector",
        summary="Each level maps one argument and shares the other. Element [i, j] is the call on matrix i "
        "and vector j, made as if you had written it by hand.",
        request=Request(
            code=MATVEC_CODE,
            function="matvec",
            arguments=inputs(Ms="arange(f32[3,2,3])", vs="arange(f32[4,3])"),
            levels=nest("(0, None)", "(None, 0)"),
        ),
    ),
    Lesson(
        id="jit-of-vmap",
        topic="Several levels",
        title="Where the time of a jitted vmap goes",
        summary="Tracing, lowering and compiling are paid once, running is paid on every call. Open Timing "
        "to see the four apart; the values are those of the plain nest.",
        request=SQUARED,
    ),
    Lesson(
        id="vmap-of-jit",
        topic="Several levels",
        title="A jitted function is still traced once",
        summary="Mapping a jitted function does not compile it once per example. Its whole body is batched "
        "in one go, and the X-ray shows it as one jit equation with the new axes inside.",
        request=replace(SQUARED, function="jax.jit(dist)"),
    ),
    Lesson(
        id="print-once",
        topic="Several levels",
        title="A print runs once per trace, not per example",
        summary="Python only runs while JAX records the function, so twelve distances print one line. "
        "Use jax.debug.print to see a value of every example.",
        request=replace(
            SQUARED,
            code='def dist(a, b):\n    print("tracing dist")\n    return jnp.sum((a - b) ** 2)\n',
        ),
    ),
)
