"""Policy: what is laid on a worker before it does anything, while it has one thread.

    zygote ── fork | exec ──▶ worker ── confine(limits) ──▶ warm up, request, answer

A session of its own (so that everything it starts can be killed with it), death with its
parent, low priority, resource limits. Kernel isolation belongs here too, last in
`confine`: it binds the calling thread only, hence before JAX starts others.
"""

from __future__ import annotations

import ctypes
import glob
import os
import resource
import signal
import sys

from explainer.sandbox.settings import Limits

MB = 1 << 20
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
DEVICES = ("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/kfd", "/dev/accel*", "/dev/vfio/[0-9]*")


def confine(limits: Limits, parent: int) -> None:
    """Applies everything to this process; ends it if `parent` is gone already."""
    os.setsid()
    die_with_parent(parent)
    _go_first()
    _limit_resources(limits)


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when the thread that made it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def adopt_orphans() -> None:
    """Makes this process the parent of what its dead children leave behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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
    if _accelerator_visible():
        return  # CUDA reserves address space by the terabyte, and ptxas writes files
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, 256)
    if sys.platform != "linux":
        return  # macOS maps hundreds of GB into every process, and takes no such limit
    # XLA's thread stacks and malloc arenas count, though hardly any of it is ever touched
    threads = 32 * cores + 16 * int(os.environ.get("JAX_NUM_CPU_DEVICES", "1"))
    _lower(resource.RLIMIT_DATA, (limits.memory_mb + 512 + threads) * MB)
    _lower(resource.RLIMIT_AS, (limits.memory_mb + 4096 + 256 * cores + threads) * MB)


def _accelerator_visible() -> bool:
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return False
    return any(glob.glob(pattern) for pattern in DEVICES)


def _lower(kind: int, value: int) -> None:
    """Sets a limit for good, never above what the host already set."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
