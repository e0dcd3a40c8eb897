"""Surroundings: what user code may change for the whole process, put back once it is over.

    restored ── user code: jax.config.update(...), jax.vmap = mine, sys.path, os.chdir ──▶ as it was

So a script is run a second time as it was the first, and one explanation leaves nothing to the next.
"""

from __future__ import annotations

import contextlib
import operator
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from explainer.analysis import parsing

_FINAL = ("jax_num_cpu_devices", "jax_platforms", "jax_platform_name")
"""What no update can change back: by then the devices are at work."""

_MODULES = [vars(value) for value in parsing.PREDEFINED.values() if isinstance(value, types.ModuleType)]


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Puts JAX's configuration, names in the predefined modules, sys.path and the folder back afterwards."""
    undo = _configuration(), _names(), _path(), _folder()
    try:
        yield
    finally:
        for each in undo:
            each()


def _configuration() -> Callable[[], None]:
    before: Mapping[str, Any] = jax.config.values  # made anew each time it is asked for

    def undo() -> None:
        after: Mapping[str, Any] = jax.config.values
        for name, value in after.items() if after != before else ():
            if name in before and name not in _FINAL and value != before[name]:
                jax.config.update(name, before[name])

    return undo


def _names() -> Callable[[], None]:
    """What a module has got beside stays: Python itself puts the modules there that are imported.

    `copy` takes a dict of names with gaps, as these are, as a whole, where `dict` would take name by name.
    """
    before = [(names, names.copy()) for names in _MODULES]

    def undo() -> None:
        for names, known in before:
            now = list(names.values())
            if len(now) != len(known) or any(map(operator.is_not, now, known.values())):
                names.update({name: old for name, old in known.items() if names.get(name) is not old})

    return undo


def _path() -> Callable[[], None]:
    path, entries = sys.path, list(sys.path)

    def undo() -> None:
        sys.path = path
        sys.path[:] = entries

    return undo


def _folder() -> Callable[[], None]:
    folder = os.getcwd()
    return lambda: os.chdir(folder)
