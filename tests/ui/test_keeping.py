"""Keeping: a draft comes back from the address with every row under the number it had."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer import lessons, links
from explainer.spec import Argument, Request, Vmap
from explainer.ui import draft as drafts
from explainer.ui import keeping
from explainer.ui.draft import ArgumentRow, Draft, LevelRow

REQUESTS = [lesson.request for lesson in lessons.LESSONS[:6]] + [Request(), Request("a = 1")]
EDITS = (drafts.add_argument, drafts.add_level)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(("version", "first"), [(0, 0), (1, 4), (7, 123)])
def test_fields_in_their_order_are_known_by_where_their_numbers_start(request_, version, first):
    draft = drafts.from_request(request_, version, first)
    assert keeping.numbered(draft) == f"{version}.{first}"
    assert keeping.from_number(f"{version}.{first}", request_) == draft


@pytest.mark.parametrize(
    "changed",
    [
        drafts.add_argument,
        lambda draft: drafts.remove_argument(draft, 1),
        lambda draft: drafts.swap_level(draft, 2, 1),
        lambda draft: drafts.mute_level(draft, 3),
        lambda draft: drafts.remove_level(draft, 3),
    ],
    ids=["argument added", "argument removed", "levels swapped", "level muted", "level removed"],
)
def test_fields_whose_numbers_have_gaps_are_known_whole_only(changed):
    draft = changed(drafts.from_request(lessons.LESSONS[0].request))
    assert keeping.numbered(draft) == ""
    assert keeping.unpack(links.pack(draft)) == draft


@given(st.text(max_size=300), st.lists(st.sampled_from(EDITS), max_size=5))
def test_a_draft_comes_back_whole(code, edits):
    draft = drafts.from_request(Request(code.encode("utf-8", "replace").decode(), "f"))
    for edit in edits:
        draft = edit(draft)
    assert keeping.unpack(links.pack(draft)) == draft


@pytest.mark.parametrize("at", ["", "x", "1", "-1.2", "1.2.3", "99999999999.0", "0.0"])
def test_an_address_with_no_number_starts_at_the_beginning(at):
    assert keeping.from_number(at, REQUESTS[0]) == drafts.from_request(REQUESTS[0])


TWICE = (ArgumentRow(0, Argument("x", "1")), ArgumentRow(0, Argument("y", "2")))


@pytest.mark.parametrize(
    "draft",
    [
        Draft(arguments=TWICE, next_uid=1),
        Draft(arguments=TWICE[:1], levels=(LevelRow(0, Vmap()),), next_uid=1),
        Draft(arguments=TWICE[:1], next_uid=0),
        Draft(levels=tuple(LevelRow(n, Vmap()) for n in range(1000)), next_uid=1000),
    ],
    ids=["one number twice", "of an argument and a level", "a number yet to come", "too many rows"],
)
def test_a_draft_that_no_page_has_written_is_refused(draft):
    with pytest.raises(links.LinkError):
        keeping.unpack(links.pack(draft))


@pytest.mark.parametrize("word", ["", "garbage", links.pack([1, 2]), links.pack({"code": 1})])
def test_what_is_no_draft_is_refused(word):
    with pytest.raises(links.LinkError):
        keeping.unpack(word)


def test_a_word_that_would_unpack_to_a_flood_is_refused():
    flood = links.pack(dataclasses.replace(Draft(), code="x" * 50_000_000))
    assert len(flood) < 100_000
    with pytest.raises(links.LinkError):
        keeping.unpack(flood)
