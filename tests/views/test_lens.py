"""One example's part of every value, looked up in what a report kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explainer.intermediates import Bad, Loop, Proof, Seen, Values
from explainer.report import ArgumentReport, BatchedAval, Equation, Leaf, MappedLeaf, Report
from explainer.views import lens
from explainer.views.lens import Row
from tests.figures.reports import Given, leaf, make

X, Y = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(2, 4)


def equation(
    number: int, name: str, dims: tuple[int | None, ...], shape: tuple[int, ...], **more: object
) -> Equation:
    aval = BatchedAval(name, "float64", (), dims, shape)
    made = Equation(number, "mul", ("a",), (aval,), 0, "", None, f"{name} * 1", None, ())
    return replace(made, **more)


def report(values: Values | None = None, *equations: Equation) -> Report:
    """X mapped by i along axis 0, Y by j along axis 1."""
    given = [Given("X", X, (0, None)), Given("Y", Y, (None, 1))]
    made = make("f", ("i", "j"), given, [Given("out", X @ Y, (0, 0))])
    return replace(made, values=values, equations=equations)


def row(dims: tuple[int | None, ...], value: np.ndarray, cap: int = 100) -> Row:
    aval = BatchedAval("a", "float64", (), dims, value.shape)
    return Row("equation", "a", aval, leaf("a", value, cap))


@pytest.mark.parametrize(
    ("dims", "place", "expected"),
    [
        ((0, 1), (1, 2), (X @ Y)[1, 2]),
        ((1, 0), (2, 1), (X @ Y)[1, 2]),
        ((0, None), (2, 3), (X @ Y)[2]),
        ((None, 1), (2, 3), (X @ Y)[:, 3]),
        ((None, None), (2, 3), X @ Y),
    ],
)
def test_an_examples_part_lies_along_the_claimed_axes(dims, place, expected):
    part = lens.own(row(dims, X @ Y), place)
    assert part is not None
    assert part.shape == np.shape(expected)
    np.testing.assert_array_equal(np.asarray(part.preview), expected)


def test_a_part_that_was_not_kept_says_what_was():
    cut = row((0,), np.arange(20.0), cap=8)
    assert lens.own(cut, (3,)) is not None
    assert lens.own(cut, (12,)) is None
    assert lens.kept_words(cut, (12,), ["i"]) == "kept: i 0 to 6, 19"
    assert lens.kept_words(cut, (3,), ["i"]) == ""


def test_arguments_and_results_stand_around_the_equations():
    rows = lens.rows(report(Values(), equation(0, "a", (0, 1), (3, 4))))
    assert [(each.kind, each.name, each.aval.batch_dims) for each in rows] == [
        ("argument", "X", (0, None)),
        ("argument", "Y", (None, 1)),
        ("equation", "a", (0, 1)),
        ("result", "out", (0, 1)),
    ]


def test_an_argument_mapped_twice_has_both_axes_in_the_whole_array():
    whole = Leaf("x", "float64", (2, 3, 4), [[[0.0] * 4] * 3] * 2, ((0, 1), (0, 1, 2), (0, 1, 2, 3)))
    base = report()
    levels = tuple(
        replace(level, inputs=(MappedLeaf("x", "float64", shape, 1, 1),))
        for level, shape in zip(base.levels, ((2, 3, 4), (2, 4)))
    )
    made = replace(base, arguments=(ArgumentReport("x", False, (whole,)),), levels=levels)
    assert lens.rows(made)[0].aval.batch_dims == (1, 2)


def test_a_value_in_a_loop_is_that_of_the_chosen_iteration():
    loop = equation(0, "c", (0,), (3,), primitive="while")
    inside = equation(1, "a", (0,), (3,), parent=0, depth=1, body="while[0].body_jaxpr")
    seen = tuple(Seen(1, 0, (n,), leaf("a", np.arange(3.0) + n)) for n in range(2))
    made = report(Values(seen, (Loop(0, (0, 1, 2), 2),)), loop, inside)
    values = [next(r for r in lens.rows(made, {0: n}) if r.name == "a") for n in range(3)]
    assert [each.value and each.value.preview for each in values] == [[0, 1, 2], [1, 2, 3], None]
    assert values[2].missing == "did not run: the loop had ended"


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (Proof(412, 3, 3, 412), "412 values checked at 3 examples: every claimed axis holds"),
        (Proof(8, 1, 1, 8), "8 values checked at 1 example: every claimed axis holds"),
        (Proof(note="it is too large"), "Axes not checked on values: it is too large"),
        (Proof(), ""),
    ],
)
def test_what_was_proven_in_a_sentence(proof, words):
    assert lens.proof_words(proof) == words


def test_the_lens_begins_at_the_example_with_the_first_nan():
    bad = Bad("nan", 0, 0, (2, 1), (), (), (), True, (0, 1))
    assert lens.start(report(Values(bad=(bad,)))) == (2, 1)
    assert lens.start(report()) == (0, 0)


def test_an_example_beyond_the_axis_becomes_the_nearest():
    assert lens.clamped(report(), (7, -1)) == (2, 0)
    assert lens.clamped(report(), (1,)) == (1, 0)
