"""Playground: edit a function, its arguments and its vmap levels; watch the batch axes move."""

import streamlit as st

from explainer.ui import address, calls, look, navigation, tabs, work

navigation.ensure()
look.apply()
address.open_page("playground")
with st.container(key="work"):
    left, right = st.columns([5, 9], gap="large")
with left, st.container(key="fields", gap="xsmall"):
    work.fields()
address.follow()
shown = work.explanation()
with right:
    picked = calls.calls(shown)
    work.screen(shown, picked)
    tabs.tabs(picked)
work.follow(shown)
