"""A diagnosis in lines of text: the failure with its ruler, proven fixes, silent bugs, readings.

    Report ──▶ failed, fixes, found, wanted, read_aloud ──▶ views/text

Each returns the lines of one section, none where there is nothing to say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from explainer.report import Blame, Finding, Fix, Reading, Report
from explainer.spec import Request
from explainer.views import carets, fix_text, mismatch
from explainer.views.spoken import spoken

_WIDTH = 100

STAGE_WORDS = {
    "parse": "reading the request",
    "trace": "tracing one example",
    "batch": "following the batch axes",
    "check": "comparing with a Python loop",
    "lower": "lowering",
    "compile": "compiling",
    "run": "running",
    "time": "timing",
}

_READ_AS = {
    "loops": "as loops",
    "named": "with named axes (in brackets: what the function sees whole)",
    "einsum": "as an einsum",
    "vectorize": "as a jnp.vectorize signature",
}


def failed(report: Report) -> list[str]:
    """Returns what failed, where, why, what does not fit, and the error's own words."""
    failure = report.failure
    if failure is None:
        return []
    limit = f" (limit: {failure.limit})" if failure.limit else ""
    lines = [f"while {STAGE_WORDS[failure.stage]}: {failure.error_type}{limit}"]
    lines += _prose(failure.explanation)
    lines += _carets(failure.blame, report.request)
    if failure.mismatch is not None and failure.mismatch.lanes:
        lines += ["", *mismatch.told(failure.mismatch, report)]
    if failure.message and failure.message != failure.explanation:
        lines += ["", "The original message:", *(f"  {line}" for line in failure.message.split("\n"))]
    return lines


def fixes(report: Report) -> list[str]:
    """Returns the proven fixes, numbered, each with its edit and its proof."""
    return _numbered(report.fixes, report)


def found(report: Report) -> list[str]:
    """Returns the silent bugs, the gravest first, each with its place and its fixes."""
    lines: list[str] = []
    for finding in fix_text.ordered(report.findings):
        lines += ["", *_finding(finding, report)] if lines else _finding(finding, report)
    return lines


def wanted(report: Report) -> list[str]:
    """Returns what gives the output that the user asked for, or why nothing does."""
    asked = report.wanted
    if asked is None:
        return []
    lines = [f"You asked for {asked.text}."]
    if asked.why_not:
        lines += _prose(asked.why_not)
    return [*lines, *_numbered(asked.solutions, report)]


def read_aloud(report: Report) -> list[str]:
    """Returns the nest of levels, and every call, said in other words, each with what proved it."""
    lines: list[str] = []
    for group in spoken(report):
        own = [line for reading in group.readings for line in _reading(reading)]
        own += _prose(group.why_not)
        lines += [f"{group.call}:", *_indented(own)] if group.call else own
    return lines


def read_as(reading: Reading) -> str:
    """Returns the words for the kind of a reading: as loops, as an einsum."""
    return _READ_AS.get(reading.kind, reading.kind)


def level_names(report: Report) -> tuple[str, ...]:
    """Returns the names of the levels that the request states, as far as they are known."""
    return tuple(level.name for level in report.stated)


def _finding(finding: Finding, report: Report) -> list[str]:
    inner = [*_prose(finding.explanation), *_carets(finding.blame, report.request)]
    inner += _numbered(finding.fixes, report)
    return [fix_text.headline(finding), *_indented(inner)]


def _numbered(fixes: Sequence[Fix], report: Report) -> list[str]:
    return [line for number, fix in enumerate(fixes, 1) for line in _fix(number, fix, report)]


def _fix(number: int, fix: Fix, report: Report) -> list[str]:
    names = level_names(report)
    inner = _edit(fix_text.place_text(fix, names), fix)
    for place, also in fix_text.also_changed(fix, report.request, names):
        inner += _edit(place, also)
    proven = fix_text.proven_text(fix)
    inner += [proven] if proven else []
    return [f"{number}. {' '.join(fix.summary.split())}", *_indented(inner, 3)]


def _edit(place: str, fix: Fix) -> list[str]:
    edit = fix_text.told_diff(fix)
    return [*([f"{place}:"] if place and edit else []), *(f"  {line}" for line in edit)]


def _reading(reading: Reading) -> list[str]:
    proof = f" ({reading.proof})" if reading.proof else ""
    return [f"{read_as(reading)}{proof}:", *_indented(reading.text.rstrip("\n").split("\n"))]


def _carets(blame: Blame, request: Request) -> list[str]:
    return [line for lines in carets.places(blame, request) for line in ("", *lines)]


def _prose(words: str) -> list[str]:
    """Returns sentences as lines that are not too long; its own line breaks stay."""
    lines = words.split("\n") if words else []
    return [part for line in lines for part in (_wrapped(line) or [line])]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, drop_whitespace=True, break_long_words=False, break_on_hyphens=False)


def _indented(lines: Iterable[str], by: int = 2) -> list[str]:
    return [f"{' ' * by}{line}".rstrip() for line in lines]
