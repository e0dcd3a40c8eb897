"""The JAX versions that the analysis is written for and tested on: the one place that states the range.

    import explainer.analysis ──▶ require ──▶ internals: what differs between these versions

JAX promises nothing about its internals: outside of the range the analysis would fail somewhere in the
middle, or worse, show a wrong axis. So it does not start there, and says so before JAX is imported.
"""

from __future__ import annotations

import importlib.metadata
import re

from explainer.errors import VersionError

OLDEST = "0.9.2"
NEWEST = "0.10.2"
RANGE = f">={OLDEST},<={NEWEST}"


def require() -> None:
    """Raises VersionError unless the JAX and the jaxlib that are installed lie in the range."""
    installed = {name: _installed(name) for name in ("jax", "jaxlib")}
    if all(version and supported(version) for version in installed.values()):
        return
    found = " and ".join(f"{name} {version or '(none)'}" for name, version in installed.items())
    raise VersionError(
        f"{found} cannot be explained: this needs JAX {OLDEST} to {NEWEST}, whose internals it knows.\n"
        f'Install one of these, then try again: pip install "jax{RANGE}" "jaxlib{RANGE}"'
    )


def supported(version: str) -> bool:
    """Tells whether a version lies in the range: 0.10.1 does; 0.11.0, 0.9.1 and a 0.10.2.dev1 do not."""
    release = re.fullmatch(r"(\d+(?:\.\d+)*)(?:\.post\d+)?(?:\+[\w.]+)?", version)
    return release is not None and _numbers(OLDEST) <= _numbers(release[1]) <= _numbers(NEWEST)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
