"""Equal sizes that hide a wrong axis: another choice of in_axes that runs as well, and gives other results.

    Scope ──▶ ambiguous, by_chance ──▶ Finding

Tried with the arguments as they are, then with a batch of another size, a prime that no axis has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from explainer.analysis import axes, internals
from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import counted, sized
from explainer.analysis.parsing import Operand, Program
from explainer.report import Finding, Level, MappedLeaf
from explainer.source import ShapeSpec, short_dtype

_PRIMES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
_PARAMETERS = frozenset(
    ("w", "weight", "weights", "p", "param", "params", "theta", "b", "bias", "kernel", "beta", "coef")
)
_MOST_ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class _Choice:
    """A leaf that a level maps, and another axis of it that would have done as well."""

    level: Level
    leaf: MappedLeaf
    position: int
    axis: int


def ambiguous(scope: Scope) -> Iterator[Finding]:
    """Finds a mapped leaf with another axis of the same size, by which the results would be others."""
    program = scope.run.program
    if program is None or not scope.report.stated or not scope.report.outputs:
        return
    for choice in _choices(scope):
        if scope.late:
            return
        edited = _mapped_by(program, choice.level.id, choice.position, choice.axis)
        results = None if edited is None else _results(edited)
        if edited is None or results is None:
            continue
        other = "other results"
        if _equal(results, jax.tree.leaves(scope.run.outputs)):
            if not _differ(program, edited):
                continue
            other = "the same only because the data are the same everywhere"
        yield _ambiguous(scope, program, choice, edited, other)
        return  # one is enough to say so


def _choices(scope: Scope) -> Iterator[_Choice]:
    for level in scope.report.stated:
        for n, leaf in enumerate(level.inputs):
            keys = leaf.dtype == "uint32" and leaf.shape[-1:] == (2,)  # their last axis is words, no example
            if leaf.index is None or (level.axis_size or 0) < 2 or keys:
                continue
            size = leaf.shape[leaf.index]
            others = (a for a, own in enumerate(leaf.shape) if a != leaf.index and own == size)
            yield from (_Choice(level, leaf, n, axis) for axis in others)


def _mapped_by(program: Program, level: int, position: int, axis: int | None) -> Program | None:
    """Returns the program with one leaf mapped along another axis; None where the call cannot say so."""
    arrays = axes.array_operands(program)
    flat = axes.leaf_axes(program, program.levels[level])
    flat[arrays[position]] = axis
    args, kwargs = jax.tree.unflatten(program.tree, flat)
    if any(own != 0 for own in jax.tree.leaves(kwargs, is_leaf=lambda leaf: leaf is None)):
        return None
    levels = list(program.levels)
    levels[level] = replace(levels[level], in_axes=args)
    return replace(program, levels=tuple(levels), context=object())


def _differ(one: Program, other: Program) -> bool:
    """Tells whether two programs give different results on other data, where theirs is all ones, say."""
    first, second = (_results(_with_other_data(each)) for each in (one, other))
    return first is not None and second is not None and not _equal(first, second)


def _with_other_data(program: Program) -> Program:
    """Returns the program with arrays of floats that are the same everywhere replaced by distinct values."""
    operands = tuple(map(_with_other_values, program.operands))
    return replace(program, operands=operands, context=object(), _values=None)


def _with_other_values(operand: Operand) -> Operand:
    if not operand.is_array or operand.aval.dtype != np.float32:
        return operand
    host = np.asarray(operand.materialize())
    same = bool(host.size) and bool((host == host.reshape(-1)[0]).all())
    return replace(operand, value=ShapeSpec("float32", tuple(host.shape), "normal")) if same else operand


def _results(program: Program) -> list[Any] | None:
    """Runs a program; None where JAX, or the function, does not accept it."""
    if sum(operand.aval.size for operand in program.operands if operand.is_array) > _MOST_ENTRIES:
        return None
    arrays = axes.array_operands(program)
    try:
        with internals.apart(program.context):
            return jax.tree.leaves(jax.jit(_call(program))(*(program.values()[n] for n in arrays)))
    except Exception:  # noqa: BLE001  (the user's function may refuse in any way)
        return None


def _call(program: Program) -> Any:
    """Returns the user's call as a function of its arrays."""
    arrays = axes.array_operands(program)
    statics = [None if operand.is_array else operand.value for operand in program.operands]

    def call(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, arrays, leaves, statics)
        return program.mapped(program.function)(*args, **kwargs)

    return call


