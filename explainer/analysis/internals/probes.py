"""Tags and probes: what is put into a jaxpr before batching, and read back after it.

    tracing ── jaxpr ──▶ instrument ──▶ jax.vmap ──▶ batched jaxpr ──▶ read ──▶ batching

Every equation of the per-example jaxpr, bodies of scan, cond, jit, ... included, gets a *tag* in
its name stack; JAX hands the name stack to every equation that batching emits for it. Every body
ends in a *probe*: an equation over all values computed in it. The probe's batching rule notes
where JAX's own rules put the axis of each operand, and rebinds itself, so levels append.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jax._src import core, source_info_util
from jax.extend.core import ClosedJaxpr as ClosedJaxpr
from jax.extend.core import DropVar, Jaxpr, JaxprEqn, Primitive, Var, new_jaxpr_eqn
from jax.interpreters import batching, mlir

from explainer.analysis.internals.jaxprs import holds_jaxpr, map_jaxprs, sub_jaxprs

MARK = "§"  # opens a tag in a name stack: §<body>.<equation>

Key = tuple[tuple[int, int], ...]
"""An equation by its way in: (body, index) of each enclosing equation, then its own."""

probe_p = Primitive("explainer_probe")
probe_p.multiple_results = True
probe_p.def_impl(lambda *_, **__: [])
probe_p.def_abstract_eval(lambda *_, **__: [])
mlir.register_lowering(probe_p, lambda *_, **__: [])


def _probe_rule(
    axis_data: Any, args: Sequence[Any], dims: Sequence[int | None], *, body: int, seen: tuple[Any, ...]
) -> tuple[list[Any], list[Any]]:
    probe_p.bind(*args, body=body, seen=(*seen, (axis_data.name, tuple(dims))))
    return [], []


batching.fancy_primitive_batchers[probe_p] = _probe_rule


@dataclass(frozen=True, slots=True)
class LevelName:
    """The axis name that a level gets which the user left unnamed, so that probes can tell levels apart."""

    level: int


@contextlib.contextmanager
def as_if_unnamed() -> Iterator[None]:
    """Traces as outside of any unnamed level meanwhile, so that JAX finds in its caches what it knows."""
    outer = core.get_axis_env()
    named = {name: size for name, size in outer.axis_sizes.items() if not isinstance(name, LevelName)}
    others = outer.spmd_axis_names, outer.explicit_mesh_axis_names
    bare = not named and not any(others)
    inner = core.top_axis_env if bare else core.AxisEnv(type(outer.axis_sizes)(named), *others)
    core.trace_ctx.set_axis_env(inner)
    try:
        with core.eval_context():
            yield
    finally:
        core.trace_ctx.set_axis_env(outer)


@dataclass(slots=True)
class Instrumented:
    """A closed jaxpr with tags and probes; `bodies[n]` is the original jaxpr number n."""

    closed: ClosedJaxpr
    bodies: list[Jaxpr] = field(default_factory=list)
    probed: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # body -> (equation, output)


def instrument(closed: ClosedJaxpr) -> Instrumented:
    """Returns the same program with a tag on every equation and a probe at the end of every body."""
    result = Instrumented(closed)
    result.closed = ClosedJaxpr(_Instrument(result).body(closed.jaxpr), closed.consts)
    return result


class _Instrument:
    """One pass over a jaxpr and its bodies; a body used twice is rebuilt once."""

    def __init__(self, result: Instrumented) -> None:
        self.result = result
        self.done: dict[int, Jaxpr] = {}
        self.closed: dict[int, ClosedJaxpr] = {}  # JAX batches and prints one object once

    def body(self, jaxpr: Jaxpr, fresh: bool = False) -> Jaxpr:
        if not fresh and id(jaxpr) in self.done:
            return self.done[id(jaxpr)]
        number = len(self.result.bodies)
        self.result.bodies.append(jaxpr)
        eqns: list[JaxprEqn] = []
        probed: list[Var] = []
        places: list[tuple[int, int]] = []
        for n, eqn in enumerate(jaxpr.eqns):
            for m, var in enumerate(eqn.outvars):
                if isinstance(var.aval, core.ShapedArray) and not isinstance(var, DropVar):
                    probed.append(var)
                    places.append((n, m))
            eqns.append(eqn.replace(params=self.params(eqn), source_info=_tag(eqn, number, n)))
        self.result.probed[number] = places
        if probed:
            eqns.append(_probe(number, len(jaxpr.eqns), probed))
        self.done[id(jaxpr)] = jaxpr.replace(eqns=eqns)
        return self.done[id(jaxpr)]

    def params(self, eqn: JaxprEqn) -> dict[str, Any]:
        seen: set[int] = set()

        def rebuild(value: Any) -> Any:
            if isinstance(value, ClosedJaxpr):
                return self.reclosed(value, rebuild(value.jaxpr))
            if isinstance(value, Jaxpr):
                twice = id(value) in seen  # two branches that are one jaxpr must stay two bodies
                seen.add(id(value))
                return self.body(value, fresh=twice)
            return map_jaxprs(rebuild, value)

        return {name: rebuild(value) for name, value in eqn.params.items()}

    def reclosed(self, old: ClosedJaxpr, jaxpr: Jaxpr) -> ClosedJaxpr:
        known = self.closed.get(id(old))
        if known is None or known.jaxpr is not jaxpr:
            known = self.closed[id(old)] = ClosedJaxpr(jaxpr, old.consts)
        return known


def _tag(eqn: JaxprEqn, body: int, index: int) -> Any:
    stack = eqn.source_info.name_stack.extend(f"{MARK}{body}.{index}")
    return eqn.source_info.replace(name_stack=stack)


def _probe(body: int, index: int, operands: list[Var]) -> JaxprEqn:
    info = source_info_util.new_source_info()
    info = info.replace(name_stack=info.name_stack.extend(f"{MARK}{body}.{index}"))
    return new_jaxpr_eqn(operands, [], probe_p, {"body": body, "seen": ()}, set(), source_info=info)


def without_probes(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Returns the program as JAX would have made it: the probes taken out again, bodies included."""
    done: dict[int, Jaxpr] = {}

    def clean(value: Any) -> Any:
        if isinstance(value, ClosedJaxpr):
            return ClosedJaxpr(clean(value.jaxpr), value.consts)
        if isinstance(value, Jaxpr):
            if id(value) not in done:
                eqns = [strip(eqn) for eqn in value.eqns if eqn.primitive is not probe_p]
                done[id(value)] = value.replace(eqns=eqns)
            return done[id(value)]
        return map_jaxprs(clean, value)

    def strip(eqn: JaxprEqn) -> JaxprEqn:
        if not any(holds_jaxpr(value) for value in eqn.params.values()):
            return eqn
        return eqn.replace(params={name: clean(value) for name, value in eqn.params.items()})

    return clean(closed)


