"""Calls of jax.pmap and jax.shard_map, met where all of them pass, as levels over devices.

    jax.pmap(f)(x) ──▶ _cached_shard_map ─┐
    jax.shard_map(f, ...)(x) ──▶ bind ────┴─▶ PmapCall, ShardMapCall ──▶ the handler of `calls`

pmap takes the mapped axis out of what a device is handed, shard_map leaves a shorter one. Neither moves
an axis: a device holds its own array. Which values differ between devices, `spreads` tells.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
from jax._src import core, xla_bridge
from jax._src import linear_util as lu
from jax._src import pmap as _pmap
from jax._src import shard_map as _shard_map
from jax._src.tree_util import broadcast_prefix

from explainer.analysis.internals import calls, meshes
from explainer.analysis.internals.calls import Handler, Site
from explainer.analysis.internals.jaxprs import aval
from explainer.analysis.internals.probes import Instrumented
from explainer.analysis.internals.spreads import Spread, mesh_axes


@dataclass(slots=True)
class _Given:
    """What both kinds of calls have; the fields are those of `calls.Call`."""

    name: str
    where: str
    function: Callable[..., Any]
    paths: tuple[str, ...]
    leaves: tuple[Any, ...]
    dims: tuple[int | None, ...]
    axis_name: Any
    axis_size: int
    in_axes: str
    out_axes: str
    made_by: str
    sites: tuple[Site, ...]
    spread: Spread
    mesh_axis: Any  # the name under which JAX knows the axis; that of a pmap may be JAX's own
    out_dims: tuple[int | None, ...] = ()
    out_paths: tuple[str, ...] = ()

    def enters(self, _: int) -> bool:
        """Every leaf enters the trace of the function: a device is handed its own copy of what is shared."""
        return True

    @property
    def avals(self) -> tuple[jax.ShapeDtypeStruct | None, ...]:
        return tuple(map(calls.aval_or_none, self.leaves))

    def seen(self, outputs: Sequence[Any]) -> list[Any]:
        return list(map(aval, outputs))

    def whole(self, avals: Sequence[Any]) -> list[Any]:
        return list(avals)


@dataclass(slots=True)
class PmapCall(_Given):
    """One call of a function that jax.pmap made."""

    transform: Literal["pmap"] = "pmap"
    tree: Any = None  # of what the function returned
    _fun: Any = None
    _args: tuple[Any, ...] = ()  # as `_cached_shard_map` takes them

    def mapped(self, leaves: Sequence[Any]) -> list[Any]:
        """Calls the function on what one device is handed, the axis taken out."""
        args, kwargs = jax.tree.unflatten(self._args[0], leaves)
        flat, self.tree = jax.tree.flatten(self._fun.call_wrapped(*args, **kwargs))
        return flat

    def proceed(
        self,
        body: Callable[..., Any] | None = None,
        leaves: Sequence[Any] | None = None,
        axis_name: Any = None,
    ) -> tuple[list[Any], tuple[int | None, ...]]:
        """Runs as jax.pmap would, `body(*leaves)` standing for the function if given."""
        fun = self._fun if body is None else self._standing(body)
        cached = _cached(fun, *(self._args if body is None else self._kept))
        jitted = cached.jitted_f_with_shardings if core.trace_state_clean() else cached.jitted_f
        out = jitted(*(self.leaves if leaves is None else leaves))
        flat, self.tree = jax.tree.flatten(out)
        out_axes = jax.tree.unflatten(self._args[3], self._args[2])
        self.out_dims = tuple(broadcast_prefix(out_axes, out, is_leaf=lambda axis: axis is None))
        self.out_paths = _out_paths(self.tree)
        return flat, self.out_dims

    def ask(self, unit: Instrumented, inputs: Sequence[int], outer: list[tuple[Any, int]]) -> None:
        """Asks which values of the function's unit differ between devices."""
        none = frozenset[Any]()
        split = [none if self.dims[n] is None else frozenset({self.mesh_axis}) for n in inputs]
        self.spread.ask(unit, split, outer)

    def alone(self, fun: Callable[..., list[Any]], inputs: Sequence[int]) -> Callable[..., list[Any]]:
        """Returns pmap of `fun(shared, inputs)` alone, on flat arguments and results."""

        def level(shared: list[Any], handed: list[Any]) -> list[Any]:
            body = self._standing(lambda *leaves: fun(shared, list(leaves)))
            return jax.tree.leaves(_cached(body, *self._kept).jitted_f(*handed))

        return level

    def release(self) -> None:
        """Lets go of the arguments and the function."""
        self.leaves, self._fun = (), None

    @property
    def _kept(self) -> tuple[Any, ...]:
        """Returns the arguments of `_cached_shard_map` with no array given away: they are needed again."""
        return (*self._args[:4], (False,) * len(self._args[4]), *self._args[5:])

    def _standing(self, body: Callable[..., Any]) -> Any:
        """Returns `body` for flat leaves as the function that pmap calls."""

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            flat = body(*jax.tree.leaves((args, kwargs)))
            return jax.tree.unflatten(self.tree, flat)

        info = lu.DebugInfo("pmap", self.where, None, None)
        return lu.wrap_init(stand_in, debug_info=info)


