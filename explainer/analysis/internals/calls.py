"""Calls of jax.vmap, met in the one place that all of them pass: `batching.batch`.

    jax.vmap(f)(x), @jax.vmap, jacfwd, jnp.vectorize, Equinox, ... ──▶ batch ──▶ Call ──▶ handler

However a function was mapped, before or after this module was imported, its call ends up there with
flat arguments, the axis of each, and the name and origin of the function. A handler may go on with
the call as JAX would (`Call.proceed`), or with another function in the place of the mapped one.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import jax
from jax._src import core, source_info_util, traceback_util
from jax._src import linear_util as lu
from jax._src.interpreters import batching

from explainer.analysis.internals.jaxprs import aval

Site = tuple[types.CodeType, int]
"""A place in running code: the code object and the offset of its instruction."""

_JAX = os.path.dirname(jax.__file__) + os.sep
_OURS = str(Path(__file__).parents[2]) + os.sep
_LIBRARIES = f"{os.sep}site-packages{os.sep}"
_MOST_SITES = 40
_MAKERS = {
    "jacfwd.<locals>.jacfun": "jax.jacfwd",
    "jacrev.<locals>.jacfun": "jax.jacrev",
    "vectorize.<locals>.wrapped": "jax.numpy.vectorize",
    "map": "jax.lax.map",
    "map.<locals>.<lambda>": "jax.lax.map",
    "map.<locals>.g": "jax.lax.map",
    "apply_along_axis": "jax.numpy.apply_along_axis",
    "fromfunction": "jax.numpy.fromfunction",
}
"""JAX's own functions whose vmap is shown as theirs."""

_CALLERS = tuple(
    os.path.join(_JAX, "_src", *name.split("/"))
    for name in (
        *("linear_util.py", "api.py", "api_util.py", "core.py", "pjit.py", "interpreters/"),
        *("custom_derivatives.py", "custom_batching.py", "custom_transpose.py", "ad_checkpoint.py"),
        *("lax/control_flow/", "pmap.py", "shard_map.py", "traceback_util.py", "tree.py", "tree_util.py"),
    )
)
"""Where JAX calls a function it was given, so that a vmapped one is the giver's.

The rest of JAX maps for its own purposes (random bits, solvers): inner works that nobody asked for.
"""


source_info_util.register_exclusion(_OURS)  # JAX's errors name the line of the user's that made a tracer
traceback_util.register_exclusion(_OURS)  # tracebacks leave out our frames as they do JAX's


