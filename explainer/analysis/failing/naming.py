"""Naming: what the arguments of a live call are called, and their texts, as the app would take them.

    function, args, kwargs ──▶ named, text ──▶ Argument ──▶ Request

For a call that is there already, with its values: from a notebook, or one that failed in a script.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from explainer.analysis.values import dtype_name
from explainer.source import ShapeSpec, short_dtype

_MOST = 200  # characters of an argument's text


def named(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Names the arguments of a call by the function's parameters: {"X": ..., "Y": ...}; "argument 0", ..."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # a call that does not fit, or no signature: the call itself tells
        bound = {}
    names = [name for name, value in bound.items() if any(value is arg for arg in args)]
    if len(names) != len(args):
        names = [f"argument {n}" for n in range(len(args))]
    return dict(zip(names, args, strict=True)) | dict(kwargs)


def innermost(function: Any) -> Any:
    """Returns the function that the transformations are wrapped around."""
    while True:
        inner = getattr(function, "__wrapped__", None)
        if isinstance(function, functools.partial):
            inner = function.func
        if inspect.ismethod(function):
            inner = function.__func__
        if inner is None:
            return function
        function = inner


def name(function: Any) -> str:
    """Returns the name of a function; of an object that is called, of its class."""
    return getattr(function, "__name__", type(function).__name__)


def text(value: Any) -> str:
    """Writes an argument as the app would take it: f32[3,2], {'w': f32[2]}; what is no array by its repr."""
    try:
        written = repr(jax.tree.map(_Spec, value))
    except Exception:  # noqa: BLE001  (a class of the user's may bear no leaves but its own)
        written = f"a {type(value).__name__}"
    return written if len(written) <= _MOST else written[: _MOST - 1] + "…"


class _Spec:
    """A leaf that writes itself as a shape spec."""

    def __init__(self, leaf: Any) -> None:
        self.leaf = leaf

    def __repr__(self) -> str:
        if isinstance(self.leaf, ShapeSpec):
            return str(self.leaf)
        if not isinstance(self.leaf, (jax.Array, np.ndarray, np.generic)):
            return repr(self.leaf)
        sizes = ",".join(map(str, self.leaf.shape))
        return f"{short_dtype(dtype_name(self.leaf.dtype))}[{sizes}]"
