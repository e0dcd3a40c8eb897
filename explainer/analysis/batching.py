"""Batch axes: where jax.vmap puts every level's axis in every value, and what it emits to do so.

    Example ──▶ batch ──▶ Batched: a jaxpr per level, an Equation per equation

JAX's own batching rules are asked, never re-implemented: the per-example jaxpr, tagged and probed
(`internals`), is mapped by the user's real `jax.vmap` levels from the innermost outwards, and the
probes in the outcome say where each axis went.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn

from explainer.analysis import axes, internals
from explainer.analysis.axes import Peeled
from explainer.analysis.internals import Instrumented, Key
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Example, axis_env
from explainer.analysis.values import dtype_name
from explainer.report import BatchedAval, Equation, Jaxprs, JaxprText, Level, Span


@dataclass(frozen=True, slots=True)
class Batched:
    """The program after every level, innermost first. `passes[-1]` is the whole nest."""

    source: Instrumented
    passes: tuple[ClosedJaxpr, ...]
    outputs: tuple[Any, ...]  # per pass, the result tree with ShapeDtypeStruct leaves


@dataclass(slots=True)
class _Seen:
    """What the batched program says of one equation of the example."""

    emitted: list[str] = field(default_factory=list)
    dims: dict[int, tuple[tuple[int | None, ...], tuple[int, ...]]] = field(default_factory=dict)


def batch(program: Program, peeled: Peeled, example: Example) -> Iterator[Batched]:
    """Maps the example level by level, innermost first; yields what is known after each level.

    Raises what jax.vmap raises at that level; the Batched yielded before stays true.
    """
    source = internals.instrument(example.jaxpr)
    passes: list[ClosedJaxpr] = []
    outputs: list[Any] = [example.outputs]
    yield Batched(source, (), tuple(outputs))
    for k in reversed(range(len(program.levels))):
        inner = passes[-1] if passes else source.closed
        jaxpr, shapes = _map_level(program, peeled, example, k, inner, outputs[-1])
        passes.append(jaxpr)
        outputs.append(shapes)
        yield Batched(source, tuple(passes), tuple(outputs))


def _map_level(
    program: Program, peeled: Peeled, example: Example, k: int, inner: ClosedJaxpr, result: Any
) -> tuple[ClosedJaxpr, Any]:
    """Maps the program inside level k by that level's jax.vmap; returns its jaxpr and result shapes."""
    arrays = axes.array_operands(program)
    avals = dict(zip(arrays, peeled.avals[k], strict=True))
    others = [None if o.is_array else o.value for o in program.operands]
    kept = [position for position in arrays if position not in example.traced]
    if kept:
        others = program.values()
    tree = jax.tree.structure(result)

    @functools.wraps(program.function)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves((args, kwargs))
        out = internals.evaluate(inner, *(leaves[position] for position in example.traced))
        return jax.tree.unflatten(tree, out)

    def run(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, list(example.traced), leaves, others)
        return program.levels[k].vmap(mapped, _level_key(program, k))(*args, **kwargs)

    return jax.make_jaxpr(run, axis_env=axis_env(program, peeled, outside=k), return_shape=True)(
        *(avals[position] for position in example.traced)
    )


def _level_key(program: Program, k: int) -> Any:
    """Returns the name that probes note for level k: the user's, unless a level further in has it too."""
    name = program.levels[k].axis_name
    if name is None or any(level.axis_name == name for level in program.levels[k + 1 :]):
        return internals.LevelName(k)
    return name


def levels(program: Program, described: tuple[Level, ...], batched: Batched) -> tuple[Level, ...]:
    """Adds to each level the leaves it returns, as far as the passes got."""
    done = list(described)
    for n, result in enumerate(batched.outputs[1:]):
        k = len(program.levels) - 1 - n
        flat, tree = jax.tree_util.tree_flatten_with_path(result)
        out_axes = internals.flatten_axes("vmap out_axes", tree, program.levels[k].out_axes)
        done[k] = replace(
            done[k],
            outputs=tuple(
                axes.mapped_leaf(output_path(path), aval, axis)
                for (path, aval), axis in zip(flat, out_axes, strict=True)
            ),
            out_template=axes.out_template(tree),
        )
    return tuple(done)


