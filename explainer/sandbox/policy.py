"""Policy: what is laid on a worker before it does anything, while it has one thread.

    zygote ── fork | exec ──▶ worker ── confine(limits, walls) ──▶ warm up, request, answer

A session of its own (so that everything it starts can be killed with it), death with its
parent, low priority, resource limits; then the walls, last: they bind the calling thread and
those it starts, hence before JAX starts any. `canary` tries what they are to prevent.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import resource
import signal
import sys
from collections.abc import Callable, Collection, Mapping

from explainer.sandbox import files, syscalls
from explainer.sandbox.settings import Limits, Wall

MB = 1 << 20
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
CAPABILITIES_V3 = 0x20080522
DEVICES = ("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/kfd", "/dev/accel*", "/dev/vfio/[0-9]*")
BEHIND = 15  # nice: a twentieth, or less, of what another process gets


def confine(limits: Limits, parent: int) -> None:
    """Applies all but the walls to this process, the first of its session; ends it if `parent` is gone."""
    die_with_parent(parent)
    _go_first()
    _limit_resources(limits)


def wall_in(
    walls: Collection[Wall], readable: Collection[str], abi: int
) -> tuple[tuple[Wall, ...], tuple[str, ...]]:
    """Puts up the walls that this system can have, for good; returns them, and why others are missing.

    "bwrap" stands round the zygote already: here it is only counted.
    """
    makers: Mapping[Wall, Callable[[], None]] = {
        "landlock": lambda: files.lock(readable, abi),
        "seccomp": syscalls.restrict,
    }
    laid: list[Wall] = [wall for wall in walls if wall not in makers]
    reasons = []
    if walls and sys.platform == "linux":
        os.umask(0o777)
        os.chdir("/")
        _hide()
        _drop_capabilities()
    for wall, make in makers.items():
        if wall not in walls:
            continue
        try:
            make()
            laid.append(wall)
        except (files.Unusable, syscalls.Unusable) as error:
            reasons.append(str(error))
    return tuple(laid), tuple(reasons)


def preload(walls: Collection[Wall]) -> None:
    """Loads what `wall_in` needs; what cannot be loaded it tells of itself."""
    for wall, load in {"landlock": files.preload, "seccomp": syscalls.preload}.items():
        if wall in walls:
            with contextlib.suppress(files.Unusable, syscalls.Unusable):
                load()


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when the thread that made it ends (Linux)."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def outlive_parent() -> None:
    """Takes back `die_with_parent`."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of what its dead children leave behind (Linux)."""
    if sys.platform == "linux":
        _prctl(PR_SET_CHILD_SUBREAPER, 1)


def stand_back(pid: int) -> bool:
    """Leaves a worker, and what it started, what others do not want of the processors; False: not yet.

    Linux may share them out by session first (`/proc/<pid>/autogroup`) and only then by process; it takes
    one such order a tenth of a second.
    """
    try:
        if os.getsid(pid) != pid:
            return False  # it was made just now, and still is in the session of the process that made it
        os.setpriority(os.PRIO_PGRP, pid, BEHIND)
        if sys.platform == "linux":
            with open(f"/proc/{pid}/autogroup", "w") as file:
                file.write(str(BEHIND))
    except BlockingIOError:
        return False
    except OSError:
        return True  # it has ended, or this kernel has no autogroups, or /proc cannot be written
    return True


def accelerator_visible() -> bool:
    """Returns whether JAX may find an accelerator here; its driver needs more than the walls let through."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return False
    return any(glob.glob(pattern) for pattern in DEVICES)


def _go_first() -> None:
    """Lets the page stay responsive, and the kernel choose a worker when memory runs out."""
    os.nice(5)
    if sys.platform == "linux":
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def _limit_resources(limits: Limits) -> None:
    cores = os.cpu_count() or 1
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, int((limits.deadline_s + 10) * cores))  # back-stop: wall clock is the limit
    if accelerator_visible():
        return  # CUDA reserves address space by the terabyte, and ptxas writes files
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, 256)
    if sys.platform != "linux":
        return  # macOS maps hundreds of GB into every process, and takes no such limit
    _lower(resource.RLIMIT_MEMLOCK, 0)
    _lower(resource.RLIMIT_MSGQUEUE, 0)
    # XLA's thread stacks and malloc arenas count, though hardly any of it is ever touched
    threads = 32 * cores + 16 * int(os.environ.get("JAX_NUM_CPU_DEVICES", "1"))
    _lower(resource.RLIMIT_DATA, (limits.memory_mb + 512 + threads) * MB)
    _lower(resource.RLIMIT_AS, (limits.memory_mb + 4096 + 256 * cores + threads) * MB)


def _hide() -> None:
    """Lets no other process of this user trace this one or read its memory."""
    _prctl(PR_SET_DUMPABLE, 0)


def _drop_capabilities() -> None:
    """Gives up what root may do beyond other users, where the app is run by root."""
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)
    none = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _lower(kind: int, value: int) -> None:
    """Sets a limit for good, never above what the host already set."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
