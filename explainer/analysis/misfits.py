"""Misfits: why a level's in_axes or out_axes do not fit what it is handed, leaf by leaf.

    Program, Nest as far as its trace got ──▶ in_axes, out_axes ──▶ explanation and blame

Told from the specs and the shapes at that level, in the user's names. JAX's own message stands
beside it in the Failure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from explainer.analysis import axes, internals
from explainer.analysis.batching import output_path
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.report import Blame, Report
from explainer.source import short_dtype
from explainer.spec import Request, Stage
from explainer.views import why

MOST_NAMED = 12  # leaves listed in one explanation
MOST_TOLD = 3  # outputs of which one explanation tells the way


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when a stage fails; later fields are None while their stage has not run."""

    request: Request
    sources: Sources
    stage: Stage
    error: BaseException
    program: Program | None = None
    nest: Nest | None = None
    report: Report | None = None  # as far as it got


Told = tuple[str, Blame] | None


def in_axes(scene: Scene) -> Told:
    """Explains why a level could not take its axes, from the leaves it was handed."""
    nest, program = scene.nest, scene.program
    if nest is None or program is None or not 0 < len(nest.avals) <= len(program.levels):
        return None
    k = len(nest.avals) - 1
    explainers = (_unfit_setting, _unfit_spec, _no_such_axis, _unequal_sizes, _nothing_mapped)
    return next((told for explain in explainers if (told := explain(scene, k))), None)


def out_axes(scene: Scene) -> Told:
    """Explains a batch stage that failed where a level puts its results back."""
    program, nest = scene.program, scene.nest
    if scene.stage != "batch" or program is None or nest is None or nest.error is None or not nest.outputs:
        return None
    k = min(nest.outputs) - 1  # the innermost level that did not return
    if told := _not_shared(scene, k):
        return told
    result = nest.outputs[k + 1]
    flat, _ = jax.tree_util.tree_flatten_with_path(result)
    shapes = ", ".join(f"{output_path(path)} {shape(aval)}" for path, aval in flat[:MOST_NAMED])
    most = max((aval.ndim for _, aval in flat), default=0)
    return (
        f"{_level_title(program, k)}: out_axes={program.levels[k].text.out_axes} does not fit what "
        f"{program.name} returns for one example of it: {shapes}. The new axis can stand at 0 to {most} "
        "(the rank of that output is its last place), -1 means last, and None is only for an output that "
        "is the same for every example; a tree must have the containers of the result.",
        Blame(levels=(k,), paths=tuple(output_path(path) for path, _ in flat)),
    )


def _not_shared(scene: Scene, k: int) -> Told:
    """Explains outputs whose out_axes is None though they are mapped: by what they became so."""
    program, nest = _known(scene)
    report = scene.report
    if report is None:
        return None
    flat, tree = jax.tree_util.tree_flatten_with_path(nest.outputs[k + 1])
    try:
        asked = internals.flatten_axes("vmap out_axes", tree, program.levels[k].out_axes)
    except ValueError:  # it does not fit the outputs at all
        return None
    asked_none = zip(flat, asked, strict=True)
    shared = {output_path(path): shape(aval) for (path, aval), axis in asked_none if axis is None}
    ways = {path: steps for path in shared if (steps := why.path_of_output(report, path, k))}
    if not ways:
        return None
    listed = ", ".join(f"{path} {shared[path]}" for path in list(ways)[:MOST_NAMED])
    said = [why.sentence(report, steps, k) for steps in ways.values()]
    left = len(said) - MOST_TOLD
    more = f" And {left} more outputs." if left > 0 else ""
    leaves = tuple(dict.fromkeys(steps[-1].path for steps in ways.values() if steps[-1].path))
    names = {operand.path: operand.argument for operand in program.operands}
    most = max(aval.ndim for path, aval in flat if output_path(path) in ways)
    share = f", or let every example share {', '.join(leaves)} (None in in_axes)" if leaves else ""
    return (
        f"{_level_title(program, k)}: out_axes={program.levels[k].text.out_axes} says None, one value for "
        f"all examples, of {listed}, but every example has its own. "
        f"{' '.join(said[:MOST_TOLD])}{more} Give it an axis, 0 to {most}{share}.",
        Blame(tuple(dict.fromkeys(names[leaf] for leaf in leaves)), (*ways, *leaves), (k,)),
    )


