"""Tags and probes: what is put into a jaxpr before batching, and read back after it.

    tracing ── jaxpr ──▶ instrument ──▶ jax.vmap ──▶ batched jaxpr ──▶ read ──▶ batching

Every equation of the per-example jaxpr, bodies of scan, cond, jit, ... included, gets a *tag* in
its name stack; JAX hands the name stack to every equation that batching emits for it. Every body
ends in a *probe*: an equation over all values computed in it. The probe's batching rule notes
where JAX's own rules put the axis of each operand, and rebinds itself, so levels append.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jax._src import core, source_info_util
from jax._src.core import ClosedJaxpr as ClosedJaxpr
from jax._src.core import Jaxpr, JaxprEqn, Primitive, Var
from jax._src.interpreters import partial_eval
from jax.interpreters import ad, batching, mlir

from explainer.analysis.internals.jaxprs import holds_jaxpr, map_jaxprs, sub_jaxprs, transposed

MARK = "§"  # opens a tag in a name stack: §<body>.<equation>

Key = tuple[tuple[int, int], ...]
"""An equation by its way in: (body, index) of each enclosing equation, then its own."""

probe_p = Primitive("explainer_probe")
probe_p.multiple_results = True
probe_p.def_impl(lambda *_, **__: [])
probe_p.def_abstract_eval(lambda *_, **__: [])
mlir.register_lowering(probe_p, lambda *_, **__: [])


def _probe_rule(
    axis_data: Any, args: Sequence[Any], dims: Sequence[int | None], *, seen: tuple[Any, ...], **params: Any
) -> tuple[list[Any], list[Any]]:
    probe_p.bind(*args, seen=(*seen, (axis_data.name, tuple(dims))), **params)
    return [], []


def _probe_jvp(primals: Sequence[Any], _: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    probe_p.bind(*primals, **params)
    return [], []


def _probe_dce(_: list[bool], eqn: JaxprEqn) -> tuple[list[bool], JaxprEqn]:
    """Keeps a probe, and so what it looks at, where JAX drops what nobody uses: `without_probes` drops it."""
    return [True] * len(eqn.invars), eqn.replace(params={**eqn.params, "kept": True})


batching.fancy_primitive_batchers[probe_p] = _probe_rule
ad.primitive_jvps[probe_p] = _probe_jvp
partial_eval.dce_rules[probe_p] = _probe_dce


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


INPUTS = -1
OUTPUTS = -2
"""Stand for a body's inputs, closed-over ones first, and a unit's results, where else an equation's number
stands."""


def named_axes() -> list[tuple[Any, int]]:
    """Lists the axis names that are bound now, with their sizes; those of ours left out."""
    bound = core.get_axis_env().axis_sizes
    return [(name, size) for name, size in bound.items() if isinstance(name, str)]


@dataclass(slots=True)
class Bodies:
    """All bodies of one pass over the user's code, numbered through; `jaxprs[n]` is the original one.

    A *unit* is a function traced for one example. The equations of one that was mapped inside another
    stand, batched, in the other's jaxpr; they keep the tags and probes of their own unit.
    """

    jaxprs: list[Jaxpr] = field(default_factory=list)
    probed: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # body -> (equation, output)
    children: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)  # equation -> its bodies
    units: dict[int, Instrumented] = field(default_factory=dict)  # by the number of their outermost body
    owner: dict[int, int] = field(default_factory=dict)  # body -> the unit it is part of


@dataclass(slots=True)
class Instrumented:
    """A unit with tags and probes: `root` is the number of its outermost body."""

    closed: ClosedJaxpr
    all: Bodies
    root: int

    @property
    def bodies(self) -> list[Jaxpr]:
        return self.all.jaxprs

    @property
    def probed(self) -> dict[int, list[tuple[int, int]]]:
        return self.all.probed


def instrument(closed: ClosedJaxpr, bodies: Bodies | None = None) -> Instrumented:
    """Returns the same program with a tag on every equation and a probe at the end of every body."""
    bodies = Bodies() if bodies is None else bodies
    result = Instrumented(closed, bodies, len(bodies.jaxprs))
    bodies.units[result.root] = result
    result.closed = ClosedJaxpr(_Instrument(bodies, result.root).body(closed.jaxpr, root=True), closed.consts)
    return result


class _Instrument:
    """One pass over a jaxpr and its bodies; a body used twice is rebuilt once."""

    def __init__(self, bodies: Bodies, root: int) -> None:
        self.bodies = bodies
        self.root = root
        self.done: dict[int, Jaxpr] = {}
        self.numbers: dict[int, int] = {}  # of the rebuilt ones, by id
        self.closed: dict[int, ClosedJaxpr] = {}  # JAX batches and prints one object once

    def body(self, jaxpr: Jaxpr, fresh: bool = False, root: bool = False, backward: bool = False) -> Jaxpr:
        if not fresh and id(jaxpr) in self.done:
            return self.done[id(jaxpr)]
        number = len(self.bodies.jaxprs)
        self.bodies.jaxprs.append(jaxpr)
        self.bodies.owner[number] = self.root
        inputs = [*jaxpr.constvars, *jaxpr.invars]
        probed = [(var, (INPUTS, m)) for m, var in enumerate(inputs) if _has_shape(var)]
        eqns: list[JaxprEqn] = []
        for n, eqn in enumerate(jaxpr.eqns):
            if is_foreign(eqn) and not backward:
                eqns.append(eqn)
                continue
            if eqn.primitive is probe_p:
                continue
            results = list(map(_kept, eqn.outvars))
            probed += [(var, (n, m)) for m, var in enumerate(results) if _has_shape(var)]
            new = eqn.replace(outvars=results, source_info=_tag(eqn, number, n))
            if holds_jaxpr(eqn.params.values()):
                new = new.replace(params=self.params(eqn, backward))
                self.bodies.children[number, n] = self.numbers_of(new)
            eqns.append(new)
        if root:
            outputs = enumerate(jaxpr.outvars)
            probed += [(var, (OUTPUTS, m)) for m, var in outputs if isinstance(var, Var) and _has_shape(var)]
        self.bodies.probed[number] = [place for _, place in probed]
        if probed and (eqns or root):
            eqns.append(_probe(number, len(jaxpr.eqns), [var for var, _ in probed]))
        made = self.done[id(jaxpr)] = jaxpr.replace(eqns=eqns)
        self.numbers[id(made)] = number
        return made

    def numbers_of(self, eqn: JaxprEqn) -> frozenset[int]:
        return frozenset(self.numbers[id(body.jaxpr)] for body in sub_jaxprs(eqn))

    def params(self, eqn: JaxprEqn, backward: bool) -> dict[str, Any]:
        seen: set[int] = set()
        backward = backward or transposed(eqn)  # the bodies do not tell it themselves

        def rebuild(value: Any) -> Any:
            if isinstance(value, ClosedJaxpr):
                return self.reclosed(value, rebuild(value.jaxpr))
            if isinstance(value, Jaxpr):
                twice = id(value) in seen  # two branches that are one jaxpr must stay two bodies
                seen.add(id(value))
                return self.body(value, fresh=twice, backward=backward)
            return map_jaxprs(rebuild, value)

        return {name: rebuild(value) for name, value in eqn.params.items()}

    def reclosed(self, old: ClosedJaxpr, jaxpr: Jaxpr) -> ClosedJaxpr:
        known = self.closed.get(id(old))
        if known is None or known.jaxpr is not jaxpr:
            known = self.closed[id(old)] = ClosedJaxpr(jaxpr, old.consts)
        return known


def _has_shape(var: Var) -> bool:
    return isinstance(var.aval, core.ShapedArray)


def _kept(var: Var) -> Var:
    """Returns a variable to look at: until JAX 0.10.1 there is none where nobody uses a result."""
    return core.Var(var.aval) if isinstance(var, core.DropVar) else var


def is_foreign(eqn: JaxprEqn) -> bool:
    """Tells an equation that batching emitted for a unit mapped inside, or that unit's probe.

    What grad made of such a unit on the way back is not its own any more; a unit that is itself a way
    back, as in jacrev, keeps its equations.
    """
    if eqn.primitive is probe_p:
        return True
    marks = [part.name for part in eqn.source_info.name_stack.stack if part.name.startswith(MARK)]
    return bool(marks) and _transposes(eqn) <= int(marks[-1].split(".")[2])


def _tag(eqn: JaxprEqn, body: int, index: int) -> Any:
    stack = eqn.source_info.name_stack.extend(f"{MARK}{body}.{index}.{_transposes(eqn)}")
    return eqn.source_info.replace(name_stack=stack)


def _transposes(eqn: JaxprEqn) -> int:
    """Counts the backward passes that an equation was made by."""
    return [part.name for part in eqn.source_info.name_stack.stack].count("transpose")


def _probe(body: int, index: int, operands: list[Var]) -> JaxprEqn:
    info = source_info_util.new_source_info()
    info = info.replace(name_stack=info.name_stack.extend(f"{MARK}{body}.{index}.0"))
    return core.new_jaxpr_eqn(
        operands, [], probe_p, {"body": body, "seen": (), "kept": False}, set(), source_info=info
    )


def without_probes(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Returns the program as JAX would have made it: the probes taken out again, bodies included."""
    done: dict[int, Jaxpr] = {}

    def clean(value: Any) -> Any:
        if isinstance(value, ClosedJaxpr):
            return ClosedJaxpr(clean(value.jaxpr), value.consts)
        if isinstance(value, Jaxpr):
            if id(value) not in done:
                probes = [eqn for eqn in value.eqns if eqn.primitive is probe_p]
                made = value.replace(eqns=[strip(eqn) for eqn in value.eqns if eqn.primitive is not probe_p])
                if any(probe.params["kept"] for probe in probes):
                    made, _ = partial_eval.dce_jaxpr(made, [True] * len(made.outvars), instantiate=True)
                done[id(value)] = made
            return done[id(value)]
        return map_jaxprs(clean, value)

    def strip(eqn: JaxprEqn) -> JaxprEqn:
        if not holds_jaxpr(eqn.params.values()):
            return eqn
        return eqn.replace(params={name: clean(value) for name, value in eqn.params.items()})

    return clean(closed)


