"""The lessons are well-formed data, and those that say so fail in plain JAX too."""

from __future__ import annotations

import ast
import subprocess
import sys

import jax
import pytest

from explainer import lessons
from explainer.spec import STAGES, Request
from tests import oracle

MISTAKES = [lesson for lesson in lessons.LESSONS if lesson.fails]


def test_the_page_opens_on_the_pairwise_distance():
    assert lessons.LESSONS[0].id == "euclid-pairwise"


def test_ids_and_titles_are_unique():
    assert len({lesson.id for lesson in lessons.LESSONS}) == len(lessons.LESSONS)
    assert len({lesson.title for lesson in lessons.LESSONS}) == len(lessons.LESSONS)


def test_every_topic_has_lessons_and_every_lesson_is_in_the_menu():
    grouped = lessons.by_topic()
    assert tuple(grouped) == lessons.TOPICS
    assert all(grouped.values())
    assert sorted(lesson.id for group in grouped.values() for lesson in group) == sorted(
        lesson.id for lesson in lessons.LESSONS
    )


def test_a_lesson_is_found_by_its_id():
    assert lessons.find("rnn-scan") in lessons.LESSONS
    assert lessons.find("no such lesson") is None


@pytest.mark.parametrize("lesson", lessons.LESSONS, ids=lambda lesson: lesson.id)
def test_a_lesson_reads_well(lesson):
    assert len(lesson.title) <= 50
    assert len(lesson.summary) <= 260
    assert lesson.summary.endswith(".")
    ast.parse(lesson.request.code)


@pytest.mark.parametrize(
    ("lesson_id", "error"),
    [
        ("sizes-differ", ValueError),
        ("list-for-tuple", ValueError),
        ("python-if", jax.errors.TracerBoolConversionError),
        ("axis-name-unbound", NameError),
        ("pmap-too-many", ValueError),
        ("mistake-unequal-sizes", ValueError),
        ("mistake-outer-only", ValueError),
        ("mistake-mask", jax.errors.NonConcreteBooleanIndexError),
        ("mistake-numpy", jax.errors.TracerArrayConversionError),
    ],
)
def test_a_mistake_fails_in_plain_jax(lesson_id, error):
    lesson = next(lesson for lesson in MISTAKES if lesson.id == lesson_id)
    with pytest.raises(error):
        oracle.read(lesson.request).outputs()


def test_every_mistake_is_in_the_table_above():
    assert {lesson.id for lesson in MISTAKES} == {
        "sizes-differ", "list-for-tuple", "python-if", "axis-name-unbound", "pmap-too-many",
        "mistake-unequal-sizes", "mistake-outer-only", "mistake-mask", "mistake-numpy",
        "mistake-weights-mapped",
    }  # fmt: skip


def test_a_script_with_a_mistake_fails_in_plain_python():
    lesson = next(lesson for lesson in MISTAKES if lesson.request.is_script)
    with pytest.raises(ValueError, match="inconsistent sizes"):
        exec(lesson.request.code, {"jax": jax, "jnp": jax.numpy})


def test_lessons_are_plain_data():
    assert all(isinstance(lesson.request, Request) for lesson in lessons.LESSONS)
    assert "trace" in STAGES
    code = "import explainer.lessons, sys; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
