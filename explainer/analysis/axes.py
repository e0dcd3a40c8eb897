"""Axes: which axis of each leaf each level maps, and what is left of it one level further in.

    Program ──▶ peel ──▶ Peeled levels ──▶ tracing, batching, Report.levels

`jax.vmap` itself peels the axes off: a nest of the user's levels is traced around functions that
only note what they are handed. Its errors are therefore JAX's own, raised at the level at fault.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from explainer.analysis import internals
from explainer.analysis.parsing import ParsedLevel, Program
from explainer.analysis.values import dtype_name
from explainer.report import AxesTemplate, Level, MappedLeaf

Avals = tuple[jax.ShapeDtypeStruct, ...]


@dataclass(frozen=True, slots=True)
class Peeled:
    """The array leaves before each level, outermost first; `avals[-1]` is what one example is.

    `axes[k]` are the axes level k maps, one per array leaf. When a level failed, both end there.
    """

    avals: tuple[Avals, ...]
    axes: tuple[tuple[int | None, ...], ...]
    sizes: tuple[int | None, ...]
    error: Exception | None = None


def array_operands(program: Program) -> list[int]:
    """Returns the positions of the leaves that are arrays; the others are static values."""
    return [n for n, operand in enumerate(program.operands) if operand.is_array]


def rebuild(program: Program, positions: list[int], arrays: Any, others: list[Any]) -> tuple[Any, Any]:
    """Puts arrays at their positions among the other leaves; returns (args, kwargs)."""
    leaves = list(others)
    for position, array in zip(positions, arrays, strict=True):
        leaves[position] = array
    return jax.tree.unflatten(program.tree, leaves)


def peel(program: Program) -> Peeled:
    """Asks jax.vmap, level by level, what each mapped function is handed."""
    positions = array_operands(program)
    statics = [None if operand.is_array else operand.value for operand in program.operands]
    avals: list[Avals] = []

    def note(args: Any, kwargs: Any) -> None:
        leaves = jax.tree.leaves((args, kwargs))
        avals.append(tuple(internals.aval(leaves[position]) for position in positions))

    def handed(k: int) -> Callable[..., Any]:
        @functools.wraps(program.function)
        def fun(*args: Any, **kwargs: Any) -> tuple[()]:
            note(args, kwargs)
            if k < len(program.levels):
                level = program.levels[k]
                jax.vmap(
                    handed(k + 1),
                    in_axes=level.in_axes,
                    axis_name=level.axis_name,
                    axis_size=level.axis_size,
                    spmd_axis_name=level.spmd_axis_name,
                )(*args, **kwargs)
            return ()

        return fun

    def run(*arrays: Any) -> tuple[()]:
        args, kwargs = rebuild(program, positions, arrays, statics)
        return handed(0)(*args, **kwargs)

    error: Exception | None = None
    try:
        jax.eval_shape(run, *(program.operands[position].aval for position in positions))
    except Exception as raised:  # whatever jax.vmap says of the user's axes
        error = raised
    return _peeled(program, positions, avals, error)


def _peeled(program: Program, positions: list[int], avals: list[Avals], error: Exception | None) -> Peeled:
    axes: list[tuple[int | None, ...]] = []
    sizes: list[int | None] = []
    for level, before in zip(program.levels, avals, strict=False):
        try:
            flat = leaf_axes(program, level)
        except (ValueError, TypeError):  # the spec does not fit the arguments: `error` says so
            break
        axes.append(tuple(flat[position] for position in positions))
        sizes.append(_size(level, before, axes[-1]))
    return Peeled(tuple(avals), tuple(axes), tuple(sizes), error)


def leaf_axes(program: Program, level: ParsedLevel) -> list[int | None]:
    """Returns the axis that a level's in_axes gives each leaf; keyword arguments are mapped over 0."""
    in_axes = tuple(level.in_axes) if isinstance(level.in_axes, list) else level.in_axes
    return internals.flatten_axes("vmap in_axes", program.tree, (in_axes, 0), kws=True)


