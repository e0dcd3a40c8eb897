"""Results: other out_axes for a level that could not put its results back.

Situation ──▶ out_axes ──▶ Candidates
"""

from __future__ import annotations

from collections.abc import Iterator

from explainer.axes import write_out_axes
from explainer.edits.candidate import Candidate, with_setting
from explainer.edits.prefixes import aligned
from explainer.edits.situation import Axis, Situation


def out_axes(s: Situation) -> list[Candidate]:
    """Lists candidates with other out_axes at the level that did not return, cheapest first."""
    k = s.returning
    if k is None:
        return []
    found: dict[str, Candidate] = {}
    for axes, what, cost in sorted(_choices(s, k), key=lambda choice: choice[2]):
        text = write_out_axes(s.result_template, axes)
        if text != s.request.levels[k].out_axes.strip():
            said = f"{what}{s.inside(k)}: out_axes={text}"
            found.setdefault(text, with_setting(s.request, k, "out_axes", text, said, cost))
    return list(found.values())


def _choices(s: Situation, k: int) -> Iterator[tuple[list[Axis], str, float]]:
    """Yields (axis of every result, what it does, cost)."""
    ranks = [len(leaf.shape) for leaf in s.results]
    paths = [leaf.path for leaf in s.results]
    given = [axis for _, axis in sorted(aligned(s.levels[k].out_axes, s.result_tree, 0))]
    if len(given) == len(ranks):
        legal = [_legal(axis, rank) for axis, rank in zip(given, ranks, strict=True)]
        yield legal, "Put the mapped axis where the result has a place for it", 0.5
        yield [0 if axis is None else axis for axis in legal], _each(paths, legal), 0.5
        for n, axis in enumerate(legal):
            if axis is None and legal.count(None) > 1:
                yield [*legal[:n], 0, *legal[n + 1 :]], f"Give {paths[n]} a mapped axis", 0.8
    for place in range(min(ranks, default=0) + 1):
        yield [place] * len(ranks), f"Put the mapped axis at {place} of every result", 1.0 + 0.1 * place


def _each(paths: list[str], axes: list[Axis]) -> str:
    shared = [path for path, axis in zip(paths, axes, strict=True) if axis is None]
    return f"Give {', '.join(shared)} a mapped axis, since every example has its own" if shared else "Set it"


def _legal(axis: Axis, rank: int) -> Axis:
    """Returns the nearest place for a new axis in an array of this rank: 5 in f32[3] -> 1."""
    return None if axis is None else max(-rank - 1, min(axis, rank))
