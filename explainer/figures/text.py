"""Words and numbers in pictures: four characters for a cell, safe text for names.

Names, keys of trees and values come from the user and end up in Plotly's pseudo-HTML and
beside colour tokens, so they pass `escape` on the way in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

UNKNOWN = "·"
"""Stands in a cell whose value is not known (yet)."""

CELL_CHARACTERS = 4


def cell(value: object) -> str:
    """Returns a value in at most four characters.

    True -> T,  -0.257 -> −.26,  1234.5 -> 1e3,  1e-6 -> ≈0,  nan -> nan,  None -> ·
    """
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int):
        text = str(value)
        return _minus(text) if len(text) <= CELL_CHARACTERS else _large(float(value))
    if isinstance(value, float):
        return _real(value)
    return _word(str(value))


def full(value: object) -> str:
    """Returns a value for a tooltip: six significant digits, text as it is."""
    if value is None:
        return "not known"
    if isinstance(value, float):
        return _minus(f"{value:.6g}")
    return shorten(str(value), 60)


def escape(text: str) -> str:
    """Returns text that Plotly shows literally: no tags, no links, no line breaks, no colour tokens."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;")):
        plain = plain.replace(character, entity)
    return plain


def shorten(text: str, limit: int) -> str:
    """Returns text of at most `limit` characters, cut in the middle: averylongname -> ave…ame."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def listing(words: Sequence[str], limit: int = 3) -> str:
    """Returns the first words and how many were left out: a, b, c, +2 more."""
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown}, +{len(words) - limit} more"


def shape(sizes: Sequence[int]) -> str:
    """Returns a shape as Python prints it: (), (3,), (3, 4)."""
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def selection(kept: Sequence[int], size: int) -> str:
    """Returns which indices of an axis are drawn, "" for all of them.

    (0, 1, 2, 1023) of 1024 -> first 3 … last 1 of 1,024
    """
    if len(kept) == size:
        return ""
    first = 0
    while first < len(kept) and kept[first] == first:
        first += 1
    last = len(kept) - first
    if kept[first:] != tuple(range(size - last, size)):
        return f"{len(kept)} of {size:,}"
    return f"first {first} … last {last} of {size:,}" if last else f"first {first} of {size:,}"


def _real(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) < 0.005:
        return "≈0"
    if value == int(value) and abs(value) < 1000:
        return _minus(str(int(value)))
    decimals = 2 if abs(value) < 0.995 else 1 if abs(value) < 9.95 else 0
    text = f"{value:.{decimals}f}".replace("0.", ".", 1) if decimals == 2 else f"{value:.{decimals}f}"
    return _minus(text) if abs(value) < 999.5 else _large(value)


def _large(value: float) -> str:
    """Returns a large number by its power of ten: 1e3, 2e12, −e12 where a digit has no room."""
    text = f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    if len(text) > CELL_CHARACTERS:
        sign = "-" if value < 0 else ""
        text = f"{sign}e{text.partition('e')[2]}"
    return _minus(text) if len(text) <= CELL_CHARACTERS else "≪0"


def _word(text: str) -> str:
    """Returns text cut to fit: complex numbers by their head, random keys (hex) by their tail."""
    if len(text) <= CELL_CHARACTERS:
        return text.replace("-", "−")
    if all(character in "0123456789abcdefABCDEFx:, ()[]" for character in text):
        return "…" + text.rstrip(")] ")[1 - CELL_CHARACTERS :]
    return text.lstrip("([")[: CELL_CHARACTERS - 1].replace("-", "−") + "…"


def _minus(text: str) -> str:
    return text.replace("-", "−")
