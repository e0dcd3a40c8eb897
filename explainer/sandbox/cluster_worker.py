"""Cluster worker: what a Dask worker process of another host does for `cluster`.

    dask worker … --preload explainer.sandbox.cluster_worker

    cluster ── Errand ──▶ Dask worker ──▶ client.stream_from ──▶ pool ──▶ child
            ◀── Progress…, Answer ──

Visitors' code never runs in this process, only in the children of its sandbox, under the
same limits as on one host. When the other side hangs up, the child is ended; when this
process is killed, the kernel and the zygote end every child.

Dask lets whoever can connect here run pickled functions in this process. So it refuses to
start on plain TCP beyond this host, as the app does (`cluster_settings`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from distributed.comm.core import Comm
from distributed.worker import Worker

from explainer.report import VERSION, Report
from explainer.sandbox import wire
from explainer.sandbox.client import stream_from
from explainer.sandbox.cluster_settings import require_safe
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import SettingError, Settings

ALIVE_S = 1.0
MEASURE_S = 30.0  # for the first canary, which waits for JAX to be imported
LAST_S = 10.0  # for the other side to take the answer and hang up
THREADS = 256  # one follows each request, also while it waits for its turn

Put = Callable[[bytes | None], None]


def dask_setup(worker: Worker) -> None:
    """Makes this Dask worker a host of the cluster, before it tells the scheduler that it is there."""
    try:
        serve(worker, Settings())
    except SettingError as error:
        raise SystemExit(f"This worker does not start: {error}") from error  # Dask outlives an Exception here


def serve(worker: Worker, settings: Settings) -> None:
    """Adds to what a Dask worker answers; raises SettingError where it can be reached without TLS."""
    for address in [worker.address, *(listener.listen_address for listener in worker.listeners)]:
        require_safe(address)
    service = Service(Pool(settings))
    worker.handlers |= {wire.OP_OFFER: service.offer, wire.OP_EXPLAIN: service.explain}


class Service:
    """What this host does: its pool, and the threads that follow its requests."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._threads = ThreadPoolExecutor(THREADS, "explainer")

    async def offer(self) -> bytes:
        """Returns what this host can do, once it is measured how well its workers are isolated."""
        loop = asyncio.get_running_loop()
        isolation = await loop.run_in_executor(self._threads, self._pool.measured, MEASURE_S)
        return wire.encode(wire.Offer(self._pool.settings.jobs, isolation, VERSION))

    async def explain(self, comm: Comm, errand: bytes) -> None:
        """Answers one request on its connection; ends the child when the other side hangs up."""
        order = wire.to_errand(errand)
        loop, outbox, stop = asyncio.get_running_loop(), asyncio.Queue[bytes | None](), threading.Event()

        def put(payload: bytes | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                loop.call_soon_threadsafe(outbox.put_nowait, payload)

        done = loop.run_in_executor(self._threads, self._run, order, put, stop)
        done.add_done_callback(lambda _: outbox.put_nowait(None))
        hung_up = asyncio.ensure_future(comm.read())  # the other side has said all
        hung_up.add_done_callback(lambda _: outbox.put_nowait(None))
        try:
            await _send(comm, outbox)
            await asyncio.wait([hung_up], timeout=LAST_S)
        finally:
            stop.set()
            hung_up.cancel()
        await done

    def _run(self, order: wire.Errand, put: Put, stop: threading.Event) -> None:
        """Follows a request in a thread of its own; puts what is new, the answer last."""
        latest, shown = Report(order.request), None
        stream = stream_from(self._pool, order.request, order.until, order.limits)
        with contextlib.closing(stream):
            for latest in stream:
                if stop.is_set():
                    return
                face = _without_clock(latest)
                if face != shown and any(stage.status == "running" for stage in latest.stages):
                    put(wire.encode(wire.Progress(latest)))
                    shown = face
        put(wire.encode(wire.Answer(latest)))


async def _send(comm: Comm, outbox: asyncio.Queue[bytes | None]) -> None:
    """Sends what comes into the outbox until None does, and an empty message each second without any."""
    while True:
        try:
            payload = await asyncio.wait_for(outbox.get(), ALIVE_S)
        except TimeoutError:
            payload = b""
        if payload is None:
            return
        await comm.write(payload)


def _without_clock(report: Report) -> Report:
    """Returns a Report that differs from the one before only if there is news, not by time alone."""
    return replace(report, stages=tuple(replace(stage, seconds=0.0) for stage in report.stages))
