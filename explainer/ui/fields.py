"""Text fields that hold a value of ours until the user types in them."""

from __future__ import annotations

import streamlit as st


def start(key: str, value: str) -> str:
    """Returns what a field starts with: `value`, now or after it was off the page.

    Only a field that has no text yet starts anew. To set the text instead would undo what a browser that
    has lost its process sends to the next one.
    """
    return "" if key in st.session_state else value
