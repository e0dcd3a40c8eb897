"""Limits and settings of the sandbox: every number a host may turn, read in one place.

In brackets what holds if the variable is not set; after the bar, on a public instance.

EXPLAINER_PUBLIC       1: strangers use this instance: lower limits, CPU only, no service without isolation
EXPLAINER_DEADLINE_S   seconds one explanation may take (10 | 8)
EXPLAINER_MEMORY_MB    memory one worker may hold, MiB (2048 | 1024)
EXPLAINER_OUTPUT_KB    what a worker may print past Python's own streams, KiB (256 | 64)
EXPLAINER_SOURCE_KB    size of a request, KiB (64 | 32)
EXPLAINER_ANSWER_MB    size of one answer, MiB (16 | 8)
EXPLAINER_THREADS      threads one worker may hold (64 a core and 32 a device, at least 512)
EXPLAINER_JOBS         explanations at the same time (the cores of this process)
EXPLAINER_QUEUE        requests that may wait for their turn; past it one is turned away (64)
EXPLAINER_CACHE_MB     finished answers kept for whoever asks the same, MiB; 0 keeps none (64)
EXPLAINER_SPARES       workers kept warm (2)
EXPLAINER_STRATEGY     how a worker is made: "fork" (Linux) or "exec" (elsewhere)
EXPLAINER_DEVICES      devices that a worker's CPU is shown to JAX as, for pmap and shard_map (8)
EXPLAINER_PLATFORM     "cpu", "gpu", ...: what JAX_PLATFORMS is in workers (JAX's own default | cpu)
EXPLAINER_WALLS        what shuts workers in: "none", or some of bwrap,landlock,seccomp (all; macOS: seatbelt)
EXPLAINER_LANDLOCK_ABI holds Landlock to what an older kernel can do; 1 is Linux 5.13 (all this kernel can)
EXPLAINER_ACCEPT_NO_ISOLATION  serves beyond this machine although workers are not shut in, if it is set to
                       "strangers can read my files and use my network"

Those of workers on other hosts are in `cluster_settings`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Literal

Strategy = Literal["fork", "exec"]
Wall = Literal["bwrap", "landlock", "seccomp", "seatbelt"]
WALLS: dict[str, tuple[Wall, ...]] = {"linux": ("bwrap", "landlock", "seccomp"), "darwin": ("seatbelt",)}
NO_ISOLATION_ACCEPTED = "strangers can read my files and use my network"

VARIABLES = {
    "deadline_s": "EXPLAINER_DEADLINE_S",
    "memory_mb": "EXPLAINER_MEMORY_MB",
    "output_kb": "EXPLAINER_OUTPUT_KB",
    "source_kb": "EXPLAINER_SOURCE_KB",
    "answer_mb": "EXPLAINER_ANSWER_MB",
    "threads": "EXPLAINER_THREADS",
}
"""The environment variable that sets each field of `Limits`; messages name it."""


class SettingError(ValueError):
    """Reports an environment variable that cannot be read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use. A field left out comes from its environment variable."""

    deadline_s: float = field(default_factory=lambda: _limit("deadline_s", 10.0, 8.0))
    memory_mb: int = field(default_factory=lambda: int(_limit("memory_mb", 2048, 1024)))
    output_kb: int = field(default_factory=lambda: int(_limit("output_kb", 256, 64)))
    source_kb: int = field(default_factory=lambda: int(_limit("source_kb", 64, 32)))
    answer_mb: int = field(default_factory=lambda: int(_limit("answer_mb", 16, 8)))
    threads: int = field(default_factory=lambda: int(_number(VARIABLES["threads"], _threads())))


@dataclass(frozen=True, slots=True)
class Settings:
    """How workers are made and what they run.

    `target` is a module with `explain(request, until, emit, limits)`, called in the worker, and
    `RunLimits(memory_bytes, final)`; `warmup` is one with `preload()` (imports, starts no JAX backend),
    `ahead()` (lists short steps that make later requests faster, done while nobody asks; nor do they) and
    `warm()` (starts it; may return a Request that the worker answers to nobody while it waits), or "" for
    none.
    """

    jobs: int = field(default_factory=lambda: int(_number("EXPLAINER_JOBS", _cores())))
    queue: int = field(default_factory=lambda: int(_number("EXPLAINER_QUEUE", 64)))
    cache_mb: int = field(default_factory=lambda: int(_number("EXPLAINER_CACHE_MB", 64, least=0)))
    spares: int = field(default_factory=lambda: int(_number("EXPLAINER_SPARES", 2, least=0)))
    strategy: Strategy = field(default_factory=lambda: _strategy(os.environ.get("EXPLAINER_STRATEGY", "")))
    devices: int = field(default_factory=lambda: int(_number("EXPLAINER_DEVICES", 8)))
    platform: str = field(
        default_factory=lambda: os.environ.get("EXPLAINER_PLATFORM", "cpu" if public() else "")
    )
    walls: tuple[Wall, ...] = field(default_factory=lambda: _walls(os.environ.get("EXPLAINER_WALLS", "")))
    landlock_abi: int = field(default_factory=lambda: int(_number("EXPLAINER_LANDLOCK_ABI", 0, least=0)))
    target: str = "explainer.analysis.pipeline"
    warmup: str = "explainer.analysis.preload"


def public() -> bool:
    """Returns whether this instance says that strangers use it."""
    text = os.environ.get("EXPLAINER_PUBLIC", "").lower()
    if text in ("", "0", "no", "false"):
        return False
    if text in ("1", "yes", "true"):
        return True
    raise SettingError(f"EXPLAINER_PUBLIC is {text!r}: set it to 1 or 0, or unset it")


def no_isolation_accepted() -> bool:
    """Returns whether whoever runs this instance has said in so many words what it risks."""
    text = os.environ.get("EXPLAINER_ACCEPT_NO_ISOLATION", "")
    if text and text != NO_ISOLATION_ACCEPTED:
        raise SettingError(
            f"EXPLAINER_ACCEPT_NO_ISOLATION is {text!r}: set it to '{NO_ISOLATION_ACCEPTED}', or unset it"
        )
    return bool(text)


def _limit(name: str, own: float, in_public: float) -> float:
    return _number(VARIABLES[name], in_public if public() else own)


def _threads() -> int:
    """Returns a bound above what XLA and its devices start; a thread bomb soon passes any."""
    return max(512, 64 * (os.cpu_count() or 1) + 32 * int(_number("EXPLAINER_DEVICES", 8)))


def _walls(text: str) -> tuple[Wall, ...]:
    known: tuple[Wall, ...] = WALLS.get(sys.platform, ())
    if not text:
        return known
    names = [] if text == "none" else [name.strip() for name in text.split(",")]
    found: tuple[Wall, ...] = tuple(wall for wall in known if wall in names)
    if len(found) != len(names):
        choice = f"some of {', '.join(known)}, or none" if known else "none: this system has no others"
        raise SettingError(f"EXPLAINER_WALLS is {text!r}: set it to {choice}, or unset it")
    return found


def _number(variable: str, default: float, least: float = 1) -> float:
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise SettingError(f"{variable} is {text!r}: set it to a number of at least {least:g}, or unset it")
    return number


def _strategy(text: str) -> Strategy:
    """Returns "fork" where that is safe: macOS frameworks do not survive a fork without exec."""
    text = text or ("fork" if sys.platform == "linux" else "exec")
    if text == "fork":
        return "fork"
    if text == "exec":
        return "exec"
    raise SettingError(f"EXPLAINER_STRATEGY is {text!r}: set it to fork or exec, or unset it")


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
