"""Text fields that hold a value of ours until the user types in them."""

from __future__ import annotations

import streamlit as st


def seeded(key: str, value: str) -> str:
    """Returns the key of a field that starts with `value`, now or after it was off the page."""
    if key not in st.session_state:
        st.session_state[key] = value
    return key
