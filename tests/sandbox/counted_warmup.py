"""A warm-up that counts how often each half of it was done in the process that asks."""

from __future__ import annotations

done = {"preload": 0, "warm": 0}


def preload() -> None:
    done["preload"] += 1


def warm() -> None:
    done["warm"] += 1
