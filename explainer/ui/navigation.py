"""The pages of the app, and how one of them is run.

Streamlit runs the files of `pages/` on its own until `st.navigation` has been called once in the process:
who opens a page by its address first on a fresh server would get it without the app around it.
"""

from __future__ import annotations

import streamlit as st

_BEGUN = "navigation-begun"  # session key: the app itself has run


def run() -> None:
    """Shows the links of the pages and runs the one that is open.

    The links are our own: Streamlit hides its bar of pages behind a sidebar where the screen is narrow.
    """
    st.session_state[_BEGUN] = True
    pages = _pages()
    opened = st.navigation(pages, position="hidden")
    if not st.context.is_embedded:
        with st.container(key="pages", horizontal=True, gap="xsmall"):
            for page in pages:
                now = page.title == opened.title
                with st.container(key=f"page-{page.title.lower()}{'-open' if now else ''}", width="content"):
                    st.page_link(page, width="content")
    opened.run()


def ensure() -> None:
    """Starts over with the app around the page, if it was run without."""
    if _BEGUN not in st.session_state:
        st.navigation(_pages(), position="hidden")
        st.rerun()


def _pages() -> list[st.Page]:
    return [
        st.Page("pages/playground.py", title="Playground", default=True),
        st.Page("pages/debugger.py", title="Debugger"),
        st.Page("pages/privacy.py", title="Privacy"),
    ]
