"""A warm-up that counts how often each part of it was done in the process that asks."""

from __future__ import annotations

from collections.abc import Callable

from explainer.spec import Request

done = {"preload": 0, "ahead": 0, "warm": 0, "rehearsed": 0}


def preload() -> None:
    done["preload"] += 1


def ahead(lasting: bool) -> list[Callable[[], object]]:
    return [_step]


def _step() -> None:
    done["ahead"] += 1


def warm() -> Request:
    done["warm"] += 1
    return Request("from tests.sandbox import counted_warmup\ncounted_warmup.done['rehearsed'] += 1\n")