@dataclass(slots=True)
class Call:
    """One call of a function that jax.vmap made, as jax.vmap sees it; leaves are flat.

    `dims[n]` is the axis mapped of `leaves[n]`, None: not mapped. `paths[n]` names it: "params['w']".
    `sites` are the frames of the user's and of libraries' code that led here, innermost first.
    """

    name: str
    where: str  # "f at file.py:12"
    function: Callable[..., Any] | None  # None once it is let go of
    paths: tuple[str, ...]
    leaves: tuple[Any, ...]
    dims: tuple[int | None, ...]
    axis_name: Any  # None when the call has none
    axis_size: int
    in_axes: str
    out_axes: str
    made_by: str
    sites: tuple[Site, ...]
    out_dims: tuple[int | None, ...] = ()  # known once the function has returned
    out_paths: tuple[str, ...] = ()
    transform: Literal["vmap"] = "vmap"
    _fun: Any = None
    _axis_data: Any = None
    _dests: Any = None
    _sum_match: bool = False
    _frame: dict[str, Any] = field(default_factory=dict)

    def mapped(self, leaves: Sequence[Any]) -> list[Any]:
        """Calls the mapped function itself on flat leaves; can be done once."""
        return list(self._fun.call_wrapped(*leaves))

    def proceed(
        self,
        body: Callable[..., Any] | None = None,
        leaves: Sequence[Any] | None = None,
        axis_name: Any = None,
    ) -> Any:
        """Maps as jax.vmap would, `body(*leaves)` standing for the mapped function if given."""
        fun = self._fun if body is None else lu.wrap_init(body, debug_info=self._fun.debug_info)
        data = self._axis_data if axis_name is None else replace(self._axis_data, name=axis_name)
        batched = _batch(fun, data, self.dims, self._destinations, sum_match=self._sum_match)
        return batched.call_wrapped(*(self.leaves if leaves is None else leaves))

    def enters(self, leaf: int) -> bool:
        """Tells whether a leaf is an input of the function's trace: what is not mapped is handed as it is."""
        return self.dims[leaf] is not None

    @property
    def avals(self) -> tuple[jax.ShapeDtypeStruct | None, ...]:
        """Returns the leaves' shapes as this call sees them, None for what is no array."""
        return tuple(map(aval_or_none, self.leaves))

    def seen(self, outputs: Sequence[Any]) -> list[Any]:
        """Returns the results' shapes as this call leaves them."""
        return list(map(aval, outputs))

    def whole(self, avals: Sequence[Any]) -> list[Any]:
        """Returns the leaves' shapes as `alone` takes them; `avals` are all leaves as this call sees them."""
        return list(avals)

    def alone(self, fun: Callable[..., list[Any]], inputs: Sequence[int]) -> Callable[..., list[Any]]:
        """Returns vmap of `fun(shared, inputs)` alone, on flat arguments and results."""
        axes = (None, [self.dims[n] for n in inputs])
        return jax.vmap(fun, axes, list(self.out_dims), axis_name=self.axis_name, axis_size=self.axis_size)

    def release(self) -> None:
        """Lets go of the arguments, which may be large, or tracers that must not outlive their trace.

        The function may hold tracers, too: one that was bound to its first arguments, a pullback.
        """
        self.leaves, self._frame, self._fun, self._dests = (), {}, None, None
        self.function = None

    def _destinations(self) -> Any:
        """Resolves out_axes as jax.vmap does, once the function has returned, and keeps them."""
        dests: Any = self._dests() if callable(self._dests) else self._dests
        self.out_dims = tuple(dests)
        tree = self._frame.get("out_tree")
        if tree is not None:
            flat = jax.tree.unflatten(tree(), range(len(self.out_dims)))
            paths, _ = jax.tree_util.tree_flatten_with_path(flat)
            self.out_paths = tuple("out" + jax.tree_util.keystr(path) for path, _ in paths)
        return dests


def aval_or_none(leaf: Any) -> jax.ShapeDtypeStruct | None:
    """Returns the shape and dtype of an array or a Python number; None for anything else."""
    try:
        return aval(leaf)
    except TypeError:
        return None


Handler = Callable[[Any], Any]
"""Takes a Call, or what has its interface."""

_batch = batching.batch
_local = threading.local()


@contextlib.contextmanager
def catching(handler: Handler) -> Iterator[None]:
    """Hands every call of a vmapped function in this thread to `handler` meanwhile; the last set counts."""
    outer, before = current(), batching.batch
    _local.handler = handler
    batching.batch = _hooked
    try:
        yield
    finally:
        _local.handler = outer
        batching.batch = before


def current() -> Handler | None:
    """Returns the handler of this thread."""
    return getattr(_local, "handler", None)


_elsewhere: list[tuple[int, Callable[[], None]]] = []  # who catches calls in a thread, and is told of others


@contextlib.contextmanager
def told_elsewhere(missed: Callable[[], None]) -> Iterator[None]:
    """Calls `missed` for every call that another thread makes meanwhile: no handler is handed it."""
    _elsewhere.append((threading.get_ident(), missed))
    try:
        yield
    finally:
        _elsewhere.pop()


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """Lets calls go by unmet meanwhile."""
    handler, _local.handler = current(), None
    try:
        yield
    finally:
        _local.handler = handler


@dataclass(frozen=True, slots=True)
class _Caught:
    """What `batch` returns in a call that is handled: called like JAX's own WrappedFun."""

    call_wrapped: Callable[..., Any]


