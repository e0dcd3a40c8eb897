"""The preview of a Leaf as lines of text: the kept entries, with … where entries were left out."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.report import Leaf

MAX_LINES = 24

Nested = object  # nested lists of plain scalars: msgspec and Python have no finite type for it


def array_text(leaf: Leaf) -> list[str]:
    """Returns the kept values of a leaf as lines, columns aligned, gaps marked.

    kept=((0, 1, 1023),)  ->  ["[0  1  …  1023]"]
    """
    cells = _formatted(leaf.preview, _is_float(leaf.dtype))
    width = max((len(cell) for cell in _flat(cells)), default=0)
    lines = _lines(cells, leaf.shape, leaf.kept, width)
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"… {len(lines) - MAX_LINES + 1} more lines"]
    return lines


def scalar_text(value: object, floating: bool = True) -> str:
    """Returns one value with at most four significant digits; null in JSON stands for nan or inf."""
    if value is None:
        return "nan/inf"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4g}" if floating or isinstance(value, float) else str(value)


def _is_float(dtype: str) -> bool:
    return "float" in dtype


def _formatted(preview: Nested, floating: bool) -> Nested:
    if isinstance(preview, list):
        return [_formatted(item, floating) for item in preview]
    return scalar_text(preview, floating)


def _flat(cells: Nested) -> list[str]:
    if isinstance(cells, list):
        return [cell for item in cells for cell in _flat(item)]
    return [str(cells)]


def _lines(
    cells: Nested, shape: Sequence[int], kept: Sequence[Sequence[int]], width: int, indent: str = ""
) -> list[str]:
    """Returns nested brackets, the innermost axis on one line."""
    if not isinstance(cells, list):
        return [indent + str(cells)]
    gap = _gap(kept[0], shape[0]) if kept and shape else None
    if not any(isinstance(item, list) for item in cells):
        words = [str(cell).rjust(width) for cell in cells]
        return [indent + "[" + "  ".join(_with_gap(words, gap)) + "]"]
    blocks = [_lines(item, shape[1:], kept[1:], width, indent + " ") for item in cells]
    lines = [line for block in _with_gap(blocks, gap, [f"{indent} …"]) for line in block]
    lines[0] = f"{indent}[{lines[0][len(indent) + 1 :]}"
    lines[-1] += "]"
    return lines


def _gap(kept: Sequence[int], size: int) -> int | None:
    """Returns the position in `kept` behind which entries are missing, None if all are there."""
    for position, (index, following) in enumerate(zip(kept, [*kept, size][1:], strict=True)):
        if following != index + 1:
            return position
    return None


def _with_gap(items: list, gap: int | None, mark: object = "…") -> list:
    if gap is None:
        return items
    return [*items[: gap + 1], mark, *items[gap + 1 :]]
