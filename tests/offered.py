"""What this machine offers to shut workers in, asked of it without the sandbox's own code.

`python -m tests.offered` says so, and installs Debian's bubblewrap first when it may. `make test` runs
it: tests of a level that a machine cannot give are skipped with the reason, those of all others are not.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import sys

import pytest

LANDLOCK_CREATE_RULESET, VERSION = 444, 1
BWRAP = ("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true")


@functools.cache
def missing(level: str) -> str:
    """Returns what a level ("sealed", "contained") needs and this machine does not have, "" if nothing."""
    if level == "bare":
        return ""
    if sys.platform != "linux":
        return "these walls are Linux's"
    if ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION) < 1:
        return "this kernel has no Landlock"
    if shutil.which("ldconfig", path="/sbin:/usr/sbin") is None or not _seccomp():
        return "this system has no libseccomp"
    if level == "sealed" and not _namespaces():
        return "bubblewrap is not here, or not let make namespaces"
    return ""


def needs(level: str) -> pytest.MarkDecorator:
    """Returns the mark of a test that a machine without this level cannot do."""
    return pytest.mark.skipif(bool(missing(level)), reason=missing(level))


def _seccomp() -> bool:
    libraries = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    return "libseccomp.so" in libraries


def _namespaces() -> bool:
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run(BWRAP, capture_output=True, check=False).returncode == 0


def _install() -> None:
    """Installs Debian's package when this is Debian and we are root."""
    if shutil.which("bwrap") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("No bubblewrap found: installing Debian's package", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "bubblewrap"]):
        subprocess.run(command, env=environment, check=False)


def main() -> None:
    """Prints which levels the tests will try."""
    _install()
    for level in ("sealed", "contained"):
        why = missing(level)
        print(f"Tests of the level {level!r}: {f'skipped, {why}' if why else 'run'}")


if __name__ == "__main__":
    main()
