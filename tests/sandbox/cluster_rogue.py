"""A Dask preload: a host that answers with whatever the request's code names."""

import asyncio
import os

import msgspec
from distributed.comm.core import Comm
from distributed.worker import Worker

from explainer.report import VERSION, Isolation, Report
from explainer.sandbox import wire
from explainer.spec import Request


def dask_setup(worker: Worker) -> None:
    worker.handlers |= {wire.OP_OFFER: offer, wire.OP_EXPLAIN: explain}


def offer() -> bytes:
    return wire.encode(wire.Offer(1, Isolation("bare"), int(os.environ.get("ROGUE_VERSION", VERSION))))


async def explain(comm: Comm, errand: bytes) -> None:
    """Says one of the things below, and then nothing more."""
    request = wire.to_errand(errand).request
    for _ in range(1100 if request.code == "a flood" else 1):
        await comm.write(answer_to(request))
    await asyncio.sleep(60)


def answer_to(request: Request) -> object:
    raw = {"path": "out", "dtype": "f", "shape": [], "preview": b"raw"}
    return {
        "junk": b"junk",
        "an object": {"report": "none"},
        "a deep one": b"\x91" * 5000,
        "no message for us": wire.encode(wire.Ready(0.0)),
        "too much": b"\0" * (2 << 20),
        "a raw preview": msgspec.msgpack.encode(
            {"type": "Answer", "report": {"request": {}, "outputs": [raw]}}
        ),
        "a flood": wire.encode(wire.Progress(Report(request))),
        "a forged request": wire.encode(
            wire.Answer(Report(Request("forged"), isolation=Isolation("sealed")))
        ),
        "silence": b"",
    }[request.code]
