"""Arguments: another text for one argument, or another way to pass it."""

from __future__ import annotations

from explainer.edits.candidate import Candidate
from explainer.edits.situation import Situation


def arguments(s: Situation) -> list[Candidate]:
    """Lists candidates with one argument edited, cheapest first."""
    return []