def output_path(path: Any) -> str:
    """Names an output leaf: "out", "out[0]", "out['w']"."""
    return "out" + jax.tree_util.keystr(path)


def describe(program: Program, batched: Batched, sources: Sources) -> tuple[tuple[Equation, ...], Jaxprs]:
    """Lists every equation of the example, bodies included, with the batch axes of its outputs,
    and prints the program per example and after each level, the id of an equation per line.

    While levels are still missing (one failed), nothing is claimed about batch axes.
    """
    printed = [
        internals.print_jaxpr(internals.without_probes(c)) for c in (batched.source.closed, *batched.passes)
    ]
    complete = len(batched.passes) == len(program.levels)
    seen = _read(program, batched) if complete else {}
    builder = _Builder(len(program.levels), sources, seen, printed[0])
    builder.visit(batched.source.closed.jaxpr, (), 0, "", None, None)
    texts = [
        JaxprText(p.text, tuple(None if tag is None else builder.ids.get(tag) for tag in p.tags))
        for p in printed
    ]
    return tuple(builder.found), Jaxprs(texts[0], tuple(texts[1:]))


def _read(program: Program, batched: Batched) -> dict[Key, _Seen]:
    """Collects, per equation of the example, what the whole nest emitted and where its axes are."""
    final = batched.passes[-1] if batched.passes else batched.source.closed
    number = {_level_key(program, k): k for k in range(len(program.levels))}
    seen: dict[Key, _Seen] = {}
    closed: set[Key] = set()
    for emitted in internals.read(final, batched.source):
        body = (*emitted.key[:-1], (emitted.key[-1][0], -1))
        if emitted.eqn.primitive is internals.probe_p:
            if body not in closed:
                closed.add(body)
                _note(emitted.key, emitted.eqn, batched.source, number, seen)
        elif body not in closed:
            seen.setdefault(emitted.key, _Seen()).emitted.append(emitted.eqn.primitive.name)
    return seen


def _note(
    key: Key, probe: JaxprEqn, source: Instrumented, number: dict[Any, int], seen: dict[Key, _Seen]
) -> None:
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
    ids: dict[tuple[int, int], int] = field(default_factory=dict)  # tag -> its first equation

    def visit(
        self, jaxpr: Any, inside: Key, depth: int, body: str, parent: int | None, call: Span | None
    ) -> None:
        own = depth == 0 or self.sources.defines(jaxpr)
        for eqn in jaxpr.eqns:
            if eqn.primitive is internals.probe_p:
                continue
            key = (*inside, internals.tag(eqn))
            span = (self.sources.of_equation(eqn) if own else None) or call
            number = len(self.found)
            self.ids.setdefault(key[-1], number)
            self.found.append(self._equation(eqn, key, number, depth, body, parent, span))
            for sub in internals.sub_jaxprs(eqn):
                label = f"{eqn.primitive.name}[{number}].{sub.label}"
                self.visit(sub.jaxpr, key, depth + 1, label, number, span)

    def _equation(
        self, eqn: Any, key: Key, number: int, depth: int, body: str, parent: int | None, span: Span | None
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
            source=self.sources.text(span),
            span=span,
            rewrite=tuple(seen.emitted),
        )

    def _output(self, var: Any, dims: tuple[tuple[int | None, ...], tuple[int, ...]] | None) -> BatchedAval:
        shape = tuple(getattr(var.aval, "shape", ()))
        dtype = dtype_name(var.aval.dtype) if hasattr(var.aval, "dtype") else str(var.aval)
        name = self.printed.name(var)
        if dims is None:
            return BatchedAval(name, dtype, shape, (None,) * self.levels, shape, tracked=False)
        return BatchedAval(name, dtype, shape, *dims)
