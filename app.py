"""The app: page settings and navigation. `streamlit run app.py` starts it."""

import streamlit as st

from explainer.ui import exposure, navigation, work

st.set_page_config(page_title="vmap explainer", layout="wide", initial_sidebar_state="collapsed")
work.warm_up()
exposure.guard()
navigation.run()
