"""Bytes that mean nothing, or nearly something: readers refuse them in one way, or hold good data."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explainer import explain, links, page
from explainer.lessons import LESSONS
from explainer.report import Report, to_json, to_msgpack
from explainer.sandbox import wire
from explainer.spec import Request
from explainer.ui import draft
from tests.faults.hostile import anything, plain_values, spoil, spoiled

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of what fails

READERS = (wire.from_worker, wire.from_zygote, wire.to_zygote, wire.to_worker)
CAP = 1000


def _word(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data)).decode()


headed = st.binary(max_size=60).map(lambda data: wire.HEADER.pack(len(data)) + data)
streams = st.lists(headed | st.binary(max_size=12), max_size=6).map(b"".join)
nested = st.builds(
    lambda opening, depth, end: opening * depth + end,
    st.sampled_from([b"\x91", b"\x81\xa1a", b"\x81\xa6report", b"\x82\xa4type\xa6Answer\xa6report"]),
    st.integers(0, 20_000),
    st.binary(max_size=4),
)


@pytest.fixture(scope="module")
def reports() -> Sequence[Report]:
    """Whole reports, two of them of calls that fail."""
    ids = ("euclid-pairwise", "per-example-grad")
    wrong = [lesson for lesson in LESSONS if lesson.topic == "Mistakes"][:2]
    return [explain(each.request, until="check") for each in [*(x for x in LESSONS if x.id in ids), *wrong]]


@settings(max_examples=400, deadline=None)
@given(streams, st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_any_bytes_in_any_pieces_are_frames_or_too_large(data, cuts):
    whole, pieces, start = [], [], 0
    for cut in cuts:
        pieces.append(data[start : start + cut])
        start += cut
    pieces.append(data[start:])
    try:
        whole = list(wire.Frames(CAP).feed(data))
    except wire.FrameTooLarge:
        with pytest.raises(wire.FrameTooLarge):
            _frames(pieces)
    else:
        assert _frames(pieces) == whole
    for frame in whole:
        for read in READERS:
            assert _read(read, frame) is None or frame  # a message, or BadFrame: nothing else is raised


def _frames(pieces: list[bytes]) -> list[bytes]:
    frames = wire.Frames(CAP)
    return [frame for piece in pieces for frame in frames.feed(piece)]


def _read(read: Callable[[bytes], object], frame: bytes) -> object:
    """Returns the message, None for a BadFrame."""
    try:
        return read(frame)
    except wire.BadFrame:
        return None


@settings(max_examples=300, deadline=None)
@given(plain_values.map(msgspec.msgpack.encode) | nested)
def test_any_well_formed_or_endless_tree_is_a_message_or_a_bad_frame(data):
    for read in READERS:
        message = _read(read, data)
        assert message is None or isinstance(message, msgspec.Struct)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 10**6), plain_values), min_size=1, max_size=3))
def test_a_report_that_lies_is_refused_or_can_be_shown(reports, which, changes):
    plain = msgspec.to_builtins(wire.Answer(reports[which]))
    for place, value in changes:
        spoil(plain, place, value)
    message = _read(wire.from_worker, msgspec.msgpack.encode(plain))
    if isinstance(message, wire.Answer):
        assert to_json(message.report)
        assert to_msgpack(message.report)
        assert str(message.report)
        assert page.html(message.report)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.binary(max_size=60).map(_word)
    | plain_values.map(lambda value: _word(msgspec.msgpack.encode(value)))
    | nested.map(_word)
)
def test_any_word_is_a_request_or_a_damaged_link(word):
    try:
        request = links.decode(word)
    except links.LinkError as error:
        assert str(error)
    else:
        assert links.decode(links.encode(request)) == request


@pytest.mark.parametrize(
    "data", [b"\x81\xa4code\xa2\xff\xfe", b"\x81\xa1x" + b"\x91" * 50_000], ids=["not UTF-8", "deep"]
)
def test_a_link_of_broken_text_or_endless_lists_is_a_damaged_link(data):
    with pytest.raises(links.LinkError, match="Ask for it again"):
        links.decode(_word(data))


@settings(max_examples=200, deadline=None)
@given(anything | spoiled)
def test_any_request_survives_the_fields_of_the_page_and_a_link(request):
    fields = draft.from_request(request)
    assert draft.renewed(draft.add_level(draft.add_argument(fields))).request().code == request.code
    assert fields.request() == request
    cleaned, _ = wire.packed(request, "run")
    try:
        word = links.encode(cleaned)
    except links.LinkError as error:
        assert "too long" in str(error)
    else:
        assert links.decode(word) == cleaned
    assert isinstance(cleaned, Request)


def test_a_request_that_packs_small_but_unpacks_large_makes_no_link():
    with pytest.raises(links.LinkError, match="at most 64,000"):
        links.encode(Request("#" * 64_000))
