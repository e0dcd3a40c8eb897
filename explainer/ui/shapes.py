"""Shapes: every array in full, as each level sees it, and for one example."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.report import Leaf, Level, MappedLeaf, Report
from explainer.ui import markup
from explainer.ui.markup import Html, escape, tag


def shapes(report: Report) -> None:
    """Shows the table: X (i:3, 2) | inside vmap i (2,) | ... ; outputs the other way round."""
    levels = report.levels
    head = ["array", "dtype", "full", *(f"inside vmap {level.name}" for level in levels)]
    if levels:
        head[-1] = f"one example (inside vmap {levels[-1].name})"
    rows = [_input(leaf, levels) for argument in report.arguments for leaf in argument.leaves]
    rows += [
        _static(argument.name, argument.static, len(levels))
        for argument in report.arguments
        if argument.static is not None
    ]
    rows += [_output(number, leaf, report) for number, leaf in enumerate(_outputs(report))]
    markup.show(markup.table(head, rows))
    markup.show(
        tag(
            "p",
            "The axis a level maps carries its name, i:3. An axis that stays grey is inside every example.",
            "pg-note",
        )
    )


def _input(leaf: Leaf, levels: Sequence[Level]) -> list[Html]:
    cells = []
    sizes = leaf.shape
    for number, level in enumerate(levels):
        mapped = _find(level.inputs, leaf.path)
        cells.append(_cell(sizes, mapped, number, level))
        sizes = _without(sizes, mapped)
    cells.append(markup.shape(sizes))
    return [escape(leaf.path), escape(leaf.dtype), *cells]


def _output(number: int, leaf: MappedLeaf | Leaf, report: Report) -> list[Html]:
    cells = []
    sizes = leaf.shape
    for at, level in enumerate(report.levels):
        mapped = level.outputs[number] if number < len(level.outputs) else None
        sizes = mapped.shape if mapped is not None else sizes
        cells.append(_cell(sizes, mapped, at, level))
        sizes = _without(sizes, mapped)
    cells.append(markup.shape(sizes))
    return [tag("b", escape(leaf.path)), escape(leaf.dtype), *cells]


def _outputs(report: Report) -> Sequence[MappedLeaf | Leaf]:
    return report.outputs or (report.levels[0].outputs if report.levels else ())


def _cell(sizes: Sequence[int], mapped: MappedLeaf | None, number: int, level: Level) -> Html:
    if mapped is None or mapped.index is None:
        return markup.shape(sizes)
    return markup.shape(sizes, {mapped.index: (number, level.name)})


def _without(sizes: tuple[int, ...], mapped: MappedLeaf | None) -> tuple[int, ...]:
    if mapped is None or mapped.index is None:
        return sizes
    return sizes[: mapped.index] + sizes[mapped.index + 1 :]


def _static(name: str, text: str | None, levels: int) -> list[Html]:
    value = escape(text if text is None or len(text) <= 60 else f"{text[:59]}…")
    return [escape(name), escape("not an array"), value, *[escape("")] * levels]


def _find(leaves: Sequence[MappedLeaf], path: str) -> MappedLeaf | None:
    return next((leaf for leaf in leaves if leaf.path == path), None)
