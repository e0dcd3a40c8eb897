"""Frames of jax.vmap in a traceback: the calls that were under way when an error was raised.

    error ──▶ vmap_calls ──▶ Mapped, one per vmapped function that was called, outermost first

JAX takes its own frames out of a traceback. Within `keeping_frames` they are put aside first; the error
itself passes as JAX leaves it. Relies on `filter_traceback` of `traceback_util`, and on what `jax.vmap`
and the function it returns call their variables.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax._src import core, traceback_util

_JAX = os.path.dirname(jax.__file__) + os.sep
_API = os.path.join(os.path.dirname(jax.__file__), "_src", "api.py")
_OURS = str(Path(__file__).parents[2]) + os.sep
_VMAPPED = "vmap.<locals>.vmap_f"
_BOUNDARY = "api_boundary.<locals>.reraise_with_filtered_traceback"

_FLOW = os.path.join("_src", "lax", "control_flow", "")
_TRACING = {
    (os.path.join("_src", "pjit.py"), "cache_miss"): "jax.jit",
    (f"{_FLOW}loops.py", "scan"): "jax.lax.scan",
    (f"{_FLOW}loops.py", "map"): "jax.lax.map",
    (f"{_FLOW}loops.py", "while_loop"): "jax.lax.while_loop",
    (f"{_FLOW}loops.py", "fori_loop"): "jax.lax.fori_loop",
    (f"{_FLOW}conditionals.py", "_cond"): "jax.lax.cond",
    (f"{_FLOW}conditionals.py", "switch"): "jax.lax.switch",
}
"""JAX's functions that trace what they are given to a body, by file and name."""

Place = tuple[types.FrameType, int]
"""A frame of a traceback and the offset of the instruction it was at."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a vmapped function was made with, as `jax.vmap` holds it."""

    fun: Any
    in_axes: Any
    out_axes: Any
    axis_name: Any  # None: it has none
    axis_size: Any
    spmd_axis_name: Any

    @property
    def inner(self) -> Setting | None:
        """Returns the setting of the function it maps, where that is a vmapped one, jit around it or not."""
        return setting(self.fun)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A call of a vmapped function that an error passed through; `args` may be tracers.

    `entered`: its axes fitted, so that the function it maps was called. `outer` are the places further
    out, innermost first.
    """

    setting: Setting
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    entered: bool
    outer: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A use of `jax.vmap` itself that raised: what it was given, and the places further out."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outer: tuple[Place, ...]

    @property
    def setting(self) -> Setting | None:
        """Returns what was asked for; None where it does not fit the signature of `jax.vmap`."""
        try:
            bound = inspect.signature(jax.vmap).bind(*self.args, **self.kwargs)
        except TypeError:
            return None
        bound.apply_defaults()
        return _setting(bound.arguments)


_Kept = tuple[BaseException, types.TracebackType]

_kept: dict[int, list[_Kept]] = {}  # by thread: the last errors that JAX filtered, the latest last
_users: list[int] = []  # of each who wants them kept, how many
_lock = threading.Lock()
_filter = traceback_util.filter_traceback


@contextlib.contextmanager
def keeping_frames(most: int = 1) -> Iterator[None]:
    """Keeps meanwhile, of the last errors in each thread, the frames that JAX removes from tracebacks."""
    with _lock:
        _users.append(most)
        traceback_util.filter_traceback = _noted
    try:
        yield
    finally:
        with _lock:
            _users.remove(most)
            if not _users:
                traceback_util.filter_traceback = _filter
                _kept.clear()


def _noted(traceback: types.TracebackType) -> types.TracebackType | None:
    frame = traceback.tb_frame
    error = frame.f_locals.get("e") if frame.f_code.co_qualname == _BOUNDARY else None
    if isinstance(error, BaseException) and _traceback(error) is None:  # the first time it has all its frames
        known = _kept.setdefault(threading.get_ident(), [])
        known.append((error, traceback))
        del known[: -max(_users, default=1)]
    return _filter(traceback)


def _traceback(error: BaseException) -> types.TracebackType | None:
    """Returns the traceback that was kept of an error, in whatever thread it was raised."""
    every = [each for known in list(_kept.values()) for each in list(known)]
    return next((traceback for known, traceback in every if known is error), None)


def vmap_calls(error: BaseException) -> tuple[Mapped, ...]:
    """Lists the calls of vmapped functions that an error passed through, outermost first."""
    places = _places(error)
    at = [n for n, (frame, _) in enumerate(places) if _is(frame, _VMAPPED)]
    return tuple(_mapped(places, n) for n in at)


def vmap_under_way() -> Mapped | None:
    """Returns the innermost call of a vmapped function that this code runs in, its arguments fitted."""
    frame = sys._getframe(1)
    while frame is not None and not _is(frame, _VMAPPED):
        frame = frame.f_back
    if frame is None:
        return None
    names = frame.f_locals
    outer: list[Place] = []
    further = frame.f_back
    while further is not None:
        if further.f_code.co_qualname != _BOUNDARY:
            outer.append((further, further.f_lasti))
        further = further.f_back
    return Mapped(_setting(names), tuple(names["args"]), dict(names["kwargs"]), True, tuple(outer))


def vmap_making(error: BaseException) -> Made | None:
    """Returns the use of `jax.vmap` that raised an error itself, before anything was called."""
    places = _places(error)
    for n in reversed(range(len(places))):
        frame = places[n][0]
        if frame.f_code.co_qualname == _BOUNDARY and _is_vmap(frame.f_locals.get("fun")):
            names = frame.f_locals
            return Made(tuple(names["args"]), dict(names["kwargs"]), tuple(reversed(places[:n])))
    return None


def bodies_of(error: BaseException) -> tuple[str, ...]:
    """Lists what traced the user's function that raised an error, inside the innermost vmapped one.

    An error in the step of a scan ──▶ ("jax.lax.scan",); outermost first.
    """
    found: list[str] = []
    users = False  # past the user's own frame that raised: what stands in JAX's inside it is JAX's own
    for frame, _ in reversed(_places(error)):
        if _is(frame, _VMAPPED):
            break
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        users = users or not file.startswith((_JAX, _OURS))
        known = _TRACING.get((file.removeprefix(_JAX), name))
        if users and known is not None:
            found.insert(0, known)
    return tuple(dict.fromkeys(found))


def setting(function: Any) -> Setting | None:
    """Takes apart what `jax.vmap` returned, with jit around or not; None for any other function."""
    if type(function).__name__ == "PjitFunction":
        function = getattr(function, "__wrapped__", None)
    inner = _cells(function).get("fun")
    code = getattr(inner, "__code__", None)
    if not isinstance(code, types.CodeType) or code.co_qualname != _VMAPPED or code.co_filename != _API:
        return None
    return _setting(_cells(inner))


def is_ours(function: Any) -> bool:
    """Tells a function of this project from the user's."""
    code = getattr(function, "__code__", None)
    return isinstance(code, types.CodeType) and code.co_filename.startswith(_OURS)