@dataclass(slots=True)
class _Bound:
    """What `shard_map_p.bind` was given, and what came of it."""

    params: dict[str, Any]
    leaves: tuple[Any, ...]
    result: Any = None  # a FlatTree
    specs: tuple[Any, ...] = ()  # of the results

    def inner(self, leaves: Sequence[Any]) -> list[Any]:
        """Calls the function on what one device is handed, its piece of each array."""
        out, self.specs = self.params["subfuns"][0](*leaves).unpack_aux()
        self.result = out
        return list(out)

    def bind(self, body: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """Binds with `body(*leaves)` standing for the function; returns a FlatTree."""

        def stand_in(*pieces: Any) -> Any:
            flat = body(*pieces)
            return self.result.update(flat).with_aux(self.specs)

        return _bind(*leaves, **{**self.params, "subfuns": (stand_in,)})

    def release(self) -> None:
        self.leaves = ()
        self.params = {**self.params, "subfuns": ()}
        if self.result is not None:
            self.result = self.result.update([None] * len(self.result))


@dataclass(slots=True)
class ShardMapCall(_Given):
    """One mesh axis of a call of a function that jax.shard_map made.

    A call over several axes is one such for each, outermost first; `inner` is the next one in, and the
    innermost, which has none, runs the function for all of them.
    """

    transform: Literal["shard_map"] = "shard_map"
    bound: _Bound = field(default_factory=lambda: _Bound({}, ()))
    inner: Callable[[], tuple[list[Any], Any]] | None = None
    outer: tuple[ShardMapCall, ...] = ()

    @property
    def avals(self) -> tuple[jax.ShapeDtypeStruct | None, ...]:
        """Returns the leaves' shapes as this axis splits them: those further out have cut them already."""
        found = map(calls.aval_or_none, self.leaves)
        return tuple(
            one and self._cut(one, [call.dims[n] for call in self.outer]) for n, one in enumerate(found)
        )

    def seen(self, outputs: Sequence[Any]) -> list[Any]:
        """Returns results as this axis joins them."""
        return [
            self._cut(aval(output), [call.out_dims[n] for call in self.outer])
            for n, output in enumerate(outputs)
        ]

    def whole(self, avals: Sequence[Any]) -> list[Any]:
        """Returns the leaves' shapes before any axis of the mesh cut them."""
        grown = []
        for n, one in enumerate(avals):
            shape = list(one.shape)
            for call in self.outer:
                axis = call.dims[n]
                if axis is not None:
                    shape[axis] *= call.axis_size
            grown.append(jax.ShapeDtypeStruct(tuple(shape), one.dtype, weak_type=one.weak_type))
        return grown

    def mapped(self, leaves: Sequence[Any]) -> list[Any]:
        """Calls the function on what one device is handed."""
        return self.bound.inner(leaves)

    def proceed(
        self,
        body: Callable[..., Any] | None = None,
        leaves: Sequence[Any] | None = None,
        axis_name: Any = None,
    ) -> tuple[list[Any], tuple[int | None, ...]]:
        """Runs as jax.shard_map would, `body(*leaves)` standing for the function if given."""
        if leaves is not None:
            self.bound.leaves = tuple(leaves)
        if self.inner is not None:
            flat = self.inner()[0]
        else:
            run = body or (lambda *pieces: self.bound.inner(pieces))
            flat = list(self.bound.bind(run, self.bound.leaves))
            for call in (*self.outer, self):
                call.out_dims = tuple(_split_axis(spec, call.mesh_axis) for spec in self.bound.specs)
                call.out_paths = _out_paths(self.bound.result.tree)
        return flat, self.out_dims

    def ask(self, unit: Instrumented, inputs: Sequence[int], outer: list[tuple[Any, int]]) -> None:
        """Asks which values of the function's unit differ along the axes of the mesh."""
        specs = self.bound.params["in_specs"]
        split = [
            frozenset(name for name in self.spread.sizes if _split_axis(specs[n], name) is not None)
            for n in inputs
        ]
        self.spread.ask(unit, split, outer)

    def alone(self, fun: Callable[..., list[Any]], inputs: Sequence[int]) -> Callable[..., list[Any]]:
        """Returns shard_map of `fun(shared, inputs)` alone, on flat arguments and results."""

        def level(shared: list[Any], handed: list[Any]) -> list[Any]:
            return list(self.bound.bind(lambda *pieces: fun(shared, list(pieces)), handed))

        return level

    def release(self) -> None:
        """Lets go of the arguments and the function."""
        self.leaves = ()
        if self.inner is None:
            self.bound.release()

    def _cut(self, one: jax.ShapeDtypeStruct, axes: Sequence[int | None]) -> jax.ShapeDtypeStruct:
        shape = list(one.shape)
        for axis, call in zip(axes, self.outer, strict=True):
            if axis is not None:
                shape[axis] //= call.axis_size
        return jax.ShapeDtypeStruct(tuple(shape), one.dtype, weak_type=one.weak_type)


MeshCall = PmapCall | ShardMapCall


def _split_axis(spec: Any, name: Any) -> int | None:
    """Returns which axis of an array a spec splits along a mesh axis: P(None, 'i') -> 1; None: none."""
    for axis, entry in enumerate(spec):
        if entry == name or (isinstance(entry, tuple) and name in entry):
            return axis
    return None


def _out_paths(tree: Any) -> tuple[str, ...]:
    flat = jax.tree.unflatten(tree, range(tree.num_leaves))
    return tuple(
        "out" + jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(flat)[0]
    )


_cached = _pmap._cached_shard_map
_bind = _shard_map.shard_map_p.bind


@contextlib.contextmanager
def catching(handler: Handler) -> Iterator[None]:
    """Hands every call of a function that vmap, pmap or shard_map made to `handler`, as `calls.catching`."""
    before = _pmap._cached_shard_map, vars(_shard_map.shard_map_p).get("bind")
    with calls.catching(handler):
        _pmap._cached_shard_map = _hooked_cached
        _shard_map.shard_map_p.bind = _hooked_bind
        try:
            yield
        finally:
            _pmap._cached_shard_map = before[0]
            if before[1] is None:
                vars(_shard_map.shard_map_p).pop("bind", None)


def _hooked_cached(fun: Any, *args: Any) -> Any:
    handler, frame = calls.current(), sys._getframe(1)
    if handler is None or xla_bridge.process_count() > 1 or "dyn_args_flat" not in frame.f_locals:
        return _cached(fun, *args)
    made_by, sites = calls.origin(frame.f_back, fun.f)
    if made_by is None:
        return _cached(fun, *args)
    names, (tree, in_axes, out_axes, out_tree, _, devices, axis_name) = frame.f_locals, args
    info = fun.debug_info
    call = PmapCall(
        name=info.func_name,
        where=info.func_src_info or "",
        function=fun.f,
        paths=tuple(meshes.leaf_paths(jax.tree.unflatten(tree, range(tree.num_leaves)), info.arg_names)),
        leaves=tuple(names["dyn_args_flat"]),
        dims=tuple(in_axes),
        axis_name=meshes.axis_name_of(axis_name),
        axis_size=len(devices),
        in_axes=calls.text(names.get("in_axes", in_axes)),
        out_axes=calls.text(jax.tree.unflatten(out_tree, out_axes)),
        made_by=made_by,
        sites=sites,
        spread=Spread({axis_name: len(devices)}, typed=False),
        mesh_axis=axis_name,
        _fun=fun,
        _args=args,
    )

    def run(*_: Any) -> Any:
        flat, _ = handler(call)
        return jax.tree.unflatten(call.tree, flat)

    cached = _cached(fun, *args)
    if frame.f_back is not None and frame.f_back.f_code.co_name == "lower":
        return cached
    return cached._replace(jitted_f=run, jitted_f_with_shardings=run)


def _hooked_bind(*leaves: Any, **params: Any) -> Any:
    handler, frame = calls.current(), sys._getframe(1)
    fun = frame.f_locals.get("f") if _for_user(frame.f_code) else None
    if handler is None or fun is None or _of_jax(fun):
        return _bind(*leaves, **params)  # pmap's own, and what JAX replays: eval_jaxpr, batching, jvp
    made_by, sites = calls.origin(frame, fun)
    if made_by is None:
        return _bind(*leaves, **params)
    bound = _Bound(params, leaves)
    found = _shard_map_calls(bound, frame.f_locals, made_by, sites)
    for call, inner in zip(found, found[1:], strict=False):
        call.inner = functools.partial(handler, inner)
    flat, _ = handler(found[0])
    return bound.result.update(list(flat))


def _shard_map_calls(
    bound: _Bound, names: dict[str, Any], made_by: str, sites: tuple[Site, ...]
) -> list[ShardMapCall]:
    """Returns a call per mesh axis that becomes a device's own, outermost first."""
    params, info = bound.params, bound.params["debug_info"]
    sizes = {name: params["mesh"].shape[name] for name in mesh_axes(params)}
    spread = Spread(sizes, typed=bool(params["check_vma"]))
    paths = info.arg_names or ()
    if len(paths) != len(bound.leaves):
        paths = [f"argument {n}" for n in range(len(bound.leaves))]
    found: list[ShardMapCall] = []
    for n, (name, size) in enumerate(sizes.items()):
        deeper = len(sizes) - n - 1
        call = ShardMapCall(
            name="shard_map(" * deeper + info.func_name + ")" * deeper,
            where=info.func_src_info or "",
            function=names["f"],
            paths=tuple(paths),
            leaves=bound.leaves,
            dims=tuple(_split_axis(spec, name) for spec in params["in_specs"]),
            axis_name=name,
            axis_size=size,
            in_axes=calls.text(names.get("in_specs")),
            out_axes=calls.text(names.get("out_specs")),
            made_by=made_by,
            sites=sites,
            spread=spread,
            mesh_axis=name,
            bound=bound,
            outer=tuple(found),
        )
        found.append(call)
    return found


def _for_user(code: Any) -> bool:
    """Tells the code of what jax.shard_map returns: the function that binds for the user."""
    return code.co_name == "wrapped" and code.co_filename == _shard_map.__file__


def _of_jax(fun: Any) -> bool:
    """Tells pmap's and shard_map's own functions, which they map themselves."""
    file = getattr(getattr(fun, "__code__", None), "co_filename", "")
    return file in (_pmap.__file__, _shard_map.__file__)
