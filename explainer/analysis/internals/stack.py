"""The stack of transformations under way: what each hands its function, what it gets back, and gives on.

    user code ── jit, grad, scan, vmap, ... ──▶ Stack ──▶ Entered, as a tree in the order of the calls

Each transformation is met where it passes through JAX, however and whenever its function was built, and
goes on unchanged: only shapes are noted, on the way in and on the way out. What JAX does for purposes
of its own, on functions of its own, is not noted.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import types
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from explainer.analysis.internals.jaxprs import plain
from explainer.layers import MOST

Piece = tuple[str, jax.ShapeDtypeStruct]
"""An array on its way: where it stands ("params['w']"), and its shape."""

JAX = os.path.dirname(jax.__file__) + os.sep
OURS = str(Path(__file__).parents[2]) + os.sep
_LIBRARIES = f"{os.sep}site-packages{os.sep}"
_MOST_SITES = 40


@dataclass(slots=True)
class Entered:
    """One transformation at one place: its first call, and how many equal ones there were.

    `arrived` came from outside and `left` went back there; `handed` is what its function saw and
    `returned` what that gave. `pulled` are the cotangents its backward pass was given, `gradients` what
    came of them; it differentiates by the arrays named in `by`. None: it was not seen. `direct`: called
    by the transformation around it, by no code of the user's in between. `same` is an equal one whose
    trace was used again.
    """

    number: int
    parent: int | None
    kind: str
    name: str
    sites: tuple[tuple[types.CodeType, int], ...] = ()
    direct: bool = False
    made_by: str = ""
    part: str = ""
    level: int | None = None
    arrived: tuple[Piece, ...] | None = None
    left: tuple[Piece, ...] | None = None
    handed: tuple[Piece, ...] | None = None
    returned: tuple[Piece, ...] | None = None
    pulled: tuple[Piece, ...] | None = None
    gradients: tuple[Piece, ...] | None = None
    by: tuple[str, ...] = ()
    count: int = 1
    same: int | None = None


@dataclass(slots=True)
class Call:
    """A call under way: the place it was entered at, and whether this is the first time there."""

    entered: Entered
    new: bool
    inside: bool = False  # of the function it was given
    bodies: int = 0  # how many functions it has traced
    again: bool = False  # the function is traced once more, for other weak types: not another call


@dataclass(slots=True)
class Stack:
    """What was entered, in order; `under` are the calls under way, outermost first."""

    found: list[Entered] = field(default_factory=list)
    under: list[Call] = field(default_factory=list)
    _places: dict[Any, Entered] = field(default_factory=dict)
    _traced: dict[int, tuple[Any, int]] = field(default_factory=dict)  # jaxprs, by id, to their call
    _last: dict[tuple[int | None, str], Entered] = field(default_factory=dict)  # under a parent, by kind

    @contextlib.contextmanager
    def entering(self, kind: str, name: str, where: str, frame: Any, **known: Any) -> Iterator[Call | None]:
        """Puts a call on the stack meanwhile; None when there are too many places to tell apart.

        `frame` is the innermost of JAX's frames that the call has, `where` tells its function.
        """
        boundary = beyond(frame)
        sites = sites_from(boundary)
        parent = self.under[-1].entered.number if self.under else None
        part, level = known.get("part", ""), known.get("level")
        key = (parent, kind, sites[:1], where, part, level, _key(known))
        entered, new = self._places.get(key), False
        if entered is None and len(self.found) < MOST:
            entered, new = Entered(len(self.found), parent, kind, name, sites, **known), True
            entered.direct = bool(part) or (bool(self.under) and ours(boundary))
            entered.made_by = entered.made_by or library(boundary)
            self.found.append(entered)
            self._places[key] = entered
        elif entered is not None and not any(call.again for call in self.under):
            entered.count += 1
        call = None if entered is None else Call(entered, new)
        with self._on_top(call):
            yield call
        if entered is not None:
            self._last[parent, kind] = entered

    @contextlib.contextmanager
    def back_in(self, entered: Entered) -> Iterator[None]:
        """Puts a place that was entered before on the stack once more, for its backward pass, say."""
        with self._on_top(Call(entered, False, inside=True)):
            yield

    def last(self, kind: str) -> Entered | None:
        """Returns what was entered last by a kind of call under the one under way."""
        return self._last.get((self.under[-1].entered.number if self.under else None, kind))

    def last_around(self, kind: str) -> Entered | None:
        """Returns the innermost place of a kind under way."""
        return next((call.entered for call in reversed(self.under) if call.entered.kind == kind), None)

    def remember(self, jaxpr: Any, call: Call) -> None:
        """Keeps whose trace a jaxpr is, or notes that its trace was used again."""
        known = self._traced.get(id(jaxpr))
        first = None if known is None or known[0]() is not jaxpr else known[1]
        if first is None:
            self._traced[id(jaxpr)] = weakref.ref(jaxpr), call.entered.number
        elif call.new and first != call.entered.number:
            call.entered.same = first

    def of(self, jaxpr: Any) -> Entered | None:
        """Returns the place that a jaxpr was traced at."""
        known = self._traced.get(id(jaxpr))
        return self.found[known[1]] if known is not None and known[0]() is jaxpr else None

    @contextlib.contextmanager
    def _on_top(self, call: Call | None) -> Iterator[None]:
        depth = len(self.under)
        if call is not None:
            self.under.append(call)
        try:
            yield
        finally:
            del self.under[depth:]


def _key(known: dict[str, Any]) -> Any:
    """Returns what tells the calls from one place apart: the shapes that they are given."""
    pieces = known.get("arrived") or known.get("handed") or ()
    return tuple((path, aval.shape, str(aval.dtype)) for path, aval in pieces)


def pieces(name: str, tree: Any) -> tuple[Piece, ...]:
    """Lists the arrays of a tree, and the numbers that JAX takes for arrays; all else is left out."""
    found = []
    try:
        flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    except (TypeError, ValueError):  # a static argument that is no tree: a dict of keys without an order
        return ()
    for path, leaf in flat:
        aval = _aval(leaf)
        if aval is not None:
            found.append((name + jax.tree_util.keystr(path), aval))
    return tuple(found)


def _aval(leaf: Any) -> jax.ShapeDtypeStruct | None:
    try:
        typed = leaf if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else jax.typeof(leaf)
        return plain(typed)
    except (
        TypeError,
        ValueError,
        AttributeError,
    ):  # no array: a string, a function, what JAX calls an abstract token
        return None


def arguments(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Piece, ...]:
    """Lists the arrays of a call by the function's own names for them: X, params['w']."""
    try:
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):  # the call does not fit, or the function does not say
        named: dict[str, Any] = {f"argument {n}": arg for n, arg in enumerate(args)} | kwargs
    else:
        named = {}
        for name, value in bound.arguments.items():
            extra = signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            named |= value if extra else {name: value}
    return tuple(piece for name, value in named.items() for piece in pieces(name, value))


