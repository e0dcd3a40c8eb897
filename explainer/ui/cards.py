"""Fixes as cards: what to do, the text before and after, what it gives, what proved it, Apply.

Fix ─▶ card ─ Apply ─▶ Session.draft, and back by "Undo the fix"
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.report import Fix, Report
from explainer.spec import Request
from explainer.ui import markup, session
from explainer.ui.markup import Html, escape, tag
from explainer.views import diagnosis_text, fix_text
from explainer.views.markup import diff_line

_SIGNS = {"-": "pg-minus", "+": "pg-plus", " ": "", "…": "pg-mute"}


def cards(fixes: Sequence[Fix], report: Report, name: str) -> None:
    """Shows one card per fix; `name` tells several lists of a page apart."""
    names = diagnosis_text.level_names(report)
    with st.container(key=f"fixes-{name}", gap="xsmall"):
        for number, fix in enumerate(fixes, 1):
            with st.container(key=f"fix-{name}-{number}", gap="xxsmall"):
                _head(number, fix, name, alone=len(fixes) == 1)
                _body(fix, report.request, names)


def _head(number: int, fix: Fix, name: str, *, alone: bool) -> None:
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", key=f"fix-{name}-{number}-head"
    ):
        words = f"{'' if alone else f'{number}. '}{' '.join(fix.summary.split())}"
        markup.show(tag("h4", escape(words), "pg-fix"))
        st.button(
            "Apply" if alone else f"Apply {number}",
            icon=":material/check:",
            key=f"apply-{name}-{number}",
            help=f"Put this into the fields: {markup.markdown(fix.summary)}",
            on_click=session.apply,
            args=(fix.request,),
        )


def _body(fix: Fix, request: Request, names: Sequence[str]) -> None:
    parts = [_edit(fix_text.place_text(fix, names), fix)]
    parts += [_edit(place, edit) for place, edit in fix_text.also_changed(fix, request, names)]
    gives = tag("code", escape(fix_text.outputs_text(fix))) if fix.outputs else Html("")
    given = tag("span", "gives " + gives) if gives else Html("")
    proof = tag("span", "✓ " + escape(fix.proof), "pg-good") if fix.proof else Html("")
    parts.append(tag("div", given + proof, "pg-proven"))
    markup.show(markup.join(parts))


def _edit(place: str, fix: Fix) -> Html:
    """Returns the text before and after, under the name of the field that it stands in."""
    edit = fix_text.diff(fix)
    if not edit:
        return Html("")
    lines = markup.join(tag("div", diff_line(line), _SIGNS[line.sign]) for line in edit)
    shown = tag("div", lines, "pg-edit", role="group", aria_label="Before and after")
    return markup.join((tag("div", escape(place), "pg-place"), shown)) if place else shown
