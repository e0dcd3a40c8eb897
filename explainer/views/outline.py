"""The calls of jax.vmap in a report as a list to pick from: each with what it maps, and where it stands.

Report ──▶ outline ──▶ Row per call, those made inside another one below it
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer.report import Level, MappedLeaf, Report
from explainer.views import level_text

MOST_ARRAYS = 2  # mapped arrays that a row names


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the list; `level` None is the request itself, with the levels it states.

    name "vmap j", function "dist", words ("line 7", "Y (j:4, 2)"), count 10, made_by "jax.jacrev"
    """

    level: int | None
    depth: int
    name: str
    function: str = ""
    words: tuple[str, ...] = ()
    count: int = 1
    made_by: str = ""

    @property
    def kind(self) -> str:
        """Returns what stays the same of a call while the code around it is edited."""
        return " · ".join((self.name, self.function, self.made_by))

    @property
    def label(self) -> str:
        """Returns the row in a line: vmap j · dist · line 7 · Y (j:4, 2) · × 10."""
        own = (self.function,) if self.function else ()
        many = (f"× {self.count:,}",) if self.count > 1 else ()
        made = (f"inside {self.made_by}",) if self.made_by else ()
        return " · ".join((self.name, *own, *self.words, *made, *many))


def outline(report: Report) -> tuple[Row, ...]:
    """Lists what can be picked, in the order of a tree; () where the report holds no captured call."""
    captured = [level for level in report.levels if level.captured]
    if not captured:
        return ()
    first = () if report.request.is_script else (Row(None, 0, level_text.call_text(report)),)
    below = len(first)
    stated = len(report.stated)
    rows = (
        _row(level, max(depth - stated, 0) + below)
        for level, depth in level_text.level_tree(report.levels)
        if level.captured
    )
    return (*first, *rows)


def starting(report: Report) -> int | None:
    """Returns the call to show first: None, the stated nest, if there is one.

    Without one, the call that was under way when the script failed; else the first call, or, where it does
    nothing but another one, that one: vmap(vmap(f)) -> j.
    """
    if report.stated:
        return None
    broken = _under_way(report) if report.failure is not None else None
    if broken is not None:
        return broken
    found = next((level for level in report.levels if level.parent is None), None)
    busy = {equation.level for equation in report.equations}
    while found is not None and found.id not in busy:
        inside = [level for level in report.levels if level.parent == found.id]
        if len(inside) != 1:
            break
        found = inside[0]
    return None if found is None else found.id


def _under_way(report: Report) -> int | None:
    """Returns the innermost call that has given back nothing yet, of the last one and those around it.

    A call from which nothing comes may stand before them: it is no broken one.
    """
    by_id = {level.id: level for level in report.levels}
    level = report.levels[-1] if report.levels else None
    while level is not None and level.outputs:
        level = None if level.parent is None else by_id.get(level.parent)
    return None if level is None else level.id


def _row(level: Level, depth: int) -> Row:
    words: list[str] = []
    if level.span is not None and level.span.source == "code":
        words.append(f"line {level.span.line}")
    mapped = [leaf for leaf in level.inputs if leaf.index is not None]
    words += [_array(leaf, level.name) for leaf in mapped[:MOST_ARRAYS]]
    if len(mapped) > MOST_ARRAYS:
        words.append(f"+{len(mapped) - MOST_ARRAYS}")
    function = "" if level.function == "<unknown>" else level.function
    name = f"{level.transform} {level.name}"
    return Row(level.id, depth, name, function, tuple(words), level.count, level.made_by)


def _array(leaf: MappedLeaf, name: str) -> str:
    """Returns an array with the mapped axis by name: Y (j:4, 2)."""
    sizes = [f"{name}:{size}" if axis == leaf.index else str(size) for axis, size in enumerate(leaf.shape)]
    return f"{leaf.path} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