def _size(level: ParsedLevel, avals: Avals, axes: tuple[int | None, ...]) -> int | None:
    if isinstance(level.axis_size, int):
        return level.axis_size
    for aval, axis in zip(avals, axes, strict=True):
        if isinstance(axis, int) and -aval.ndim <= axis < aval.ndim:
            return aval.shape[axis]
    return None


def never_mapped(program: Program, peeled: Peeled) -> list[int]:
    """Returns the array leaves that no level maps: jax.vmap hands them over as they are."""
    positions = array_operands(program)
    return [p for n, p in enumerate(positions) if all(level[n] is None for level in peeled.axes)]


def levels(program: Program, peeled: Peeled) -> tuple[Level, ...]:
    """Describes the levels as far as they were peeled, without outputs yet."""
    positions = array_operands(program)
    described = []
    for k, level in enumerate(program.levels):
        known = k < len(peeled.axes)
        described.append(
            Level(
                id=k,
                parent=k - 1 if k else None,
                function=_nested_name(program, k),
                name=level.name,
                in_axes=level.text.in_axes,
                out_axes=level.text.out_axes,
                axis_name=None if level.axis_name is None else str(level.axis_name),
                axis_size=peeled.sizes[k] if known else None,
                inputs=tuple(
                    mapped_leaf(program.operands[p].path, aval, axis)
                    for p, aval, axis in zip(positions, peeled.avals[k], peeled.axes[k], strict=True)
                )
                if known
                else (),
                in_template=in_template(program),
            )
        )
    return tuple(described)


def _nested_name(program: Program, k: int) -> str:
    inner = len(program.levels) - k - 1
    return "vmap(" * inner + program.name + ")" * inner


def mapped_leaf(path: str, aval: Any, axis: int | None) -> MappedLeaf:
    """Describes a leaf at one level; `index` is the axis counted from the front, None if out of range."""
    ndim = len(aval.shape)
    index = axis % ndim if isinstance(axis, int) and -ndim <= axis < ndim else None
    return MappedLeaf(path, dtype_name(aval.dtype), tuple(aval.shape), axis, index)


def in_template(program: Program) -> AxesTemplate:
    """Returns the text of an in_axes tuple with a hole per array leaf, one part per positional argument."""
    holes: list[Any] = [None] * len(program.operands)
    for n, position in enumerate(array_operands(program)):
        holes[position] = _Hole(n)
    args, _ = jax.tree.unflatten(program.tree, holes)
    names = [argument.name for argument in program.arguments if not argument.keyword]
    return AxesTemplate(tuple(_written(arg, name) for arg, name in zip(args, names, strict=True)))


def out_template(tree: Any) -> AxesTemplate:
    """Returns the text of an out_axes tree with a hole per output leaf."""
    holes = [_Hole(n) for n in range(tree.num_leaves)]
    return AxesTemplate((_written(jax.tree.unflatten(tree, holes), None),))


@dataclass(frozen=True, slots=True)
class _Hole:
    number: int


def _written(tree: Any, name: str | None) -> str:
    """Writes a tree of holes as Python: {'w': _Hole(0)} -> "{{'w': {0}}}"; "" where that is impossible."""
    if isinstance(tree, _Hole):
        return f"{{{tree.number}}}"
    if tree is None:
        return "None"
    if type(tree) is dict:
        inside = ", ".join(f"{_escaped(repr(key))}: {_written(item, None)}" for key, item in tree.items())
        return f"{{{{{inside}}}}}"
    if type(tree) is list:
        return f"[{', '.join(_written(item, None) for item in tree)}]"
    if type(tree) is tuple:
        return f"({', '.join(_written(item, None) for item in tree)}{',' if len(tree) == 1 else ''})"
    if name is None:
        return ""
    holes = ", ".join(f"{{{leaf.number}}}" for leaf in jax.tree.leaves(tree))
    return f"jax.tree.unflatten(jax.tree.structure({name}), [{holes}])"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