def called_by_us(call: Mapped) -> bool:
    """Tells a call that this project made, of a function that it mapped."""
    return bool(call.outer) and call.outer[0][0].f_code.co_filename.startswith(_OURS)


def _places(error: BaseException) -> list[Place]:
    """Lists the frames of a traceback, outermost first, those that JAX removed put back."""
    seen = [(each.tb_frame, each.tb_lasti) for each in _walk(error.__traceback__)]
    kept = _traceback(error)
    if kept is None:
        return seen
    inside = [(each.tb_frame, each.tb_lasti) for each in _walk(kept)]
    known = {id(frame) for frame, _ in inside}
    first = next((n for n, (frame, _) in enumerate(seen) if id(frame) in known), len(seen))
    return [*seen[:first], *inside]


def _walk(traceback: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is(frame: types.FrameType, name: str) -> bool:
    return frame.f_code.co_qualname == name and frame.f_code.co_filename == _API


def _is_vmap(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return isinstance(code, types.CodeType) and (code.co_qualname, code.co_filename) == ("vmap", _API)


def _mapped(places: list[Place], n: int) -> Mapped:
    names = places[n][0].f_locals
    outer = [place for place in reversed(places[:n]) if place[0].f_code.co_qualname != _BOUNDARY]
    entered = any(frame.f_code.co_name == "call_wrapped" for frame, _ in places[n + 1 : n + 4])
    return Mapped(_setting(names), tuple(names["args"]), dict(names["kwargs"]), entered, tuple(outer))


def _setting(names: Mapping[str, Any]) -> Setting:
    name, spmd = names.get("axis_name"), names.get("spmd_axis_name")
    return Setting(
        fun=names.get("fun"),
        in_axes=names.get("in_axes"),
        out_axes=names.get("out_axes"),
        axis_name=None if name is core.no_axis_name else name,
        axis_size=names.get("axis_size"),
        spmd_axis_name=spmd,
    )


def _cells(function: Any) -> dict[str, Any]:
    """Returns what a function closes over, by name."""
    if not isinstance(function, types.FunctionType):
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a cell that is still empty
            found[name] = cell.cell_contents
    return found
