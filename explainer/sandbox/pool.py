"""Pool: keeps the zygote alive and a few workers warm; the web process's side.

    client ── take, stand_back, release ──▶ pool ══ control socket ══▶ zygote ──▶ workers, first a canary

One thread makes the zygote and lives as long as this process: the kernel ties "die with
your parent", which isolation tools use, to the thread that made the child, and Streamlit's
script threads end at every rerun. When the zygote dies, it ends the workers and makes another.
No worker is handed out before the canary has told what a worker could do to this machine.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import selectors
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field

import msgspec

from explainer.report import Isolation
from explainer.sandbox import canary, launch, levels, wire
from explainer.sandbox.gate import Gate
from explainer.sandbox.settings import Limits, Settings, Wall
from explainer.sandbox.sharing import Sharing

PAUSES_S = (0.0, 0.2, 1.0, 5.0)  # before the next try, by failed starts in a row
CANARIES = 3  # tries to measure with one zygote
ENDED = "the zygote ended with exit code {code} before it was ready"


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
        self.isolation = levels.UNKNOWN
        self.walls: tuple[Wall, ...] = ()  # that stand round every worker; set by the canary
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
        self._measured = False
        self._primed = False  # whether the zygote has done all that makes spares fast
        self._apart = False  # pids that the zygote tells are names in a namespace of its own
        self._made_in = os.getpid()
        self._owner = threading.Thread(target=self._own, name="sandbox-owner", daemon=True)
        self._owner.start()
        atexit.register(self.close)

    def take(self, limits: Limits, timeout: float, spare: bool = True, behind: bool = False) -> Child | None:
        """Returns a worker under these limits, None if there is no zygote yet; raises Unavailable.

        With `spare` it may be one that stood by, of which one may not know yet that it is dying. One that is
        to stand back is not the last of these: that is kept for others.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._measured or self._broken or self._closed, timeout)
            if self._closed or self._broken:
                raise Unavailable(self._broken or "the sandbox was shut down")
            if not self._measured:
                return None
            fit = [each for each in self._spares if spare and each.limits == limits]
            for child in fit[1:] if behind else fit:
                self._spares.remove(child)
                if not wire.hung_up(child.connection):
                    if behind:
                        self.stand_back(child)
                    return child
                self.release(child)  # it died idle, and the zygote has not said so yet
            return self._spawn(limits, behind=behind)

    def start(self, child: Child) -> None:
        """Tells the zygote that this worker has its request."""
        self._tell(wire.Start(child.job))

    def stand_back(self, child: Child) -> None:
        """Leaves a worker what others do not want of the processors, from now on."""
        self._tell(wire.Behind(child.job))

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
        """Orders the missing spares; while a job runs, which they would slow, only if none is left.

        At the start one, for the first request; the others when all that they can inherit is there.
        """
        with self._changed, contextlib.suppress(Unavailable):  # the next request says why
            if self._control is None or (self._spares and not self.gate.empty()):
                return
            wanted = self.settings.spares if self._primed else min(self.settings.spares, 1)
            while len(self._spares) < wanted:
                self._spares.append(self._spawn(self._limits))

    def _renew(self) -> None:
        """Makes all spares anew: one made before holds copies of all that the zygote has touched since."""
        before, self._spares = self._spares, []
        for child in before:
            self.release(child)
        self.refill()

    def spares(self) -> int:
        """Returns how many workers stand by."""
        with self._changed:
            return len(self._spares)

    def workers(self) -> int:
        """Returns how many workers there are, at work, standing by or on order."""
        with self._changed:
            return len(self._children)

    def measured(self, timeout: float) -> Isolation:
        """Returns the level once the canary has measured it, "bare" if that takes longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._measured or self._broken or self._closed, timeout)
            return self.isolation

    def pids(self) -> tuple[int, ...]:
        """Returns the processes that are alive now, the one that was started here first."""
        with self._changed:
            if self._process is None:
                return ()
            if not self._apart:
                workers = [c.pid for c in self._children.values() if c.pid is not None]
                return (self._process.pid, *workers)
            process = self._process.pid
        import psutil  # late: who waits for a first answer does not ask this

        try:  # what the zygote calls its workers are names inside its namespace
            return (process, *(child.pid for child in psutil.Process(process).children(recursive=True)))
        except psutil.NoSuchProcess:
            return ()

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

    def _spawn(self, limits: Limits, bait: canary.Bait | None = None, behind: bool = False) -> Child:
        ours, theirs, output, theirs_output = _channels()
        child = Child(next(self._jobs), limits, ours, output)
        self._children[child.job] = child
        ours.setblocking(False)
        os.set_blocking(output, False)
        try:
            self._tell(wire.Spawn(child.job, limits, bait, behind), [theirs.fileno(), theirs_output])
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
                why = self._run_zygote()
            except Exception as error:  # noqa: BLE001  (this thread must live: it makes zygotes)
                why = f"{type(error).__name__}: {error}"
            if why and failures:  # once may be chance
                self._fail(why)
            failures = min(failures + 1, len(PAUSES_S) - 1) if why else 0
            with self._changed:
                self._changed.wait_for(lambda: self._closed, PAUSES_S[failures])

    def _run_zygote(self) -> str:
        """Starts a zygote and hears it to its end; returns why it never worked, "" if it did."""
        start = launch.prepare(self.settings)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = self._started(start, theirs)
            except OSError:
                ours.close()
                raise
        with self._changed:
            self._control, self._process, self._apart = ours, process, "bwrap" in start.walls
            if self._closed:
                ours.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
        try:
            why = self._listen(ours, start.missing)
        finally:
            self._bury(process)
        return why.replace("{code}", str(process.returncode))

    def _started(self, start: launch.Start, control: socket.socket) -> subprocess.Popen[bytes]:
        """Starts a zygote in a session of its own: Ctrl-C is for the app, which then ends it."""
        return subprocess.Popen(
            launch.command(self.settings, start, control.fileno()), pass_fds=[control.fileno()],
            env=launch.environment(self.settings, start), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def _listen(self, control: socket.socket, missing: tuple[str, ...]) -> str:
        """Lets a canary measure, and hears the zygote to its end; returns why it never worked."""
        frames, birds = wire.Frames(wire.CONTROL_CAP), 1
        with contextlib.ExitStack() as stack:
            bait, listener = stack.enter_context(canary.laid_out())
            selector = stack.enter_context(selectors.PollSelector())
            selector.register(control, selectors.EVENT_READ)
            bird = self._send_out(bait, stack, selector)
            self.refill()
            while True:
                readable = {key.fileobj for key, _ in selector.select()}
                if control in readable and not self._hear_all(control, frames):
                    return "" if self._measured else ENDED
                if bird.connection not in readable:
                    continue
                selector.unregister(bird.connection)
                why = self._take_measure(bird, missing)
                if not why:
                    listener.close()
                elif birds == CANARIES:
                    return why
                else:
                    bird, birds = self._send_out(bait, stack, selector), birds + 1

    def _send_out(
        self, bait: canary.Bait, stack: contextlib.ExitStack, selector: selectors.PollSelector
    ) -> Child:
        """Orders a canary, whose answer is then listened for."""
        bird = self._spawn(self._limits, bait)
        stack.callback(self.release, bird)
        selector.register(bird.connection, selectors.EVENT_READ)
        return bird

    def _take_measure(self, bird: Child, missing: tuple[str, ...]) -> str:
        """Takes in what the canary could do; then workers are handed out. Returns why it did not say."""
        tried = _tried(_received(bird.connection))
        self.release(bird)
        if isinstance(tried, str):
            return f"What code can do to this machine could not be measured: {tried}"
        with self._changed:
            self.walls = tried.walls
            self.isolation = levels.level(tried.walls, tried.open, (*missing, *tried.missing))
            self._measured = True
            self._changed.notify_all()
        return ""

    def _hear_all(self, control: socket.socket, frames: wire.Frames) -> bool:
        """Takes in what the zygote has said; returns False at its end."""
        data = _received(control)
        for frame in frames.feed(data):
            self._hear(wire.from_zygote(frame))
        return bool(data)

    def _hear(self, message: wire.FromZygote) -> None:
        with self._changed:
            match message:
                case wire.Up():
                    self._broken = ""
                case wire.Primed():
                    self._primed = True
                    self._renew()
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
            self._control, self._process, self._measured, self._primed = None, None, False, False
            children, self._children = self._children, {}
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children.values():
            if not self._apart:  # else they died with their namespace, and their pids name others here
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


def _channels() -> tuple[socket.socket, socket.socket, int, int]:
    """Returns the two ends of a socket and of a pipe; raises Unavailable."""
    with contextlib.ExitStack() as undo:
        try:
            ours, theirs = (undo.enter_context(end) for end in socket.socketpair())
            output, theirs_output = os.pipe()
        except OSError as error:
            raise Unavailable(f"this process is out of descriptors ({error})") from error
        undo.pop_all()
    return ours, theirs, output, theirs_output


def _kill_session(pid: int | None) -> None:
    """Kills what a worker whose zygote is gone has started; on Linux the worker itself is dead by now."""
    if pid is None:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all gone; or, on macOS, zombies only
        return


def _received(connection: socket.socket) -> bytes:
    """Returns what has arrived, b"" at the end."""
    try:
        return connection.recv(wire.CONTROL_CAP)
    except ConnectionResetError:
        return b""


def _tried(data: bytes) -> wire.Tried | str:
    """Returns what a canary said, or why it cannot be read."""
    try:
        message = next((wire.from_worker(frame) for frame in wire.Frames(wire.CONTROL_CAP).feed(data)), None)
    except wire.BadFrame as error:
        return str(error)
    return message if isinstance(message, wire.Tried) else "the process that measures it ended early"
