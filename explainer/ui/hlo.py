"""HLO: the program that XLA is given, and the one it makes of it."""

from __future__ import annotations

import streamlit as st

from explainer.report import Report
from explainer.ui import markup


def hlo(report: Report) -> None:
    """Shows StableHLO beside the optimised HLO."""
    if report.hlo is None:
        return
    left, right = st.columns(2)
    with left:
        _listing("StableHLO, as JAX lowers it", report.hlo.stablehlo)
    with right:
        _listing("HLO after XLA's optimisation", report.hlo.optimized)


def _listing(title: str, text: str) -> None:
    markup.show(markup.tag("div", markup.escape(title), "pg-note"))
    if text:
        st.code(text, language=None, height=480)
    else:
        markup.show(markup.tag("p", "This run did not get that far.", "pg-note"))
