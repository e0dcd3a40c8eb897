"""Pools for the attacks: one for each level of isolation that this machine gives, kept for a module."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields

import pytest

from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Settings
from tests.attacks.bait import Bait

LEVELS: dict[str, dict[str, object]] = {
    "sealed": {"walls": ("bwrap", "landlock", "seccomp")},
    "contained": {"walls": ("landlock", "seccomp")},
    "contained-5.13": {"walls": ("landlock", "seccomp"), "landlock_abi": 1},
    "bare": {"walls": ()},
}
UNDER_LIMITS = {"EXPLAINER_DEADLINE_S": "3", "EXPLAINER_MEMORY_MB": "1024", "SECRET_OF_THE_APP": "tok-" + "0" * 32}


@dataclass(frozen=True, slots=True)
class Walled:
    """A pool and the level it was asked for."""

    level: str
    pool: Pool


@pytest.fixture(scope="module", params=LEVELS)
def walled(request: pytest.FixtureRequest) -> Iterator[Walled]:
    """A pool at each level, under limits low enough that an endless attack ends soon."""
    yield from _walled(request.param, "fork")


@pytest.fixture(scope="module", params=LEVELS)
def walled_by_exec(request: pytest.FixtureRequest) -> Iterator[Walled]:
    """Likewise, each worker a fresh interpreter."""
    yield from _walled(request.param, "exec")


@pytest.fixture
def bait() -> Iterator[Bait]:
    bait = Bait()
    yield bait
    bait.close()


def _walled(level: str, strategy: str) -> Iterator[Walled]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in UNDER_LIMITS.items():
            patch.setenv(name, value)
        known = {field.name for field in fields(Settings)}
        if level != "bare" and "walls" not in known:
            pytest.skip("no walls yet")
        chosen = {name: value for name, value in LEVELS[level].items() if name in known}
        pool = Pool(Settings(jobs=2, spares=2, strategy=strategy, **chosen))  # type: ignore[arg-type]
        end = time.monotonic() + 30
        while len(pool.pids()) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        yield Walled(level, pool)
        pool.close()
