"""Requests in links: there and back, short enough, and nothing else is let in."""

from __future__ import annotations

import base64
import hashlib
import zlib

import msgspec
import pytest

from explainer import links
from explainer.lessons import LESSONS
from explainer.spec import Argument, Request


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_lesson_fits_in_a_link_and_comes_back(lesson):
    word = links.encode(lesson.request)
    assert len(word) <= links.LONGEST
    assert links.decode(word) == lesson.request


@pytest.mark.parametrize("code", ["", "x = 'é∂🙂'", "a\\b\n\t\"'"])
def test_any_text_comes_back(code):
    assert links.decode(links.encode(Request(code=code))).code == code


def test_a_request_too_long_for_a_link_says_so():
    noise = hashlib.shake_256(b"noise").hexdigest(4_000)
    with pytest.raises(links.LinkError, match="too long to share by link"):
        links.encode(Request(code=noise))


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(zlib.compress(msgspec.msgpack.encode(value))).decode()


@pytest.mark.parametrize(
    "word",
    [
        "",
        "A",
        "!!!!",
        "é",
        "AAAA",
        links.encode(LESSONS[0].request)[:-9],
        packed(3),
        packed({"code": 3}),
        packed([]),
    ],
)
def test_a_damaged_link_says_what_to_do(word):
    with pytest.raises(links.LinkError, match="Ask for it again"):
        links.decode(word)


def test_a_link_cannot_unpack_to_more_than_a_page_holds():
    with pytest.raises(links.LinkError):
        links.decode(packed({"code": "x" * 10_000_000}))
    with pytest.raises(links.LinkError, match="too many for a page"):
        links.decode(packed(Request(arguments=tuple(Argument(f"a{n}", "1") for n in range(500)))))
