"""A warm-up that counts how often each half of it was done in the process that asks."""

from __future__ import annotations

from collections.abc import Callable

done = {"preload": 0, "ahead": 0, "warm": 0}


def preload() -> None:
    done["preload"] += 1


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return [_step]


def _step() -> None:
    done["ahead"] += 1


def warm() -> None:
    done["warm"] += 1
