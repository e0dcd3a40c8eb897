"""Lines: a text in the lines that Python counts.

`str.splitlines` also ends lines at form feeds, U+2028 and others, which Python's own parser does not.
"""

from __future__ import annotations

import re

_ENDS = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """Returns the lines of a text without their ends; a last line that is empty does not count."""
    found = _ENDS.split(text)
    return found if found[-1] else found[:-1]


def lines_with_ends(text: str) -> list[str]:
    """Returns the lines of a text, each with its end."""
    ends = [match.end() for match in _ENDS.finditer(text)]
    found = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return found if found[-1] else found[:-1]
