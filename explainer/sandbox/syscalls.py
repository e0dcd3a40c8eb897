"""System calls: the few that a worker may make, as data, and the kernel filter that refuses all others.

    policy ── restrict() ──▶ libseccomp ──▶ kernel

An honest request makes about thirty kinds of calls; the table holds these and harmless
neighbours. What is not in it fails with EPERM, which Python raises as PermissionError:
new processes and programs, every socket, signals to others, tracing, mounts, namespaces,
shared memory between processes, keys, kernel modules, and whatever the next kernel adds.
"""

from __future__ import annotations

import errno
import os

ALLOWED = {
    "memory, which XLA also writes machine code to": "mprotect munmap mremap madvise brk mbind get_mempolicy",
    "threads": "futex gettid set_robust_list rseq set_tid_address exit sched_yield membarrier getcpu",
    "how many cores, which priority": "sched_getaffinity sched_getparam sched_getscheduler "
    "sched_get_priority_max sched_get_priority_min",
    "opening files, of which Landlock lets few be opened": "open openat",
    "what is open already": "read write readv writev pread64 lseek close dup dup2 dup3 "
    "fadvise64 pipe2 eventfd2",
    "names and sizes of files": "stat lstat fstat newfstatat statx access faccessat faccessat2 "
    "readlink readlinkat getdents64 getcwd chdir",
    "waiting": "poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "nanosleep clock_nanosleep restart_syscall",
    "signals to itself": "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack "
    "alarm getitimer setitimer",
    "the time": "clock_gettime clock_getres gettimeofday time times",
    "who it is": "getpid getppid getuid geteuid getgid getegid getpgrp getpgid getsid uname sysinfo "
    "getrusage getrlimit arch_prctl",
    "random numbers": "getrandom",
    "its end": "exit_group",
}
"""Calls that need no condition, by what they are for. Those that a machine does not have are passed over."""

SHARED_AND_OF_NO_FILE = 0x21  # mmap MAP_SHARED | MAP_ANONYMOUS: such memory can be hidden from all counts
CLONE_THREAD = 0x10000
CLONE_NEW_ANYTHING = 0x7E020080  # every CLONE_NEW* flag
TERMINAL_QUESTIONS = (0x5401, 0x5413, 0x5451)  # TCGETS, TIOCGWINSZ, FIOCLEX
NAME_OF_A_THREAD = (15, 16)  # prctl PR_SET_NAME, PR_GET_NAME
# fcntl F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC. Not F_SETOWN and F_SETSIG: with these a
# descriptor sends any signal to any process of this user.
OF_DESCRIPTORS = (0, 1, 2, 3, 4, 1030)
CONDITIONS = (("prctl", 0, NAME_OF_A_THREAD), ("ioctl", 1, TERMINAL_QUESTIONS), ("fcntl", 1, OF_DESCRIPTORS))
"""Calls that need a condition: the argument of that index must be one of these values."""


class Unusable(Exception):
    """Reports why this machine has no such filter."""


def preload() -> None:
    """Loads libseccomp, which a confined process can no longer find; raises Unusable."""
    _library()


def restrict() -> None:
    """Refuses all other system calls to this process and its later threads, for good; raises Unusable.

    Calls by the numbers of another architecture (32 bit, x32) end the process.
    """
    seccomp = _library()
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for name in " ".join(ALLOWED.values()).split():
        number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
        if number >= 0:
            rules.add_rule(seccomp.ALLOW, number)
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of a filter's sight: use clone
    for kept in (0x00, 0x01, 0x20):  # any other two of these flags; the watchdog counts what it can see
        rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, SHARED_AND_OF_NO_FILE, kept))
    threads = CLONE_THREAD | CLONE_NEW_ANYTHING
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, threads, CLONE_THREAD))
    rules.add_rule(seccomp.ALLOW, "tgkill", seccomp.Arg(0, seccomp.EQ, os.getpid()))
    # prlimit64: itself, and to read
    rules.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0), seccomp.Arg(2, seccomp.EQ, 0))
    for name, index, values in CONDITIONS:
        for value in values:
            rules.add_rule(seccomp.ALLOW, name, seccomp.Arg(index, seccomp.EQ, value))
    try:
        rules.load()
    except OSError as error:
        raise Unusable(f"the kernel takes no seccomp filter ({error.strerror})") from error


def _library():  # noqa: ANN202  # pyseccomp has no types
    try:
        import pyseccomp
    except (ImportError, RuntimeError) as error:  # no package; no libseccomp.so on this system
        raise Unusable(f"seccomp cannot be used: {error}") from error
    return pyseccomp
