"""Cluster: workers on other hosts, in place of the pool when EXPLAINER_CLUSTER is set.

    client ── work(request) ──▶ cluster ──▶ cluster_link ══ Dask comm ══▶ cluster_worker ──▶ its own pool
           ◀── Reports ──                                 ◀══ bytes ══

Dask knows which hosts are there, carries the bytes, and restarts a worker process that died.
Its tasks are not used: one has no stream back and no end on demand, is rerun on Dask's own
terms, and is pickled. The queue stays here: as many places as all hosts together offer.

What a host sends is believed no more than what a child sends: it is decoded by type, with
caps. A request whose host goes away is sent to another once; where the second goes, too,
it stays a Failure, so that no request can go round the cluster. What the user's code does
to its own child comes back as an answer, and is not tried again.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from explainer.report import Isolation, Report
from explainer.sandbox import heartbeat, wire
from explainer.sandbox.cluster_settings import ADDRESS, ClusterSettings
from explainer.sandbox.gate import Gate
from explainer.sandbox.job import BEAT_S, MESSAGES
from explainer.sandbox.settings import Limits, SettingError, Settings
from explainer.sandbox.sharing import Sharing
from explainer.sandbox.verdict import Ending, Outcome
from explainer.spec import Stage

if TYPE_CHECKING:
    from explainer.sandbox.cluster_link import Call

PATIENCE_S = 10.0  # without any host, before requests fail: Dask restarts a worker process in less
SILENCE_S = 10.0  # a host that lives says so each second
LONGEST_S = 600.0  # past the deadline: the longest wait in another host's own queue
TRIES = 4  # hosts that turn out to be unreachable before they have the request
LEVELS = ("none", "bare", "contained", "sealed")  # weakest first
REQUIREMENTS = "deploy/requirements-cluster.txt"


@dataclass(slots=True, eq=False)
class Host:
    """A worker process of the cluster, and how many requests of ours it has."""

    address: str
    offer: wire.Offer
    busy: int = 0

    @property
    def load(self) -> float:
        return self.busy / self.offer.jobs


class Cluster:
    """Hosts for requests. Every method may be called from any thread."""

    def __init__(self, settings: ClusterSettings) -> None:
        own = Settings()
        self.gate = Gate(1, own.queue)
        self.sharing = Sharing(own.cache_mb * wire.MB, self.gate.lock)
        self._changed = threading.Condition(self.gate.lock)
        self._hosts: dict[str, Host] = {}
        self.problem = f"the scheduler at {settings.scheduler} has not answered yet"
        self._alone_since = time.monotonic()
        self._closed = False
        try:
            from explainer.sandbox.cluster_link import Link
        except ModuleNotFoundError as error:
            raise SettingError(
                f"{ADDRESS} is set, but {error.name} is not installed: pip install -r {REQUIREMENTS}, "
                f"or unset {ADDRESS}"
            ) from error
        self._link = Link(settings, self.hosts, self._learn)
        atexit.register(self.close)

    @property
    def isolation(self) -> Isolation:
        """Returns the weakest level among the hosts; "bare" while none is known."""
        with self._changed:
            levels = [host.offer.isolation for host in self._hosts.values()]
        unknown = Isolation("bare", (f"No worker host has said how well it is isolated: {self.problem}.",))
        return min(levels, key=lambda each: LEVELS.index(each.level), default=unknown)

    def measured(self, timeout: float) -> Isolation:
        """Returns the weakest level among the hosts once there is one, "bare" if that takes longer.

        Where the last host has been gone for `PATIENCE_S`, nobody waits.
        """
        with self._changed:
            left = self._alone_since + PATIENCE_S - time.monotonic()
            self._changed.wait_for(lambda: self._hosts or self._closed, max(0.0, min(timeout, left)))
        return self.isolation

    def work(self, partial: Report, until: Stage, limits: Limits) -> Generator[Report, None, Outcome]:
        """Yields partial Reports of a host, and of one more if that goes away; returns how it ended."""
        outcome = yield from self._attempt(partial, until, limits, "")
        _, ending, _ = outcome
        if ending.kind == "host_lost":
            outcome = yield from self._attempt(partial, until, limits, ending.detail)
        return outcome

    def hosts(self) -> Sequence[str]:
        """Returns the addresses of the hosts that have answered."""
        with self._changed:
            return tuple(self._hosts)

    def refill(self) -> None:
        """Does nothing: each host keeps its own workers warm."""

    def close(self) -> None:
        """Hangs up everywhere, which ends every child; later requests are Failures."""
        with self._changed:
            self._closed = True
            self._hosts.clear()
            self.problem = "the sandbox was shut down"
            self._changed.notify_all()
        self._link.close()
        atexit.unregister(self.close)

    def _attempt(
        self, partial: Report, until: Stage, limits: Limits, before: str
    ) -> Generator[Report, None, Outcome]:
        """Yields the Reports of the first host that takes the request; `before`: who went away already."""
        errand = wire.encode(wire.Errand(partial.request, until, limits))
        note = "trying another host: the first went away" if before else "asking a worker host"
        before += "; then " if before else ""
        for _ in range(TRIES):
            host = yield from self._find(partial, note)
            if host is None:
                break
            call = self._link.call(host.address, errand)
            try:
                known = replace(partial, isolation=self.isolation)
                found, ending, printed = yield from _follow(call, known, limits, note)
            finally:
                call.close()
                self._release(host)
            if ending.kind != "host_lost":
                return found, ending, printed
            self._forget(host)
            if call.sent:
                return found, Ending("host_lost", detail=before + ending.detail), printed
        return partial, Ending("no_host", detail=before + self.problem), ""

    def _find(self, partial: Report, note: str) -> Generator[Report, None, Host | None]:
        """Yields heartbeats until there is a host to send to; returns None if none comes."""
        began = time.monotonic()
        while True:
            with self._changed:
                host = min(self._hosts.values(), key=lambda each: each.load, default=None)
                if host is not None:
                    host.busy += 1
                    return host
                # from the loss of the last one on: those who come later need not wait so long again
                if self._closed or time.monotonic() - self._alone_since > PATIENCE_S:
                    return None
            yield heartbeat.starting(partial, began, note)
            with self._changed:
                self._changed.wait_for(lambda: self._hosts or self._closed, BEAT_S)

    def _release(self, host: Host) -> None:
        with self._changed:
            host.busy -= 1

    def _learn(self, present: Sequence[str], new: dict[str, wire.Offer], problem: str) -> None:
        """Takes in what the scheduler and the newcomers said; hosts that are not in it are gone."""
        with self._changed:
            if self._closed:
                return
            self._keep(
                {address: host for address, host in self._hosts.items() if address in present}
                | {address: Host(address, offer) for address, offer in new.items()}
            )
            self.problem = problem

    def _forget(self, host: Host) -> None:
        """Leaves a host out until it answers anew."""
        with self._changed:
            self._keep({address: each for address, each in self._hosts.items() if each is not host})

    def _keep(self, hosts: dict[str, Host]) -> None:
        if self._hosts and not hosts:
            self._alone_since = time.monotonic()
        self._hosts = hosts
        if hosts:
            self.gate.resize(sum(host.offer.jobs for host in hosts.values()))
        self._changed.notify_all()


def _follow(call: Call, partial: Report, limits: Limits, note: str) -> Generator[Report, None, Outcome]:
    """Yields what one host sends until it has answered or is lost."""
    began = heard = time.monotonic()
    while True:
        message = call.take(BEAT_S)
        why = call.lost or _too_quiet(call, began, limits)
        if message is None and why:
            partial = heartbeat.running(partial, heard)
            return partial, Ending("host_lost", detail=why), ""
        if message is not None:
            news = _meaning(message, call, limits)
            if isinstance(news, Ending):
                return partial, news, ""
            partial = replace(news, request=partial.request, isolation=partial.isolation)
            heard = time.monotonic()
        yield (
            heartbeat.running(partial, heard) if partial.stages else heartbeat.starting(partial, began, note)
        )


def _meaning(message: object, call: Call, limits: Limits) -> Report | Ending:
    """Returns the partial Report in a message, or the Ending that it is."""
    if not isinstance(message, bytes):
        return Ending("bad_host", detail=f"{type(message).__name__} in place of bytes")
    if len(message) > limits.answer_mb * wire.MB + limits.output_kb * 1024 + wire.CONTROL_CAP:
        # what the child may send, what it may print, and the words of its host
        return Ending("answer_size", detail=f"a message of {len(message):,} bytes")
    if call.messages > MESSAGES:
        return Ending("bad_host", detail=f"more than {MESSAGES} messages")
    try:
        said = wire.from_worker(message)
    except wire.BadFrame as error:
        return Ending("bad_host", detail=str(error))
    match said:
        case wire.Progress(report):
            return report
        case wire.Answer(report):
            return Ending("answer", report)
    return Ending("bad_host", detail=type(said).__name__)


def _too_quiet(call: Call, began: float, limits: Limits) -> str:
    now = time.monotonic()
    if now - call.heard > SILENCE_S:
        return f"a host that was silent for {SILENCE_S:g} s"
    if now - began > LONGEST_S + limits.deadline_s:
        return f"a host that gave no answer in {LONGEST_S + limits.deadline_s:g} s"
    return ""
