"""Zygote: makes workers from one warm process, watches them, and ends them.

    pool ── Spawn, Behind, Start, Kill ─▶ zygote ── fork | exec ─▶ worker
         ◀── Up, Primed, Spawned, Dead ── ◀── memory, threads, wall clock, exit status

With "fork" it imports JAX and, while nobody asks, traces, but never starts a JAX backend: a
child of a process whose backend runs hangs (6 of 6 did). With "exec" it imports nothing and each
worker is a fresh interpreter. It has one thread and never reads a byte of a request.
When the pool's end of the control socket closes, it kills every worker and ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from explainer.sandbox import policy, seatbelt, wire, worker
from explainer.sandbox.canary import Bait
from explainer.sandbox.settings import Limits

POLL_S = 0.05
CALM_S = 0.5  # in which the first worker warms up, before the steps ahead take the processor
PATIENCE_S = 5.0  # that they wait for running requests, which they would slow
GRACE_S = 1.0  # past its deadline: the pool kills first, this is for a pool that does not look
BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from explainer.sandbox import {0}; {0}.{1}()"


@dataclass(slots=True)
class Kid:
    """A living worker."""

    job: int
    pid: int
    limits: Limits
    started: float | None = None  # monotonic, when it got its request
    why: str = ""
    peak_mb: float = 0.0
    behind: bool = False  # it is to stand back
    held_back: bool = False  # it does


def command(module: str, function: str, path: tuple[str, ...], *arguments: str) -> list[str]:
    """Returns the command line that calls a function of this package in a fresh interpreter."""
    boot = BOOT.format(module, function)
    return [sys.executable, "-B", "-c", boot, msgspec.json.encode(path).decode(), *arguments]


def main() -> None:
    """Runs as a process of its own: argv[2] is the Config."""
    config = msgspec.json.decode(sys.argv[2], type=wire.Config)
    control = socket.socket(fileno=config.control)
    control.set_inheritable(False)
    began = time.monotonic()
    usual = gc.get_threshold()
    gc.set_threshold(20_000, 20, 100)  # imports make little garbage; looking for it took a sixth of the time
    try:
        _die_with_app(control, config)
        if config.strategy == "fork":
            policy.preload(config.walls)
            worker.preload(config)
            _require_one_thread()
    except Exception as error:  # any import may fail; the pool tells the user
        wire.send(control, wire.Broken(f"{type(error).__name__}: {error}"))
        raise
    if "bwrap" not in config.walls:
        policy.outlive_parent()  # to kill what workers have left behind
    gc.freeze()  # else the first collection in a worker copies every shared page
    gc.set_threshold(*usual)
    zygote = Zygote(control, config)
    zygote.tell(wire.Up(time.monotonic() - began))
    zygote.serve()


def main_of_worker() -> NoReturn:
    """Runs in a fresh interpreter ("exec"): argv[2:] are Config, Limits and the zygote's pid."""
    config = msgspec.json.decode(sys.argv[2], type=wire.Config)
    limits = msgspec.json.decode(sys.argv[3], type=Limits)
    bait = msgspec.json.decode(sys.argv[5], type=Bait | None)
    worker.main(config, limits, int(sys.argv[4]), bait)


