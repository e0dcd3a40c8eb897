"""Fixtures of the tests of the keeper's side: a pool, and what the listeners were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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
    assert events.settle()
    for listener in added:
        events.silence(listener)


class Told(Sequence[Event]):
    """The events of a test, in order; looking at them waits for those that were told before."""

    def __init__(self) -> None:
        self.found: list[Event] = []

    def __getitem__(self, place):
        return self._settled()[place]

    def __len__(self) -> int:
        return len(self._settled())

    def __repr__(self) -> str:
        return repr(self._settled())

    def _settled(self) -> list[Event]:
        assert events.settle()
        return self.found


@pytest.fixture
def told(listen: Callable[[events.Listener], None]) -> Told:
    """The events of a test."""
    told = Told()
    listen(told.found.append)
    return told
