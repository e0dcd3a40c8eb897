"""What is wrong and what mends it: explanation, ruler, fixes, silent bugs, the output that is wanted.

    Explanation ─▶ card, ruler, the error as raised ─▶ fixes ─▶ wanted ─▶ findings

Both pages show it: the playground beside its picture, the debugger in front of it. Every part has a
slot, filled or empty, so that nothing of an earlier run stays behind; what comes late comes below.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer.figures import ruler
from explainer.report import Blame, Failure, Finding, Mismatch, Report, Span
from explainer.ui import cards, marks, markup, words
from explainer.ui.explanation import Explanation
from explainer.ui.markup import Html, escape, join, tag
from explainer.views import fix_text
from explainer.views.focus import focus

_SEVERITY = {"error": "pg-bad", "warning": "pg-warn", "info": "pg-mute"}
_MOST_FINDINGS = 12


def failure(shown: Explanation) -> None:
    """Shows why the run failed, what does not fit, and what mends it."""
    card, scale, raised, mended = st.empty(), st.empty(), st.empty(), st.empty()
    report = shown.report
    failed = report.failure
    if failed is None:
        return
    card.html(_card(failed, report))
    if failed.mismatch is not None and failed.mismatch.lanes:
        scale.html(ruler.ruler(*as_pictured(failed.mismatch, report)))
    _raised(failed, raised)
    with mended.container(key="mended", gap="xsmall"):
        _fixes(shown)


def passed(shown: Explanation) -> None:
    """Shows that nothing failed, and what was compared."""
    place = st.empty()
    report = shown.report
    if not shown.finished or shown.cancelled or report.failure is not None:
        return
    made = bool(report.levels)
    doubtful = _grave(report.findings)
    title = "It runs" if made else "It runs, but calls no vmap"
    title = "It runs, but may not do what you mean" if doubtful else title
    check = report.check
    said = [f"{words.verdict(check)}."] if check is not None else []
    if made and not report.findings:
        said.append("No silent bug was found.")
    parts = [tag("h4", escape(title)), tag("p", escape(" ".join(said)), "pg-words")]
    css = "pg-doubt" if doubtful else "pg-fine" if made else "pg-plain"
    place.html(tag("div", join(parts), f"pg-card {css}", role="status"))


def wanted(shown: Explanation) -> None:
    """Shows what gives the output that the user asked for, or why nothing does."""
    place = st.empty()
    asked = shown.report.wanted
    if asked is None:
        return
    with place.container(key="wanted-found", gap="xsmall"):
        count = len(asked.solutions)
        aside = f"{count} {'way' if count == 1 else 'ways'}, simplest first" if count else "no way found"
        markup.heading(f"Wanted: {asked.text}", aside)
        if asked.why_not:
            markup.show(tag("p", escape(asked.why_not), "pg-words"))
        cards.cards(asked.solutions, shown.report, "wanted")


def findings(report: Report) -> None:
    """Shows silent bugs, the gravest first, and folded away what is only worth a look.

    Pointing at one lights what it comes from in the code.
    """
    bugs, remarks = st.empty(), st.empty()
    found = list(enumerate(fix_text.ordered(report.findings)[:_MOST_FINDINGS]))
    grave = [each for each in found if each[1].severity != "info"]
    rest = [each for each in found if each[1].severity == "info"]
    if grave:
        with bugs.container(key="findings", gap="xsmall"):
            lit = any(_lit(finding.blame.spans) for _, finding in grave)
            markup.heading("Silent bugs", "point at one to see where" if lit else "")
            _list(grave, report)
    if rest:
        with remarks.expander(f"Worth a look ({len(rest)})"):
            _list(rest, report)


def counted(report: Report) -> Html:
    """Returns the badge of the status line: 2 silent bugs."""
    found = report.findings
    if not found:
        return Html("")
    what = "silent bug" if _grave(found) else "remark"
    text = f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
    return tag("span", escape(text), "pg-pill pg-warn" if _grave(found) else "pg-pill", title="told below")


def places(blame: Blame, report: Report) -> str:
    """Returns where something lies, in the page's words: vmap i, X, line 2 of the code."""
    levels = {level.id: (level.name, level.transform) for level in report.levels}
    found = [words.level_name(n, *levels.get(n, ())) for n in blame.levels]
    found += blame.paths or blame.arguments
    said = {f"argument {name}" for name in blame.arguments}
    found += [words.place(span) for span in blame.spans if span.source not in said]
    return ", ".join(dict.fromkeys(found))


