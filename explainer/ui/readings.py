"""Read aloud: a nest of levels as loops, as an einsum, as a `jnp.vectorize` signature; or why it is not."""

from __future__ import annotations

import streamlit as st

from explainer.report import Report
from explainer.ui import markup
from explainer.ui.markup import escape, tag
from explainer.views import diagnosis_text
from explainer.views.spoken import spoken


def readings(report: Report) -> None:
    """Shows each reading, to be copied, with what proved that it is the same."""
    for group in spoken(report):
        if group.call:
            markup.show(tag("h3", markup.coded(f"`{group.call}`"), "pg-h"))
        for reading in group.readings:
            markup.heading(diagnosis_text.read_as(reading).capitalize(), reading.proof)
            st.code(reading.text.rstrip("\n"), language="python", wrap_lines=True)
        if group.why_not:
            markup.show(tag("p", escape(group.why_not), "pg-words"))
