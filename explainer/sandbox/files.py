"""Files: what a worker may read of this machine (it may write nothing), and the walls that see to it.

    pool ── readable(target) ──▶ paths ──┬─▶ bubblewrap: only these and the system's /usr are there at all
                                         └─▶ Landlock: only these, `LIBRARIES` and `FACTS` can be opened

Python, its packages and this one: nothing of a user, or of the system's configuration but `FACTS`.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from types import ModuleType

LIBRARIES = ("/usr/lib64", "/lib64", "/usr/lib/locale", "/usr/share/zoneinfo")
LIBRARIES_OF_ALL = ("/usr/lib", "/lib")  # where no folder of this architecture's holds them
FACTS = (  # of the machine, that Python, libc and XLA ask for
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",
    "/dev/null",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
NULL = "/dev/null"
PATIENCE_S = 10
SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


class Unusable(Exception):
    """Reports why this machine has no such wall."""


def readable(modules: Iterable[str]) -> tuple[str, ...]:
    """Returns the folders of Python, of every installed package, and of the packages of these modules."""
    found = {sys.prefix, sys.base_prefix, *sysconfig.get_paths(expand=True).values()}
    found |= {path for path in sys.path if "site-packages" in path or "dist-packages" in path}
    for module in modules:
        spec = importlib.util.find_spec(module.partition(".")[0]) if module else None
        found |= set(spec.submodule_search_locations or ()) if spec else set()
    real = {os.path.realpath(path) for path in found} | found
    kept = {os.path.abspath(path) for path in real if os.path.isdir(path)} - {"/", "/usr"}
    return tuple(sorted(path for path in kept if not _within(path, kept)))


def preload() -> None:
    """Loads the package that `lock` needs, for all workers of a zygote at once; raises Unusable."""
    _landlock()


def lock(paths: Iterable[str], abi: int = 0) -> None:
    """Lets this process open only `paths` for reading and /dev/null, for good; raises Unusable.

    With Landlock from ABI 6 on it also sends no signal to, and finds no abstract socket of, a process
    outside. `abi` holds it to what an older kernel can do: 1 is Linux 5.13.
    """
    landlockpy = _landlock()
    if landlockpy.abi_version() < 1:
        raise Unusable("this kernel has no Landlock (Linux 5.13 has, if it is switched on)")
    access = landlockpy.AccessFS
    abi = abi or landlockpy.abi_version()
    with landlockpy.Ruleset(
        handled_fs=landlockpy.fs_for_abi(abi),
        handled_net=landlockpy.net_for_abi(abi),
        scoped=landlockpy.scope_for_abi(abi),
    ) as rules:
        for path in (*paths, *_libraries(), *FACTS):
            if os.path.isdir(path):
                rules.allow_path(path, access.READ_FILE | access.READ_DIR)
            elif os.path.exists(path):
                rules.allow_path(path, access.READ_FILE)
        rules.allow_path(NULL, access.READ_FILE | access.WRITE_FILE)
        rules.restrict()


def bubblewrap(paths: Sequence[str]) -> tuple[str, ...]:
    """Returns the command that starts another in namespaces of its own: only `paths`, /usr, `FACTS` exist.

    No network, no process but those of this sandbox, no user but one without privileges; /tmp is empty and
    read-only. Raises Unusable where the system has no `bwrap`, or does not let it make namespaces; OSError
    where it is short of descriptors or processes.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise Unusable("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    command = (
        *(
            program,
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--die-with-parent",
            "--new-session",
        ),
        *("--as-pid-1", "--cap-drop", "ALL", "--hostname", "sandbox", "--chdir", "/"),
        *("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"),
        *("--tmpfs", "/tmp"),
        *(word for path in ("/lib", "/lib32", "/lib64", "/bin", "/sbin") for word in _root_entry(path)),
        *(word for path in (*FACTS, *paths) if _to_bind(path) for word in ("--ro-bind", path, path)),
        *("--remount-ro", "/", "--remount-ro", "/tmp", "--remount-ro", "/dev"),
    )
    try:
        tried = subprocess.run(
            [*command, "/usr/bin/env", "true"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            raise  # it passes, and says nothing of this wall
        raise Unusable(f"bubblewrap does not run: {error}") from error
    if tried.returncode != 0:
        raise Unusable(f"bubblewrap is not let work on this system ({tried.stderr.strip()[:200]})")
    return command


def _landlock() -> ModuleType:
    try:
        import landlockpy
    except ImportError as error:
        raise Unusable(f"Landlock cannot be used: {error}") from error
    return landlockpy


def _libraries() -> tuple[str, ...]:
    """Returns the folders of shared libraries: on Debian only this architecture's, not all of /usr/lib."""
    triplet = sysconfig.get_config_var("MULTIARCH") or "no-such-triplet"
    own = tuple(f"{folder}/{triplet}" for folder in LIBRARIES_OF_ALL if os.path.isdir(f"{folder}/{triplet}"))
    return (*LIBRARIES, *(own or LIBRARIES_OF_ALL))


def _within(path: str, others: Iterable[str]) -> bool:
    return any(path != other and path.startswith(other.rstrip("/") + "/") for other in others)


def _root_entry(path: str) -> tuple[str, ...]:
    """Returns the words that make an entry of the root folder, a link as the link it is here."""
    if os.path.islink(path):
        return ("--symlink", os.readlink(path), path)
    return ("--ro-bind", path, path) if os.path.isdir(path) else ()


def _to_bind(path: str) -> bool:
    """Tells whether a path is not there yet: /dev, /proc and /usr are made above."""
    return os.path.exists(path) and not path.startswith(("/dev/", "/proc/", "/usr/"))
