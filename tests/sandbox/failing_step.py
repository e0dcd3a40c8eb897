"""A warm-up one of whose steps ahead fails."""

from __future__ import annotations

from collections.abc import Callable

done: list[str] = []


def preload() -> None:
    done.clear()


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return [_fail, lambda: done.append("after it")]


def _fail() -> None:
    raise ValueError("no such thing")


def warm() -> None:
    """Warms nothing."""
