"""Lessons on control flow: what becomes of if, cond, switch, while and scan under vmap."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs, nest
from explainer.spec import Request

COND_CODE = """\
def root(flag, x):
    return lax.cond(flag, jnp.sqrt, jnp.negative, x)
"""

SWITCH_CODE = """\
def apply(which, x):
    return lax.switch(which, [jnp.sin, jnp.cos, jnp.tanh], x)
"""

WHILE_CODE = """\
def halvings(x):
    def unfinished(state):
        return state[0] > 1

    def halve(state):
        value, steps = state
        return value / 2, steps + 1

    return lax.while_loop(unfinished, halve, (x, 0))
"""

RNN_CODE = """\
def rnn(xs, params):
    def step(h, x):
        h = jnp.tanh(params['w'] @ x + params['u'] @ h)
        return h, h

    last, history = lax.scan(step, jnp.zeros(3), xs)
    return history
"""

LESSONS = (
    Lesson(
        id="python-if",
        topic="Control flow",
        title="A Python if cannot see the examples",
        summary="Python needs one answer to x > 0, but x stands for all examples at once. Use jnp.where or "
        "lax.cond, which JAX can record.",
        request=Request(
            code="def root(x):\n    if x > 0:\n        return jnp.sqrt(x)\n    return -x\n",
            function="root",
            arguments=inputs(x="jnp.array([4., -1., 9.])"),
            levels=nest("0"),
        ),
        fails=True,
    ),
    Lesson(
        id="cond-mapped",
        topic="Control flow",
        title="A mapped condition runs both branches",
        summary="When every example brings its own flag, cond becomes a select: both branches are computed "
        "for all, and each example keeps the one it asked for.",
        request=Request(
            code=COND_CODE,
            function="root",
            arguments=inputs(flags="jnp.array([True, False, True])", x="jnp.array([4., 1., 9.])"),
            levels=nest("(0, 0)"),
        ),
    ),
    Lesson(
        id="cond-shared",
        topic="Control flow",
        title="A shared condition stays a branch",
        summary="One flag for all examples leaves the choice open until the program runs. The cond survives "
        "and only one branch is executed.",
        request=Request(
            code=COND_CODE,
            function="root",
            arguments=inputs(flag="jnp.array(True)", x="jnp.array([4., 1., 9.])"),
            levels=nest("(None, 0)"),
        ),
    ),
    Lesson(
        id="switch-mapped",
        topic="Control flow",
        title="Choose among several functions",
        summary="lax.switch picks a function by number. With a number per example all three are computed "
        "and the right result is selected.",
        request=Request(
            code=SWITCH_CODE,
            function="apply",
            arguments=inputs(which="jnp.array([0, 1, 2, 0])", x="jnp.array([.5, 1., 1.5, 2.])"),
            levels=nest("(0, 0)"),
        ),
    ),
    Lesson(
        id="while-slowest",
        topic="Control flow",
        title="A loop runs until the slowest example ends",
        summary="Each number needs its own count of halvings, yet there is a single loop. Examples that are "
        "done keep their values while the others go on.",
        request=Request(
            code=WHILE_CODE,
            function="halvings",
            arguments=inputs(x="jnp.array([1., 5., 100.])"),
            levels=nest("0"),
        ),
    ),
    Lesson(
        id="rnn-scan",
        topic="Control flow",
        title="Scan over time, vmap over sequences",
        summary="scan walks the time axis and vmap adds the batch axis inside it. In the X-ray the sequence "
        "and the hidden state carry it, the weights do not.",
        request=Request(
            code=RNN_CODE,
            function="rnn",
            arguments=inputs(
                xs="normal(f32[4,6,2])",
                params="{'w': normal(f32[3,2]), 'u': normal(f32[3,3])}",
            ),
            levels=nest("(0, None)"),
        ),
    ),
)
