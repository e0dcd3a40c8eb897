"""Calls of jax.pmap and jax.shard_map noted on their way: what each spreads over how many devices.

    the user's call, made again ── watched ──▶ Spread, Split ──▶ devices.py: why it failed

JAX itself cuts the list of devices short without a word and fails later, in terms of shardings.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
from jax._src import pmap as _pmap
from jax._src import shard_map as _shard_map
from jax._src import xla_bridge

_UNNAMED = re.compile(r"_internal_pmap_axis_name|<axis 0x[0-9a-f]+>")


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf that a call maps or splits: its place in words, its shape, the axis.

    `devices`: over how many the axis is split. `names`: the mesh axes it is split over.
    """

    path: str
    shape: tuple[int, ...]
    axis: int
    devices: int
    names: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """One call of a pmapped or shard_mapped function: `devices` are those it was given to run on.

    `explicit`: the axes of its mesh are of JAX's explicit kind, so arguments must be laid out over it.
    """

    transform: str
    parts: tuple[Part, ...]
    devices: int
    axis_names: tuple[Any, ...]
    explicit: bool = False


@dataclass(slots=True)
class _Notes:
    thread: int
    calls: list[Spread] = field(default_factory=list)
    leaves: Any = ()  # of the pmap call under way


@contextlib.contextmanager
def watched() -> Iterator[list[Spread]]:
    """Notes the calls of this thread meanwhile, in order; they go on as in JAX."""
    notes = _Notes(threading.get_ident())
    with contextlib.ExitStack() as stack:
        for module, name, note in (
            (_pmap, "_mapped_axis_size", _pmap_leaves),
            (_pmap, "_cached_shard_map", _pmap_call),
            (_shard_map, "_check_specs_vs_args", _shard_map_call),
        ):
            stack.enter_context(_noted(module, name, note, notes))
        yield notes.calls


@contextlib.contextmanager
def _noted(module: Any, name: str, note: Callable[..., None], notes: _Notes) -> Iterator[None]:
    original = getattr(module, name)

    def noted(*args: Any) -> Any:
        if threading.get_ident() == notes.thread:
            note(notes, *args)
        return original(*args)

    setattr(module, name, noted)
    try:
        yield
    finally:
        setattr(module, name, original)


def _pmap_leaves(notes: _Notes, leaves: Any, in_axes: Any) -> None:
    notes.leaves = leaves


def _pmap_call(notes: _Notes, fun: Any, tree: Any, in_axes: Any, *rest: Any) -> None:
    devices, axis_name = rest[-2:]
    paths = leaf_paths(jax.tree.unflatten(tree, range(tree.num_leaves)), fun.debug_info.arg_names)
    parts = tuple(
        Part(path, tuple(jax.typeof(leaf).shape), axis, len(devices))
        for path, leaf, axis in zip(paths, notes.leaves, in_axes, strict=True)
        if axis is not None
    )
    names = () if axis_name_of(axis_name) is None else (axis_name,)
    notes.calls.append(Spread("pmap", parts, len(devices), names))


def axis_name_of(name: Any) -> Any:
    """Returns the axis_name that a pmap was given; None where JAX made up a name, jax 0.9 one of a kind."""
    return None if isinstance(name, str) and _UNNAMED.fullmatch(name) else name


def leaf_paths(call: tuple[Any, Any], names: Any) -> list[str]:
    """Names the leaves of (args, kwargs) by the function's parameters: "x", "params['w']"."""
    flat, _ = jax.tree_util.tree_flatten_with_path(call)
    return [_path(keys, names) for keys, _ in flat]


def _path(keys: Any, names: Any) -> str:
    which, argument, *rest = keys
    if which.idx == 1:
        name = str(argument.key)
    elif names is not None and argument.idx < len(names):
        name = names[argument.idx]
    else:
        name = f"argument {argument.idx}"
    return name + jax.tree_util.keystr(tuple(rest))


def _shard_map_call(notes: _Notes, fun: Any, mesh: Any, tree: Any, *rest: Any) -> None:
    if getattr(getattr(fun, "__code__", None), "co_filename", "") in (_pmap.__file__, _shard_map.__file__):
        return  # the inside of a pmap, and JAX's own helpers
    _, positions, specs, leaves = rest
    paths = leaf_paths((jax.tree.unflatten(tree, range(tree.num_leaves)), {}), _parameters(fun))
    parts = []
    for position, spec, leaf in zip(positions, specs, leaves, strict=True):
        shape = tuple(jax.typeof(leaf).shape)
        for axis, entry in enumerate(spec):
            names = entry if isinstance(entry, tuple) else () if entry is None else (entry,)
            if names:
                devices = math.prod(mesh.shape[name] for name in names)
                parts.append(Part(paths[position], shape, axis, devices, names))
    explicit = all(kind == jax.sharding.AxisType.Explicit for kind in mesh.axis_types)
    notes.calls.append(Spread("shard_map", tuple(parts), mesh.size, tuple(mesh.axis_names), explicit))


def _parameters(fun: Any) -> tuple[str, ...] | None:
    try:
        return tuple(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return None


def settled() -> bool:
    """Tells whether the number of CPU devices is fixed: a backend runs, or JAX was told a number."""
    return xla_bridge.backends_are_initialized() or xla_bridge.num_cpu_devices.value >= 0