@dataclass(frozen=True, slots=True)
class Emitted:
    """One equation of a batched jaxpr, with the way in of the equation it was emitted for."""

    key: Key  # for a probe: the enclosing equations, then (body, -1)
    eqn: JaxprEqn


def read(closed: ClosedJaxpr, sources: Instrumented) -> Iterator[Emitted]:
    """Lists the equations of a batched jaxpr in order, each with the equation it came from."""
    nested = children(sources)

    def walk(jaxpr: Jaxpr, inside: Key, bodies: frozenset[int]) -> Iterator[Emitted]:
        for eqn in jaxpr.eqns:
            key = resolve(eqn, inside, bodies, nested)
            if key is None:
                continue
            yield Emitted(key, eqn)
            for body in sub_jaxprs(eqn):
                yield from walk(body.jaxpr, key, nested.get(key[-1], frozenset()))

    yield from walk(closed.jaxpr, (), frozenset({0}))


def children(sources: Instrumented) -> dict[tuple[int, int], frozenset[int]]:
    """Returns the numbers of the bodies that stand in each equation (body, index)."""
    table: dict[tuple[int, int], frozenset[int]] = {}

    def visit(jaxpr: Jaxpr) -> None:
        for eqn in jaxpr.eqns:
            bodies = [body.jaxpr for body in sub_jaxprs(eqn) if body.jaxpr.eqns]
            if bodies and tag(eqn) not in table:
                table[tag(eqn)] = frozenset(tag(body.eqns[0])[0] for body in bodies)
                for body in bodies:
                    visit(body)

    visit(sources.closed.jaxpr)
    return table


def tags_in_order(closed: ClosedJaxpr) -> Iterator[tuple[int, int]]:
    """Lists the tags of all equations, each equation's bodies right after it, probes left out."""

    def visit(jaxpr: Jaxpr) -> Iterator[tuple[int, int]]:
        for eqn in jaxpr.eqns:
            if eqn.primitive is not probe_p:
                yield tag(eqn)
                for body in sub_jaxprs(eqn):
                    yield from visit(body.jaxpr)

    yield from visit(closed.jaxpr)


def tag(eqn: JaxprEqn) -> tuple[int, int]:
    """Returns (body, index) of a tagged equation."""
    return _tags(eqn)[-1]


def _tags(eqn: JaxprEqn) -> list[tuple[int, int]]:
    tags = []
    for part in eqn.source_info.name_stack.stack:
        name = part.name
        if name.startswith(MARK):
            body, index = name[1:].split(".")
            tags.append((int(body), int(index)))
    return tags


def resolve(
    eqn: JaxprEqn, inside: Key, bodies: frozenset[int], children: dict[tuple[int, int], frozenset[int]]
) -> Key | None:
    """Returns the way in, following the tags from the enclosing body on; None if JAX left no tag."""
    tags = _tags(eqn)
    start = next((n for n in reversed(range(len(tags))) if tags[n][0] in bodies), None)
    if start is None:
        return None
    key = (*inside, tags[start])
    for tag in tags[start + 1 :]:
        if tag[0] in children.get(key[-1], ()):
            key = (*key, tag)
    return key
