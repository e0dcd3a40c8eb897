"""What every test of a page without a browser needs."""

from __future__ import annotations

import pytest
from streamlit.runtime import context


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says that no browser is connected; an AppTest would hand the page a mock of one, with mock cookies."""
    monkeypatch.setattr(context, "_get_client_context", lambda: None)
