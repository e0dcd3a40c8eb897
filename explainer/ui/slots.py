"""Places on the page that stay: without them a shorter page leaves ghosts of the longer one.

While a run goes on, Streamlit keeps showing, dimmed, what the last pass drew and this one did not
reach. A list that got shorter therefore clears the places behind its end.
"""

from __future__ import annotations

import streamlit as st

from explainer.ui import session


def clear_rest(name: str, count: int) -> None:
    """Empties the places that the list `name` took when it was longest, beyond its first `count`."""
    longest = session.current().longest
    longest[name] = max(longest.get(name, 0), count)
    for _ in range(longest[name] - count):
        st.empty()
