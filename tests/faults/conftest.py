"""What the tests of faults share: pools whose every process can be found again, whoever its parent is."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Child, Pool
from explainer.sandbox.settings import Limits, Settings, Wall
from explainer.spec import Argument, Request, Stage, Vmap
from tests.offered import missing
from tests.sandbox.conftest import TARGET, wait_for

SEALED: tuple[Wall, ...] = ("bwrap", "landlock", "seccomp")
CONTAINED: tuple[Wall, ...] = ("landlock", "seccomp")
LEVEL = next(level for level in ("sealed", "contained", "bare") if not missing(level))  # this machine's best
WALLS: tuple[Wall, ...] = {"sealed": SEALED, "contained": CONTAINED, "bare": ()}[LEVEL]
MAKERS = ("bwrap", "zygote") if LEVEL == "sealed" else ("zygote",)  # the first of a pool's pids
HONEST = Request(
    "def f(x, y):\n    return jnp.sum(x * y)\n",
    "f",
    (Argument("x", "jnp.arange(6.).reshape(3, 2)"), Argument("y", "jnp.ones(2)")),
    (Vmap("(0, None)"),),
)
HONEST_ANSWER = [1.0, 5.0, 9.0]
GONE_S = 1.0  # nothing of a dead app may live longer

MakePool = Callable[..., "Watched"]


class Watched(Pool):
    """A pool that knows which worker each thread was last handed."""

    def __init__(self, settings: Settings) -> None:
        self.handed: dict[int, Child] = {}
        super().__init__(settings)

    def take(self, limits: Limits, timeout: float, spare: bool = True, behind: bool = False) -> Child | None:
        child = super().take(limits, timeout, spare, behind)
        if child is not None:
            self.handed[threading.get_ident()] = child
        return child

    def worker(self) -> int:
        """Returns the process, as this machine calls it, that works for this thread."""
        child, found = self.handed[threading.get_ident()], []
        assert wait_for(lambda: child.pid is not None)
        assert wait_for(
            lambda: found.extend(p for p in self.pids()[1:] if _innermost(p) == child.pid) or found
        )
        return found[0]


class Family:
    """All processes with one mark on their command line: it is handed down by fork and exec."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def living(self) -> set[int]:
        """Returns the pids of those that are alive, whoever their parent is now; a zombie has no command."""
        found = set()
        for process in psutil.process_iter(["cmdline"]):
            if any(self.mark in word for word in process.info["cmdline"] or ()):
                found.add(process.pid)
        return found - {os.getpid()}


@pytest.fixture
def family() -> Iterator[Family]:
    """Marks the processes of the pools that are made in this test; none may be left at its end."""
    mark = f"/no-such-folder-{uuid.uuid4().hex}"
    sys.path.append(mark)  # the path is part of a zygote's command line
    family = Family(mark)
    yield family
    sys.path.remove(mark)
    assert wait_for(lambda: not family.living())


@pytest.fixture
def make_pool(family: Family) -> Iterator[MakePool]:
    """Makes pools that run the stand-in analysis, or what the test says; closes them all."""
    pools: list[Watched] = []

    def made(**settings) -> Watched:
        chosen = {"jobs": 2, "spares": 1, "strategy": "fork", "walls": (), "target": TARGET, "warmup": ""}
        pools.append(Watched(Settings(**(chosen | settings))))
        return pools[-1]

    before = descriptors()
    yield made
    for pool in pools:
        pool.close()
    assert wait_for(lambda: descriptors() <= before)


def real(**settings) -> dict[str, Any]:
    """Returns the settings of a pool that runs the real analysis."""
    return {"target": "explainer.analysis.pipeline", "warmup": "explainer.analysis.preload", **settings}


def asked(pool: Pool, request: Request, until: Stage = "run", **limits) -> Report:
    """Returns the last Report of a request."""
    return list(stream_from(pool, request, until, Limits(**{"deadline_s": 60, **limits})))[-1]


def is_right(report: Report) -> bool:
    """Returns whether this is the answer to HONEST."""
    return report.failure is None and [leaf.preview for leaf in report.outputs] == [HONEST_ANSWER]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _innermost(pid: int) -> int:
    """Returns what a process is called in the namespace it lives in."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])
