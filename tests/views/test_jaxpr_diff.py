"""Two jaxprs side by side: lines of one equation pair up, and only real differences are marked."""

from __future__ import annotations

import re

import pytest

import explainer
from explainer.lessons import LESSONS
from explainer.report import JaxprText, Report
from explainer.spec import Argument, Request, Vmap
from explainer.views.jaxpr_diff import Line, Row, diff

BRANCH = "lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)"


@pytest.mark.parametrize(
    ("left", "right", "kind", "marked"),
    [
        ("c:f32[2] = sub a b", "e:f32[3,2] = sub c d", "grown", ["f32[3,2]"]),
        ("c:f32[2] = sub a b", "e:f32[2] = sub c d", "same", []),
        ("c:f32[] = sum[axes=(0,)] a", "c:f32[3] = sum[axes=(1,)] b", "changed", ["f32[3]", "(1,)"]),
        ("c:f32[] = sum[axes=(0,)] a", "c:f32[] = sum[axes=(np.int64(0),)] b", "same", []),
        ("c:f32[] = add a 1.0:f32[]", "c:f32[] = add a 2.0:f32[]", "changed", ["2.0"]),
        ("c:f32[] = sub a b", "c:f32[] = add a b", "replaced", []),
    ],
)
def test_a_line_beside_its_counterpart(left, right, kind, marked):
    (row,) = diff(_text(left, 0), _text(right, 0))
    assert row.kind == kind
    assert row.right is not None
    assert [text for text, new in row.right.parts if new] == marked


def test_lines_of_different_equations_are_never_counterparts():
    rows = diff(_text("c:f32[] = sub a b", 0), _text("c:f32[] = sub a b", 1))
    assert [row.kind for row in rows] == ["replaced"]


def test_what_batching_adds_stands_beside_nothing():
    report = _report("lambda x, y: x - y", ("f32[3,2]", "f32[4,2]"), "(0, None)", "(None, 0)")
    assert [row.kind for row in _rows(report)] == ["grown", *["added"] * 4, "grown", "same"]
    added = [row.right for row in _rows(report) if row.kind == "added" and row.right]
    assert all(line.equation == 0 for line in added)
    assert sum("broadcast_in_dim" in line.text for line in added) == 2


def test_a_mapped_cond_is_gone_and_its_branches_stay():
    rows = _rows(_report(BRANCH, ("bool[3]", "f32[3]"), "0"))
    paired = {_made(row.left) for row in rows if row.kind == "grown" and row.left and row.left.opens}
    assert paired == {"convert_element_type", "cos", "sin"}
    assert {row.kind for row in rows if row.left and "cond[" in row.left.text} <= {"gone", "replaced"}
    assert any(
        "select_n" in row.right.text for row in rows if row.right and row.kind in ("added", "replaced")
    )


def test_parameters_belong_to_the_equation_round_them():
    report = _report("lambda x: lax.scan(lambda c, v: (c + v, c), 0., x)", ("f32[3,5]",), "0")
    rows = _rows(report)
    owner = {row.left.text.strip(): row.left.equation for row in rows if row.left}
    number = {equation.primitive: equation.id for equation in report.equations}
    assert owner["length=5"] == owner["num_carry=1"] == number["scan"]
    assert next(each for text, each in owner.items() if " = add " in text) == number["add"]


def test_the_first_lines_are_enough_when_only_those_are_wanted():
    text = JaxprText("\n".join(f"a:f32[] = sin {n}.0:f32[]" for n in range(50)), tuple(range(50)))
    assert len(diff(text, text, 10)) == 10


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_line_of_both_programs_is_there_once_in_order(lesson):
    report = explainer.explain(lesson.request, until="lower")
    for text in report.jaxpr.levels if report.jaxpr else ():
        assert report.jaxpr is not None
        rows = diff(report.jaxpr.example, text)
        assert _words([row.left for row in rows]) == _plain(report.jaxpr.example)
        assert _words([row.right for row in rows]) == _plain(text)
        for row in rows:
            if row.left and row.right and row.kind in ("same", "grown", "changed"):
                assert row.left.equation == row.right.equation


def test_a_long_line_is_compared_as_a_whole():
    long = f"c:f32[] = pjit[{'(' * 60_000}] a"
    (same,) = diff(_text(long, 0), _text(long, 0))
    (changed,) = diff(_text(long, 0), _text(f"{long} b", 0))
    assert (same.kind, changed.kind) == ("same", "changed")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("{ lambda ; a. let b = sin a in (b,) }", ["{ lambda ; a. let", "    b = sin a", "  in (b,) }"]),
        ("  jaxpr={ lambda ; a. let b = sin a in (b,) }", None),
        ("c:f32[] = let x in (", ["c:f32[] = let x in ("]),
    ],
)
def test_a_program_of_one_line_is_laid_out_over_three(line, parts):
    parts = parts or ["  jaxpr={ lambda ; a. let", "      b = sin a", "    in (b,) }"]
    assert [row.left.text for row in diff(_text(line, 0), _text(line, 0)) if row.left] == parts


def _text(line: str, equation: int) -> JaxprText:
    return JaxprText(line, (equation,))


def _report(function: str, arguments: tuple[str, ...], *in_axes: str) -> Report:
    given = tuple(Argument(f"x{n}", text) for n, text in enumerate(arguments))
    return explainer.explain(Request("", function, given, tuple(map(Vmap, in_axes))), until="lower")


def _rows(report: Report) -> tuple[Row, ...]:
    assert report.jaxpr is not None
    return diff(report.jaxpr.example, report.jaxpr.final)


def _made(line: Line) -> str:
    found = re.search(r" = ([\w-]+)", line.text)
    return found[1] if found else ""


def _words(lines: list[Line | None]) -> str:
    return "".join("".join(line.text.split()) for line in lines if line)


def _plain(text: JaxprText) -> str:
    return "".join(re.sub(r"np\.int\d+\((-?\d+)\)", r"\1", text.text).split())
