"""Lessons on several devices: the same axes, laid over devices by pmap and shard_map."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs
from explainer.spec import Request

SHARE_CODE = """\
def share(x):
    return x / lax.psum(x, 'i')

shares = jax.pmap(share, axis_name='i')
"""

GRADIENT_CODE = """\
def loss(w, x, y):
    return jnp.mean((x @ w - y) ** 2)

@partial(jax.pmap, axis_name='i', in_axes=(None, 0, 0))
def gradients(w, x, y):
    return lax.pmean(jax.grad(loss)(w, x, y), 'i')
"""

ROWS_CODE = """\
def share(x):
    return x / lax.psum(x, ('device', 'row'))

rows = jax.vmap(share, axis_name='row')
shares = jax.pmap(rows, axis_name='device')
"""

SHARD_CODE = """\
from jax.sharding import Mesh, PartitionSpec as P

mesh = Mesh(jax.devices()[:4], ('i',))

@partial(jax.shard_map, mesh=mesh, in_specs=P('i'), out_specs=P('i'))
def shares(piece):
    return piece / lax.psum(jnp.sum(piece), 'i')
"""

FOUR = inputs(x="jnp.array([1., 2., 3., 4.])")

LESSONS = (
    Lesson(
        id="pmap-psum",
        topic="Several devices",
        title="A device for every example",
        summary="pmap maps like vmap, but hands each example to a device of its own. psum is then real "
        "traffic: every device sends its x, and each one gets the total.",
        request=Request(code=SHARE_CODE, function="shares", arguments=FOUR),
    ),
    Lesson(
        id="pmap-pmean-gradient",
        topic="Several devices",
        title="Average the gradients of all devices",
        summary="Each device has its own batch and the same w. pmean makes one gradient of four, so all "
        "rows of the result are alike: data-parallel training in two lines.",
        request=Request(
            code=GRADIENT_CODE,
            function="gradients",
            arguments=inputs(
                w="jnp.array([1., -1.])", x="jnp.arange(24.).reshape(4, 3, 2) / 10", y="jnp.ones((4, 3))"
            ),
        ),
    ),
    Lesson(
        id="pmap-of-vmap",
        topic="Several devices",
        title="Several examples on each device",
        summary="pmap outside, vmap inside: four devices with three rows each. A sum over both names adds "
        "within a device first, then between devices.",
        request=Request(
            code=ROWS_CODE, function="shares", arguments=inputs(x="jnp.arange(1., 13.).reshape(4, 3)")
        ),
    ),
    Lesson(
        id="shard-map-psum",
        topic="Several devices",
        title="Cut an axis into pieces, one a device",
        summary="shard_map does not take the axis away: each device sees a shorter array, here 2 of 8 "
        "numbers, and what it returns is joined again.",
        request=Request(code=SHARD_CODE, function="shares", arguments=inputs(x="jnp.arange(1., 9.)")),
    ),
    Lesson(
        id="pmap-too-many",
        topic="Several devices",
        title="More examples than devices",
        summary="pmap needs a device for every example, and sixteen are more than there are. Put several on "
        "each device with a vmap inside, or take vmap alone.",
        request=Request(code=SHARE_CODE, function="shares", arguments=inputs(x="jnp.arange(16.)")),
        fails=True,
    ),
)
