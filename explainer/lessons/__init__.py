"""The worked examples of the Examples menu, as plain requests.

    LESSONS ─▶ menu ─▶ Request ─▶ sandbox

Nothing here is evaluated; the tests run every lesson and compare it with JAX.
The page opens on the first one.
"""

from __future__ import annotations

from explainer.lessons import (
    axes,
    control,
    devices,
    gradients,
    memory,
    mistakes,
    names,
    nesting,
    randomness,
    scripts,
    trees,
)
from explainer.lessons.lesson import TOPICS, Lesson, Topic

LESSONS: tuple[Lesson, ...] = (
    *nesting.LESSONS,
    *axes.LESSONS,
    *trees.LESSONS,
    *gradients.LESSONS,
    *randomness.LESSONS,
    *control.LESSONS,
    *names.LESSONS,
    *devices.LESSONS,
    *memory.LESSONS,
    *scripts.LESSONS,
    *mistakes.LESSONS,
)


def broken() -> tuple[Lesson, ...]:
    """Returns the lessons on what goes wrong: the mistakes, then what fails in other topics."""
    return (*mistakes.LESSONS, *(each for each in LESSONS if each.fails and each not in mistakes.LESSONS))


def by_topic() -> dict[Topic, tuple[Lesson, ...]]:
    """Returns the lessons grouped for the menu, topics in TOPICS order."""
    return {topic: tuple(lesson for lesson in LESSONS if lesson.topic == topic) for topic in TOPICS}


def find(lesson_id: str) -> Lesson | None:
    """Returns the lesson with this id, None if there is none."""
    return next((lesson for lesson in LESSONS if lesson.id == lesson_id), None)


__all__ = ["LESSONS", "TOPICS", "Lesson", "Topic", "by_topic", "find"]
