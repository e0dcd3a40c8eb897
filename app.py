"""The app: page settings and navigation. `streamlit run app.py` starts it."""

import streamlit as st

from explainer.ui import work

st.set_page_config(page_title="vmap explainer", layout="wide", initial_sidebar_state="collapsed")
work.warm_up()
pages = [
    st.Page("pages/playground.py", title="Playground", default=True),
    st.Page("pages/debugger.py", title="Debugger"),
]
embedded = st.context.is_embedded
st.navigation(pages, position="hidden" if embedded else "top").run()
