"""Canary: a worker that tries to get out, once, before any request; what it can do is what is open.

    pool ── Spawn(canary) ─▶ worker ── wall_in ─▶ try_all(bait) ── Tried ─▶ pool ─▶ levels

`DENIED` reads as the list of what a worker must not be able to do. Each row is tried for real, with
harmless means. Nothing else decides which level the page may claim.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PTRACE_SEIZE = 0x4206  # unlike PTRACE_ATTACH it does not stop the other process
IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0
RLIMIT_NOFILE = 7


@dataclass(frozen=True, slots=True)
class Bait:
    """What the pool laid out on this machine: a file that only its user may read, a port that listens."""

    secret: str
    port: int
    pid: int  # of the app
    folder: str  # that the app's user may write to


@dataclass(frozen=True, slots=True)
class Denied:
    """One thing that a worker must not be able to do: `words` complete "code can ..."."""

    name: str
    words: str
    attempt: Callable[[Bait], object]  # raises OSError if it is denied
    sealed: bool = False  # asked of "sealed" only


def _read_secret(bait: Bait) -> None:
    Path(bait.secret).read_bytes()


def _list_files(bait: Bait) -> None:
    os.listdir(bait.folder)


def _write_file(bait: Bait) -> None:
    path = Path(bait.folder, "canary")
    path.touch()
    path.unlink()


def _write_shared_memory(_: Bait) -> None:
    path = Path("/dev/shm", f"canary-{os.getpid()}")
    path.touch()
    path.unlink()


def _change_file(bait: Bait) -> None:
    os.utime(bait.secret)


def _read_process(bait: Bait) -> None:
    Path(f"/proc/{bait.pid}/environ").read_bytes()


def _signal(bait: Bait) -> None:
    os.kill(bait.pid, 0)


def _signal_by_descriptor(bait: Bait) -> None:
    ends = os.pipe()
    try:  # who owns a descriptor gets a signal of the setter's choice when data comes; none comes here
        fcntl.fcntl(ends[0], fcntl.F_SETOWN, bait.pid)
    finally:
        for end in ends:
            os.close(end)


def _trace(bait: Bait) -> None:
    _call("ptrace", PTRACE_SEIZE, bait.pid, None, None)


def _limit_others(bait: Bait) -> None:
    _call("prlimit", bait.pid, RLIMIT_NOFILE, None, ctypes.create_string_buffer(16))


def _connect(bait: Bait) -> None:
    socket.create_connection(("127.0.0.1", bait.port), timeout=1).close()


def _open_socket(_: Bait) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _open_local_socket(_: Bait) -> None:
    socket.socket(socket.AF_UNIX).close()


def _fork(_: Bait) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _run_program(_: Bait) -> None:
    shell = "/bin/sh"
    pid = os.posix_spawn(shell, [shell, "-c", ":"], {})
    if os.waitpid(pid, 0)[1] != 0:
        raise PermissionError("the program did not run")


def _new_user(_: Bait) -> None:
    pid = os.fork()  # a process of its own: this one needs its name afterwards
    if pid == 0:
        os._exit(ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0)
    if os.waitpid(pid, 0)[1] != 0:
        raise PermissionError("no new user namespace")


def _share_memory(_: Bait) -> None:
    kept = _call("shmget", IPC_PRIVATE, 4096, IPC_CREAT | 0o600)
    _call("shmctl", kept, IPC_RMID, None)


def _see_outside(bait: Bait) -> None:
    os.stat(bait.secret)


DENIED = (
    Denied("read_files", "read the files of the user who runs the app", _read_secret),
    Denied("list_files", "list the files of the user who runs the app", _list_files),
    Denied("write_files", "write files", _write_file),
    Denied("write_shared_memory", "leave files in shared memory", _write_shared_memory),
    Denied("change_files", "change files", _change_file),
    Denied("read_processes", "read what other processes hold", _read_process),
    Denied("signal", "send signals to other processes", _signal),
    Denied("signal_by_descriptor", "have descriptors signal other processes", _signal_by_descriptor),
    Denied("trace", "trace other processes", _trace),
    Denied("limit_others", "look into the limits of other processes", _limit_others),
    Denied("connect", "connect to services of this machine", _connect),
    Denied("network", "open network sockets", _open_socket),
    Denied("local_sockets", "open sockets to other processes", _open_local_socket),
    Denied("fork", "start processes", _fork),
    Denied("programs", "start programs", _run_program),
    Denied("namespaces", "make namespaces in which it is root", _new_user),
    Denied("share_memory", "share memory with other processes", _share_memory),
    Denied("see_outside", "see that files exist outside", _see_outside, sealed=True),
)


def try_all(bait: Bait) -> tuple[str, ...]:
    """Returns the names of what this process could do."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return tuple(row.name for row in DENIED if _succeeds(row, bait))


def lay_out(folder: str) -> tuple[Bait, socket.socket]:
    """Puts a secret into `folder` and opens a port; the caller closes it and removes the folder."""
    listener = socket.create_server(("127.0.0.1", 0))
    handle, secret = tempfile.mkstemp(dir=folder, prefix="secret-")
    os.write(handle, b"secret")
    os.close(handle)
    return Bait(secret, listener.getsockname()[1], os.getpid(), folder), listener


def _succeeds(row: Denied, bait: Bait) -> bool:
    try:
        row.attempt(bait)
    except (OSError, AttributeError):  # denied; or a function that this system does not have
        return False
    return True


def _call(function: str, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = getattr(libc, function)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