def _hooked(fun: Any, axis_data: Any, in_dims: Any, out_dim_dests: Any, sum_match: bool = False) -> Any:
    handler = current()
    frame = sys._getframe(1)
    info = fun.debug_info
    elsewhere = handler is None and any(thread != threading.get_ident() for thread, _ in _elsewhere[-1:])
    if info.traced_for != "vmap" or frame.f_code.co_name != "vmap_f" or not (handler or elsewhere):
        return _batch(fun, axis_data, in_dims, out_dim_dests, sum_match=sum_match)
    names = frame.f_locals
    function = names.get("fun", fun.f)
    made_by, sites = origin(frame, function)
    if handler is None:
        if made_by is not None:
            _elsewhere[-1][1]()
        return _batch(fun, axis_data, in_dims, out_dim_dests, sum_match=sum_match)
    if made_by is None:
        return _Caught(_unseen(_batch(fun, axis_data, in_dims, out_dim_dests, sum_match=sum_match)))

    def call_wrapped(*leaves: Any) -> Any:
        named = axis_data.name is not None and axis_data.name is not core.no_axis_name
        call = Call(
            name=_name(info.func_name, function),
            where=info.func_src_info or "",
            function=function,
            paths=tuple(info.arg_names or ()),
            leaves=leaves,
            dims=tuple(in_dims),
            axis_name=axis_data.name if named else None,
            axis_size=axis_data.size,
            in_axes=text(names.get("in_axes")),
            out_axes=text(names.get("out_axes")),
            made_by=made_by,
            sites=sites,
            _fun=fun,
            _axis_data=axis_data,
            _dests=out_dim_dests,
            _sum_match=sum_match,
            _frame=dict(names),
        )
        return handler(call)

    return _Caught(call_wrapped)


def _unseen(batched: Any) -> Callable[..., Any]:
    """Returns a call under which no further call is met: inner works of JAX may map in turn."""

    def call_wrapped(*leaves: Any) -> Any:
        with unseen():
            return batched.call_wrapped(*leaves)

    return call_wrapped


def origin(frame: Any, function: Any) -> tuple[str | None, tuple[Site, ...]]:
    """Tells who made a call ("" the user, None: inner works of JAX) and which frames led to it."""
    frame = frame.f_back
    while frame.f_code.co_name == "reraise_with_filtered_traceback":
        frame = frame.f_back
    maker = _maker(frame, function)
    sites: list[Site] = []
    while maker is not None and frame is not None and len(sites) < _MOST_SITES:
        if not frame.f_code.co_filename.startswith((_JAX, _OURS)):
            sites.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return maker, tuple(sites)


def _maker(caller: Any, function: Any) -> str | None:
    """Tells from the frame that called the mapped function who made it."""
    file = caller.f_code.co_filename
    if file.startswith(_OURS):
        return ""
    if not file.startswith(_JAX):
        return file.partition(_LIBRARIES)[2].partition(os.sep)[0]
    maker = _MAKERS.get(caller.f_code.co_qualname)
    if maker is not None:
        given = (caller.f_locals.get(name) for name in ("pyfunc", "func1d"))
        return None if any(map(_of_jax, given)) else maker
    while caller is not None and caller.f_code.co_filename.startswith((*_CALLERS, _OURS)):
        if _wraps(caller, function):
            return origin(caller, caller.f_locals["fun"])[0]
        caller = caller.f_back
    inner_works = caller is not None and caller.f_code.co_filename.startswith(_JAX) and _of_jax(function)
    return None if inner_works else ""


def _name(known: str, function: Any) -> str:
    """Returns a function's name; an object that is called by its class."""
    named = known if known != "<unknown>" else getattr(function, "__name__", None)
    return named or type(function).__name__


def _wraps(frame: Any, function: Any) -> bool:
    """Tells the outer call of a nest made at once, jax.vmap(jax.vmap(function)): one hand made both."""
    if frame.f_code.co_qualname != "vmap.<locals>.vmap_f":
        return False
    return getattr(frame.f_locals.get("fun"), "__wrapped__", frame) is function


def _of_jax(function: Any) -> bool:
    """Tells a function of JAX's own; what Python itself brings along, only JAX maps out of a user's sight."""
    while not inspect.isfunction(function):
        inner = getattr(function, "func", getattr(function, "__wrapped__", None))
        if inner is None:
            return inspect.isbuiltin(function)
        function = inner
    return function.__code__.co_filename.startswith(_JAX)


def text(axes: Any) -> str:
    """Writes an in_axes or out_axes as given; a tree of the user's own classes by its repr, capped."""
    try:
        text = repr(axes)
    except Exception:  # noqa: BLE001  (the user's own classes: jax.vmap asks none for its repr)
        text = f"<{type(axes).__name__}>"
    return text if len(text) <= 200 else text[:199] + "…"


_apart = jax.make_user_context(None)


def apart(token: Any) -> contextlib.AbstractContextManager[Any]:
    """Traces apart meanwhile: what `jax.jit` remembers of other traces is not used, nor theirs of these."""
    return _apart(token)
