"""Axes: which axis of each leaf each level maps, and the texts that say so.

    Program, shapes from tracing ──▶ levels ──▶ Report.levels

Prefix trees are resolved by JAX's own `flatten_axes`. Leaves are named in the user's words:
`params['w']`. Static leaves (a Python number, a string, a function) have no axis and do not count.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from explainer.analysis import internals
from explainer.analysis.parsing import ParsedLevel, Program
from explainer.analysis.values import dtype_name
from explainer.report import AxesTemplate, Level, MappedLeaf

Avals = tuple[jax.ShapeDtypeStruct, ...]


def array_operands(program: Program) -> tuple[int, ...]:
    """Returns the positions of the leaves that are arrays; the others are static values."""
    return tuple(n for n, operand in enumerate(program.operands) if operand.is_array)


def rebuild(
    program: Program, positions: Sequence[int], arrays: Sequence[Any], others: Sequence[Any]
) -> tuple[Any, Any]:
    """Puts arrays at their positions among the other leaves; returns (args, kwargs)."""
    leaves = list(others)
    for position, array in zip(positions, arrays, strict=True):
        leaves[position] = array
    return jax.tree.unflatten(program.tree, leaves)


def leaf_axes(program: Program, level: ParsedLevel) -> list[int | None]:
    """Returns the axis that a level's in_axes gives each leaf; keyword arguments are mapped over 0."""
    in_axes = tuple(level.in_axes) if isinstance(level.in_axes, list) else level.in_axes
    return internals.flatten_axes("vmap in_axes", program.tree, (in_axes, 0), kws=True)


def size(program: Program, k: int, avals: Avals) -> int | None:
    """Returns how many examples level k maps over; None where its axes do not say, or not the same."""
    level = program.levels[k]
    return _size(level, avals, array_axes(program, level))


def _size(level: ParsedLevel, avals: Avals, mapped: Sequence[int | None] | None) -> int | None:
    found = {level.axis_size} if isinstance(level.axis_size, int) else set()
    for aval, axis in zip(avals, mapped or (), strict=False):
        if isinstance(axis, int) and -aval.ndim <= axis < aval.ndim:
            found.add(aval.shape[axis])
    return found.pop() if len(found) == 1 else None


def fits(program: Program, level: ParsedLevel) -> bool:
    """Tells whether a level's in_axes is a tree prefix of the arguments."""
    try:
        leaf_axes(program, level)
    except (ValueError, TypeError):  # the trace of the nest raises the same, and is reported
        return False
    return True


def array_axes(program: Program, level: ParsedLevel) -> tuple[int | None, ...] | None:
    """Returns the axis of each array leaf; None where the spec does not fit the arguments."""
    try:
        flat = leaf_axes(program, level)
    except (ValueError, TypeError):  # as in `fits`
        return None
    if any(axis is not None and type(axis) is not int for axis in flat):  # True, "a", 1.5
        return None
    return tuple(flat[position] for position in array_operands(program))


def never_mapped(program: Program) -> tuple[int, ...]:
    """Returns the positions of the array leaves that no level maps: jax.vmap hands them over as they are."""
    flat = [leaf_axes(program, level) for level in program.levels]
    return tuple(p for p in array_operands(program) if all(level[p] is None for level in flat))


Outputs = tuple[tuple[MappedLeaf, ...], AxesTemplate]


def levels(
    program: Program, avals: Sequence[Avals], outputs: Mapping[int, Outputs] = types.MappingProxyType({})
) -> tuple[Level, ...]:
    """Describes the levels as far as shapes are known; `outputs` are those of the levels that returned."""
    count = len(program.levels)
    template = in_template(program) if count else AxesTemplate()
    handed = [avals[k] if k < len(avals) else None for k in range(count)]
    return tuple(_level(program, k, handed[k], template, outputs.get(k, _NO_OUTPUTS)) for k in range(count))


_NO_OUTPUTS: Outputs = (), AxesTemplate()


def _level(program: Program, k: int, avals: Avals | None, template: AxesTemplate, outputs: Outputs) -> Level:
    level = program.levels[k]
    found = array_axes(program, level)
    inputs: tuple[MappedLeaf, ...] = ()
    if avals is not None and found is not None:
        paths = (program.operands[position].path for position in array_operands(program))
        inputs = tuple(mapped_leaf(*leaf) for leaf in zip(paths, avals, found, strict=True))
    return Level(
        id=k,
        parent=k - 1 if k else None,
        function=_nested_name(program, k),
        name=level.name,
        in_axes=level.text.in_axes,
        out_axes=level.text.out_axes,
        axis_name=None if level.axis_name is None else str(level.axis_name),
        axis_size=None if avals is None else _size(level, avals, found),
        inputs=inputs,
        outputs=outputs[0],
        in_template=template,
        out_template=outputs[1],
    )


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
    holes: list[Any] = [_STATIC] * len(program.operands)
    for n, position in enumerate(array_operands(program)):
        holes[position] = _Hole(n)
    args, _ = jax.tree.unflatten(program.tree, holes)
    names = [argument.name for argument in program.arguments if not argument.keyword]
    return AxesTemplate(
        tuple(_template(arg, name, program.scope) for arg, name in zip(args, names, strict=True))
    )


def out_template(program: Program, tree: Any) -> AxesTemplate:
    """Returns the text of an out_axes tree with a hole per output leaf."""
    holes = [_Hole(n) for n in range(tree.num_leaves)]
    return AxesTemplate((_template(jax.tree.unflatten(tree, holes), None, program.scope),))


@dataclass(frozen=True, slots=True)
class _Hole:
    """Where the axis of leaf `number` stands; None: a static leaf, which has no axis."""

    number: int | None


_STATIC = _Hole(None)


def _template(tree: Any, name: str | None, scope: Mapping[str, Any]) -> str:
    """Writes a tree of holes as Python; "" for a class of its own in a tree that has no name."""
    written = _written(tree, scope)
    if written is None and name is not None:
        leaves = ", ".join(_written(leaf, scope) or "" for leaf in jax.tree.leaves(tree))
        written = f"jax.tree.unflatten(jax.tree.structure({name}), [{leaves}])"
    return written or ""


def _written(tree: Any, scope: Mapping[str, Any]) -> str | None:
    """Writes what Python has a literal or the user a name for: {'w': _Hole(0)} -> "{{'w': {0}}}"."""
    if isinstance(tree, _Hole):
        return "None" if tree.number is None else f"{{{tree.number}}}"
    if tree is None:
        return "None"
    named = isinstance(tree, tuple) and scope.get(type(tree).__name__) is type(tree)  # a NamedTuple
    if type(tree) not in (dict, list, tuple) and not named:
        return None
    items = [_written(item, scope) for item in (tree.values() if isinstance(tree, dict) else tree)]
    if any(item is None for item in items):
        return None
    if isinstance(tree, dict):
        pairs = (f"{_escaped(repr(key))}: {item}" for key, item in zip(tree, items, strict=True))
        return f"{{{{{', '.join(pairs)}}}}}"
    inside = ", ".join(item for item in items if item is not None)
    if isinstance(tree, list):
        return f"[{inside}]"
    return f"{type(tree).__name__}({inside})" if named else f"({inside}{',' if len(items) == 1 else ''})"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
