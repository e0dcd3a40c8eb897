"""Fixes and findings in words, for text, page and notebook alike: diffs, headlines, order.

Fix, Finding ──▶ diff, outputs_text, headline, ordered ──▶ views/text, page, ui
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from explainer.report import Finding, Fix, Leaf
from explainer.source import short_dtype
from explainer.spec import Request

MOST_OUTPUTS = 6
MOST_LINES = 600  # of both texts together, up to which each line is paired; of a diff
_MOST_OF_A_SIDE = MOST_LINES // 2
MOST_WORDS = 200  # of two lines together, up to which what differs is marked
CONTEXT = 1  # lines that stay, round those that change

_SEVERITIES = ("error", "warning", "info")
_CONFIDENCES = ("certain", "likely", "possible")
_SURE = {
    "certain": "shown by running this program",
    "likely": "likely, but it may be meant",
    "possible": "possible: look whether it is meant",
}
_ONE_FIELD = ("argument ", "in_axes of ", "out_axes of ")
_NO_PLACE = ("", "code", "levels")  # their lines speak for themselves

Opcode = tuple[str, int, int, int, int]  # as difflib's
Sign = Literal[" ", "-", "+", "…"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a diff: kept " ", taken out "-", put in "+", or "…" for lines left out.

    `marks` are the ranges of columns that differ from the line that it replaces, or is replaced by.
    """

    sign: Sign
    text: str
    marks: tuple[tuple[int, int], ...] = ()


def diff(fix: Fix) -> tuple[Line, ...]:
    """Returns the edit line by line, its unchanged lines but the nearest left out; () for no edit of text.

    A long one is cut after `MOST_LINES`.

    before "(0, 0)", after "(0, None)"  ->  - (0, 0)  marks ((4, 5),)   + (0, None)  marks ((4, 8),)
    """
    before, after = fix.before.splitlines(), fix.after.splitlines()
    lines: list[Line] = []
    groups = _groups(before, after)
    for number, group in enumerate(groups):
        if number or group[0][1] > 0:
            lines.append(Line("…", ""))
        for kind, first, last, start, end in group:
            lines += _block(kind, before[first:last], after[start:end])
            if len(lines) > MOST_LINES:
                return (*lines[:MOST_LINES], Line("…", ""))
    if groups and groups[-1][-1][2] < len(before):
        lines.append(Line("…", ""))
    return tuple(lines)


def told_diff(fix: Fix) -> list[str]:
    """Returns the edit as lines of text: "- (0, 0)", "+ (0, None)"."""
    return [f"{line.sign} {line.text}".rstrip() for line in diff(fix)]


def place_text(fix: Fix, names: Sequence[str] = ()) -> str:
    """Returns where the edit is made: "in_axes of vmap j", "argument keys", "code"; "" where it shows.

    `names` are those of the request's levels, outermost first.
    """
    field, of, number = fix.place.rpartition(" of level ")
    if of and number.isdecimal():
        known = names[int(number)] if int(number) < len(names) else "ijklmnopqrstuvwxyz"[int(number) % 18]
        return f"{field} of vmap {known}"
    return "" if fix.place in _NO_PLACE else fix.place


def also_changed(fix: Fix, request: Request, names: Sequence[str] = ()) -> tuple[tuple[str, Fix], ...]:
    """Returns the other fields of a stated request that an edit of one of them changes, and how.

    argument key is split and in_axes then maps it  ->  ("in_axes of vmap i", (None, 0) -> (0, 0))
    """
    if not fix.place.startswith(_ONE_FIELD) or len(fix.request.levels) != len(request.levels):
        return ()
    before, after = _fields(request), _fields(fix.request)
    others = (place for place in after if place != fix.place and after[place] != before.get(place, ""))
    edits = (replace(fix, place=place, before=before.get(place, ""), after=after[place]) for place in others)
    return tuple((place_text(edit, names), edit) for edit in edits)


def _fields(request: Request) -> dict[str, str]:
    """Returns the texts of arguments and axes by their places."""
    arguments = {f"argument {each.name}": each.value for each in request.arguments}
    inputs = {f"in_axes of level {n}": level.in_axes for n, level in enumerate(request.levels)}
    outputs = {f"out_axes of level {n}": level.out_axes for n, level in enumerate(request.levels)}
    return {**arguments, **inputs, **outputs}


