"""Surroundings: what user code may change for the whole process, put back once it is over.

    restored ── user code: jax.config.update(...), jax.vmap = mine, sys.path, os.chdir ──▶ as it was

So a script is run a second time as it was the first, and one explanation leaves nothing to the next.
Most functions to map import nothing and set nothing (`leaves_alone`): for those nothing is noted.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import operator
import os
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

from explainer.analysis import parsing

_FINAL = ("jax_num_cpu_devices", "jax_platforms", "jax_platform_name")
"""What no update can change back: by then the devices are at work."""

_MODULES = [value for value in parsing.PREDEFINED.values() if isinstance(value, types.ModuleType)]

_CHANGING = {dis.opmap[name] for name in ("IMPORT_NAME", "STORE_ATTR", "DELETE_ATTR")}
_REACHING = re.compile(
    r"__|\b(compile|config|delattr|eval|exec|getattr|globals|os|setattr|sys|update_wrapper|vars|wraps)\b"
)
"""Words without which no code comes by a module's dict, JAX's configuration, sys.path or the folder."""

_LOOP = re.compile(r"\bfor\b")

Names = list[tuple[dict[str, Any], dict[str, Any]]]
"""The names of each predefined module, and a copy of them."""


def leaves_alone(code: types.CodeType, text: str, expressions: Sequence[str]) -> bool:
    """Tells code, of that text, and expressions used with it that cannot change what `restored` puts back.

    It imports nothing, sets no attribute and has none of the words that would do either. Its letters are
    ASCII, since Python reads others as those they look like; no expression has a loop, which sets, too.
    """
    texts = (text, *expressions)
    if not all(map(str.isascii, texts)) or any(map(_REACHING.search, texts)):
        return False
    return not _sets(code) and not any(map(_LOOP.search, expressions))


def _sets(code: types.CodeType) -> bool:
    """Tells whether a code object, or one within it, has an instruction that imports or sets an attribute."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return not _CHANGING.isdisjoint(code.co_code[::2]) or any(map(_sets, inner))


@functools.cache
def untouched() -> tuple[Mapping[str, Any], Names]:
    """Returns configuration and names as they were at the first call, before any code of a user's.

    A process that forks calls this ahead. To copy names is to count one more holder of all that they name:
    in a fork, a thousand pages of memory become its own.
    """
    return jax.config.values, _copied()


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Puts JAX's configuration, names in the predefined modules, sys.path and the folder back afterwards."""
    put_back = noted()
    try:
        yield
    finally:
        put_back()


def noted(first: bool = False) -> Callable[[], None]:
    """Returns what puts back all that `restored` does, as it is now; `first`: nobody's code has run here."""
    configuration, names = untouched() if first else (jax.config.values, _copied())
    undo = _configuration(configuration), _names(names), _path(), _folder()

    def put_back() -> None:
        for each in undo:
            each()

    return put_back


def _configuration(before: Mapping[str, Any]) -> Callable[[], None]:
    def undo() -> None:
        after: Mapping[str, Any] = jax.config.values
        for name, value in after.items() if after != before else ():
            if name in before and name not in _FINAL and value != before[name]:
                jax.config.update(name, before[name])

    return undo


def _copied() -> Names:
    """Copies the names.

    `copy` takes a dict of names with gaps, as these are, as a whole, where `dict` would take name by name.
    """
    modules = map(vars, _MODULES)  # here, since it imports one that nobody has used yet
    return [(names, names.copy()) for names in modules]


def _names(before: Names) -> Callable[[], None]:
    """What a module has got beside stays: Python itself puts the modules there that are imported."""

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
