"""Spreads: which values inside a pmap or shard_map differ between its devices.

    unit of one device ── ask ──▶ Spread ──▶ reading: an axis of devices in front, or one value for all

JAX is asked: its types where it checks them (check_vma), else vmap's own rules for the same program and
collectives, with each axis of the mesh under its name. It is never worked out from values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
from jax._src import core
from jax.sharding import PartitionSpec

from explainer.analysis.internals import calls
from explainer.analysis.internals.jaxprs import ClosedJaxpr, aval_of, evaluate
from explainer.analysis.internals.probes import INPUTS, Instrumented, Key, probe_p, read

Sizes = dict[Any, int]
"""How many devices there are along each axis of a mesh, outermost first."""


@dataclass(slots=True)
class Spread:
    """Which values inside a call differ along each of its mesh axes.

    `typed`: the types of the values tell. Otherwise `found` holds, for each body, per axis 0 for a value
    that differs and None for one that all devices share; a body that is not in it could not be asked for.
    """

    sizes: Sizes
    typed: bool
    found: dict[Key, dict[Any, tuple[int | None, ...]]] = field(default_factory=dict)

    def dims(self, name: Any, key: Key, probe: Any) -> Sequence[int | None] | None:
        """Returns, per value of a body's probe, 0 where it differs along an axis; None: not known."""
        if self.typed:
            return [0 if name in _varying(var.aval) else None for var in probe.invars]
        return self.found.get(key, {}).get(name)

    def ask(self, unit: Instrumented, split: Sequence[frozenset[Any]], outer: list[tuple[Any, int]]) -> None:
        """Asks vmap's rules; `split[n]` are the axes that input n is spread over, `outer` those bound around.

        Raises what JAX raises where vmap has no rule: psum with axis_index_groups, say.
        """
        shared_with = set(core.get_axis_env().spmd_axis_names) & self.sizes.keys()
        if shared_with:
            self.typed = False
            names = ", ".join(map(str, shared_with))
            raise ValueError(f"spmd_axis_name of a vmap around it spreads examples over {names}, too")
        if self.typed:
            return
        jaxpr = unit.closed.jaxpr

        def one(shared: list[Any], handed: list[Any]) -> list[Any]:
            evaluate(ClosedJaxpr(jaxpr, shared), handed)
            return []

        for name in reversed(self.sizes):
            dims = [0 if name in names else None for names in split]
            one = jax.vmap(one, (None, dims), axis_name=name, axis_size=self.sizes[name])
        handed = [self._stacked(aval_of(var), names) for var, names in zip(jaxpr.invars, split, strict=True)]
        with calls.unseen(), _unbound():
            nest = jax.make_jaxpr(one, axis_env=outer)([aval_of(var) for var in jaxpr.constvars], handed)
        for emitted in read(nest, unit):
            if emitted.eqn.primitive is probe_p:
                key = (*emitted.key[:-1], (emitted.eqn.params["body"], INPUTS))
                self.found.setdefault(key, dict(emitted.eqn.params["seen"][-len(self.sizes) :]))

    def _stacked(self, one: jax.ShapeDtypeStruct, names: frozenset[Any]) -> jax.ShapeDtypeStruct:
        sizes = (size for name, size in self.sizes.items() if name in names)
        return jax.ShapeDtypeStruct((*sizes, *one.shape), one.dtype, weak_type=one.weak_type)


def _varying(typed: Any) -> frozenset[Any]:
    """Returns the mesh axes a value differs along by its type; jax 0.9 calls them `vma`."""
    kept = getattr(typed, "mat", None)
    return getattr(typed, "vma", frozenset()) if kept is None else kept.varying


@contextlib.contextmanager
def _unbound() -> Iterator[None]:
    """Puts away all axis names meanwhile: inside a mesh its own are bound already."""
    outer = core.get_axis_env()
    core.trace_ctx.set_axis_env(core.top_axis_env)
    try:
        with core.eval_context():
            yield
    finally:
        core.trace_ctx.set_axis_env(outer)


def mesh_axes(params: dict[str, Any]) -> tuple[Any, ...]:
    """Returns the mesh axes that a shard_map equation spreads over, outermost first."""
    key = "newly_manual_axes" if "newly_manual_axes" in params else "manual_axes"  # the latter in JAX 0.9
    return tuple(name for name in params["mesh"].axis_names if name in params[key])


def on_each_device(
    params: dict[str, Any], run: Callable[[Sequence[Any]], tuple[list[Any], Any]], operands: Sequence[Any]
) -> tuple[list[Any], Any]:
    """Runs the body of a shard_map equation: `run(pieces)` returns its results and a tree of more arrays.

    Those come back with an axis of devices in front for each axis of the mesh.
    """
    names = mesh_axes(params)

    def body(*pieces: Any) -> tuple[list[Any], Any]:
        results, more = run(pieces)
        return results, jax.tree.map(lambda one: one.reshape((*(1 for _ in names), *one.shape)), more)

    mapped = jax.shard_map(
        body,
        mesh=params["mesh"],
        in_specs=tuple(params["in_specs"]),
        out_specs=(list(params["out_specs"]), PartitionSpec(*names)),
        axis_names=set(names),
        check_vma=params["check_vma"],
    )
    return mapped(*operands)
