"""Pools for the attacks: one for each level of isolation that this machine gives, kept for a module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Settings, Strategy
from tests.attacks.bait import Bait
from tests.attacks.catalogue import FEW, OF_THE_KERNEL, SOME
from tests.attacks.honest_nests import NESTS
from tests.attacks.honest_scripts import SCRIPTS
from tests.offered import missing

BEST = next(level for level in ("sealed", "contained", "bare") if not missing(level))
SOME_HONEST = list(NESTS | SCRIPTS)[::8]
LEVELS: dict[str, dict[str, object]] = {
    "sealed": {"walls": ("bwrap", "landlock", "seccomp")},
    "contained": {"walls": ("landlock", "seccomp")},
    "contained-5.13": {"walls": ("landlock", "seccomp"), "landlock_abi": 1},
    "bare": {"walls": ()},
}
UNDER_LIMITS = {
    "EXPLAINER_DEADLINE_S": "3",
    "EXPLAINER_MEMORY_MB": "1024",
    "SECRET_OF_THE_APP": "tok-" + "0" * 32,
    "TF_TOKEN_app_terraform_io": "tok-" + "1" * 32,  # begins as what TensorFlow's parts of XLA read
    "NVIDIA_API_KEY": "tok-" + "2" * 32,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves a part of this folder to `make test-attacks`: all of it takes ten minutes."""
    if os.environ.get("ATTACKS") == "all":
        return
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    left = {item for item in own if not _always(item)}
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=list(left))


def _always(item: pytest.Item) -> bool:
    """Tells what `make test` runs, too.

    Of each category four at this machine's best level and one at "contained"; of what honest people write
    every eighth at every level.
    """
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    name, level = str(params.get("name", "")), params.get("walled", params.get("walled_by_exec", BEST))
    if item.name.startswith("test_an_honest_request"):
        return name in SOME_HONEST
    if item.name.startswith("test_nothing_gets_through["):
        return (name in SOME and level == BEST) or (name in FEW and level == "contained")
    if name:
        return name in FEW and level == BEST and name.partition("-")[0] in OF_THE_KERNEL
    return level == BEST


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


@pytest.fixture(scope="module")
def bare() -> Iterator[Walled]:
    """A pool with nothing but processes and their limits."""
    yield from _walled("bare", "fork")


@pytest.fixture
def bait() -> Iterator[Bait]:
    bait = Bait()
    yield bait
    bait.close()


def _walled(level: str, strategy: Strategy) -> Iterator[Walled]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in UNDER_LIMITS.items():
            patch.setenv(name, value)
        pool = Pool(Settings(jobs=2, spares=2, strategy=strategy, **LEVELS[level]))  # type: ignore[arg-type]  # of several types
        found = pool.measured(60)
        if found.level != level.partition("-")[0]:
            pool.close()
            pytest.skip(f"here it is {found.level}: {' '.join(found.reasons)}")
        yield Walled(level, pool)
        pool.close()
