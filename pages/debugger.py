"""Debugger: paste what goes wrong; read why, see what does not fit, apply a fix that was tried."""

import streamlit as st

from explainer.ui import address, calls, entry, look, navigation, session, tabs, work

navigation.ensure()
look.apply()
address.open_page(session.DEBUGGER)
with st.container(key="work-debugger"):
    left, right = st.columns([6, 8], gap="large")
with left, st.container(key="fields", gap="xsmall"):
    work.broken_fields()
address.follow()
with right:
    shown = work.explanation() if entry.started() else None
    if shown is not None:
        work.diagnosed(shown)
        entry.mappable(shown.request, shown=shown.finished and not shown.report.levels)
        picked = calls.calls(shown)
        work.reached(picked)
        tabs.tabs(picked)
if shown is not None:
    work.follow(shown)
