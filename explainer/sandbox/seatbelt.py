"""Seatbelt: the wall round a worker on macOS, a profile for the system's own `sandbox-exec`.

    zygote ── command(readable) + python … ──▶ sandbox-exec ──▶ worker

Everything is denied but reading Python and the system's libraries. Written from the profiles that
browsers and build tools ship; it has not been run on a Mac, so the canary there decides what the
page may claim.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable

PROGRAM = "/usr/bin/sandbox-exec"
SYSTEM = ("/usr/lib", "/System", "/Library/Frameworks", "/private/var/db/dyld", "/usr/share/zoneinfo", "/dev")
RULES = """(version 1)
(deny default)
(allow process-exec (literal {program}))
(allow process-info* (target self))
(allow signal (target self))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read* {readable})
(allow file-write-data (literal "/dev/null"))
"""


def usable() -> bool:
    """Returns whether this system has the program."""
    return sys.platform == "darwin" and os.access(PROGRAM, os.X_OK)


def command(readable: Iterable[str]) -> list[str]:
    """Returns the words that start another command inside the wall."""
    return [PROGRAM, "-p", profile(sys.executable, readable)]


def profile(program: str, readable: Iterable[str]) -> str:
    """Returns the text of the profile: `program` may be started, `readable` and the system be read."""
    paths = " ".join(f"(subpath {json.dumps(path)})" for path in (*SYSTEM, *readable))
    return RULES.format(program=json.dumps(os.path.realpath(program)), readable=paths)
