"""Levels in words: what was explained, how its levels stand in each other, what each of them does.

Report, Level ──▶ level_text, call_text, ... ──▶ views/text, page, ui
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.lines import lines_of
from explainer.report import Crossing, Equation, Level, Report


def call_text(report: Report) -> str:
    """Returns what was explained: vmap(vmap(dist))(X, Y), or how long the script is."""
    request = report.request
    if not request.function and request.code:
        lines = len(lines_of(request.code))
        return f"script of {_count(lines, 'line')}, {calls_text(report.levels)}"
    call = request.function or "(no function)"
    for _ in request.levels:
        call = f"vmap({call})"
    return f"{call}({', '.join(argument.name for argument in request.arguments or report.arguments)})"


def calls_text(levels: Sequence[Level]) -> str:
    """Returns how many calls were found: 3 vmap calls, 1 pmap call.

    A shard_map over several axes of a mesh is one call, a level each.
    """
    calls, functions = {"vmap": 0}, {level.id: level.function for level in levels}
    for level in levels:
        further = functions.get(-1 if level.parent is None else level.parent)
        if further != f"shard_map({level.function})":
            calls[level.transform] = calls.get(level.transform, 0) + level.count
    found = {transform: count for transform, count in calls.items() if count} or calls
    return ", ".join(_count(count, f"{transform} call") for transform, count in found.items())


def transforms_text(levels: Sequence[Level]) -> str:
    """Names levels in order: "vmap j, then i", or "vmap j, then pmap i"."""
    names: list[str] = []
    for n, level in enumerate(levels):
        same = n and levels[n - 1].transform == level.transform
        names.append(level.name if same else f"{level.transform} {level.name}")
    return ", then ".join(names)


def level_tree(levels: Sequence[Level]) -> list[tuple[Level, int]]:
    """Returns the levels with their depth, each followed by those inside it.

    Parents (None, 0, None, 0)  ->  levels 0, 1, 3, 2 at depths 0, 1, 1, 0
    """
    known = {level.id for level in levels}

    def inside(parent: int | None, depth: int) -> list[tuple[Level, int]]:
        found: list[tuple[Level, int]] = []
        for level in levels:
            if (level.parent if level.parent in known else None) == parent:
                found += [(level, depth), *inside(level.id, depth + 1)]
        return found

    return inside(None, 0)


def level_text(level: Level) -> str:
    """Returns what one level does: 3 examples, vmap(dist, in_axes=0, out_axes=0), line 4, by jax.jacrev."""
    name = f", axis_name={level.axis_name!r}" if level.axis_name else ""
    what = "specs" if level.transform == "shard_map" else "axes"
    parts = [
        size_text(level),
        f"{level.transform}({level.function}, in_{what}={level.in_axes}, out_{what}={level.out_axes}{name})",
    ]
    if level.captured and level.span is not None:
        parts.append(f"line {level.span.line}")
    if level.made_by:
        parts.append(f"by {level.made_by}")
    if level.count > 1:
        parts.append(f"{level.count:,} calls from one place")
    return ", ".join(parts)


def size_text(level: Level) -> str:
    """Returns how many examples a level runs over, or how many devices it is spread over."""
    thing = "example" if level.transform == "vmap" else "device"
    return "unknown size" if level.axis_size is None else _count(level.axis_size, thing)


def closed_over(value: Crossing, levels: Sequence[Level]) -> str:
    """Returns where a closed-over value comes from: "from level i", or "shared" by every example."""
    names = [level.name for level, dim in zip(levels, value.aval.batch_dims, strict=False) if dim is not None]
    return f"from level {', '.join(names)}" if names else "closed over, shared"


def untracked(equation: Equation) -> str:
    """Returns why it is not known where the levels have their axes in the outputs of an equation."""
    return "JAX dropped this body with the error" if equation.dropped else "JAX replaced this body"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
