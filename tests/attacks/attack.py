"""An attack: a script as a visitor would submit it, and what becomes of it where nothing holds it back.

    Attack + Bait ── script ──▶ a worker ──▶ Outcome (trial.py)

The script runs below a prelude that names the bait (`SECRET_FILE`, `PORT`, `VICTIM`, ...) and has `broke`.
What `broke` prints stands in no source text, so that it is found in a Report only where it was called.
"""

from __future__ import annotations

import os
import platform
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MACHINE = platform.machine()

Where = Literal["anywhere", "root", "x86_64"]

HOWEVER = "How it ends is a matter of versions and of luck; it must end, and hurt nobody."

NUMBERS: dict[str, tuple[int, int]] = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "capget": (125, 90), "chroot": (161, 51),
    "clone": (56, 220), "clone3": (435, 435), "execveat": (322, 281), "fanotify_init": (300, 262),
    "fsopen": (430, 430), "init_module": (175, 105), "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26), "io_setup": (206, 0), "io_uring_setup": (425, 425), "ioprio_set": (251, 30),
    "kcmp": (312, 272), "kexec_load": (246, 104), "keyctl": (250, 219), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "mount": (165, 40), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "openat": (257, 56),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pivot_root": (155, 41),
    "process_madvise": (440, 440), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "ptrace": (101, 117), "reboot": (169, 142), "rt_sigqueueinfo": (129, 138), "seccomp": (317, 277),
    "sethostname": (170, 161), "settimeofday": (164, 170), "setns": (308, 268), "swapon": (167, 224),
    "syslog": (103, 116), "tgkill": (234, 131), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282),
}  # fmt: skip
"""System calls by their numbers on x86_64 and on all younger machines."""

PRELUDE = """\
import ctypes, os
def broke(what=''):
    text = f'\\n{FACTOR * FACTOR}: {what}\\n'
    print(text)
    try: os.write(1, text.encode('utf-8', 'replace'))
    except OSError: pass
def attempt(function, *args, **named):
    try: result = function(*args, **named)
    except BaseException as error: return print('refused:', type(error).__name__, error)
    broke(repr(result)[:3000])
    return result
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(name, *args):
    number = NUMBERS[name] if isinstance(name, str) else name
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in args]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *given)
    return -ctypes.get_errno() if result == -1 else result
def allowed(name, *args):
    result = call(name, *args)
    if -result in (1, 13, 38): print('refused:', os.strerror(-result))
    else: broke(f'{name}: {result}')
    return result
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """What a visitor tries; the name says what.

    `bare`: what happens where only a process holds it: "through" (it gets what it wants), or how the Report
    ends: "answer", a limit ("deadline"), or the type of the failure ("WorkerCrashed"). `why`: why one that
    nowhere gets through is kept; one that ends at a limit or in a crash has that for its proof.
    `where`: needed for `bare` to be true. `leaks_at`: levels it is known to get through at, and
    `why` says why that is borne. `before` is an earlier visitor's script, `after` a later one's;
    `beside` one's that runs at the same time.
    """

    name: str
    code: str
    bare: str = "through"
    why: str = ""
    where: Where = "anywhere"
    leaks_at: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    beside: str = ""
    deadline_s: float | None = None
    plain: bool = False  # its first character counts: no prelude

    @property
    def endings(self) -> tuple[str, ...]:
        """What may become of it at "bare": more than one where that is a matter of versions or of luck."""
        return tuple(self.bare.split(" or "))

    @property
    def proven(self) -> bool:
        """Tells whether this machine can show what `bare` says."""
        return {"anywhere": True, "root": os.geteuid() == 0, "x86_64": MACHINE == "x86_64"}[self.where]


@dataclass(frozen=True, slots=True)
class Mark:
    """What `broke` prints, in this one trial."""

    factor: int = field(default_factory=lambda: 10**15 + secrets.randbelow(10**15))

    @property
    def text(self) -> str:
        return str(self.factor**2)


def prelude(mark: Mark, names: Mapping[str, object]) -> str:
    """Returns what stands above the script: where the bait is, and how to say that it was taken."""
    column = 0 if MACHINE == "x86_64" else 1
    numbers = {name: pair[column] for name, pair in NUMBERS.items()}
    known = {"FACTOR": mark.factor, "NUMBERS": numbers, "PYTHON": sys.executable, **names}
    return "".join(f"{name} = {value!r}\n" for name, value in known.items()) + PRELUDE
