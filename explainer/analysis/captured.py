"""Captured levels as the report tells them: what each maps, what crosses into it and out of it.

Capture, Listing ──▶ levels ──▶ Report.levels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from explainer.analysis import axes, internals
from explainer.analysis.capturing import Capture, Captured
from explainer.analysis.internals import INPUTS, OUTPUTS, Instrumented
from explainer.analysis.listing import Listing, jaxpr_text
from explainer.analysis.parsing import level_letter
from explainer.analysis.values import dtype_name
from explainer.report import BatchedAval, Crossing, Jaxprs, Level, Span


def levels(capture: Capture, listing: Listing) -> tuple[Level, ...]:
    """Describes every captured level, in the order of their first calls."""
    return tuple(_level(captured, capture, listing) for captured in capture.found)


def with_values(levels: Sequence[Level], capture: Capture, listing: Listing) -> tuple[Level, ...]:
    """Adds to each level the values that cross it, as far as the listing has come to know them."""
    return tuple(
        replace(level, enters=_enters(found, listing), leaves=_leaves(found, listing))
        for level, found in zip(levels, capture.found, strict=True)
    )


def with_texts(levels: Sequence[Level], capture: Capture, listing: Listing) -> tuple[Level, ...]:
    """Adds to each level its own jaxprs: for one example, and after this level alone."""
    texts = (_texts(found, capture, listing) for found in capture.found)
    return tuple(replace(level, jaxpr=text) for level, text in zip(levels, texts, strict=True))


def _texts(captured: Captured, capture: Capture, listing: Listing) -> Jaxprs | None:
    if captured.unit is None:
        return None
    example = jaxpr_text(listing.print(captured.unit), listing.ids, None)
    mapped = capture.mapped(captured)
    if mapped is None:
        return Jaxprs(example)
    printed = internals.print_jaxpr(internals.without_probes(mapped))
    return Jaxprs(example, (jaxpr_text(printed, listing.ids, captured.number),))


def _level(captured: Captured, capture: Capture, listing: Listing) -> Level:
    call = captured.call
    leaves = [(n, aval) for n, aval in enumerate(captured.avals) if aval is not None]
    outputs = zip(_out_paths(captured), captured.outputs, call.out_dims, strict=False)
    return Level(
        id=captured.number,
        parent=captured.parent,
        function=call.name,
        name=_name(captured, capture),
        in_axes=call.in_axes,
        out_axes=call.out_axes,
        axis_name=None if call.axis_name is None else str(call.axis_name),
        axis_size=call.axis_size,
        inputs=tuple(axes.mapped_leaf(call.paths[n], aval, call.dims[n]) for n, aval in leaves),
        outputs=tuple(axes.mapped_leaf(path, aval, axis) for path, aval, axis in outputs),
        span=_span(captured, listing),
        captured=True,
        made_by=call.made_by,
        transform=call.transform,
        count=captured.count,
        enters=_enters(captured, listing),
        leaves=_leaves(captured, listing),
        note=captured.note,
    )


def _name(captured: Captured, capture: Capture) -> str:
    """Names a level by its axis_name, else by its depth in the tree: i, j, k, ..."""
    if isinstance(captured.call.axis_name, str):
        return captured.call.axis_name
    return level_letter(len(capture.chain(captured.number)) - 1)


def _out_paths(captured: Captured) -> tuple[str, ...]:
    count = len(captured.outputs)
    paths = captured.call.out_paths
    return paths if len(paths) == count else tuple(f"out[{n}]" for n in range(count))


def _span(captured: Captured, listing: Listing) -> Span | None:
    return next(iter(listing.sources.of_sites(captured.call.sites)), None)


def _enters(captured: Captured, listing: Listing) -> tuple[Crossing, ...]:
    """Lists the arguments in order, then what the function closes over."""
    unit = captured.unit
    if unit is None:
        return ()
    consts = len(unit.closed.consts)
    mapped = {leaf: consts + n for n, leaf in enumerate(captured.inputs)}
    closed = {name: n for n, name in enumerate(captured.names)}
    crossings = []
    for n, aval in enumerate(captured.avals):
        path = captured.call.paths[n]
        if n in mapped:
            crossings.append(_input(listing, unit, mapped[n], path))
        elif path in closed:
            crossings.append(_input(listing, unit, closed.pop(path), path))
        elif aval is not None:
            crossings.append(Crossing(path, _unmapped(path, aval, listing.levels)))
    around = (_input(listing, unit, n, name) for name, n in closed.items() if name)
    return (*crossings, *(replace(each, shared=True) for each in around))


def _unmapped(path: str, aval: Any, levels: int) -> BatchedAval:
    """Describes a value that was concrete when its level was called: no level can have mapped it."""
    shape = tuple(aval.shape)
    return BatchedAval(path, dtype_name(aval.dtype), shape, (None,) * levels, shape)


def _input(listing: Listing, unit: Instrumented, number: int, path: str) -> Crossing:
    jaxpr = unit.closed.jaxpr
    return _crossing(listing, unit, INPUTS, number, (*jaxpr.constvars, *jaxpr.invars)[number], path)


def _leaves(captured: Captured, listing: Listing) -> tuple[Crossing, ...]:
    unit = captured.unit
    if unit is None:
        return ()
    results = zip(_out_paths(captured), unit.closed.jaxpr.outvars, strict=False)
    return tuple(_crossing(listing, unit, OUTPUTS, n, var, path) for n, (path, var) in enumerate(results))


def _crossing(listing: Listing, unit: Instrumented, where: int, number: int, var: Any, path: str) -> Crossing:
    key = ((unit.root, where),)
    value = listing.values.get((key, number))
    aval = listing.value(unit, key, number, var)
    return Crossing(path, aval, value=None if value is None else replace(value, path=path))