def _shapes(program: Program, avals: Sequence[Any]) -> list[tuple[int, ...]] | None:
    """Returns the shapes of the results for arguments of other shapes; None where they are not accepted."""
    try:
        with internals.apart(program.context):
            return [leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(_call(program), *avals))]
    except Exception:  # noqa: BLE001  (the user's function may refuse in any way)
        return None


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    if [leaf.shape for leaf in one] != [leaf.shape for leaf in other]:
        return False
    pairs = zip(one, other, strict=True)
    plain = [(a, b) for a, b in pairs if jnp.issubdtype(a.dtype, jnp.number) or a.dtype == jnp.bool_]
    return all(np.allclose(np.asarray(a), np.asarray(b), equal_nan=True) for a, b in plain)


def _ambiguous(scope: Scope, program: Program, choice: _Choice, edited: Program, other: str) -> Finding:
    leaf, level = choice.leaf, choice.level
    size = leaf.shape[leaf.index or 0]
    text = (
        f"{leaf.path} is {short_dtype(leaf.dtype)}{sized(leaf.shape)} at vmap {level.name}: axes "
        f"{leaf.index} and {choice.axis} have the same size {size}, so axis {choice.axis} would run as well "
        f"and give {other}; no error tells a wrong choice."
    )
    return Finding(
        kind="ambiguous_axes",
        severity="info",
        explanation=text + _told_apart(scope, program, choice, edited),
        blame=blame([leaf.path], [level]),
        confidence="possible",
    )


def _told_apart(scope: Scope, program: Program, choice: _Choice, edited: Program | None) -> str:
    """Tries both axes on a batch of another size, for the outermost level, and says what came of it."""
    if choice.level.id or edited is None or scope.late:
        return ""
    sizes = {size for operand in program.operands if operand.is_array for size in operand.aval.shape}
    prime = next(prime for prime in _PRIMES if prime not in sizes)
    avals = []
    for n, position in enumerate(axes.array_operands(program)):
        aval, index = program.operands[position].aval, choice.level.inputs[n].index
        shape = tuple(prime if axis == index else size for axis, size in enumerate(aval.shape))
        avals.append(jax.ShapeDtypeStruct(shape, aval.dtype))
    own, other = _shapes(program, avals), _shapes(edited, avals)
    if own is None:
        return ""
    shape = sized(avals[choice.position].shape)
    said = "is an error" if other is None else f"gives {', '.join(map(sized, other[:2]))}"
    return (
        f" With sizes that differ, {choice.leaf.path} {shape}, axis {choice.leaf.index} gives "
        f"{', '.join(map(sized, own[:2]))} and axis {choice.axis} {said}: try such sizes."
    )


def by_chance(scope: Scope) -> Iterator[Finding]:
    """Finds parameters that are mapped together with data, though sharing them would run as well."""
    program = scope.run.program
    if program is None or len(scope.report.stated) != 1:
        return
    level = scope.report.stated[0]
    mapped = [(n, leaf) for n, leaf in enumerate(level.inputs) if leaf.index is not None]
    names = {leaf.path.split("[")[0] for _, leaf in mapped}
    own = {name for name in names if name.lower().rstrip("0123456789_s") in _PARAMETERS}
    if not own or own == names or level.in_axes.strip() != "0" or scope.late:
        return
    edited: Program | None = program
    request = scope.report.request
    for n, leaf in mapped:
        if leaf.path.split("[")[0] in own:
            edited = None if edited is None else _mapped_by(edited, level.id, n, None)
    chosen = {n for n, leaf in mapped if leaf.path.split("[")[0] in own}
    avals = [program.operands[position].aval for position in axes.array_operands(program)]
    if edited is None or _shapes(edited, avals) is None:
        return
    request = rewrites.in_axes(request, level, dict.fromkeys(chosen))
    paths = [leaf.path for n, leaf in mapped if n in chosen]
    name = ", ".join(sorted(own))
    first = level.inputs[min(chosen)]
    yield Finding(
        kind="mapped_parameters",
        severity="info",
        explanation=(
            f"in_axes=0 maps {name}, too: each example of vmap {level.name} is handed a part of it, "
            f"{first.path} {short_dtype(first.dtype)}{sized(first.shape)} cut along axis {first.index}, "
            f"which is as long as the batch, {counted(level.axis_size or 0, 'example')}. If all "
            f"examples share {name}, its axis is None: that runs, too."
        ),
        blame=blame(paths, [level]),
        confidence="possible",
        fixes=tuple(rewrites.proven(
            scope, request, f"Share {name} between all examples", f"in_axes of level {level.id}",
            "accepted with it shared", lambda report: True,
        )),
    )  # fmt: skip
