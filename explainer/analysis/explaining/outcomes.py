"""Outcomes: why a level cannot put its results where out_axes says.

Program, Nest whose function returned ──▶ out_axes ──▶ Told
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from explainer.analysis import internals
from explainer.analysis.batching import output_path
from explainer.analysis.explaining import prefixes
from explainer.analysis.explaining.scene import Scene, Told, capped, known, level_title, shape
from explainer.analysis.values import dtype_name
from explainer.report import Blame, Lane, Mismatch
from explainer.views import why

_MOST_TOLD = 3  # outputs of which one explanation tells the way


def out_axes(scene: Scene) -> Told | None:
    """Explains a batch stage that failed where a level puts its results back."""
    program, nest = scene.program, scene.nest
    if scene.stage != "batch" or program is None or nest is None or nest.error is None or not nest.outputs:
        return None
    k = min(nest.outputs) - 1  # the innermost level that did not return
    if k < 0:
        return None
    explainers: tuple[Callable[[Scene, int], Told | None], ...] = (_unlike_tree, _no_such_place, _not_shared)
    return next((told for explain in explainers if (told := explain(scene, k)) is not None), None)


def _results(scene: Scene, k: int) -> tuple[list[tuple[str, Any]], Any]:
    """Lists (path, type) of what the function under level k returns for one example, and its treedef."""
    _, nest = known(scene)
    flat, tree = jax.tree_util.tree_flatten_with_path(nest.outputs[k + 1])
    return [(output_path(path), aval) for path, aval in flat], tree


def _asked(scene: Scene, k: int, tree: Any) -> list[int | None] | None:
    """Returns the axis that out_axes gives each output; None where it does not fit their tree."""
    program, _ = known(scene)
    try:
        return internals.flatten_axes("vmap out_axes", tree, program.levels[k].out_axes)
    except (ValueError, TypeError):
        return None


def _unlike_tree(scene: Scene, k: int) -> Told | None:
    """Explains an out_axes that is no prefix of the result's tree."""
    program, _ = known(scene)
    results, tree = _results(scene, k)
    if _asked(scene, k, tree) is not None:
        return None
    level = program.levels[k]
    found = prefixes.differences(level.out_axes, tree, "out", "out_axes")
    said = "; ".join(one.said for one in found[:_MOST_TOLD]) or "the two are different trees"
    what = prefixes.container(tree)
    return Told(
        f"{_opening(scene, k)} For one example {program.name} returns {what}: {_types(results)}. "
        f"Here {said}. out_axes must be an int, None, or a tree of the result's own "
        "containers, keys and lengths; one int covers all that is below it.",
        Blame(levels=(k,), paths=tuple(path for path, _ in results)),
        "out_axes_structure",
        Mismatch(tuple(_lane(path, aval) for path, aval in results), level=k),
    )


def _no_such_place(scene: Scene, k: int) -> Told | None:
    """Explains an out_axes beyond the rank that an output has with the new axis."""
    results, tree = _results(scene, k)
    asked = _asked(scene, k, tree) or []
    wrong = [
        (path, aval, axis)
        for (path, aval), axis in zip(results, asked, strict=False)
        if axis is not None and not -aval.ndim - 1 <= axis <= aval.ndim
    ]
    if not wrong:
        return None
    lines = [
        f"{path} is {shape(aval)} for one example, so {_places(aval, axis)}" for path, aval, axis in wrong
    ]
    marked = {path: f"no place {axis}" for path, _, axis in wrong}
    return Told(
        f"{_opening(scene, k)} {capped(lines, joint='; ')}. 0 puts the new axis first, -1 last.",
        Blame(levels=(k,), paths=tuple(marked)),
        "out_axes_range",
        Mismatch(tuple(_lane(path, aval, marked.get(path, "")) for path, aval in results), level=k),
    )


def _places(aval: Any, axis: int) -> str:
    """Says where the new axis can stand: its last place is the rank of one example."""
    if aval.ndim == 0:
        return f"its new axis can only stand at 0, not at {axis}"
    return f"its new axis can stand at 0 to {aval.ndim}, or {-aval.ndim - 1} to -1, not at {axis}"


def _not_shared(scene: Scene, k: int) -> Told | None:
    """Explains outputs whose out_axes is None though they are mapped: by what they became so."""
    program, _ = known(scene)
    report = scene.report
    results, tree = _results(scene, k)
    asked = _asked(scene, k, tree)
    if report is None or asked is None:
        return None
    shared = {path: aval for (path, aval), axis in zip(results, asked, strict=True) if axis is None}
    ways = {path: steps for path in shared if (steps := why.path_of_output(report, path, k))}
    if not ways:
        return None
    types = [f"{path} {shape(shared[path])}" for path in ways]
    said = [why.sentence(report, steps, k) for steps in ways.values()]
    left = len(said) - _MOST_TOLD
    more = f" And {left} more outputs." if left > 0 else ""
    leaves = tuple(dict.fromkeys(steps[-1].path for steps in ways.values() if steps[-1].path))
    names = {operand.path: operand.argument for operand in program.operands}
    most = max(shared[path].ndim for path in ways)
    axis = "axis 0" if most == 0 else f"an axis, 0 to {most}"
    share = f", or let every example share {', '.join(leaves)} (None in in_axes)" if leaves else ""
    return Told(
        f"{level_title(program, k)}: out_axes={program.levels[k].text.out_axes} says None, one value for "
        f"all examples, of {capped(types)}, but every example has its own. "
        f"{' '.join(said[:_MOST_TOLD])}{more} Give it {axis}{share}.",
        Blame(tuple(dict.fromkeys(names[leaf] for leaf in leaves)), (*ways, *leaves), (k,)),
        "out_axes_none",
        Mismatch(
            tuple(_lane(path, aval, "mapped" if path in ways else "") for path, aval in results), level=k
        ),
    )


def _opening(scene: Scene, k: int) -> str:
    program, _ = known(scene)
    text = program.levels[k].text.out_axes
    return f"{level_title(program, k)}: out_axes={text} does not fit what {program.name} returns."


def _types(results: list[tuple[str, Any]]) -> str:
    return capped([f"{path} {shape(aval)}" for path, aval in results]) or "nothing"


def _lane(path: str, aval: Any, note: str = "") -> Lane:
    return Lane(path, dtype_name(aval.dtype), tuple(aval.shape), note=note)
