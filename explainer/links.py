"""A request as a link: zlib and base64url in one query parameter, small enough for a chat."""

from __future__ import annotations

import base64
import binascii
import zlib

import msgspec

from explainer.spec import Request

LONGEST = 2_000  # characters; proxies and chats cut longer links
_LARGEST = 64_000  # bytes once unpacked: a link must not be a bomb
_MOST_ROWS = 64  # fields that a page can hold


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
    word = base64.urlsafe_b64encode(zlib.compress(data, level=9)).decode().rstrip("=")
    if len(word) > LONGEST:
        raise LinkError(
            f"This request is too long to share by link: {len(word):,} characters, at most {LONGEST:,} "
            "survive proxies and chats. Copy the JAX code instead."
        )
    return word


def decode(word: str) -> Request:
    """Reads a request back; raises LinkError on anything else."""
    try:
        packed = base64.urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
        data = zlib.decompressobj().decompress(packed, _LARGEST)
        request = msgspec.msgpack.decode(data, type=Request)
    except (UnicodeError, binascii.Error, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise LinkError(
            "The link is damaged or was cut, so it holds no request. Ask for it again."
        ) from error
    if len(request.arguments) + len(request.levels) > _MOST_ROWS:
        raise LinkError(
            f"The link asks for more than {_MOST_ROWS} arguments and levels, too many for a page."
        )
    return request
