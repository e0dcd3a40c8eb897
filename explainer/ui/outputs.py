"""Output: the values of the compiled run, what is odd about them, and the loop they were compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import TypeAlias, cast

import streamlit as st

from explainer.figures import heatmap, style
from explainer.report import Check, Leaf, Report
from explainer.ui import markup, player, words
from explainer.ui.markup import Html, escape, join, tag

Block: TypeAlias = "Sequence[Block] | float | str | None"
"""Nested lists of values, as a report holds them."""

_MOST_CHARTS = 6  # leaves with a heatmap
_MOST_LEAVES = 40
_MOST_SLABS = 6
_MOST_ENTRIES = 12


def outputs(report: Report) -> None:
    """Shows every output leaf with its statistics and values."""
    if report.check is not None:
        markup.show(_check(report.check))
    for number, leaf in enumerate(report.outputs[:_MOST_LEAVES]):
        markup.show(_head(leaf))
        markup.show(_facts(leaf))
        charted = bool(leaf.shape) and number < _MOST_CHARTS and heatmap.has_numbers(leaf)
        if charted:
            player.chart(style.resolve(heatmap.output_figure(leaf), player.theme()), f"heatmap-{number}")
        with st.expander("Values as text", expanded=not charted):
            markup.show(_values(leaf))
    if len(report.outputs) > _MOST_LEAVES:
        left_out = len(report.outputs) - _MOST_LEAVES
        markup.show(tag("p", escape(f"{left_out:,} more outputs are not shown."), "pg-note"))


def _check(check: Check) -> Html:
    css = {True: "pg-good", False: "pg-bad", None: "pg-mute"}[check.agrees]
    return tag("p", escape(words.verdict(check)), css)


def _head(leaf: Leaf) -> Html:
    return tag(
        "h4", join((escape(leaf.path), tag("small", markup.dtype_shape(leaf.dtype, leaf.shape)))), "pg-h"
    )


def _facts(leaf: Leaf) -> Html:
    found = [("min", leaf.min), ("mean", leaf.mean), ("max", leaf.max)]
    parts = [
        tag("span", join((escape(f"{name} "), tag("b", escape(words.number(value))))))
        for name, value in found
        if value is not None
    ]
    odd = (("nan", leaf.nan_count), ("inf", leaf.inf_count)) if _may_be_odd(leaf.dtype) else ()
    for name, count in odd:
        parts.append(tag("span", escape(f"{count:,} {name}"), "pg-bad" if count else ""))
    return tag("div", join(parts), "pg-facts")


def _may_be_odd(dtype: str) -> bool:
    """Tells whether a dtype has nan and inf: booleans, integers and keys do not."""
    return not dtype.startswith(("bool", "int", "uint", "key"))


def _values(leaf: Leaf) -> Html:
    """Returns the values as tables of the last two axes, one for each index of the axes before them."""
    if leaf.preview is None:
        return tag("p", "The values are not known.", "pg-note")
    if 0 in leaf.shape:
        return tag("p", "An axis has size 0: there are no values.", "pg-note")
    rank = len(leaf.shape)
    slabs = _slabs(leaf.preview, leaf.kept, max(rank - 2, 0))
    tables = [_slab(index, block, leaf.kept[max(rank - 2, 0) :]) for index, block in slabs[:_MOST_SLABS]]
    left_out = prod(leaf.shape[:-2]) - len(tables) if rank > 2 else 0
    more = tag("p", escape(f"and {left_out:,} more like these"), "pg-note") if left_out > 0 else Html("")
    return join((tag("div", join(tables), "pg-slabs"), more))


def _slabs(block: Block, kept: Sequence[Sequence[int]], leading: int) -> list[tuple[tuple[int, ...], Block]]:
    if leading == 0:
        return [((), block)]
    return [
        ((index, *rest), inner)
        for index, part in zip(kept[0], _parts(block), strict=True)
        for rest, inner in _slabs(part, kept[1:], leading - 1)
    ][:_MOST_SLABS]


def _slab(index: tuple[int, ...], block: Block, kept: Sequence[Sequence[int]]) -> Html:
    """Returns one table; its heads are indices, with a jump where entries are left out."""
    rows = [block] if len(kept) < 2 else _parts(block)[:_MOST_ENTRIES]
    rows = [_parts(row) if kept else [row] for row in rows]
    columns = list(kept[-1][:_MOST_ENTRIES]) if kept else [""]
    names = [""] if len(kept) < 2 else list(kept[0][:_MOST_ENTRIES])
    body = (
        [tag("span", escape(name), "pg-mute"), *map(_value, row[:_MOST_ENTRIES])]
        for name, row in zip(names, rows, strict=True)
    )
    title = tag("div", escape(f"[{', '.join(map(str, index))}, :, :]"), "pg-note") if index else Html("")
    return tag("div", title + markup.table(["", *map(str, columns)], body, "pg-values"))


def _parts(block: Block) -> Sequence[Block]:
    return cast("Sequence[Block]", block)


def _value(value: Block) -> Html:
    if isinstance(value, float):
        odd = not math.isfinite(value)
        return tag("span", escape(words.number(value)), "pg-bad" if odd else "")
    return escape(value)
