"""Closures: where a function is written, and what it takes from around it, by the names it has there.

a mapped function ──▶ place, leaves ──▶ capturing
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterator
from typing import Any

import jax

_JAX = os.path.dirname(jax.__file__) + os.sep

Place = tuple[str, int, bytes]
"""File, first line, and the table of all positions: two lambdas on one line are two places."""


def place(function: Any) -> Place | None:
    """Returns where the user's or a library's function under all wrappers is written.

    None: it is not written in Python, or is JAX's own, which its name tells.
    """
    while function is not None and not inspect.isfunction(function):
        inner = (getattr(function, name, None) for name in ("__func__", "func", "__wrapped__"))
        function = next(filter(callable, inner), None)
    if function is None or function.__code__.co_filename.startswith(_JAX):
        return None
    code = function.__code__
    return code.co_filename, code.co_firstlineno, code.co_linetable


def leaves(function: Any) -> Iterator[tuple[str, Any]]:
    """Lists (name, leaf) of what a function takes from around it: ("params['w']", an array)."""
    for name, value in _closed_over(function).items():
        try:
            flat, _ = jax.tree_util.tree_flatten_with_path(value)
        except Exception:  # noqa: BLE001  (the user's own kinds of trees, dicts without an order: no name)
            continue
        for path, leaf in flat:
            yield name + jax.tree_util.keystr(path), leaf


def _closed_over(function: Any) -> dict[str, Any]:
    """Returns the values a function takes from around it: of closures, globals it names, bound arguments."""
    found: dict[str, Any] = {}
    while function is not None:
        if isinstance(function, functools.partial):
            found |= dict(zip(_parameters(function), function.args, strict=False)) | function.keywords
            function = function.func
            continue
        if inspect.ismethod(function):
            found |= {
                f"self.{name}": value for name, value in getattr(function.__self__, "__dict__", {}).items()
            }
            function = function.__func__
        if inspect.isfunction(function):
            found |= _around(function)
        function = getattr(function, "__wrapped__", None)
    return {name: value for name, value in found.items() if not inspect.ismodule(value)}


def _around(function: Any) -> dict[str, Any]:
    """Returns the globals and the variables of functions around it that a function names and that are set."""
    code, names = function.__code__, function.__globals__
    found = {name: names[name] for name in code.co_names if name in names}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not set yet: a function that is defined further down
            continue
    return found


def _parameters(function: functools.partial[Any]) -> list[str]:
    """Names the arguments that are bound by their places; a function without a signature numbers them."""
    try:
        parameters = inspect.signature(function.func).parameters.values()
    except (TypeError, ValueError):
        parameters = []
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return [*names, *(f"argument {n + 1}" for n in range(len(names), len(function.args)))]
