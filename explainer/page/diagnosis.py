"""The diagnosis on the page: the failure with its ruler, fixes as cards, silent bugs, readings.

    Report ──▶ failure, fixes, findings, wanted, readings ──▶ sections.page

What a fix changes is shown as it is in text, line by line; here the words that differ are marked, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.figures.ruler import ruler
from explainer.report import Blame, Finding, Fix, Reading, Report
from explainer.spec import Request
from explainer.views import carets, diagnosis_text, fix_text
from explainer.views.markup import Html, diff_line, escape, join, prose, tag
from explainer.views.spoken import spoken

_SIGNS = {"-": "pg-out", "+": "pg-in", " ": "", "…": ""}
_SEVERITY = {"error": "pg-bad", "warning": "pg-warn", "info": ""}


def failure(report: Report) -> Html:
    """Returns the card of what failed: why, where, what does not fit, and the error's own words."""
    failed = report.failure
    if failed is None:
        return Html("")
    limit = f" (limit: {failed.limit})" if failed.limit else ""
    title = f"Failed while {diagnosis_text.STAGE_WORDS[failed.stage]}: {failed.error_type}{limit}"
    parts = [
        tag("h2", escape(title)),
        tag("p", prose(failed.explanation) or escape(failed.message), "pg-words"),
    ]
    parts.append(_places(failed.blame, report))
    if failed.mismatch is not None and failed.mismatch.lanes:
        parts.append(ruler(failed.mismatch, report))
    if failed.message and failed.message != failed.explanation:
        said = tag("pre", escape(failed.message), "pg-words", tabindex="0")
        opened = {} if failed.explanation else {"open": ""}
        parts.append(tag("details", tag("summary", "The error as it was raised") + said, **opened))
    return tag("section", join(parts), "pg-card", role="alert")


def fixes(report: Report) -> Html:
    """Returns the proven fixes as a numbered list."""
    return _cards(report.fixes, report)


def findings(report: Report) -> Html:
    """Returns the silent bugs, the gravest first."""
    shown = [tag("li", _finding(finding, report)) for finding in fix_text.ordered(report.findings)]
    return tag("ul", join(shown), "pg-findings") if shown else Html("")


def wanted(report: Report) -> Html:
    """Returns what gives the output that the user asked for, or why nothing does."""
    asked = report.wanted
    if asked is None:
        return Html("")
    parts = [tag("p", join((escape("You asked for "), tag("code", escape(asked.text)), escape("."))))]
    if asked.why_not:
        parts.append(tag("p", prose(asked.why_not), "pg-words"))
    return join((*parts, _cards(asked.solutions, report)))


def readings(report: Report) -> Html:
    """Returns the nest of levels, and every call, in other words."""
    parts: list[Html] = []
    for group in spoken(report):
        parts += [tag("h3", escape(group.call))] if group.call else []
        parts += map(_reading, group.readings)
        parts += [tag("p", prose(group.why_not), "pg-words")] if group.why_not else []
    return join(parts)


def _finding(finding: Finding, report: Report) -> Html:
    severity = tag("b", escape(finding.severity.capitalize()), _SEVERITY[finding.severity])
    head = (severity, escape(fix_text.kind_text(finding)), tag("small", escape(fix_text.sure_text(finding))))
    words = tag("p", prose(finding.explanation), "pg-words")
    places, cards = _places(finding.blame, report), _cards(finding.fixes, report)
    return join((tag("p", join(head, " ")), words, places, cards))


def _cards(shown: Sequence[Fix], report: Report) -> Html:
    names = diagnosis_text.level_names(report)
    return (
        tag("ol", join(_card(fix, report.request, names) for fix in shown), "pg-fixes") if shown else Html("")
    )


def _card(fix: Fix, request: Request, names: Sequence[str]) -> Html:
    parts = [tag("p", tag("b", prose(fix.summary)))]
    for place, each in ((fix_text.place_text(fix, names), fix), *fix_text.also_changed(fix, request, names)):
        if edit := fix_text.diff(each):
            parts += [tag("p", escape(place), "pg-note")] if place else []
            lines = join(tag("div", diff_line(line), _SIGNS[line.sign]) for line in edit)
            parts.append(tag("div", lines, "pg-diff pg-scroll", tabindex="0"))
    if proven := fix_text.proven_text(fix):
        parts.append(tag("p", escape(proven), "pg-note"))
    return tag("li", join(parts))


def _reading(reading: Reading) -> Html:
    proof = [tag("small", escape(reading.proof))] if reading.proof else []
    head = tag("p", join((tag("b", escape(diagnosis_text.read_as(reading))), *proof), " "))
    return join((head, tag("pre", escape(reading.text.rstrip("\n")), "pg-scroll", tabindex="0")))


def _places(blame: Blame, report: Report) -> Html:
    """Returns the lines that something comes from, with carets under the words."""
    return join(
        tag("pre", escape("\n".join(lines)), "pg-scroll", tabindex="0")
        for lines in carets.places(blame, report.request)
    )
