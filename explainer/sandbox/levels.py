"""Isolation level: what truly stands between a worker and this machine, from what a canary could do.

    canary ── Tried ─▶ level() ─▶ Isolation ─▶ report.isolation, refusal()

"sealed": in namespaces of its own, behind Landlock and seccomp, and nothing it tried worked.
"contained": nothing it tried worked, but it shares this machine's names of files and processes.
"bare": anything else; the reasons name what is open. A public page may be served from the first two.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable

from explainer.report import Isolation
from explainer.sandbox.canary import DENIED
from explainer.sandbox.settings import NO_ISOLATION_ACCEPTED, Wall

NAMES: dict[Wall, str] = {
    "bwrap": "namespaces of its own (bubblewrap)",
    "landlock": "Landlock",
    "seccomp": "a seccomp filter",
    "seatbelt": "a seatbelt profile",
}
UNKNOWN = Isolation("bare", ("What a worker could do to this machine is being measured.",))


def level(walls: Collection[Wall], opened: Collection[str], missing: Iterable[str]) -> Isolation:
    """Returns the level of workers behind `walls` of which a canary found `opened` passable."""
    reasons = [*_standing(walls, opened), *missing]
    leaks = [row for row in DENIED if row.name in opened and not row.sealed]
    if leaks or not walls:
        can = f"Code can {_listed([row.words for row in leaks])}. " if leaks else ""
        reasons.append(f"{can}Run only code you trust.")
        if sys.platform != "linux":
            reasons.append("This system does not end a worker on its own if its supervisor is killed.")
        return Isolation("bare", tuple(reasons))
    if {"bwrap", "landlock", "seccomp"} <= set(walls) and not opened:
        return Isolation("sealed", tuple(reasons))
    return Isolation("contained", tuple(reasons))


def unmeasured(why: str) -> Isolation:
    """Returns the level where the canary itself failed."""
    return Isolation("bare", (f"What code can do to this machine could not be measured: {why}.",))


def refusal(isolation: Isolation, exposed: bool, accepted: bool) -> str:
    """Returns why this instance must not serve, "" if it may: nothing "bare" beyond this machine."""
    if isolation.level != "bare" or not exposed or accepted:
        return ""
    return (
        "This instance can be reached from other machines, and code that is typed into it is not shut in. "
        f"{' '.join(isolation.reasons)} So it answers nobody. Serve it on 127.0.0.1 only, or give it what "
        "isolates workers: Linux 5.13 or newer with Landlock, and libseccomp. Whoever wants to serve it as "
        f"it is must set EXPLAINER_ACCEPT_NO_ISOLATION to '{NO_ISOLATION_ACCEPTED}'."
    )


def _standing(walls: Collection[Wall], opened: Collection[str]) -> list[str]:
    if not walls:
        return ["Workers are not shut in."]
    failed = f"{len(DENIED) - len(opened)} of them" if opened else "all of them"
    behind = _listed([NAMES[wall] for wall in walls])
    return [f"Code runs behind {behind}. At start {len(DENIED)} ways out were tried, and {failed} failed."]


def _listed(words: list[str]) -> str:
    """Returns "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