class Zygote:
    """The serving loop and its workers."""

    def __init__(self, control: socket.socket, config: wire.Config) -> None:
        self._control = control
        self._config = config
        self._kids: dict[int, Kid] = {}
        self._frames = wire.Frames(wire.CONTROL_CAP)
        self._descriptors: deque[int] = deque()
        self._ahead = deque(worker.ahead(config) if config.strategy == "fork" else [])
        self._up = time.monotonic()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Obeys the pool until it hangs up."""
        policy.adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)  # a death ends the select below
        try:
            while True:
                readable, _, _ = select.select([self._control, self._woken], [], [], self._wait())
                if self._woken in readable:
                    os.read(self._woken, 4096)
                self._reap()
                self._watch()
                self._hold_back()
                if self._control in readable and not self._obey():
                    return
                if not readable and self._free():
                    self._step_ahead()
        finally:
            for kid in self._kids.values():
                _kill_group(kid.pid)
            self._kids.clear()
            self._kill_strays()

    def _wait(self) -> float | None:
        """Returns how many seconds to wait for news; None: until there is any."""
        kids = self._kids.values()
        if self._free():
            return 0
        if any(kid.started is not None or kid.behind > kid.held_back for kid in kids):
            return POLL_S
        return None if self._ahead is None else CALM_S

    def _free(self) -> bool:
        """Tells whether now is the time for a step ahead."""
        asked = any(kid.started is not None for kid in self._kids.values())
        since = time.monotonic() - self._up
        return self._ahead is not None and since > (PATIENCE_S if asked else CALM_S)

    def _step_ahead(self) -> None:
        """Does the next step, or tells why not; what they all left is then shared as the rest is."""
        if self._ahead:
            step = self._ahead.popleft()
            try:
                step()
            except Exception as error:  # noqa: BLE001  (workers that lack it are slower, no worse)
                sys.stderr.write(f"the zygote could not do a step ahead: {type(error).__name__}: {error}\n")
            return
        try:
            _require_one_thread()
        except RuntimeError as error:
            self.tell(wire.Broken(str(error)))
            raise
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._ahead = None
        self.tell(wire.Primed())

    def tell(self, message: msgspec.Struct) -> None:
        """Sends the pool a message."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it is gone; the next read says so
            wire.send(self._control, message)

    def _obey(self) -> bool:
        """Carries out what has arrived; returns False when the pool is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, wire.CONTROL_CAP, 64)
        except ConnectionResetError:
            return False
        self._descriptors += descriptors
        for frame in self._frames.feed(data):
            match wire.to_zygote(frame):
                case wire.Spawn() as order:
                    self._spawn(order)
                case wire.Behind(job) if job in self._kids:
                    self._kids[job].behind = True
                case wire.Start(job) if job in self._kids:
                    self._kids[job].started = time.monotonic()
                case wire.Kill(job) if job in self._kids:
                    self._end(self._kids[job], "order")
        return bool(data)

    def _spawn(self, order: wire.Spawn) -> None:
        connection, output = self._descriptors.popleft(), self._descriptors.popleft()
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._become_worker(connection, output, order, parent)
        except OSError as error:  # no process or no memory left; the other workers live on
            with contextlib.suppress(OSError):  # nobody reads it: the worker is no longer wanted
                os.write(output, f"no process could be made ({error})".encode())
            self.tell(wire.Dead(order.job, code=1))
            return
        finally:
            os.close(connection)
            os.close(output)
        self._kids[order.job] = Kid(order.job, pid, order.limits, behind=order.behind)
        self.tell(wire.Spawned(order.job, pid))

    def _become_worker(self, connection: int, output: int, order: wire.Spawn, parent: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _settle(connection, output)
            os.setsid()
            if order.behind:
                policy.stand_back(os.getpid())  # at once; the zygote asks again where Linux said "not yet"
            if self._config.strategy == "exec":
                config, limits, bait = (
                    msgspec.json.encode(part).decode() for part in (self._config, order.limits, order.bait)
                )
                line = command(
                    "zygote", "main_of_worker", self._config.path, config, limits, str(parent), bait
                )
                if "seatbelt" in self._config.walls:
                    line = [*seatbelt.command(self._config.readable), *line]
                os.execv(line[0], line)
            worker.main(self._config, order.limits, parent, order.bait)
        finally:
            os._exit(1)

    def _watch(self) -> None:
        """Kills the started workers past their memory or threads, and those long past their deadline."""
        for kid in self._kids.values():
            if kid.started is None or kid.why:
                continue
            resident = _resident_mb(kid.pid)
            kid.peak_mb = max(kid.peak_mb, resident)
            if resident > kid.limits.memory_mb:
                self._end(kid, "memory")
            elif _threads(kid.pid) > kid.limits.threads:
                self._end(kid, "threads")
            elif time.monotonic() - kid.started > kid.limits.deadline_s + GRACE_S:
                self._end(kid, "deadline")

    def _hold_back(self) -> None:
        for kid in self._kids.values():
            if kid.behind and not kid.held_back:
                kid.held_back = policy.stand_back(kid.pid)

    def _end(self, kid: Kid, why: str) -> None:
        kid.why = kid.why or why
        _kill_group(kid.pid)

    def _reap(self) -> None:
        """Collects the dead, kills what they left behind, and tells the pool."""
        for kid in list(self._kids.values()):
            pid, status, usage = os.wait4(kid.pid, os.WNOHANG)
            if pid == 0:
                continue
            _kill_group(kid.pid)
            del self._kids[kid.job]
            self._kill_strays()
            signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
            peak = max(kid.peak_mb, usage.ru_maxrss / (1024 if sys.platform == "linux" else wire.MB))
            self.tell(wire.Dead(kid.job, signal_number, code, kid.why, peak))

    def _kill_strays(self) -> None:
        """Kills and collects adopted processes: what a dead worker started in a session of its own."""
        known = {kid.pid for kid in self._kids.values()}
        while strays := _children() - known:
            for pid in strays:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)  # its own children come to us in turn


def _die_with_app(control: socket.socket, config: wire.Config) -> None:
    """Sees to it that this process ends with the app while it imports, when it hears nobody."""
    if "bwrap" not in config.walls:  # bubblewrap has done so
        policy.die_with_parent(os.getppid())
    if wire.hung_up(control):  # the app ended before the line above
        os._exit(1)


def _settle(connection: int, output: int) -> None:
    """Gives this process its four descriptors and closes all others."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if connection != worker.SOCKET:
        os.dup2(connection, worker.SOCKET)
    os.set_inheritable(worker.SOCKET, True)
    os.closerange(worker.SOCKET + 1, os.sysconf("SC_OPEN_MAX"))


def _kill_group(pid: int) -> None:
    """Kills a worker and all in its session; one that has no session yet, alone."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            continue
        return


def _children() -> set[int]:
    """Returns the pids of this process's children, dead or alive; empty where the system does not say."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return {int(pid) for pid in file.read().split()}
    except FileNotFoundError:
        return set()


def _resident_mb(pid: int) -> float:
    """Returns the memory a process holds, MiB; 0 for one that has just ended."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / wire.MB
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
    listing = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return int(listing.stdout or 0) / 1024


def _threads(pid: int) -> int:
    """Returns how many threads a process has; 0 for one that has just ended, or where /proc does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[17])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _require_one_thread() -> None:
    """Raises unless a fork now is safe."""
    if sys.platform != "linux":
        return
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(
            f"the zygote has {threads} threads after its warm-up, so a JAX backend runs or a library started "
            "them; a fork would leave them behind. EXPLAINER_STRATEGY=exec needs no fork"
        )
