"""Edits of the fields as plain data: rows keep their identity, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explainer.spec import Argument, Request, Vmap
from explainer.ui import draft as drafts
from explainer.ui.fills import read_fill

REQUEST = Request(
    "code",
    "f",
    (Argument("X", "f32[3]"), Argument("Y", "f32[4]")),
    (Vmap("(0, None)"), Vmap("(None, 0)")),
    "w",
)
DRAFT = drafts.from_request(REQUEST)
OUTER, INNER = (row.uid for row in DRAFT.levels)


def axes(draft: drafts.Draft) -> list[str]:
    return [level.in_axes for level in draft.request().levels]


def test_a_request_comes_back_from_the_fields():
    assert DRAFT.request() == REQUEST


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        (drafts.add_level(DRAFT), ["(0, None)", "(None, 0)", "0"]),
        (drafts.remove_level(DRAFT, OUTER), ["(None, 0)"]),
        (drafts.swap_level(DRAFT, OUTER, 1), ["(None, 0)", "(0, None)"]),
        (drafts.swap_level(DRAFT, INNER, -1), ["(None, 0)", "(0, None)"]),
        (drafts.swap_level(DRAFT, OUTER, -1), ["(0, None)", "(None, 0)"]),
        (drafts.swap_level(DRAFT, 99, 1), ["(0, None)", "(None, 0)"]),
        (drafts.mute_level(DRAFT, INNER), ["(0, None)"]),
        (drafts.mute_level(drafts.mute_level(DRAFT, INNER), INNER), ["(0, None)", "(None, 0)"]),
        (drafts.set_level(DRAFT, INNER, Vmap("1")), ["(0, None)", "1"]),
    ],
)
def test_edits_of_levels(edited, expected):
    assert axes(edited) == expected


def test_a_muted_level_keeps_its_text():
    assert drafts.mute_level(DRAFT, INNER).levels[1].vmap == Vmap("(None, 0)")


def test_a_new_argument_has_a_name_of_its_own():
    draft = DRAFT
    for _ in range(12):
        draft = drafts.add_argument(draft)
    names = [argument.name for argument in draft.request().arguments]
    assert len(set(names)) == len(names) == 14
    assert all(name.isidentifier() for name in names)


def test_rows_of_a_new_request_are_not_taken_for_old_ones():
    after = drafts.replaced(DRAFT, REQUEST)
    old, new = ({row.uid for row in (*draft.arguments, *draft.levels)} for draft in (DRAFT, after))
    assert not old & new
    assert after.version > DRAFT.version


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("f32[3,2]", "distinct"),
        ("normal(f32[3,2])", "normal"),
        ("{'w': ones(f32[2]), 'b': ones(f32[])}", "ones"),
        ("{'w': ones(f32[2]), 'b': f32[]}", None),
        ("(f32[2], key[3])", "distinct"),
        ("key[3]", None),
        ("jnp.eye(3)", None),
        ("jnp.sin(f32[3])", None),
        ("f32[", None),
        ("", None),
    ],
)
def test_the_fill_of_a_value_is_read_from_its_text(value, expected):
    assert read_fill(value) == expected


def test_a_fix_keeps_the_rows_that_it_leaves_as_they_are():
    edited = replace(REQUEST, levels=(REQUEST.levels[0], Vmap("(0, 0)")))
    fixed = drafts.applied(DRAFT, edited)
    assert fixed.request() == edited
    assert fixed.version > DRAFT.version
    assert fixed.arguments == DRAFT.arguments
    assert fixed.levels[0].uid == OUTER
    assert fixed.levels[1].uid >= DRAFT.next_uid


def test_a_fix_keeps_a_muted_level_in_its_place():
    muted = drafts.mute_level(DRAFT, OUTER)
    fixed = drafts.applied(muted, replace(muted.request(), levels=(Vmap("0"),)))
    assert [(row.vmap.in_axes, row.muted) for row in fixed.levels] == [("(0, None)", True), ("0", False)]


def test_renewed_fields_hold_the_same_under_new_identities():
    renewed = drafts.renewed(drafts.mute_level(DRAFT, INNER))
    assert renewed.request() == drafts.mute_level(DRAFT, INNER).request()
    assert [row.muted for row in renewed.levels] == [False, True]
    assert min(row.uid for row in (*renewed.arguments, *renewed.levels)) == DRAFT.next_uid
