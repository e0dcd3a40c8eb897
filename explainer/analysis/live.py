"""Live functions: one that is already built, from a notebook or a script, with the arguments of a call.

    explain(jax.vmap(jax.vmap(f, ...), ...), X, Y) ──▶ a Request that describes it ──▶ pipeline ──▶ Report

Its levels are found by calling it: every jax.vmap inside is captured. The text of the file or cell in
which the mapped function stands becomes the request's code, so that equations lead back to its lines.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from explainer.analysis import parsing, pipeline
from explainer.analysis.run import Run, RunLimits
from explainer.analysis.stages import LIVE
from explainer.analysis.values import dtype_name
from explainer.report import Report
from explainer.source import short_dtype
from explainer.spec import Argument, Request, Stage

_MOST = 200  # characters of an argument's text


def explain(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], until: Stage
) -> Report:
    """Explains a call of a live function in this process."""
    given = _named(function, args, kwargs)
    own = _innermost(function)
    code = getattr(own, "__code__", None)
    file = "" if code is None else code.co_filename
    arguments = tuple(Argument(name, _text(value), name in kwargs) for name, value in given.items())
    request = Request("".join(linecache.getlines(file)), _name(own), arguments)
    run = Run(request, LIVE, lambda report: None, RunLimits(), main=file)
    run.program = parsing.program(request, {}, function, dict(given), ())
    run.program = replace(run.program, name=_name(own), context=object())  # it may be explained again
    return pipeline.through(run, until)


def _named(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Names the arguments of a call by the function's parameters: {"X": ..., "Y": ...}; ["args[0]", ...]."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # a call that does not fit, or no signature: the call itself tells
        bound = {}
    names = [name for name, value in bound.items() if any(value is arg for arg in args)]
    if len(names) != len(args):
        names = [f"argument {n}" for n in range(len(args))]
    return dict(zip(names, args, strict=True)) | dict(kwargs)


def _innermost(function: Any) -> Any:
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


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _text(value: Any) -> str:
    """Writes an argument as the app would take it: f32[3,2], {'w': f32[2]}; what is no array by its repr."""
    text = repr(jax.tree.map(_Spec, value))
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


class _Spec:
    """A leaf that writes itself as a shape spec."""

    def __init__(self, leaf: Any) -> None:
        self.leaf = leaf

    def __repr__(self) -> str:
        if not isinstance(self.leaf, (jax.Array, np.ndarray, np.generic)):
            return repr(self.leaf)
        sizes = ",".join(map(str, self.leaf.shape))
        return f"{short_dtype(dtype_name(self.leaf.dtype))}[{sizes}]"