def beyond(frame: Any) -> Any:
    """Returns the first frame outside of JAX: the user's, a library's, or ours, of the call around."""
    while frame is not None and frame.f_code.co_filename.startswith(JAX):
        frame = frame.f_back
    return frame


def ours(frame: Any) -> bool:
    """Tells a frame of this program's."""
    return frame is not None and frame.f_code.co_filename.startswith(OURS)


def library(frame: Any) -> str:
    """Names the library that a frame is of; "" for the user's own code."""
    return "" if frame is None else frame.f_code.co_filename.partition(_LIBRARIES)[2].partition(os.sep)[0]


def sites_from(frame: Any) -> tuple[tuple[types.CodeType, int], ...]:
    """Lists the places in the user's and libraries' code that led to a frame, innermost first."""
    sites: list[tuple[types.CodeType, int]] = []
    while frame is not None and len(sites) < _MOST_SITES:
        if not frame.f_code.co_filename.startswith((JAX, OURS)):
            sites.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(sites)


def source(function: Any) -> tuple[str, str]:
    """Returns the name of the innermost function and its file, "" for what is not written in Python."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif getattr(function, "__wrapped__", None) is not None:
            function = function.__wrapped__
        else:
            break
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return name, code.co_filename if code is not None else ""


def shown(function: Any, frame: Any) -> bool:
    """Tells whether a call of a transformed function is worth a layer: not JAX's own inner works, nor ours.

    A function of JAX's that the user transforms counts: `jit(vmap(jnp.dot))`, called by the user.
    """
    if type(function) is types.FunctionType and not hasattr(function, "__wrapped__"):
        file = function.__code__.co_filename  # most are so, and JAX's own: asked at every jitted call
    else:
        file = source(function)[1]
    if not file.startswith((JAX, OURS)):
        return bool(file) or not _of_jax(beyond_wrappers(frame))
    if file.startswith(OURS):
        return False
    wrapped = isinstance(function, functools.partial) or hasattr(function, "__wrapped__")
    return wrapped and not _of_jax(beyond_wrappers(frame))


def beyond_wrappers(frame: Any) -> Any:
    """Returns the frame that called a transformed function, past the frames a transformation has itself."""
    while frame is not None and frame.f_code.co_filename.startswith(_WRAPPERS):
        frame = frame.f_back
    return frame


def _of_jax(frame: Any) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(JAX)


_WRAPPERS = tuple(
    os.path.join(JAX, "_src", *name.split("/"))
    for name in (
        *("linear_util.py", "api.py", "api_util.py", "core.py", "pjit.py", "interpreters/", "pmap.py"),
        *("custom_derivatives.py", "ad_checkpoint.py", "traceback_util.py", "lax/control_flow/"),
    )
)
