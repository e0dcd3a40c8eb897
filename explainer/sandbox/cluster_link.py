"""Cluster link: Dask's connections to a scheduler and its workers, on an event loop of their own.

    cluster ── call(address, errand) ──▶ link ══ Dask comm, TLS ══▶ cluster_worker
            ◀── hosts, each second ──         ◀══ scheduler: who is there

One connection is one request: closing it ends the child on the other host, and when its
process is killed it breaks at once. Messages are bytes of our own wire, read by `cluster`.

Dask's framing is another matter: it unpickles what a peer marks as pickled, and takes
messages of any length. A scheduler, its workers and this process must trust one another;
certificates of one authority, used for nothing else, are what they know each other by.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from distributed.comm.core import Comm, connect
from distributed.security import Security

from explainer.report import VERSION
from explainer.sandbox import wire
from explainer.sandbox.cluster_settings import FILES, ClusterSettings, require_safe
from explainer.sandbox.settings import SettingError

CONNECT_S = 4.0  # Dask tries again and again within it
ANSWER_S = 1.0  # for a peer to say who it is, or what it is asked
POLL_S = 1.0

Hosts = dict[str, wire.Offer]


class Unreachable(Exception):
    """Reports which scheduler or worker does not answer, or not as it should, and why."""


@dataclass(slots=True, eq=False)
class Call:
    """One request on one host, as the thread that waits for it sees it."""

    news: object = None  # the newest message not yet taken: each Report replaces the one before
    messages: int = 0
    heard: float = field(default_factory=time.monotonic)
    sent: bool = False  # from here on the host may have begun it
    lost: str = ""  # why the line is dead
    changed: threading.Condition = field(default_factory=threading.Condition)
    task: Future[None] | None = None

    def take(self, timeout: float) -> object:
        """Returns the newest message, whatever it is; None if none came in time or the line is dead."""
        with self.changed:
            self.changed.wait_for(lambda: self.news is not None or self.lost, timeout)
            news, self.news = self.news, None
            return news

    def tell(self, message: object) -> None:
        """Takes in a message; an empty one only says that the host is alive."""
        with self.changed:
            self.heard = time.monotonic()
            if message:
                self.messages += 1
                self.news = message
                self.changed.notify_all()

    def lose(self, why: str) -> None:
        """Marks the line as dead."""
        with self.changed:
            self.lost = self.lost or why
            self.changed.notify_all()

    def close(self) -> None:
        """Hangs up, which ends the child on the other host."""
        if self.task is not None:
            self.task.cancel()


class Link:
    """The event loop and its thread. `learn` is called on it, each second, with what is known."""

    def __init__(
        self,
        settings: ClusterSettings,
        known: Callable[[], Sequence[str]],
        learn: Callable[[Sequence[str], Hosts, str], None],
    ) -> None:
        self._scheduler = settings.scheduler
        self._arguments = _connection_arguments(settings)
        self._known, self._learn = known, learn
        self._loop = asyncio.SelectorEventLoop()  # whatever loop the app's server prefers: Tornado's streams
        self._stop = asyncio.Event()
        self._misses = 0  # of the scheduler, in a row
        self._thread = threading.Thread(target=self._run, name="cluster-link", daemon=True)
        self._thread.start()

    def call(self, address: str, errand: bytes) -> Call:
        """Sends an errand to a host; the Call hears what comes back."""
        call = Call()
        work = self._converse(call, address, errand)
        try:
            call.task = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the link was closed a moment ago
            work.close()
            call.lose(f"{address} (the sandbox was shut down)")
        return call

    def close(self) -> None:
        """Closes every connection and ends the thread."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # cancels what is left at its end
            runner.run(self._serve())

    async def _serve(self) -> None:
        watching = asyncio.create_task(self._watch())
        await self._stop.wait()
        watching.cancel()

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        """Asks the scheduler who is there and newcomers what they offer, and tells the cluster."""
        try:
            answer = await self._ask(self._scheduler, {"op": "identity"})
            with _blaming(self._scheduler):
                present = [str(address) for address in answer["workers"]]
        except Unreachable as error:
            self._misses += 1
            kept = self._known() if self._misses == 1 else ()  # one may be a hiccup; hosts end without it
            self._learn(kept, {}, f"the scheduler at {error} cannot be reached")
            return
        self._misses = 0
        known = self._known()
        offers = await asyncio.gather(*(self._offer(each) for each in present if each not in known))
        new = {address: offer for address, offer in offers if isinstance(offer, wire.Offer)}
        problems = [text for _, text in offers if isinstance(text, str)]
        problem = "; ".join(problems) or f"the scheduler at {self._scheduler} has no workers"
        self._learn(present, new, problem)

    async def _offer(self, address: str) -> tuple[str, wire.Offer | str]:
        try:
            require_safe(address)
            answer = await self._ask(address, {"op": wire.OP_OFFER})
            offer = wire.to_offer(answer if isinstance(answer, bytes) else b"")
        except SettingError as error:
            return address, str(error)
        except Unreachable as error:
            return address, f"the worker at {error} cannot be reached"
        except wire.BadFrame:
            return address, f"the worker at {address} was not started with the preload of deploy/cluster.md"
        if offer.version != VERSION:
            return address, f"the worker at {address} runs another version of this project"
        return address, offer

    async def _ask(self, address: str, message: dict[str, object]) -> Any:  # noqa: ANN401  # read by the callers
        with _blaming(address):
            async with asyncio.timeout(CONNECT_S + ANSWER_S):
                comm = await self._connect(address)
                try:
                    await comm.write({**message, "reply": True, "close": True})
                    return await comm.read()
                finally:
                    comm.abort()

    async def _converse(self, call: Call, address: str, errand: bytes) -> None:
        comm = None
        try:
            with _blaming(address):
                async with asyncio.timeout(CONNECT_S + ANSWER_S):
                    comm = await self._connect(address)
                call.sent = True
                await comm.write({"op": wire.OP_EXPLAIN, "errand": errand, "reply": False})
                while True:
                    call.tell(await comm.read())
        except Unreachable as error:
            call.lose(str(error))
        finally:
            call.lose(f"{address} (hung up)")  # unless it is known better
            if comm is not None:
                comm.abort()

    async def _connect(self, address: str) -> Comm:
        return await connect(address, timeout=CONNECT_S, deserialize=False, **self._arguments)


@contextlib.contextmanager
def _blaming(address: str) -> Iterator[None]:
    """Turns whatever a peer makes Dask raise into Unreachable."""
    try:
        yield
    except Exception as error:  # one that speaks no Dask causes anything: MemoryError, KeyError
        text = str(error).rpartition(">: ")[2]  # without "in <TLS local=… remote=…>"
        reason = f"{type(error).__name__}: {text}" if text else "no answer in time"
        raise Unreachable(f"{address} ({reason[:300]})") from error


def _connection_arguments(settings: ClusterSettings) -> dict[str, Any]:
    if not settings.ca:
        return Security(require_encryption=False).get_connection_args("client")
    security = Security(
        require_encryption=True,
        tls_ca_file=settings.ca,
        tls_client_cert=settings.cert,
        tls_client_key=settings.key,
    )
    try:
        return security.get_connection_args("client")
    except (ssl.SSLError, OSError) as error:
        raise SettingError(f"{', '.join(FILES)}: these files do not fit together ({error})") from error