class Emitted(NamedTuple):
    """One equation of a batched jaxpr, with the way in of the equation it was emitted for."""

    key: Key  # for a probe: the enclosing equations, then (body, -1)
    eqn: JaxprEqn


_OVER_DEVICES = ("jit", "pjit", "shard_map")


def read(closed: ClosedJaxpr, sources: Instrumented) -> Iterator[Emitted]:
    """Lists the equations of a batched jaxpr in order, each with the equation it came from."""
    nested = sources.all.children

    def walk(jaxpr: Jaxpr, inside: Key, bodies: frozenset[int]) -> Iterator[Emitted]:
        for eqn in jaxpr.eqns:
            key = resolve(eqn, inside, bodies, sources.all)
            if key is None:
                if eqn.primitive.name in _OVER_DEVICES and not inside:  # a pmap that was followed on its own
                    for body in sub_jaxprs(eqn):
                        yield from walk(body.jaxpr, inside, bodies)
                continue
            yield Emitted(key, eqn)
            for body in sub_jaxprs(eqn):
                yield from walk(body.jaxpr, key, nested.get(key[-1], frozenset()))

    yield from walk(closed.jaxpr, (), frozenset({sources.root}))


def units_in(programs: Iterable[ClosedJaxpr], bodies: Bodies) -> set[int]:
    """Returns the units that a program holds, by the numbers of their outermost bodies."""
    found: set[int] = set()

    def walk(jaxpr: Jaxpr) -> None:
        for eqn in jaxpr.eqns:
            if eqn.primitive is probe_p:
                found.add(bodies.owner[eqn.params["body"]])
            for body in sub_jaxprs(eqn):
                walk(body.jaxpr)

    for program in programs:
        walk(program.jaxpr)
    return found


