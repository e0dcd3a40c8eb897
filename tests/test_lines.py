"""Lines are those that Python's own parser counts."""

from __future__ import annotations

import ast

import pytest

from explainer.lines import lines_of, lines_with_ends
from explainer.spec import Request

ODD = "a = '\u2028\x0c\x1c'\r\nb = 1\rc = 2\n"


def test_only_what_ends_a_line_for_python_ends_one():
    assert lines_of(ODD) == ["a = '\u2028\x0c\x1c'", "b = 1", "c = 2"]
    assert [node.lineno for node in ast.parse(ODD).body] == [1, 2, 3]
    assert "".join(lines_with_ends(ODD)) == ODD


@pytest.mark.parametrize("text", ["", "\n", "x", "x\n", "x\n\n", "\nx"])
def test_lines_are_counted_as_by_splitlines(text):
    assert lines_of(text) == text.splitlines()
    assert lines_with_ends(text) == text.splitlines(keepends=True)


def test_a_failure_in_a_text_with_such_a_character_is_told_as_any_other():
    from explainer import explain

    failure = explain(Request("mark = '\u2028'\nraise ValueError(mark)\n")).failure
    assert failure is not None
    assert (failure.error_type, failure.blame.spans[0].line) == ("ValueError", 2)
