"""What the list of arguments and the list of levels share: a heading to add to, and a clean end.

While a run goes on, Streamlit keeps showing, dimmed, what the last pass drew and this one did not
reach. A list that got shorter therefore clears the places behind its end.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explainer.ui import markup, session
from explainer.ui.draft import Draft


def heading(name: str, title: str, aside: str, words: str, add: Callable[[Draft], Draft]) -> None:
    """Shows the heading of the list `name` with a button that adds a row."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"icons-{name}"):
        markup.heading(title, aside)
        st.button(
            "Add",
            icon=":material/add:",
            key=f"add-{name}",
            type="tertiary",
            help=words,
            on_click=session.edit,
            args=(add,),
        )


def clear_rest(name: str, count: int) -> None:
    """Empties the places that the list `name` took when it was longest, beyond its first `count`."""
    longest = session.current().longest
    longest[name] = max(longest.get(name, 0), count)
    for _ in range(longest[name] - count):
        st.empty()
