"""A request as a link: zlib and base64url in one query parameter, small enough for a chat."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TypeVar

import msgspec

from explainer.spec import Request

T = TypeVar("T")

LONGEST = 2_000  # characters; proxies and chats cut longer links
_LARGEST = 64_000  # bytes once unpacked: a link must not be a bomb
MOST_ROWS = 64  # fields that a page can hold


class LinkError(ValueError):
    """A link that holds no request, or a request too long for a link."""


def encode(request: Request) -> str:
    """Returns the request as one word for a URL; raises LinkError past LONGEST characters."""
    data = msgspec.msgpack.encode(request)
    if len(data) > _LARGEST:
        raise LinkError(
            f"This request is too long to share by link: {len(data):,} bytes, and a link unpacks to at most "
            f"{_LARGEST:,}. Copy the JAX code instead."
        )
    word = pack(request)
    if len(word) > LONGEST:
        raise LinkError(
            f"This request is too long to share by link: {len(word):,} characters, at most {LONGEST:,} "
            "survive proxies and chats. Copy the JAX code instead."
        )
    return word


def decode(word: str) -> Request:
    """Reads a request back; raises LinkError on anything else."""
    request = unpack(word, Request, _LARGEST)
    if len(request.arguments) + len(request.levels) > MOST_ROWS:
        raise LinkError(f"The link asks for more than {MOST_ROWS} arguments and levels, too many for a page.")
    return request


def pack(value: object) -> str:
    """Returns plain data as one word of letters that every URL may hold."""
    packed = zlib.compress(msgspec.msgpack.encode(value), level=9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def unpack(word: str, kind: type[T], largest: int) -> T:
    """Reads such a word back, at most `largest` bytes of it; raises LinkError on anything else."""
    try:
        packed = base64.urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
        data = zlib.decompressobj().decompress(packed, largest)
        return msgspec.msgpack.decode(data, type=kind)
    except (UnicodeError, binascii.Error, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise LinkError(
            "The link is damaged or was cut, so it holds no request. Ask for it again."
        ) from error
