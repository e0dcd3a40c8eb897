"""Read aloud: the nest of levels as loops, as an einsum, as a `jnp.vectorize` signature."""

from __future__ import annotations

import streamlit as st

from explainer.report import Report
from explainer.ui import markup
from explainer.views import diagnosis_text


def readings(report: Report) -> None:
    """Shows each reading, to be copied, with what proved that it is the same."""
    for reading in report.readings:
        markup.heading(diagnosis_text.read_as(reading).capitalize(), reading.proof)
        st.code(reading.text.rstrip("\n"), language="python", wrap_lines=True)
