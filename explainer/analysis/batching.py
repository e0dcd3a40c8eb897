"""Batch axes: where jax.vmap puts every level's axis in every value, and what it emits to do so.

Nest ──▶ reading, listing, captured ──▶ Description: equations, texts of the jaxprs, captured levels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from explainer.analysis import axes, captured, internals, reading, tracing, why
from explainer.analysis.capturing import Capture
from explainer.analysis.internals import ClosedJaxpr, Instrumented, Key, MeshCall
from explainer.analysis.listing import Listing, jaxpr_text
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.report import AxesTemplate, Crossing, Equation, Jaxprs, JaxprText, Level


def levels(program: Program, nest: Nest) -> tuple[Level, ...]:
    """Describes the levels, inputs and outputs, as far as the trace got."""
    found: dict[int, axes.Outputs] = {}
    templates: dict[Any, AxesTemplate] = {}  # by tree: mostly one
    for k in range(len(program.levels)):
        if k not in nest.outputs:
            continue
        flat, tree = jax.tree_util.tree_flatten_with_path(nest.outputs[k])
        out_axes = internals.flatten_axes("vmap out_axes", tree, program.levels[k].out_axes)
        outputs = tuple(
            axes.mapped_leaf(output_path(path), aval, axis)
            for (path, aval), axis in zip(flat, out_axes, strict=True)
        )
        if tree not in templates:
            templates[tree] = axes.out_template(program, tree)
        found[k] = outputs, templates[tree]
    return axes.levels(program, nest.avals, found)


def output_path(path: Any) -> str:
    """Names an output leaf: "out", "out[0]", "out['w']"."""
    return "out" + jax.tree_util.keystr(path)


@dataclass(frozen=True, slots=True)
class Description:
    """What the batch stage found; `keys[n]` is the way in of equation n."""

    equations: tuple[Equation, ...]
    keys: tuple[Key, ...]
    jaxprs: Jaxprs | None
    captured: tuple[Level, ...]
    listing: Listing
    returned: tuple[Crossing, ...] = ()  # by the function under the stated levels


def describe(program: Program, nest: Nest, sources: Sources) -> Description:
    """Lists every equation of the example, bodies and captured levels included, with the batch axes of
    its outputs; prints the program per example, the id of an equation per line.

    When a level failed on its out_axes, the axes inside the function are those with others; when it
    failed otherwise, nothing is claimed about batch axes.
    """
    source, capture = _source(nest), nest.capture
    batched = tracing.whatever_out_axes(program, nest) if nest.jaxpr is None else nest.jaxpr
    capture.settle([source.closed])
    count = len(program.levels) + len(capture.found)
    marks = _marks(program, capture)
    seen = {} if batched is None else reading.read(source, batched, marks, _devices(capture), count)
    listing = Listing(capture, count, sources, seen)
    printed = listing.unit(source, len(program.levels) - 1 if program.levels else None)
    _list_dropped(capture, listing, [source.closed], marks)
    why.give(listing, source, [program.operands[position].path for position in nest.traced])
    texts = Jaxprs(jaxpr_text(printed, listing.ids, None))
    levels = captured.levels(capture, listing)
    returned = _returned(program, nest, listing)
    return Description(tuple(listing.found), tuple(listing.keys), texts, levels, listing, returned)


def _returned(program: Program, nest: Nest, listing: Listing) -> tuple[Crossing, ...]:
    """Describes what the function under the stated levels returns, where every level's axis is in it."""
    unit = _source(nest)
    flat, _ = jax.tree_util.tree_flatten_with_path(nest.outputs[len(program.levels)])
    key = ((unit.root, internals.OUTPUTS),)
    values = (listing.value(unit, key, n, var) for n, var in enumerate(unit.closed.jaxpr.outvars))
    return tuple(Crossing(output_path(path), value) for (path, _), value in zip(flat, values, strict=True))


def describe_roots(capture: Capture, sources: Sources, levels: int = 0) -> Description:
    """Describes calls that were each followed on their own, those of a script, one after another.

    `levels` are those in the report: more than were followed where a call failed before it was met.
    """
    count = max(levels, len(capture.found))
    capture.settle([found.root.jaxpr for found in capture.found if found.root is not None])
    marks = lambda number: capture.level_names(capture.levels.get(number))  # noqa: E731
    seen: dict[Key, reading.Seen] = {}
    units = [(found.unit, found.number, found.root) for found in capture.found]
    for unit, _, root in units:
        if unit is not None and root is not None:
            seen |= reading.read(unit, root.jaxpr, marks, _devices(capture), count)
    listing = Listing(capture, count, sources, seen)
    for unit, number, root in units:
        if unit is not None and root is not None:
            listing.unit(unit, number)
    _list_dropped(capture, listing, [root.jaxpr for _, _, root in units if root is not None], marks)
    why.give(listing)
    inside = captured.with_texts(captured.levels(capture, listing), capture, listing)
    return Description(tuple(listing.found), tuple(listing.keys), None, inside, listing)


def _list_dropped(
    capture: Capture, listing: Listing, programs: Sequence[ClosedJaxpr], marks: reading.Marks
) -> None:
    """Lists the functions of calls that failed in a body (of jit, scan, ...) which JAX then dropped.

    Such a call is mapped by itself: where levels around it have their axes in its values is not known.
    """
    met = internals.units_in(programs, capture.bodies)
    for found in capture.found:
        unit = found.unit
        if not found.ended or unit is None or unit.root in met or isinstance(found.call, MeshCall):
            continue
        met |= {unit.root, *internals.units_in([unit.closed], capture.bodies)}
        around = capture.chain(found.number)[:-1]
        alone = None if around else capture.mapped(found, probed=True)
        if alone is not None:
            listing.seen.update(reading.read(unit, alone, marks, _devices(capture), listing.levels))
        if around:
            found.note += "; where the levels around it have their axes in them is not known, since JAX "
            found.note += "drops the body (of jit, scan, ...) that the call stands in"
        first = len(listing.found)
        listing.unit(unit, found.number)
        if around:
            listing.found[first:] = [replace(each, dropped=True) for each in listing.found[first:]]


def _marks(program: Program, capture: Capture) -> reading.Marks:
    """Returns, for a unit, the level that each axis name noted in its probes stands for."""
    stated = [(tracing.level_key(program, k), k) for k in reversed(range(len(program.levels)))]
    return lambda unit: [*capture.level_names(capture.levels.get(unit)), *stated]


def _devices(capture: Capture) -> reading.DeviceAxes:
    return lambda unit: capture.device_axes(capture.levels.get(unit))


def with_levels(program: Program, nest: Nest, found: Description) -> Jaxprs | None:
    """Adds the texts after every level, innermost first, the whole nest last."""
    if found.jaxprs is None or nest.jaxpr is None or not program.levels:
        return found.jaxprs
    innermost = len(program.levels) - 1
    after = (*tracing.after_inner_levels(program, nest), nest.jaxpr)
    texts = (_print(closed, found.listing.ids, innermost - n) for n, closed in enumerate(after))
    return replace(found.jaxprs, levels=tuple(texts))


def _source(nest: Nest) -> Instrumented:
    if nest.source is None:
        raise RuntimeError("the function was not traced for one example")
    return nest.source


def _print(closed: ClosedJaxpr, ids: dict[tuple[int, int], int], level: int) -> JaxprText:
    return jaxpr_text(internals.print_jaxpr(internals.without_probes(closed)), ids, level)
