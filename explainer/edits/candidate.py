"""A candidate: a request edited in one place, not tried yet.

edits of this package ──▶ Candidate ──▶ analysis/fixing ──▶ Fix
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from explainer.spec import Argument, Request, Vmap


@dataclass(frozen=True, slots=True)
class Candidate:
    """An edited request; `cost` orders candidates, the likeliest first: about 1 for each small edit.

    `place`, `before`, `after` and `summary` are those of a Fix.
    """

    request: Request
    summary: str
    place: str
    before: str
    after: str
    cost: float = 1.0
    code: bool = False  # the function itself is edited: what it did before is what it must do now
    edits: int = 1  # how many things are changed at once


def with_level(request: Request, k: int, level: Vmap) -> Request:
    """Returns the request with level k replaced."""
    return replace(request, levels=(*request.levels[:k], level, *request.levels[k + 1 :]))


def with_argument(request: Request, name: str, argument: Argument) -> Request:
    """Returns the request with the argument of that name replaced."""
    return replace(request, arguments=tuple(argument if a.name == name else a for a in request.arguments))


def with_setting(
    request: Request, k: int, name: str, after: str | None, summary: str, cost: float, edits: int = 1
) -> Candidate:
    """Returns a candidate that changes one setting of level k, its `name`, to `after`."""
    level = request.levels[k]
    before = getattr(level, name)
    edited = with_level(request, k, replace(level, **{name: after}))
    return Candidate(edited, summary, f"{name} of level {k}", before or "", after or "", cost, edits=edits)


def with_levels(request: Request, levels: tuple[Vmap, ...], summary: str, cost: float) -> Candidate:
    """Returns a candidate with another stack of levels."""
    before, after = nest_text(request, request.levels), nest_text(request, levels)
    return Candidate(replace(request, levels=levels), summary, "levels", before, after, cost)


def nest_text(request: Request, levels: tuple[Vmap, ...]) -> str:
    """Writes a stack of levels as one expression: jax.vmap(jax.vmap(f), in_axes=(None, 0))."""
    text = request.function.strip() or "f"
    for level in reversed(levels):
        text = f"jax.vmap({text}{settings_text(level)})"
    return text


def settings_text(level: Vmap) -> str:
    """Writes what stands behind the function in a call of jax.vmap: ", in_axes=(0, None), out_axes=1"."""
    said = f", in_axes={level.in_axes}" if level.in_axes.strip() not in ("", "0") else ""
    if level.out_axes.strip() not in ("", "0"):
        said += f", out_axes={level.out_axes}"
    for name in ("axis_name", "spmd_axis_name"):
        value = getattr(level, name)
        if value:
            said += f", {name}={value!r}" if value.strip().isidentifier() else f", {name}={value}"
    return said + (f", axis_size={level.axis_size}" if level.axis_size else "")
