"""Batch axes: where jax.vmap puts every level's axis in every value, and what it emits to do so.

    Nest ──▶ describe ──▶ an Equation per equation, the texts of the jaxprs

JAX's own batching rules are asked, never re-implemented: the probes that `tracing` sent through the
user's nest of `jax.vmap` say where each axis went, the tags what each equation became.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax

from explainer.analysis import axes, internals, tracing
from explainer.analysis.internals import ClosedJaxpr, Instrumented, Key
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources, Trail
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.report import BatchedAval, Change, Equation, Jaxprs, JaxprText, Level


@dataclass(slots=True)
class _Seen:
    """What the batched program says of one equation of the example."""

    emitted: list[str] = field(default_factory=list)
    changed: tuple[Change, ...] | None = None
    dims: dict[int, tuple[tuple[int | None, ...], tuple[int, ...]]] = field(default_factory=dict)


def levels(program: Program, nest: Nest) -> tuple[Level, ...]:
    """Describes the levels, inputs and outputs, as far as the trace got."""
    done = list(axes.levels(program, nest.avals))
    for k in range(len(done)):
        if k not in nest.outputs:
            continue
        flat, tree = jax.tree_util.tree_flatten_with_path(nest.outputs[k])
        out_axes = internals.flatten_axes("vmap out_axes", tree, program.levels[k].out_axes)
        outputs = tuple(
            axes.mapped_leaf(output_path(path), aval, axis)
            for (path, aval), axis in zip(flat, out_axes, strict=True)
        )
        done[k] = replace(done[k], outputs=outputs, out_template=axes.out_template(program, tree))
    return tuple(done)


def output_path(path: Any) -> str:
    """Names an output leaf: "out", "out[0]", "out['w']"."""
    return "out" + jax.tree_util.keystr(path)


def describe(program: Program, nest: Nest, sources: Sources) -> tuple[tuple[Equation, ...], Jaxprs]:
    """Lists every equation of the example, bodies included, with the batch axes of its outputs,
    and prints the program per example and for the whole nest, the id of an equation per line.

    When a level failed, nothing is claimed about batch axes.
    """
    source = _source(nest)
    printed = internals.print_jaxpr(internals.without_probes(source.closed))
    seen = {} if nest.jaxpr is None else _read(program, source, nest.jaxpr)
    builder = _Builder(len(program.levels), sources, seen, printed)
    builder.visit(source.closed.jaxpr, (), 0, "", None, None)
    found = tuple(builder.found)
    ids = _tag_ids(found, source)
    nests = () if nest.jaxpr is None or not program.levels else (_print(nest.jaxpr, ids, 0),)
    return found, Jaxprs(_text(printed, ids, None), nests)


def with_inner_levels(program: Program, nest: Nest, jaxprs: Jaxprs, found: tuple[Equation, ...]) -> Jaxprs:
    """Adds the texts after the inner levels, innermost first, before that of the whole nest."""
    ids = _tag_ids(found, _source(nest))
    innermost = len(program.levels) - 1
    inner = tracing.after_inner_levels(program, nest)
    texts = [_print(closed, ids, innermost - n) for n, closed in enumerate(inner)]
    return replace(jaxprs, levels=(*texts, *jaxprs.levels))


def _source(nest: Nest) -> Instrumented:
    if nest.source is None:
        raise RuntimeError("the function was not traced for one example")
    return nest.source


def _print(closed: ClosedJaxpr, ids: dict[tuple[int, int], int], level: int) -> JaxprText:
    return _text(internals.print_jaxpr(internals.without_probes(closed)), ids, level)


def _text(printed: internals.Printed, ids: dict[tuple[int, int], int], level: int | None) -> JaxprText:
    lines = tuple(None if tag is None else ids.get(tag) for tag in printed.tags)
    return JaxprText(printed.text, lines, level)


def _tag_ids(found: tuple[Equation, ...], source: Instrumented) -> dict[tuple[int, int], int]:
    """Returns the first equation of each tag, a body that is used twice having one tag for two."""
    ids: dict[tuple[int, int], int] = {}
    tags = internals.tags_in_order(source.closed)
    for equation, tag in zip(found, tags, strict=True):
        ids.setdefault(tag, equation.id)
    return ids


def _read(program: Program, source: Instrumented, nest: ClosedJaxpr) -> dict[Key, _Seen]:
    """Collects, per equation of the example, what the nest emitted for it and where its axes are."""
    number = {tracing.level_key(program, k): k for k in range(len(program.levels))}
    seen: dict[Key, _Seen] = {}
    closed: set[Key] = set()
    for emitted in internals.read(nest, source):
        body = (*emitted.key[:-1], (emitted.key[-1][0], -1))
        if emitted.eqn.primitive is internals.probe_p:
            if body not in closed:
                closed.add(body)
                _note(emitted.key, emitted.eqn, source, number, seen)
        elif body not in closed:  # JAX may emit a body twice (while's condition): once tells all
            _emit(seen.setdefault(emitted.key, _Seen()), emitted, source)
    return seen


def _emit(entry: _Seen, emitted: internals.Emitted, source: Instrumented) -> None:
    """Notes an equation that batching emitted, and how its parameters differ if it kept its primitive."""
    body, index = emitted.key[-1]
    before = source.bodies[body].eqns[index]
    if entry.changed is None and emitted.eqn.primitive is before.primitive:
        entry.changed = internals.changes(before, emitted.eqn)
    entry.emitted.append(emitted.eqn.primitive.name)


def _note(key: Key, probe: Any, source: Instrumented, number: dict[Any, int], seen: dict[Key, _Seen]) -> None:
    """Reads one probe: the axes of every value that its body computed."""
    body = probe.params["body"]
    by_level = {_number(name, number): dims for name, dims in probe.params["seen"]}
    for n, (eqn, output) in enumerate(source.probed[body]):
        dims = positions([by_level[k][n] if k in by_level else None for k in range(len(number))])
        entry = seen.setdefault((*key[:-1], (body, eqn)), _Seen())
        entry.dims[output] = (dims, tuple(probe.invars[n].aval.shape))


def _number(name: Any, number: dict[Any, int]) -> int:
    return name.level if isinstance(name, internals.LevelName) else number[name]


def positions(relative: list[int | None]) -> tuple[int | None, ...]:
    """Turns the axis each level noted when it was added into the axis's place in the final array.

    Outermost level first: [0, 0] -> (0, 1): the outer axis was put in front of the inner one.
    """
    placed: list[int | None] = [None] * len(relative)
    for level in reversed(range(len(relative))):
        at = relative[level]
        if at is None:
            continue
        placed = [p if p is None or p < at else p + 1 for p in placed]
        placed[level] = at
    return tuple(placed)


@dataclass(slots=True)
class _Builder:
    """Walks the tagged example and makes the report's equations."""

    levels: int
    sources: Sources
    seen: dict[Key, _Seen]
    printed: internals.Printed
    found: list[Equation] = field(default_factory=list)

    def visit(
        self, jaxpr: Any, inside: Key, depth: int, body: str, parent: int | None, outer: Trail | None
    ) -> None:
        for eqn in jaxpr.eqns:
            if eqn.primitive is internals.probe_p:
                continue
            key = (*inside, internals.tag(eqn))
            trail = self._trail(eqn, jaxpr, outer)
            number = len(self.found)
            self.found.append(self._equation(eqn, key, number, depth, body, parent, trail))
            for sub in internals.sub_jaxprs(eqn):
                label = f"{eqn.primitive.name}[{number}].{sub.label}"
                self.visit(sub.jaxpr, key, depth + 1, label, number, trail)

    def _trail(self, eqn: Any, jaxpr: Any, outer: Trail | None) -> Trail:
        return self.sources.of_equation(eqn) if outer is None else self.sources.of_body(eqn, jaxpr, outer)

    def _equation(
        self, eqn: Any, key: Key, number: int, depth: int, body: str, parent: int | None, trail: Trail
    ) -> Equation:
        seen = self.seen.get(key, _Seen())
        return Equation(
            id=number,
            primitive=eqn.primitive.name,
            inputs=tuple(self.printed.name(atom) for atom in eqn.invars),
            outputs=tuple(self._output(var, seen.dims.get(n)) for n, var in enumerate(eqn.outvars)),
            depth=depth,
            body=body,
            parent=parent,
            source=self.sources.text(trail.span),
            span=trail.span,
            rewrite=tuple(seen.emitted),
            changed=seen.changed or (),
            callers=trail.calls[1:],
            backward=internals.transposed(eqn) or (parent is not None and self.found[parent].backward),
        )

    def _output(self, var: Any, dims: tuple[tuple[int | None, ...], tuple[int, ...]] | None) -> BatchedAval:
        shape = tuple(getattr(var.aval, "shape", ()))
        dtype = dtype_name(var.aval.dtype) if hasattr(var.aval, "dtype") else str(var.aval)
        name = self.printed.name(var)
        if dims is None:
            return BatchedAval(name, dtype, shape, (None,) * self.levels, shape, tracked=False)
        return BatchedAval(name, dtype, shape, *dims)
