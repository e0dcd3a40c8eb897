"""Fixes and findings in words: what changes, what was proven, what comes first."""

from __future__ import annotations

import pytest

from explainer.report import Finding, Fix, Leaf
from explainer.spec import Argument, Request, Vmap
from explainer.views import fix_text


def fix(before: str = "", after: str = "", place: str = "", proof: str = "", outputs: int = 0) -> Fix:
    leaves = tuple(Leaf(f"out[{n}]", "float32", (3, n)) for n in range(outputs))
    return Fix(Request(), "Do it", leaves, place, before, after, proof)


def marked(line: fix_text.Line) -> list[str]:
    return [line.text[start:end] for start, end in line.marks]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("(0, 0)", "(0, None)", ["- (0, 0)", "+ (0, None)"]),
        ("", "", []),
        ("same", "same", []),
        ("", "x = 1", ["+ x = 1"]),
        ("x = 1", "", ["- x = 1"]),
        ("a\nb\nc\nd\ne", "a\nb\nC\nd\ne", ["…", "  b", "- c", "+ C", "  d", "…"]),
        ("a\nb\nc", "a\nb\nc\nd", ["…", "  c", "+ d"]),
    ],
)
def test_an_edit_is_told_with_the_lines_next_to_it(before, after, expected):
    assert fix_text.told_diff(fix(before, after)) == expected


def test_of_long_texts_what_lies_between_is_replaced():
    lines = [str(number) for number in range(fix_text.MOST_LINES)]
    edited = [*lines[:100], "new", *lines[101:200], "newer", *lines[202:]]
    told = fix_text.told_diff(fix("\n".join(lines), "\n".join(edited)))
    assert told[:3] == ["…", "  99", "- 100"]
    assert [line for line in told if line[0] == "+"] == [
        "+ new",
        *(f"+ {n}" for n in range(101, 200)),
        "+ newer",
    ]
    assert told[-2:] == ["  202", "…"]
    assert fix_text.told_diff(fix("a\n" * 9999, "a\n" * 9999)) == []


@pytest.mark.parametrize(
    ("before", "after", "taken_out", "put_in"),
    [
        ("in_axes=(0, 0)", "in_axes=(0, None)", ["0"], ["None"]),
        ("x @ W", "x @ W.T", [], [".T"]),
        ("jnp.dot(x, y)", "something else entirely", [], []),
    ],
)
def test_the_words_that_differ_are_marked(before, after, taken_out, put_in):
    old, new = fix_text.diff(fix(before, after))
    assert (marked(old), marked(new)) == (taken_out, put_in)


@pytest.mark.parametrize(
    ("place", "names", "expected"),
    [
        ("in_axes of level 1", ("i", "batch"), "in_axes of vmap batch"),
        ("out_axes of level 0", (), "out_axes of vmap i"),
        ("argument keys", (), "argument keys"),
        ("code", (), ""),
        ("levels", ("i",), ""),
        ("of level one", (), "of level one"),
    ],
)
def test_the_place_of_an_edit_has_the_name_of_its_level(place, names, expected):
    assert fix_text.place_text(fix(place=place), names) == expected


def test_a_fix_says_what_it_gives_and_how_that_is_known():
    assert fix_text.proven_text(fix(proof="traced", outputs=1)) == "gives out[0] f32[3, 0]; proof: traced"
    assert fix_text.proven_text(fix()) == ""


def test_outputs_that_are_not_named_are_counted():
    assert fix_text.outputs_text(fix(outputs=8)).endswith("out[5] f32[3, 5], 2 more")


def test_the_gravest_and_surest_finding_comes_first():
    found = [
        Finding("c", "info", "", confidence="certain"),
        Finding("b", "warning", "", confidence="possible"),
        Finding("a", "warning", "", confidence="certain"),
        Finding("d", "error", "", confidence="possible"),
    ]
    assert [each.kind for each in fix_text.ordered(found)] == ["d", "a", "b", "c"]


def test_a_finding_is_headed_by_its_kind_in_words():
    finding = Finding("shared_key", "warning", "…")
    assert fix_text.headline(finding) == "Warning: shared key (likely, but it may be meant)"


def test_an_edit_of_one_field_tells_of_the_others_that_change_with_it():
    before = Request("", "f", (Argument("key", "key(0)"), Argument("X", "f32[3]")), (Vmap("(None, 0)"),))
    after = Request("", "f", (Argument("key", "split(key(0), 3)"), before.arguments[1]), (Vmap("(0, 0)"),))
    split = Fix(after, "Split key", (), "argument key", "key(0)", "split(key(0), 3)")
    ((place, edit),) = fix_text.also_changed(split, before, ("i",))
    assert (place, fix_text.told_diff(edit)) == ("in_axes of vmap i", ["- (None, 0)", "+ (0, 0)"])
    assert fix_text.also_changed(split, after) == ()
    whole = Fix(after, "Map both", (), "levels", "f", "vmap(f)")
    assert fix_text.also_changed(whole, before) == ()
