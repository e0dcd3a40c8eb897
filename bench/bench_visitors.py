"""Measures the real app under N visitors who press Run at the same moment, by websocket clients.

    N clients, each with a request of its own ─▶ "Run again", all at once ─▶ the page is finished

Beside it the same app where the page's own process runs the code (`bench/in_process`). A run counts
as an error unless its page says that the results agree with a Python loop. "app CPU" and "workers
CPU" say what the cores did meanwhile, in cores.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from bench import measure
from explainer import links
from explainer.spec import Argument, Request, Vmap
from tests.browser import ROOT, streamlit_server

VISITORS = (1, 5, 10, 20, 50)
LONGEST_S = 120.0  # for one visitor, then it is an error
DONE = "same as a Python loop"


@dataclass(slots=True)
class Visitor:
    """One open page: its connection, and what it shows."""

    number: int
    connection: ClientConnection
    button: str = ""  # id of "Run again"
    texts: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Returns the query of a request that nobody else makes."""
        code = f"def f(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2)) + {self.number}\n"
        arguments = Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")
        return f"r={links.encode(Request(code, 'f', arguments, (Vmap('(0, None)'), Vmap('(None, 0)'))))}"

    async def run(self, press: bool) -> bool:
        """Runs the page, "Run again" pressed or not; returns whether it ended with the right results."""
        message = BackMsg()
        message.rerun_script.query_string = self.address
        if press:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = self.button, True
        self.texts.clear()
        await self.connection.send(message.SerializeToString())
        while True:
            heard = ForwardMsg.FromString(await self.connection.recv(decode=False))
            self._see(heard)
            if heard.WhichOneof("type") == "script_finished" and heard.script_finished == 0:
                return any(DONE in text for text in self.texts)

    def _see(self, heard: ForwardMsg) -> None:
        element = heard.delta.new_element
        if element.button.label == "Run again":
            self.button = element.button.id
        if element.WhichOneof("type") == "html":
            self.texts.append(element.html.body)


async def rush(url: str, count: int, process: int) -> tuple[object, ...]:
    """Opens that many pages, lets all press Run at once; returns a row of the table."""
    at = url.replace("http", "ws") + "/_stcore/stream"
    opened = [await connect(at, subprotocols=["streamlit"], max_size=None, origin=url) for _ in range(count)]  # type: ignore[list-item]  # the names are plain text
    visitors = [Visitor(number, connection) for number, connection in enumerate(opened)]
    try:
        for start in range(0, count, 4):  # a few at a time: this is not what is measured
            await asyncio.gather(
                *(asyncio.wait_for(v.run(False), LONGEST_S) for v in visitors[start : start + 4])
            )
        before, began = _cpu(process), time.perf_counter()
        found = await asyncio.gather(*(_timed(visitor) for visitor in visitors))
        spent, whole = _cpu(process), time.perf_counter() - began
    finally:
        for connection in opened:
            await connection.close()
    seconds = sorted(each for each, _ in found)
    errors = sum(not good for _, good in found)
    p95 = seconds[min(count - 1, round(0.95 * (count - 1)))]
    cores = [f"{(after - earlier) / whole:.2f}" for after, earlier in zip(spent, before, strict=True)]
    return count, f"{statistics.median(seconds):.2f}", f"{p95:.2f}", errors, f"{count / whole:.1f}", *cores


async def _timed(visitor: Visitor) -> tuple[float, bool]:
    began = time.perf_counter()
    try:
        good = await asyncio.wait_for(visitor.run(True), LONGEST_S)
    except TimeoutError:
        good = False
    return time.perf_counter() - began, good


def _cpu(process: int) -> tuple[float, float]:
    """Returns the CPU seconds of a process, and of all that it started, those that have ended included."""
    own = psutil.Process(process)
    app = sum(own.cpu_times()[:2])
    below = sum(sum(each.cpu_times()[:4]) for each in own.children(recursive=True))
    return app, below


def rows(in_process: bool) -> Iterator[tuple[object, ...]]:
    environment = {"PYTHONPATH": f"{ROOT / 'bench' / 'in_process'}:{ROOT}"} if in_process else {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with streamlit_server(ROOT / "app.py", log, environment) as url:
            port = int(url.rpartition(":")[2])
            process = next(
                each.pid for each in psutil.Process().children() if f"--server.port={port}" in each.cmdline()
            )
            for count in VISITORS if not os.environ.get("BENCH_QUICK") else VISITORS[:2]:
                yield asyncio.run(rush(url, count, process))


def main() -> None:
    """Prints both tables."""
    columns = ("visitors", "p50 s", "p95 s", "errors", "runs a second", "app CPU", "workers CPU")
    measure.table("Visitors who press Run at once, code in the sandbox", columns, rows(in_process=False))
    measure.table("The same page running the code in its own process", columns, rows(in_process=True))


if __name__ == "__main__":
    main()
