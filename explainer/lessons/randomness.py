"""Lessons on random keys: a key per example, and the shared key that repeats itself."""

from __future__ import annotations

from dataclasses import replace

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

DROPOUT = Request(
    code="def dropout(key, x, rate=0.5):\n"
    "    keep = jax.random.bernoulli(key, 1 - rate, x.shape)\n"
    "    return keep * x / (1 - rate)\n",
    function="dropout",
    arguments=inputs(keys="jax.random.split(jax.random.PRNGKey(42), 4)", X="ones(f32[4,5])"),
    levels=nest("(0, 0)"),
)

LESSONS = (
    Lesson(
        id="dropout-keys",
        topic="Random keys",
        title="Split the key, one per example",
        summary="Four keys for four rows: each row drops its own entries. Keys are arrays, so they are "
        "mapped like any other argument.",
        request=DROPOUT,
    ),
    Lesson(
        id="dropout-shared-key",
        topic="Random keys",
        title="A shared key repeats its numbers",
        summary="The key is None here, so all rows draw the same numbers and drop the same entries. JAX "
        "reports no error: compare the rows.",
        request=replace(
            DROPOUT,
            arguments=inputs(key="jax.random.PRNGKey(42)", X="ones(f32[4,5])"),
            levels=nest("(None, 0)"),
        ),
    ),
)