def _level_title(program: Program, k: int) -> str:
    depth = "" if len(program.levels) == 1 else f" (level {k}, counted from outside)"
    return f"vmap over {program.levels[k].name}{depth}"


def _unfit_setting(scene: Scene, k: int) -> Told:
    """Explains an out_axes, axis_size or axis_name that is none, whatever the arguments are."""
    program, _ = _known(scene)
    level = program.levels[k]
    if any(type(axis) is not int for axis in jax.tree.leaves(level.out_axes)):
        what = f"out_axes={level.text.out_axes} must be an int, None, or a tree of them"
    elif level.axis_size is not None and type(level.axis_size) is not int:
        what = (
            f"axis_size={level.text.axis_size} must be a whole number, not {type(level.axis_size).__name__}"
        )
    elif not isinstance(level.axis_name, Hashable):
        what = f"axis_name={level.text.axis_name} must be a name, such as {level.name!r}"
    else:
        return None
    return f"{_level_title(program, k)}: {what}.", Blame(levels=(k,))


def _unfit_spec(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    level = program.levels[k]
    if axes.fits(program, level):
        return None
    takes = [a.name for a in program.arguments if not a.keyword]
    said = f"{_level_title(program, k)}: in_axes={level.text.in_axes} does not fit the arguments "
    said += f"({', '.join(takes) or 'none'}). "
    if isinstance(level.in_axes, bool) or not isinstance(level.in_axes, (int, tuple, list, type(None))):
        said += "It must be an int, None, or a tuple with one entry per positional argument"
        said += f": try ({level.text.in_axes},)." if len(takes) == 1 else "."
    elif isinstance(level.in_axes, (tuple, list)) and len(level.in_axes) != len(takes):
        said += f"It has {len(level.in_axes)} entries, but {len(takes)} positional arguments are passed: "
        said += "one entry for each, an int to map or None to share."
    else:
        said += _unlike_containers(program, level.in_axes)
    return said, Blame(arguments=tuple(takes), levels=(k,))


def _unlike_containers(program: Program, in_axes: Any) -> str:
    """Names the arguments whose entry is another container than they are: a list for a tuple."""
    args, _ = jax.tree.unflatten(program.tree, [0] * len(program.operands))
    names = [argument.name for argument in program.arguments if not argument.keyword]
    pairs = zip(names, args, in_axes if isinstance(in_axes, (tuple, list)) else [], strict=False)
    unlike = [
        f"{name} is a {type(arg).__name__}, its entry a {type(entry).__name__}"
        for name, arg, entry in pairs
        if type(entry) is not type(arg) and entry is not None and not isinstance(entry, int)
    ]
    said = (
        "Each entry must be an int, None, or a tree of the same containers, keys and lengths as its argument"
    )
    return f"{said}: {'; '.join(unlike)}." if unlike else f"{said}."


def _known(scene: Scene) -> tuple[Program, Nest]:
    if scene.program is None or scene.nest is None:
        raise TypeError("explaining axes needs a traced nest")
    return scene.program, scene.nest


def _leaves(scene: Scene, k: int) -> Iterable[tuple[Any, Any, int | None]]:
    """Lists (operand, aval at level k, axis) of every leaf, static values with aval None."""
    program, nest = _known(scene)
    avals = dict(zip(axes.array_operands(program), nest.avals[k], strict=True))
    flat = axes.leaf_axes(program, program.levels[k])
    return [
        (operand, avals.get(n), axis)
        for n, (operand, axis) in enumerate(zip(program.operands, flat, strict=True))
    ]


def _no_such_axis(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    lines, paths = [], []
    for operand, aval, axis in _leaves(scene, k):
        if axis is None:
            continue
        if aval is None:
            lines.append(_static_mapped(program, operand))
        elif not isinstance(axis, int) or isinstance(axis, bool):
            lines.append(f"{operand.path}: {axis!r} is not an axis; write an int or None.")
        elif not -aval.ndim <= axis < aval.ndim:
            lines.append(f"{operand.path} is {shape(aval)} here, so it has no axis {axis}: {_legal(aval)}.")
        else:
            continue
        paths.append(operand)
    if not lines:
        return None
    outside = [program.levels[n].name for n in range(k)]
    inside = f"Inside vmap over {' and '.join(outside)}: " if outside else ""
    said = f"{_level_title(program, k)}: {inside}" + " ".join(lines[:MOST_NAMED])
    return said, _blame(paths, k)


def _static_mapped(program: Program, operand: Any) -> str:
    said = f"{operand.path} is the Python value {str(operand.value)[:40]} and has no axis to map: "
    if isinstance(operand.value, np.ndarray):
        said = f"{operand.path} is a NumPy array of {operand.value.dtype}, so JAX cannot map it: "
    if any(argument.keyword and argument.name == operand.argument for argument in program.arguments):
        return said + (
            "jax.vmap maps every keyword argument over axis 0. Pass it by position with None, "
            f"or bind it first: partial({program.name}, {operand.argument}=...)."
        )
    return said + "set it to None."


def _legal(aval: Any) -> str:
    if aval.ndim == 0:
        return "a scalar can only be shared, None"
    return (
        f"0 to {aval.ndim - 1}, {-aval.ndim} to -1, or None to share it"
        if aval.ndim > 1
        else "0, -1, or None"
    )


def handed(program: Program, nest: Nest) -> str:
    """Lists the array leaves that reach the innermost call: "x f32[2], y f32[2]"."""
    operands = (program.operands[position] for position in axes.array_operands(program))
    pairs = zip(operands, nest.avals[-1], strict=True)
    listed = [f"{operand.path} {shape(aval)}" for operand, aval in pairs]
    return ", ".join(listed[:MOST_NAMED]) or "nothing"


def shape(aval: Any) -> str:
    """Returns the short name of a type: f32[3,2]."""
    return f"{short_dtype(dtype_name(aval.dtype))}[{','.join(map(str, aval.shape))}]"


def _blame(operands: list[Any], k: int) -> Blame:
    names = tuple(dict.fromkeys(operand.argument for operand in operands))
    return Blame(arguments=names, paths=tuple(operand.path for operand in operands), levels=(k,))


def _unequal_sizes(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    sizes: dict[int, list[str]] = {}
    operands = []
    for operand, aval, axis in _leaves(scene, k):
        if axis is not None and aval is not None:
            sizes.setdefault(aval.shape[axis], []).append(f"{operand.path} {shape(aval)} axis {axis}")
            operands.append(operand)
    given = program.levels[k].axis_size
    if isinstance(given, int):
        sizes.setdefault(given, []).append("axis_size")
    if len(sizes) < 2:
        return None
    groups = "; ".join(f"{size}: {', '.join(names[:MOST_NAMED])}" for size, names in sizes.items())
    return (
        f"{_level_title(program, k)}: one call takes one index of every mapped axis, so all must have "
        f"one size, but they have {groups}. Map another axis, or set None for what every example shares"
        f"{' (for all pairs, use two levels)' if len(sizes) == 2 else ''}.",
        _blame(operands, k),
    )


def _nothing_mapped(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    if any(axis is not None for _, _, axis in _leaves(scene, k)):
        return None
    return (
        f"{_level_title(program, k)}: every argument is None, so nothing says how many examples there are. "
        "Map at least one axis, or set axis_size.",
        Blame(levels=(k,)),
    )
