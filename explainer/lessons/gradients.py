"""Lessons on gradients: one per example, and the nan that hides in a distance."""

from __future__ import annotations

from dataclasses import replace

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.lessons.nesting import EUCLID
from explainer.spec import Request

LOSS_CODE = """\
def loss(params, x, targets):
    logit = jnp.dot(params['w'], x) + params['b']
    return optax.sigmoid_binary_cross_entropy(logit, targets).mean()
"""

PER_EXAMPLE = Request(
    code=LOSS_CODE,
    function="jax.grad(loss)",
    arguments=inputs(
        params="{'w': jnp.array([1., -2.]), 'b': jnp.array(.3)}",
        X="jnp.array([[1., 0.], [.5, 1.5], [2., -1.]])",
        targets="jnp.array([[1., 0., 1.], [0., 1., 0.], [1., 0., 1.]])",
    ),
    levels=nest("(None, 0, 0)"),
)

LESSONS = (
    Lesson(
        id="per-example-grad",
        topic="Gradients",
        title="One gradient per example",
        summary="grad is taken first, then mapped: the parameters are shared, yet every example gets its own "
        "gradient, so w and b come back with a batch axis in front.",
        request=PER_EXAMPLE,
    ),
    Lesson(
        id="per-example-value-and-grad",
        topic="Gradients",
        title="Losses and gradients together",
        summary="value_and_grad returns a pair, and vmap stacks both halves: three losses, three gradients.",
        request=replace(PER_EXAMPLE, function="jax.value_and_grad(loss)"),
    ),
    Lesson(
        id="euclid-gradient",
        topic="Gradients",
        title="Find the example that made a nan",
        summary="The slope of a square root at zero is infinite, and infinity times zero is nan. Only the "
        "pair whose points coincide is hit: entry [0, 0].",
        request=replace(EUCLID, function="jax.grad(dist)"),
    ),
)
