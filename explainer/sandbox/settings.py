"""Limits and settings of the sandbox: every number a host may turn, read in one place.

EXPLAINER_DEADLINE_S   seconds one explanation may take (10)
EXPLAINER_MEMORY_MB    memory one worker may hold, MiB (2048)
EXPLAINER_OUTPUT_KB    what a worker may print past Python's own streams, KiB (256)
EXPLAINER_SOURCE_KB    size of a request, KiB (64)
EXPLAINER_ANSWER_MB    size of one answer, MiB (16)
EXPLAINER_JOBS         explanations at the same time (the cores of this process)
EXPLAINER_QUEUE        requests that may wait for their turn; past it one is turned away (64)
EXPLAINER_CACHE_MB     finished answers kept for whoever asks the same, MiB; 0 keeps none (64)
EXPLAINER_SPARES       workers kept warm (2)
EXPLAINER_STRATEGY     how a worker is made: "fork" (Linux) or "exec" (elsewhere)
EXPLAINER_DEVICES      devices that a worker's CPU is shown to JAX as, for pmap and shard_map (8)
EXPLAINER_PLATFORM     "cpu", "gpu", ...: what JAX_PLATFORMS is in workers (JAX's own default)
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Literal

Strategy = Literal["fork", "exec"]

VARIABLES = {
    "deadline_s": "EXPLAINER_DEADLINE_S",
    "memory_mb": "EXPLAINER_MEMORY_MB",
    "output_kb": "EXPLAINER_OUTPUT_KB",
    "source_kb": "EXPLAINER_SOURCE_KB",
    "answer_mb": "EXPLAINER_ANSWER_MB",
}
"""The environment variable that sets each field of `Limits`; messages name it."""


class SettingError(ValueError):
    """Reports an environment variable that cannot be read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may use. A field left out comes from its environment variable."""

    deadline_s: float = field(default_factory=lambda: _number(VARIABLES["deadline_s"], 10.0))
    memory_mb: int = field(default_factory=lambda: int(_number(VARIABLES["memory_mb"], 2048)))
    output_kb: int = field(default_factory=lambda: int(_number(VARIABLES["output_kb"], 256)))
    source_kb: int = field(default_factory=lambda: int(_number(VARIABLES["source_kb"], 64)))
    answer_mb: int = field(default_factory=lambda: int(_number(VARIABLES["answer_mb"], 16)))


@dataclass(frozen=True, slots=True)
class Settings:
    """How workers are made and what they run.

    `target` is a module with `explain(request, until, emit, limits)`, called in the worker, and
    `RunLimits`; `warmup` is one with `preload()` (imports and traces, starts no JAX backend) and
    `warm()` (starts it), or "" for none.
    """

    jobs: int = field(default_factory=lambda: int(_number("EXPLAINER_JOBS", _cores())))
    queue: int = field(default_factory=lambda: int(_number("EXPLAINER_QUEUE", 64)))
    cache_mb: int = field(default_factory=lambda: int(_number("EXPLAINER_CACHE_MB", 64, least=0)))
    spares: int = field(default_factory=lambda: int(_number("EXPLAINER_SPARES", 2, least=0)))
    strategy: Strategy = field(default_factory=lambda: _strategy(os.environ.get("EXPLAINER_STRATEGY", "")))
    devices: int = field(default_factory=lambda: int(_number("EXPLAINER_DEVICES", 8)))
    platform: str = field(default_factory=lambda: os.environ.get("EXPLAINER_PLATFORM", ""))
    target: str = "explainer.analysis.pipeline"
    warmup: str = "explainer.analysis.preload"


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