def tag(eqn: JaxprEqn) -> tuple[int, int]:
    """Returns (body, index) of a tagged equation."""
    last = eqn.source_info.name_stack.stack[-1].name
    return _read_tag(last) if last.startswith(MARK) else _tags(eqn)[-1]


def _tags(eqn: JaxprEqn) -> list[tuple[int, int]]:
    names = [part.name for part in eqn.source_info.name_stack.stack]
    return [_read_tag(name) for name in names if name.startswith(MARK)]


@functools.lru_cache(4096)  # every equation of the example and each emitted for it is asked for its own
def _read_tag(name: str) -> tuple[int, int]:
    body, index, _ = name[1:].split(".")
    return int(body), int(index)


def resolve(eqn: JaxprEqn, inside: Key, bodies: frozenset[int], all: Bodies) -> Key | None:
    """Returns the way in, following the tags from the enclosing body on; None if JAX left no tag.

    The way into a unit's equation begins at the unit, wherever that was mapped.
    """
    tags = _tags(eqn)
    start = len(tags) - 1
    while start >= 0 and tags[start][0] not in bodies and tags[start][0] not in all.units:
        start -= 1
    if start < 0:
        return None
    key = (tags[start],) if tags[start][0] in all.units else (*inside, tags[start])
    for tag in tags[start + 1 :]:
        if tag[0] in all.children.get(key[-1], ()):
            key = (*key, tag)
    return key
