"""Worker: a process for one request. Confine, shut in, warm up, say ready, prepare, answer, end.

    pool ── Job ──▶ worker ── analysis ── Progress…, Answer | Raised ──▶ pool

The only module here that reaches the analysis (by the names in `Config`). Descriptors:
0 is /dev/null, 1 and 2 the output pipe, 3 the socket to the pool, nothing else is open.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import select
import sys
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import NoReturn

from explainer.errors import message
from explainer.report import Report
from explainer.sandbox import canary, policy, wire
from explainer.sandbox.settings import Limits
from explainer.spec import Request

SOCKET = 3
AT_ONCE_S = 0.01  # from Ready to a request that waits already, with room
ARRAYS_SHARE = 0.75  # of the memory limit, for the user's arrays; Python, JAX and XLA hold the rest


def main(config: wire.Config, limits: Limits, parent: int, bait: canary.Bait | None = None) -> NoReturn:
    """Runs the whole life of a worker; never returns into the code that made it."""
    code = 1
    try:
        began = time.monotonic()
        policy.preload(config.walls)
        policy.confine(limits, parent)
        _open_streams()
        walls, missing = policy.wall_in(config.walls, config.readable, config.landlock_abi)
        if bait is None:
            if config.strategy == "exec":
                preload(config)  # else the zygote has
            rehearsal = importlib.import_module(config.warmup).warm() if config.warmup else None
            _send(wire.Ready(time.monotonic() - began, walls))
            _prepare(config, limits, rehearsal)
            _serve(config, limits)
        else:
            _send(wire.Tried(canary.try_all(bait), walls, missing))
        code = 0
    except Exception as error:  # a worker that cannot start: the pool shows this text
        os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(code)  # no exit handlers, no waiting for the user's threads


def preload(config: wire.Config) -> None:
    """Imports the analysis; starts no JAX backend, so that a fork is safe."""
    if config.warmup:
        importlib.import_module(config.warmup).preload()
    importlib.import_module(config.target)


def ahead(config: wire.Config) -> list[Callable[[], object]]:
    """Lists what makes requests faster if it is done before: short steps that start no JAX backend."""
    lasting = config.strategy == "fork"  # many workers come from the process that does it
    return importlib.import_module(config.warmup).ahead(lasting) if config.warmup else []


def _open_streams() -> None:
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the three live as long as the process
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _prepare(config: wire.Config, limits: Limits, rehearsal: Request | None) -> None:
    """Does what makes the request faster, until it is here: at once, if somebody waited for this worker."""
    steps = ahead(config) if config.strategy == "exec" else []  # else the zygote does them
    if rehearsal is not None:
        steps.append(partial(_rehearse, config, limits, rehearsal))
    patience = AT_ONCE_S
    for step in steps:
        if select.select([SOCKET], [], [], patience)[0]:
            return
        step()
        patience = 0.0


def _rehearse(config: wire.Config, limits: Limits, rehearsal: Request) -> None:
    """Answers a request that nobody made or hears: what a job touches is then this process's own."""
    job = wire.to_worker(wire.encode(wire.Job(rehearsal, "run")))
    _answer(importlib.import_module(config.target), job, limits, lambda data: None)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's: gives back the memory that is free now
    if trim is not None:
        trim(0)


def _serve(config: wire.Config, limits: Limits) -> None:
    job = _receive()
    if job is not None:
        _answer(importlib.import_module(config.target), job, limits, _write)


def _receive() -> wire.Job | None:
    """Returns the request, None if the pool hung up: this spare is not needed."""
    frames = wire.Frames(1 << 30)  # the pool is trusted and has checked the size
    while data := os.read(SOCKET, 1 << 16):
        for frame in frames.feed(data):
            return wire.to_worker(frame)
    return None


def _answer(analysis: ModuleType, job: wire.Job, limits: Limits, write: Callable[[bytes], None]) -> None:
    def emit(report: Report) -> None:
        write(wire.pack(wire.Progress(report)))

    try:
        memory = int(limits.memory_mb * wire.MB * ARRAYS_SHARE)
        run = analysis.RunLimits(memory_bytes=memory, final=True)
        report = analysis.explain(job.request, until=job.until, emit=emit, limits=run)
        packed = wire.pack(wire.Answer(report))
    except BaseException as error:  # SystemExit and KeyboardInterrupt of user code, too, are an answer
        packed = wire.pack(wire.Raised(type(error).__name__, message(error)[:4000]))
    write(packed)


def _send(news: wire.FromWorker) -> None:
    _write(wire.pack(news))


def _write(data: bytes) -> None:
    """Writes to the pool as to a file: the walls refuse every call that only sockets have."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(SOCKET, rest) :]


if __name__ == "__main__":
    raise SystemExit("started by explainer.sandbox.zygote only")
