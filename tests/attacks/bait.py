"""Bait: secrets, listeners and a bystander, laid out anew for each attack, and what became of them.

Each secret holds a token that stands nowhere else: a Report that holds one has the secret.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import secrets
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.browser import ROOT

BYSTANDER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)
held = ctypes.create_string_buffer(sys.stdin.readline().strip().encode(), 100)
secret = os.open(sys.argv[1], os.O_RDONLY)
print(ctypes.addressof(held), secret, flush=True)
for line in sys.stdin:
    print(held.value.decode('utf-8', 'replace'), flush=True)
"""
IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0


class Bait:
    """All that an attack may find. `names` is what the script is told, `tokens` what it must not learn."""

    def __init__(self) -> None:
        self.name = f"attack-{secrets.token_hex(6)}"
        self.tokens: list[str] = []
        self._undo = contextlib.ExitStack()
        self._told = False
        self.folder = self._folder()
        self._secret_files()
        self.names: dict[str, object] = {
            "NAME": self.name,
            "APP": os.getpid(),
            "FOLDER": str(self.folder),
            "SECRET_FILE": str(self.folder / ".streamlit" / "secrets.toml"),
            "SITE": site.getsitepackages()[0],
            "HOME": str(Path.home()),
        }
        self._secrets_elsewhere()
        self._listeners()
        self._bystander()
        self._shared_memory()
        self._terminal()
        handler = signal.signal(signal.SIGWINCH, self._hear)
        self._undo.callback(signal.signal, signal.SIGWINCH, handler)
        self._before = self._picture()

    def token(self) -> str:
        """Returns a new secret."""
        self.tokens.append(f"tok-{secrets.token_hex(16)}")
        return self.tokens[-1]

    def close(self) -> None:
        """Takes everything away."""
        self._undo.close()

    def disturbances(self) -> list[str]:
        """Says in words what has been done to the bait."""
        now = self._picture()
        changed = [
            f"{key}: {self._before.get(key)} -> {now.get(key)}"
            for key in sorted(self._before.keys() | now.keys())
            if self._before.get(key) != now.get(key)
        ]
        return changed + [f"{place} was made" for place in self._left_over()] + self._contacts()

    def serves(self) -> bool:
        """Tells whether somebody listens on the port that is nobody's."""
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", int(str(self.names["FREE_PORT"])))) == 0

    def _hear(self, *_: object) -> None:
        self._told = True

    def _folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bait-"))
        self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / ".streamlit").mkdir()
        (folder / "tree" / "twig").mkdir(parents=True)
        (folder / "listed").mkdir()
        (folder / "listed" / self.token()).touch()
        (folder / "link").symlink_to(self.token())
        for name in ("data.txt", "tree/leaf.txt", "tree/twig/leaf.txt", "cached.pyc"):
            (folder / name).write_text("as it was\n" * 500)
        return folder

    def _secret_files(self) -> None:
        path = self.folder / ".streamlit" / "secrets.toml"
        path.write_text(f'password = "{self.token()}"\n')
        path.chmod(0o600)
        self._held = path.open()
        self._undo.callback(self._held.close)

    def _secrets_elsewhere(self) -> None:
        places = {
            "APP_SECRET": ROOT / ".streamlit" / f"{self.name}.secret",
            "HOME_SECRET": Path.home() / f".{self.name}.secret",
            "SHARED_SECRET": Path("/dev/shm") / f"{self.name}.secret",
        }
        for name, path in places.items():
            path.write_text(f"key = {self.token()}\n")
            path.chmod(0o600)
            self._undo.callback(path.unlink, missing_ok=True)
            self.names[name] = str(path)
        self.names["HELD"] = self._held.fileno()
        self._placed = set(places.values())

    def _listeners(self) -> None:
        self._streams: dict[str, socket.socket] = {}
        self._datagrams: dict[str, socket.socket] = {}
        path = str(self.folder / "unix")
        for name, family, kind, address in [
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, path),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.name}"),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix datagrams", socket.AF_UNIX, socket.SOCK_DGRAM, f"{path}-datagrams"),
        ]:
            made = self._undo.enter_context(socket.socket(family, kind))
            made.setblocking(False)
            made.bind(address)
            if kind == socket.SOCK_STREAM:
                made.listen(64)
            (self._streams if kind == socket.SOCK_STREAM else self._datagrams)[name] = made
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.names |= {
            "PORT": self._streams["tcp"].getsockname()[1],
            "PORT6": self._streams["tcp6"].getsockname()[1],
            "UDP_PORT": self._datagrams["udp"].getsockname()[1],
            "UNIX": path,
            "FREE_PORT": port,
        }

    def _contacts(self) -> list[str]:
        found = []
        for name, listener in self._streams.items():
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
                found.append(f"{name}: somebody connected")
        for name, listener in self._datagrams.items():
            with contextlib.suppress(BlockingIOError):
                found.append(f"{name}: got {listener.recv(100)!r}")
        return found

    def _bystander(self) -> None:
        self._process = process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BYSTANDER, self.names["SECRET_FILE"], self.token()],  # type: ignore[list-item]  # a path
            env={"TOKEN": self.token()}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1, cwd=self.folder, start_new_session=True,
        )  # fmt: skip
        self._undo.callback(_end, process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self.token() + "\n")
        address, descriptor = process.stdout.readline().split()
        self.names |= {"VICTIM": process.pid, "BUFFER": int(address), "VICTIMS_SECRET": int(descriptor)}

    def _shared_memory(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        self._older = _segments()  # of a run that was killed, say, whose numbers new processes get
        memory = libc.shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0o600)
        at = ctypes.c_void_p(libc.shmat(memory, None, 0))
        ctypes.memmove(at, self.token().encode(), 36)
        libc.shmdt(at)
        queue = libc.msgget(IPC_PRIVATE, IPC_CREAT | 0o600)
        libc.msgsnd(queue, (1).to_bytes(8, "little") + self.token().encode(), 36, 0)
        self._undo.callback(libc.shmctl, memory, IPC_RMID, None)
        self._undo.callback(libc.msgctl, queue, IPC_RMID, None)
        self.names |= {"SHARED_MEMORY": memory, "QUEUE": queue}

    def _terminal(self) -> None:
        self._screen, terminal = os.openpty()
        os.set_blocking(self._screen, False)
        self.names["TERMINAL"] = os.ttyname(terminal)
        self._undo.callback(os.close, self._screen)
        self._undo.callback(os.close, terminal)

    def _picture(self) -> dict[str, object]:
        """Returns the state of all that must stay as it is."""
        files = {str(path): _fingerprint(path) for path in self._everything()}
        own = psutil.Process()
        return {
            **files,
            **self._of_the_bystander(),
            "shared memory of workers": sorted(_segments(_below()) - self._older),
            "keys": [line for line in _lines("/proc/keys") if self.name in line],
            "the terminal": self._seen(),
            "the app was signalled": self._told,
            "the app's nice and limits": (own.nice(), own.rlimit(psutil.RLIMIT_NOFILE)),
            "host": (socket.gethostname(), sum(self.name in line for line in _lines("/proc/mounts"))),
        }

    def _everything(self) -> Iterator[Path]:
        yield self.folder
        yield from (path for path in self.folder.rglob("*") if not path.is_socket())
        yield from self._placed

    def _of_the_bystander(self) -> dict[str, object]:
        process = psutil.Process(self._process.pid)
        if self._process.poll() is not None or process.status() == psutil.STATUS_STOPPED:
            return {"bystander": f"ended or stopped ({self._process.returncode})"}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        adjusted = Path(f"/proc/{process.pid}/oom_score_adj").read_text()
        state = (
            process.nice(),
            process.cpu_affinity(),
            process.rlimit(psutil.RLIMIT_NOFILE),
            process.ionice(),
        )
        return {"bystander": (self._process.stdout.readline(), state, adjusted)}

    def _seen(self) -> str:
        try:
            return os.read(self._screen, 1000).decode("utf-8", "replace")
        except BlockingIOError:
            return ""

    def _left_over(self) -> list[str]:
        """Finds what the attack has made: it gives this trial's name to whatever it makes."""
        folders = {Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path.home(), ROOT, Path("/dev/mqueue")}
        folders |= {Path(str(self.names["SITE"])), ROOT / "explainer", ROOT / "explainer" / "__pycache__"}
        found = [path for folder in folders for path in folder.glob(f"*{self.name}*")]
        return [str(path) for path in found if path not in self._placed]


def _fingerprint(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    body = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    extra = tuple(os.listxattr(path, follow_symlinks=False))
    size = 0 if path.is_dir() else status.st_size
    return status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, size, body, extra


def _lines(path: str) -> list[str]:
    """Returns the lines of a table of the kernel's; none where this kernel has no such table."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return file.read().splitlines()


def _below() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _segments(makers: set[int] | None = None) -> set[str]:
    """Returns the pieces of shared memory, those that one of `makers`, or what has died, has made."""
    found = [line.split() for line in _lines("/proc/sysvipc/shm")[1:]]
    return {
        each[1]
        for each in found
        if makers is None or int(each[4]) in makers or not psutil.pid_exists(int(each[4]))
    }


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
