"""A lesson: one worked example of the Examples menu, and short ways to write its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from explainer.spec import Argument, Request, Vmap

Topic = Literal[
    "Several levels",
    "One batch axis",
    "Output axes",
    "Trees",
    "Gradients",
    "Random keys",
    "Control flow",
    "Named axes",
    "Several devices",
    "Memory",
    "Scripts",
    "Mistakes",
]

TOPICS: tuple[Topic, ...] = get_args(Topic)
"""The groups of the menu, in its order."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing to learn and the request that shows it.

    `title` says what one learns, `summary` what to look at. `fails`: the request holds a common
    mistake on purpose, so that its explanation can be read.
    """

    id: str
    topic: Topic
    title: str
    summary: str
    request: Request
    fails: bool = False


def inputs(**values: str) -> tuple[Argument, ...]:
    """Returns positional arguments from `name="value text"`, in the order given."""
    return tuple(Argument(name, value) for name, value in values.items())


def nest(*in_axes: str) -> tuple[Vmap, ...]:
    """Returns one level per text, outermost first, each with JAX's default out_axes."""
    return tuple(Vmap(in_axes=text) for text in in_axes)
