"""Two jaxprs side by side: which line of the batched program came from which line of the example's.

    JaxprText, JaxprText ─▶ diff ─▶ rows ─▶ ui/jaxprs

Lines are paired by the equation they belong to, which JAX told us, and by their primitive or
parameter. Names of variables differ from one program to the next and are never counted as a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from explainer.report import JaxprText

Kind = Literal["same", "grown", "changed", "replaced", "added", "gone"]
"""grown: only types differ, f32[2] and f32[3,2]; changed: a parameter or a literal does too."""

LONGEST = 2_000  # characters of a line that is compared word by word
MOST_COMPARED = 500_000_000
"""Of all lines, the words of the longer one of each pair to the third: what comparing takes at worst."""

_TOKEN = re.compile(r"[\w<>]+\[[\d,]*\]|[\w.-]+|\s+|.")
_TYPE = re.compile(r"[\w<>]+\[[\d,]*\]")
_VARIABLE = re.compile(r"[a-z]{1,3}|_")
_NUMPY_INT = re.compile(r"np\.int\d+\((-?\d+)\)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line in parts; `parts[n][1]` tells that this part is not on the other side."""

    parts: tuple[tuple[str, bool], ...]
    equation: int | None  # the one it belongs to
    opens: bool  # it is the first line of that equation

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of each program; None where one has no counterpart."""

    left: Line | None
    right: Line | None
    kind: Kind


def diff(left: JaxprText, right: JaxprText, most: int | None = None) -> tuple[Row, ...]:
    """Returns the lines of both programs in order, the `most` first ones of each if it is given.

    Those of one equation and primitive stand side by side.
    """
    old, new = _lines(left)[:most], _lines(right)[:most]
    matcher = SequenceMatcher(
        None, [_key(line) for line in old], [_key(line) for line in new], autojunk=False
    )
    rows: list[Row] = []
    room = MOST_COMPARED
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation == "equal":
            for before, after in zip(old[a:b], new[c:d], strict=True):
                old_words, new_words = _tokens(before.text), _tokens(after.text)
                room -= max(len(old_words), len(new_words)) ** 3
                pair = _pair(before, old_words, after, new_words) if room >= 0 else _whole(before, after)
                rows.append(pair)
        else:
            rows += [_unpaired(before, after) for before, after in zip_longest(old[a:b], new[c:d])]
    return tuple(rows)


def _unpaired(before: Line | None, after: Line | None) -> Row:
    """Puts a line that is gone beside one that is new, if both are there."""
    if before is None:
        return Row(None, after, "added")
    return Row(before, after, "gone" if after is None else "replaced")


def _whole(before: Line, after: Line) -> Row:
    """Tells two lines apart without their words."""
    return Row(before, after, "same" if before.text == after.text else "changed")


def _pair(before: Line, old: Sequence[str], after: Line, new: Sequence[str]) -> Row:
    """Marks in both lines the words that the other one lacks."""
    matcher = SequenceMatcher(None, list(map(_plain, old)), list(map(_plain, new)), autojunk=False)
    kept_old, kept_new = set[int](), set[int]()
    for block in matcher.get_matching_blocks():
        kept_old.update(range(block.a, block.a + block.size))
        kept_new.update(range(block.b, block.b + block.size))
    differing = [old[n] for n in range(len(old)) if n not in kept_old]
    differing += [new[n] for n in range(len(new)) if n not in kept_new]
    words = [word for word in differing if not word.isspace()]
    kind: Kind = "changed"
    if all(_TYPE.fullmatch(word) for word in words):
        kind = "grown" if words else "same"
    return Row(_marked(before, old, kept_old), _marked(after, new, kept_new), kind)


def _tokens(text: str) -> list[str]:
    """Splits a line into words; the value of a parameter is one: "axes", "=", "(0, 1)"."""
    if len(text) > LONGEST:
        return [text]
    found: list[str] = []
    at, closed = 0, True
    while match := _TOKEN.match(text, at):
        end = match.end()
        if closed and match[0] in "([" and found and found[-1] == "=":
            value_end = _closed(text, at)
            end, closed = value_end or end, value_end is not None
        found.append(text[at:end])
        at = end
    return found


def _closed(text: str, start: int) -> int | None:
    """Returns where the bracket that opens at `start` is closed; None if on no place of this line."""
    depth = 0
    for n in range(start, len(text)):
        depth += (text[n] in "([{") - (text[n] in ")]}")
        if depth == 0:
            return n + 1
    return None


def _plain(token: str) -> str:
    return "variable" if _VARIABLE.fullmatch(token) else token


def _marked(line: Line, tokens: Sequence[str], kept: set[int]) -> Line:
    parts: list[tuple[str, bool]] = []
    for n, token in enumerate(tokens):
        new = n not in kept and not token.isspace()
        if parts and parts[-1][1] == new:
            parts[-1] = (parts[-1][0] + token, new)
        else:
            parts.append((token, new))
    return Line(tuple(parts), line.equation, line.opens)


def _key(line: Line) -> tuple[int | None, str]:
    """Returns what lines side by side have in common: the equation, and the primitive or the parameter."""
    text = line.text.strip()
    made = re.search(r" = ([\w-]+)", text) if line.opens else re.match(r"([\w-]+)=", text)
    if made is None:
        made = re.match(r"(in |[]{})])", text)
    return line.equation, made[1] if made else text


def _lines(jaxpr: JaxprText) -> list[Line]:
    texts, opened = _laid_out(jaxpr)
    return [Line(((text, False),), owner, opens) for text, owner, opens in _owned(texts, opened)]


def _laid_out(jaxpr: JaxprText) -> tuple[list[str], list[int | None]]:
    """Returns the lines with a jaxpr of one equation, which JAX prints in one line, over three."""
    texts: list[str] = []
    opened: list[int | None] = []
    for n, line in enumerate(jaxpr.text.splitlines()):
        text = _NUMPY_INT.sub(r"\1", line)
        equation = jaxpr.lines[n] if n < len(jaxpr.lines) else None
        parts = _one_liner(text)
        if parts is None or equation is None:
            texts.append(text)
            opened.append(equation)
        else:
            indent = " " * (len(text) - len(text.lstrip(" ")))
            texts += [parts[0], f"{indent}    {parts[1]}", f"{indent}  {parts[2]}"]
            opened += [None, equation, None]
    return texts, opened


def _one_liner(text: str) -> tuple[str, str, str] | None:
    """Returns a jaxpr of one line in three parts: "{ lambda ; a. let", "b = sin a", "in (b,) }"."""
    let = text.find(" let ", max(text.rfind("{ lambda "), 0))
    end = text.rfind(" in (")
    if "{ lambda " not in text or let < 0 or end < let + len(" let x"):
        return None
    return text[: let + len(" let")], text[let + len(" let ") : end], text[end + 1 :]


def _owned(texts: Sequence[str], opened: Sequence[int | None]) -> Iterator[tuple[str, int | None, bool]]:
    """Yields each line with the equation it stands in: parameters are indented, a bracket ends its block."""
    stack: list[tuple[int, int]] = []  # (column, equation) of the equations that are open
    for n, text in enumerate(texts):
        column = len(text) - len(text.lstrip())
        equation = opened[n] if n < len(opened) else None
        closing = text.lstrip()[:1] in ("]", ")", "}")
        while stack and (stack[-1][0] > column or (stack[-1][0] == column and not closing)):
            stack.pop()
        if equation is not None:
            stack.append((column, equation))
        yield text, stack[-1][1] if stack else None, equation is not None
