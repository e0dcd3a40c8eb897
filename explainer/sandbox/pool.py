"""Pool: keeps the zygote alive and a few workers warm; the web process's side.

    client ── take, release ──▶ pool ══ control socket ══▶ zygote ──▶ workers

One thread makes the zygote and lives as long as this process: the kernel ties "die with
your parent", which isolation tools use, to the thread that made the child, and Streamlit's
script threads end at every rerun. When the zygote dies, it ends the workers and makes another.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import msgspec

from explainer.sandbox import levels, wire
from explainer.sandbox.gate import Gate
from explainer.sandbox.settings import Limits, Settings
from explainer.sandbox.sharing import Sharing
from explainer.sandbox.zygote import command

PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "USER", "LOGNAME")
PASSED_PREFIXES = ("LC_", "JAX_", "XLA_", "TF_", "CUDA_", "NVIDIA_", "ROCM_", "HIP_", "ROCR_", "HSA_", "TPU_")
PAUSES_S = (0.0, 0.2, 1.0, 5.0)  # before the next try, by failed starts in a row


class Unavailable(Exception):
    """Reports that no worker can be made, and why."""


@dataclass(slots=True, eq=False)
class Child:
    """A worker as the pool holds it: its socket, its output pipe, its end."""

    job: int
    limits: Limits
    connection: socket.socket
    output: int
    pid: int | None = None
    end: wire.Dead | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    released: bool = False


class Pool:
    """Workers for requests. Every method may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.isolation = levels.level()
        self.gate = Gate(settings.jobs, settings.queue)
        self.sharing = Sharing(settings.cache_mb * wire.MB, self.gate.lock)
        self._changed = threading.Condition(self.gate.lock)
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._children: dict[int, Child] = {}
        self._spares: list[Child] = []
        self._jobs = itertools.count()
        self._limits = Limits()
        self._broken = ""
        self._closed = False
        self._made_in = os.getpid()
        self._owner = threading.Thread(target=self._own, name="sandbox-owner", daemon=True)
        self._owner.start()
        atexit.register(self.close)

    def take(self, limits: Limits, timeout: float) -> Child | None:
        """Returns a worker under these limits, None if there is no zygote yet; raises Unavailable."""
        with self._changed:
            self._changed.wait_for(lambda: self._control or self._broken or self._closed, timeout)
            if self._closed or self._broken:
                raise Unavailable(self._broken or "the sandbox was shut down")
            if self._control is None:
                return None
            for child in self._spares:
                if child.limits == limits:
                    self._spares.remove(child)
                    return child
            return self._spawn(limits)

    def start(self, child: Child) -> None:
        """Tells the zygote that this worker has its request."""
        self._tell(wire.Start(child.job))

    def stop(self, child: Child) -> None:
        """Ends a worker whose holder has fallen silent, and still has to release it."""
        self._tell(wire.Kill(child.job))

    def release(self, child: Child) -> None:
        """Ends a worker and all it started; safe to call twice."""
        with self._changed:
            if child.released:
                return
            child.released = True
            if child.end is None:
                self._tell(wire.Kill(child.job))
        child.connection.close()
        os.close(child.output)

    def refill(self) -> None:
        """Orders the missing spares; while a job runs, which they would slow, only if none is left."""
        with self._changed, contextlib.suppress(Unavailable):  # the next request says why
            if self._control is None or (self._spares and not self.gate.empty()):
                return
            while len(self._spares) < self.settings.spares:
                self._spares.append(self._spawn(self._limits))

    def pids(self) -> tuple[int, ...]:
        """Returns the processes that are alive now, the zygote first."""
        with self._changed:
            workers = [c.pid for c in self._children.values() if c.pid is not None]
            return ((self._process.pid,) if self._process else ()) + tuple(workers)

    def close(self) -> None:
        """Ends every process; also runs when the interpreter exits."""
        if os.getpid() != self._made_in:
            return  # a forked copy of the app: the processes are not its own
        with self._changed:
            self._closed = True
            if self._control is not None:
                self._control.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
        if threading.current_thread() is not self._owner:
            self._owner.join(timeout=10)
        atexit.unregister(self.close)

    def _spawn(self, limits: Limits) -> Child:
        try:
            ours, theirs = socket.socketpair()
            output, theirs_output = os.pipe()
        except OSError as error:
            raise Unavailable(f"this process is out of descriptors ({error})") from error
        child = Child(next(self._jobs), limits, ours, output)
        self._children[child.job] = child
        ours.setblocking(False)
        os.set_blocking(output, False)
        try:
            self._tell(wire.Spawn(child.job, limits), [theirs.fileno(), theirs_output])
        finally:
            theirs.close()
            os.close(theirs_output)
        return child

    def _tell(self, message: msgspec.Struct, descriptors: list[int] | None = None) -> None:
        with self._changed:
            if self._control is None:
                return  # the zygote just died; its owner ends every worker
            try:
                socket.send_fds(self._control, [wire.pack(message)], descriptors or [])
            except (BrokenPipeError, ConnectionResetError):
                return  # likewise

    def _own(self) -> None:
        """Runs one zygote after another: the whole life of the owner thread."""
        failures = 0
        while not self._closed:
            try:
                came_up = self._run_zygote()
            except (OSError, wire.BadFrame) as error:  # this thread must live: it alone makes zygotes
                came_up = False
                self._fail(f"{type(error).__name__}: {error}")
            failures = 0 if came_up else min(failures + 1, len(PAUSES_S) - 1)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, PAUSES_S[failures])

    def _run_zygote(self) -> bool:
        """Starts a zygote and hears it to its end; returns whether it ever worked."""
        ours, theirs = socket.socketpair()
        config = wire.Config(
            theirs.fileno(),
            self.settings.strategy,
            self.settings.target,
            self.settings.warmup,
            _import_path(),
        )
        line = command("zygote", "main", config.path, msgspec.json.encode(config).decode())
        process = subprocess.Popen(  # in a session of its own: Ctrl-C is for the app, which then ends it
            line, pass_fds=[theirs.fileno()], env=_environment(self.settings),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        theirs.close()
        with self._changed:
            self._control, self._process = ours, process
            if self._closed:
                ours.shutdown(socket.SHUT_RDWR)
            self.refill()
            self._changed.notify_all()
        try:
            came_up = self._listen(ours)
        finally:
            self._bury(process)
        if not came_up:
            self._fail(f"the zygote ended with exit code {process.returncode} before it was ready")
        return came_up

    def _listen(self, control: socket.socket) -> bool:
        """Takes in what the zygote says until it ends; returns whether it came up."""
        frames, came_up = wire.Frames(wire.CONTROL_CAP), False
        while True:
            try:
                data = control.recv(wire.CONTROL_CAP)
            except ConnectionResetError:
                data = b""
            if not data:
                return came_up
            for frame in frames.feed(data):
                message = wire.from_zygote(frame)
                came_up = came_up or isinstance(message, wire.Up)
                self._hear(message)

    def _hear(self, message: wire.FromZygote) -> None:
        with self._changed:
            match message:
                case wire.Up():
                    self._broken = ""
                case wire.Broken(text):
                    self._broken = text
                case wire.Spawned(job, pid):
                    self._children[job].pid = pid
                case wire.Dead(job):
                    self._mark_dead(self._children.pop(job), message)
            self._changed.notify_all()

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        """Ends what a dead zygote left, and tells every holder of a worker."""
        with self._changed:
            assert self._control is not None
            self._control.close()
            self._control, self._process = None, None
            children, self._children = self._children, {}
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children.values():
            _kill_session(child.pid)
            self._mark_dead(child, wire.Dead(child.job, why="zygote"))

    def _mark_dead(self, child: Child, end: wire.Dead) -> None:
        with self._changed:
            child.end = end
            child.ended.set()
            if child in self._spares:
                self._spares.remove(child)
                self.release(child)

    def _fail(self, text: str) -> None:
        with self._changed:
            self._broken = self._broken or text
            self._changed.notify_all()


def _kill_session(pid: int | None) -> None:
    """Kills what a worker whose zygote is gone has started; on Linux the worker itself is dead by now."""
    if pid is None:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all gone; or, on macOS, zombies only
        return


def _import_path() -> tuple[str, ...]:
    """Returns where the app finds its modules; so does every worker."""
    return tuple(os.path.abspath(entry) for entry in sys.path)


def _environment(settings: Settings) -> dict[str, str]:
    """Returns the environment of the workers: what Python and JAX need, none of the app's secrets."""
    kept = {k: v for k, v in os.environ.items() if k in PASSED or k.startswith(PASSED_PREFIXES)}
    if settings.platform:
        kept["JAX_PLATFORMS"] = settings.platform
    kept.setdefault("JAX_NUM_CPU_DEVICES", str(settings.devices))
    kept.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else one worker takes 75 % of a GPU
    kept.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's log would count as the user's output
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