def as_pictured(mismatch: Mismatch, report: Report) -> tuple[Mismatch, Report]:
    """Returns what does not fit as part of the call it is of, so that levels have the picture's colours."""
    blamed = report.failure.blame.levels if report.failure else ()
    level = max(blamed, default=None) if mismatch.level is None else mismatch.level
    call = focus(report, level)
    seen = call.failure.mismatch if call.failure else None
    if seen is None or _takers(seen) != _takers(mismatch):  # a level around the call is not pictured
        return mismatch, report
    return seen, call


def _grave(found: Sequence[Finding]) -> bool:
    return any(finding.severity != "info" for finding in found)


def _list(found: Sequence[tuple[int, Finding]], report: Report) -> None:
    for number, finding in found:
        markup.show(_finding(number, finding, report))
        if finding.fixes:
            cards.cards(finding.fixes, report, f"finding-{number}")


def _card(failed: Failure, report: Report) -> Html:
    title = tag("h4", escape(words.failed(failed)))
    said = tag("p", markup.coded(failed.explanation or failed.message), "pg-words")
    where = places(failed.blame, report)
    parts = [title, said]
    if where:
        parts.append(tag("p", escape(f"Where: {where}"), "pg-where"))
    return tag("div", join((*parts, _way_on(failed, report))), "pg-card", role="alert")


def _way_on(failed: Failure, report: Report) -> Html:
    """Tells who pasted a script over a function how it runs: what is mapped is not in it, or not named."""
    request = report.request
    unnamed = not request.function.strip() or any(span.source == "function" for span in failed.blame.spans)
    if failed.stage != "parse" or not unnamed or request.is_script or not request.code.strip():
        return Html("")
    return tag(
        "p",
        "Is the code a whole script? \u201cRun as a script\u201d, above it, runs it as it is.",
        "pg-where",
    )


def _takers(mismatch: Mismatch) -> list[bool]:
    return [level is None for lane in mismatch.lanes for level in lane.taken]


def _raised(failed: Failure, slot: DeltaGenerator) -> None:
    """Shows the error itself, unless the card has said just that."""
    if failed.message and failed.message != failed.explanation:
        with slot.expander("The error as it was raised"):
            st.code(f"{failed.error_type}: {failed.message}", language=None, wrap_lines=True)


def _fixes(shown: Explanation) -> None:
    """Shows the fixes, or that they are still looked for; says aloud how many there are."""
    fixes = shown.report.fixes
    if not fixes and not shown.finished:
        markup.show(tag("p", "Looking for fixes\u2026", "pg-note", role="status"))
        return
    if not fixes:
        return
    count = f"{len(fixes)} {'fix' if len(fixes) == 1 else 'fixes'}"
    title = tag("h3", escape(count) + tag("small", "each was tried and works"), "pg-h", role="status")
    markup.show(title)
    cards.cards(fixes, shown.report, "failure")


def _finding(number: int, finding: Finding, report: Report) -> Html:
    css = _SEVERITY[finding.severity]
    head = join(
        (
            tag("b", escape(fix_text.kind_text(finding).capitalize()), css),
            tag("small", escape(fix_text.sure_text(finding))),
        ),
        " ",
    )
    where = places(finding.blame, report)
    parts = [tag("p", head), tag("p", markup.coded(finding.explanation), "pg-words")]
    parts += [tag("p", escape(f"Where: {where}"), "pg-where")] if where else []
    lit = _lit(finding.blame.spans)
    extra = {"tabindex": "0"} if lit else {}
    css = f"pg-finding pg-{finding.severity} {marks.found_class(number)}"
    return tag("div", join(parts), css, role="note", **extra)


def _lit(spans: Sequence[Span]) -> bool:
    return any(span.source in ("code", "function") for span in spans)
