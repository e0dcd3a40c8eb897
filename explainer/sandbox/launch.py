"""Launch: how a zygote is started on this machine: its command, its environment, the walls round it.

    settings ── prepare() ─▶ Start ── command(), environment() ─▶ pool ─▶ zygote

What the settings ask for and this machine cannot do is left out here, with the reason.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import msgspec

from explainer.sandbox import files, policy, seatbelt, wire, zygote
from explainer.sandbox.settings import Settings, Wall

PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "USER", "LOGNAME")
PASSED_OUTSIDE = ("HOME", "TMPDIR", "USER", "LOGNAME", "VIRTUAL_ENV")  # names of things behind the walls
PASSED_PREFIXES = (
    "LC_",
    "JAX_",
    "XLA_",
    "TF_CPP_",
    "TF_XLA_",
)  # not TF_ nor NVIDIA_: Terraform's tokens, API keys
OF_ACCELERATORS = (
    *("CUDA_", "NVIDIA_VISIBLE_", "NVIDIA_DRIVER_", "ROCM_", "HIP_", "ROCR_", "HSA_"),
    *("TPU_", "TF_FORCE_GPU_", "TF_GPU_"),
)  # of use outside of walls only
PATH_INSIDE = "/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Start:
    """What a zygote gets: the words before its command, the walls that can stand, why others can not."""

    prefix: tuple[str, ...] = ()
    walls: tuple[Wall, ...] = ()
    missing: tuple[str, ...] = ()


def prepare(settings: Settings) -> Start:
    """Returns which walls can be put up on this machine; tries bubblewrap once."""
    prefix, missing, walls = (), [], list(settings.walls)
    if walls and settings.platform != "cpu" and policy.accelerator_visible():
        reason = "JAX may use an accelerator here, whose driver needs what the walls refuse"
        return Start(missing=(f"{reason}; EXPLAINER_PLATFORM=cpu shuts workers in.",))
    if "bwrap" in walls:
        try:
            prefix = files.bubblewrap(_readable(settings))
        except files.Unusable as error:
            walls.remove("bwrap")
            missing.append(f"No namespaces: {error}.")
    if "seatbelt" in walls and not (settings.strategy == "exec" and seatbelt.usable()):
        walls.remove("seatbelt")
        missing.append(f"No seatbelt: it needs {seatbelt.PROGRAM} and the strategy exec.")
    return Start(prefix, tuple(walls), tuple(missing))


def command(settings: Settings, start: Start, control: int) -> list[str]:
    """Returns the command line of a zygote that hears the pool on the descriptor `control`."""
    config = wire.Config(
        control,
        settings.strategy,
        settings.target,
        settings.warmup,
        tuple(os.path.abspath(entry) for entry in sys.path),  # where the app finds its modules
        start.walls,
        _readable(settings),
        settings.landlock_abi,
    )
    return [
        *start.prefix,
        *zygote.command("zygote", "main", config.path, msgspec.json.encode(config).decode()),
    ]


def environment(settings: Settings, start: Start) -> dict[str, str]:
    """Returns the environment of the workers: what Python and JAX need, none of the app's secrets."""
    passed = set(PASSED) - set(PASSED_OUTSIDE if start.walls else ())
    prefixes = PASSED_PREFIXES + (() if start.walls else OF_ACCELERATORS)
    kept = {k: v for k, v in os.environ.items() if k in passed or k.startswith(prefixes)}
    if start.walls:
        kept["PATH"] = PATH_INSIDE
    if settings.platform:
        kept["JAX_PLATFORMS"] = settings.platform
    kept.setdefault("JAX_NUM_CPU_DEVICES", str(settings.devices))
    kept.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else one worker takes 75 % of a GPU
    kept.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's log would count as the user's output
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def _readable(settings: Settings) -> tuple[str, ...]:
    """Returns what workers may read: Python, the packages, and what they run."""
    return files.readable((__name__, settings.target, settings.warmup))