def outputs_text(fix: Fix) -> str:
    """Returns what the edited request gives: out f32[3, 4], or how many more there are."""
    shown = [_typed(leaf) for leaf in fix.outputs[:MOST_OUTPUTS]]
    if len(fix.outputs) > MOST_OUTPUTS:
        shown.append(f"{len(fix.outputs) - MOST_OUTPUTS:,} more")
    return ", ".join(shown)


def proven_text(fix: Fix) -> str:
    """Returns what was tried and what came of it: gives out f32[3, 4]; same as a Python loop."""
    gives = f"gives {outputs_text(fix)}" if fix.outputs else ""
    return "; ".join(filter(None, (gives, f"proof: {fix.proof}" if fix.proof else "")))


def headline(finding: Finding) -> str:
    """Returns severity and kind of a silent bug: Warning: shared key (likely, but it may be meant)."""
    return f"{finding.severity.capitalize()}: {kind_text(finding)} ({sure_text(finding)})"


def kind_text(finding: Finding) -> str:
    """Returns the kind of a silent bug as words: shared_key -> shared key."""
    return finding.kind.replace("_", " ").strip() or "silent bug"


def sure_text(finding: Finding) -> str:
    """Returns how sure it is that this is a bug."""
    return _SURE[finding.confidence]


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Returns findings with the gravest first, and of these the surest."""
    return sorted(
        findings, key=lambda each: (_SEVERITIES.index(each.severity), _CONFIDENCES.index(each.confidence))
    )


def _groups(before: Sequence[str], after: Sequence[str]) -> list[list[Opcode]]:
    """Returns what changes, with a little round it; of long texts all between what both begin and end with.

    The time a pairing takes grows with the square of the lines, and the texts may come from foreign code.
    """
    if len(before) + len(after) <= MOST_LINES:
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        return [list(group) for group in matcher.get_grouped_opcodes(CONTEXT)]
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    one, other = len(before) - tail, len(after) - tail
    if head == one == other:
        return []
    above, below = min(CONTEXT, head), min(CONTEXT, tail)
    return [
        [
            ("equal", head - above, head, head - above, head),
            ("replace", head, one, head, other),
            ("equal", one, one + below, other, other + below),
        ]
    ]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Returns how many lines two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _block(kind: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    if kind == "equal":
        yield from (Line(" ", line) for line in before)  # few: what is far from a change is left out
        return
    pairs = [_changes(old, new) for old, new in zip(before[:_MOST_OF_A_SIDE], after, strict=False)]
    for number, line in enumerate(before[:_MOST_OF_A_SIDE]):
        yield Line("-", line, pairs[number][0] if number < len(pairs) else ())
    yield from [Line("…", "")] if len(before) > _MOST_OF_A_SIDE else []
    for number, line in enumerate(after[:_MOST_OF_A_SIDE]):
        yield Line("+", line, pairs[number][1] if number < len(pairs) else ())
    yield from [Line("…", "")] if len(after) > _MOST_OF_A_SIDE else []


Ranges = tuple[tuple[int, int], ...]
_LONGEST = 10_000  # characters of two lines that are compared word by word


def _changes(before: str, after: str) -> tuple[Ranges, Ranges]:
    """Returns what differs in two lines, word by word; nothing where hardly a word is the same."""
    if len(before) + len(after) > _LONGEST:
        return (), ()
    old, new = _words(before), _words(after)
    if len(old) + len(new) > MOST_WORDS:
        return (), ()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.4:
        return (), ()
    edits = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return _ranges(old, [(a, b) for _, a, b, _, _ in edits]), _ranges(
        new, [(a, b) for _, _, _, a, b in edits]
    )


def _words(line: str) -> list[str]:
    words: list[str] = []
    for char in line:
        if words and char.isidentifier() and words[-1][-1].isidentifier():
            words[-1] += char
        else:
            words.append(char)
    return words


def _ranges(words: Sequence[str], spans: Iterable[tuple[int, int]]) -> Ranges:
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return tuple((starts[first], starts[last]) for first, last in spans if first < last)


def _typed(leaf: Leaf) -> str:
    return f"{leaf.path} {short_dtype(leaf.dtype)}[{', '.join(map(str, leaf.shape))}]"
