"""Fixtures of the tests of the keeper's side: a pool, and what the listeners were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from explainer.sandbox import events
from explainer.sandbox.events import Event


@pytest.fixture
def listen() -> Iterator[Callable[[events.Listener], None]]:
    """Adds listeners for the length of a test."""
    added: list[events.Listener] = []

    def add(listener: events.Listener) -> None:
        events.listen(listener)
        added.append(listener)

    yield add
    for listener in added:
        events.silence(listener)


@pytest.fixture
def told(listen: Callable[[events.Listener], None]) -> list[Event]:
    """The events of a test, in order."""
    found: list[Event] = []
    listen(found.append)
    return found
