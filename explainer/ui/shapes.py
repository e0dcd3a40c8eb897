"""Shapes: every array in full, as each level sees it, and for one example."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.report import Leaf, Level, MappedLeaf, Report
from explainer.ui import markup, why
from explainer.ui.markup import Html, escape, join, tag

_MOST = 300  # rows


def shapes(report: Report) -> None:
    """Shows the table: X (i:3, 2) | inside vmap i (2,) | ... ; outputs the other way round."""
    levels = report.stated
    head = ["array", "dtype", "full", *(f"inside {level.transform} {level.name}" for level in levels)]
    if levels:
        head[-1] = f"one example (inside {levels[-1].transform} {levels[-1].name})"
    rows = [_input(leaf, levels) for argument in report.arguments for leaf in argument.leaves]
    rows += [
        _static(argument.name, argument.static, len(levels))
        for argument in report.arguments
        if argument.static is not None
    ]
    rows += [_output(number, leaf, report) for number, leaf in enumerate(_outputs(report))]
    markup.show(markup.table(head, rows[:_MOST]))
    if len(rows) > _MOST:
        markup.show(tag("p", escape(f"{len(rows) - _MOST:,} more arrays are not shown."), "pg-note"))
    sized = next((level for level in levels if level.axis_size is not None), None)
    if sized is not None:
        words = (
            f"A size with a name, {sized.name}:{sized.axis_size}, is the axis that level maps. "
            "The others reach every example whole."
        )
        markup.show(tag("p", escape(words), "pg-note"))


def _input(leaf: Leaf, levels: Sequence[Level]) -> list[Html]:
    return _cells(escape(leaf.path), leaf, [(level, _find(level.inputs, leaf.path)) for level in levels])


def _output(number: int, leaf: MappedLeaf | Leaf, report: Report) -> list[Html]:
    found = [
        (level, level.outputs[number] if number < len(level.outputs) else None) for level in report.stated
    ]
    name = join((tag("b", escape(leaf.path)), why.asked_of_output(report, leaf.path)))
    return _cells(name, leaf, found)


def _cells(
    name: Html, leaf: MappedLeaf | Leaf, found: Sequence[tuple[Level, MappedLeaf | None]]
) -> list[Html]:
    """Returns one row: the shape each level gets, its own axis marked; "?" from where nothing is known."""
    cells: list[Html] = []
    sizes: tuple[int, ...] | None = leaf.shape
    for number, (level, mapped) in enumerate(found):
        if mapped is None or sizes is None:
            cells.append(_unknown(leaf.shape if number == 0 else sizes))
            sizes = None
            continue
        named = {} if mapped.index is None else {mapped.index: (number, level.name)}
        cells.append(markup.shape(mapped.shape, named))
        sizes = _inside(mapped)
    cells.append(_unknown(sizes))
    return [name, escape(leaf.dtype), *cells]


def _inside(mapped: MappedLeaf) -> tuple[int, ...] | None:
    """Returns the shape one example of this level gets; None where the axis does not exist."""
    if mapped.index is None:
        return mapped.shape if mapped.axis is None else None
    return mapped.shape[: mapped.index] + mapped.shape[mapped.index + 1 :]


def _unknown(sizes: tuple[int, ...] | None) -> Html:
    return (
        tag("span", "?", "pg-mute", title="not known, because of the error")
        if sizes is None
        else markup.shape(sizes)
    )


def _outputs(report: Report) -> Sequence[MappedLeaf | Leaf]:
    return report.outputs or (report.stated[0].outputs if report.stated else ())


def _static(name: str, text: str | None, levels: int) -> list[Html]:
    value = escape(text if text is None or len(text) <= 60 else f"{text[:59]}…")
    return [escape(name), escape("not an array"), value, *[escape("")] * levels]


def _find(leaves: Sequence[MappedLeaf], path: str) -> MappedLeaf | None:
    return next((leaf for leaf in leaves if leaf.path == path), None)
