"""An independent reading of a Request: plain exec, plain jax.vmap, a plain Python loop.

The tests compare every report with this. It shares no code with `explainer.analysis`, except that a shape
spec without a fill (`f32[3,2]`) or with `normal` gets its values from the library, whose choice they are.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from explainer.analysis.values import fill
from explainer.source import Fill, ShapeSpec
from explainer.spec import Argument, Request, Vmap

DTYPES = {
    "f16": "float16",
    "bf16": "bfloat16",
    "f32": "float32",
    "i8": "int8",
    "i32": "int32",
    "u8": "uint8",
    "u32": "uint32",
    "c64": "complex64",
}


@dataclass(frozen=True)
class Spec:
    """A shape spec met while evaluating an argument: what the library has to fill."""

    dtype: str
    shape: tuple[int, ...]
    fill: str = "distinct"


class _Brackets:
    """Makes `f32[3,2]` valid Python: indexing it gives the Spec."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __getitem__(self, shape: int | tuple[int, ...]) -> Spec:
        return Spec(self.dtype, shape if isinstance(shape, tuple) else (shape,))


@dataclass(frozen=True)
class Problem:
    """A request evaluated; `levels` are the keywords of each jax.vmap, outermost first."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    levels: tuple[dict[str, Any], ...]

    def mapped(self) -> Callable[..., Any]:
        """Returns the function under all its vmaps, as a user would write them."""
        return nested(self.function, self.levels)

    def outputs(self) -> Any:
        """Returns what plain JAX gives, operation by operation."""
        return self.mapped()(*self.args, **self.kwargs)

    def jitted_outputs(self) -> Any:
        """Returns what plain JAX gives for the whole nest compiled at once."""
        leaves, tree = jax.tree.flatten((self.args, self.kwargs))
        arrays = [n for n, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]

        def run(*values: Any) -> Any:
            full = list(leaves)
            for n, value in zip(arrays, values):
                full[n] = value
            args, kwargs = jax.tree.unflatten(tree, full)
            return self.mapped()(*args, **kwargs)

        return jax.jit(run)(*(leaves[n] for n in arrays))

    def looped(self) -> Any:
        """Returns the outputs of a plain Python loop; None when examples talk over a named axis."""
        return loop(self.function, self.levels, self.args, self.kwargs)

    def level_outputs(self) -> list[Any]:
        """Returns each level's outputs as shapes, outermost first, as the levels around it see them."""
        return [_shapes_at(self, number) for number in range(len(self.levels))]


def namespace(code: str) -> dict[str, Any]:
    """Returns the names of the user's code, with those that are always in scope."""
    names = {
        "jax": jax,
        "jnp": jnp,
        "lax": lax,
        "np": np,
        "math": math,
        "functools": functools,
        "partial": functools.partial,
        "optax": optax,
    }
    exec(compile(code, "<oracle>", "exec"), names)
    return names


def read_argument(text: str, names: dict[str, Any]) -> Any:
    """Returns the value of one argument, every shape spec in it a Spec leaf."""
    specs = {short: _Brackets(name) for short, name in DTYPES.items()}
    fills = {kind: functools.partial(_filled, kind) for kind in ("arange", "zeros", "ones", "normal")}
    scope = {**names, **specs, **fills, "bool": _Brackets("bool"), "key": _Brackets("key")}
    return eval(re.sub(r"\b(\w+)\[\]", r"\1[()]", text), scope)


def library_fill(spec: Spec, position: int) -> Any:
    """Returns the values that the library chooses for the leaf at `position` among all arguments."""
    return fill(ShapeSpec(spec.dtype, spec.shape, cast(Fill, spec.fill)), position)


def read(request: Request) -> Problem:
    """Evaluates the texts of a request with explicit levels."""
    names = namespace(request.code)
    function = eval(request.function, names)
    args, kwargs = _arguments(request.arguments, names)
    scope = {**names, **dict(zip((a.name for a in request.arguments if not a.keyword), args)), **kwargs}
    return Problem(function, args, kwargs, tuple(_evaluated(level, scope) for level in request.levels))


def nested(function: Callable[..., Any], levels: Sequence[dict[str, Any]]) -> Callable[..., Any]:
    """Returns the function under one jax.vmap per level, the last level innermost."""
    for level in reversed(levels):
        function = jax.vmap(function, **level)
    return function


def loop(function: Callable, levels: Sequence[dict[str, Any]], args: tuple, kwargs: dict[str, Any]) -> Any:
    """Returns the nested vmap by hand: index every example, call, stack along out_axes.

    None when the function talks over a named axis, which no loop over single examples can do.
    """
    if any(level.get("axis_name") for level in levels):
        return None
    if not levels:
        return function(*args, **kwargs)
    level, rest = levels[0], levels[1:]
    flat, tree = jax.tree.flatten((args, kwargs))
    axes = [*_spread(level["in_axes"], args), *([0] * len(jax.tree.leaves(kwargs)))]
    sizes = [np.shape(leaf)[axis] for leaf, axis in zip(flat, axes) if axis is not None]
    size = sizes[0] if sizes else level["axis_size"]
    results = []
    for index in range(size):
        example = [
            leaf if axis is None else jnp.take(leaf, index, axis=axis) for leaf, axis in zip(flat, axes)
        ]
        some_args, some_kwargs = jax.tree.unflatten(tree, example)
        results.append(loop(function, rest, some_args, some_kwargs))
    return _stacked(results, level["out_axes"])


def at(value: Any, batch_dims: tuple[int | None, ...], example: tuple[int, ...]) -> Any:
    """Returns one example of a batched array: index `example[n]` along `batch_dims[n]` (None: not mapped)."""
    index: list[Any] = [slice(None)] * np.ndim(value)
    for position, dim in zip(example, batch_dims):
        if dim is not None:
            index[dim] = position
    return value[tuple(index)]


def examples(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Returns every example of a nest: (2, 3) -> (0, 0), (0, 1), ... (1, 2)."""
    return list(itertools.product(*(range(size) for size in sizes)))


def _arguments(
    arguments: tuple[Argument, ...], names: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    values = [(argument, read_argument(argument.value, names)) for argument in arguments]
    args = tuple(value for argument, value in values if not argument.keyword)
    flat, tree = jax.tree.flatten((args, {a.name: value for a, value in values if a.keyword}))
    return jax.tree.unflatten(tree, [_array(leaf, position) for position, leaf in enumerate(flat)])


def _evaluated(level: Vmap, scope: dict[str, Any]) -> dict[str, Any]:
    keywords = {"in_axes": eval(level.in_axes, scope), "out_axes": eval(level.out_axes, scope)}
    if level.axis_name:
        keywords["axis_name"] = level.axis_name
    if level.axis_size:
        keywords["axis_size"] = eval(level.axis_size, scope)
    if level.spmd_axis_name:
        keywords["spmd_axis_name"] = eval(level.spmd_axis_name, scope)
    return keywords


def _shapes_at(problem: Problem, number: int) -> Any:
    kept: list[Any] = []
    inner = nested(problem.function, problem.levels[number:])

    def record(*args: Any, **kwargs: Any) -> Any:
        result = inner(*args, **kwargs)
        kept.append(jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), leaf.dtype), result))
        return result

    nested(record, problem.levels[:number])(*problem.args, **problem.kwargs)
    return kept[-1]


def _spread(in_axes: Any, args: tuple) -> list[int | None]:
    """Returns one axis per leaf of args, a single axis standing for everything under it."""
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * len(jax.tree.leaves(args))
    axes: list[int | None] = []
    nodes = jax.tree.leaves(in_axes, is_leaf=lambda leaf: leaf is None)
    prefix = jax.tree.structure(in_axes, is_leaf=lambda leaf: leaf is None)
    for axis, subtree in zip(nodes, prefix.flatten_up_to(tuple(args))):
        axes.extend([axis] * len(jax.tree.leaves(subtree)))
    return axes


def _stacked(results: list[Any], out_axes: Any) -> Any:
    """Returns results stacked leaf by leaf; an out axis of None keeps the first of the equal ones."""
    flat = [jax.tree.leaves(result) for result in results]
    tree = jax.tree.structure(results[0])
    axes = _spread((out_axes,), (results[0],))
    stacked = [
        leaves[0] if axis is None else jnp.stack(leaves, axis=axis) for axis, *leaves in zip(axes, *flat)
    ]
    return jax.tree.unflatten(tree, stacked)


def _filled(kind: str, spec: Spec) -> Spec:
    return Spec(spec.dtype, spec.shape, kind)


def _array(leaf: Any, position: int) -> Any:
    if not isinstance(leaf, Spec):
        return leaf
    if leaf.fill == "zeros":
        return jnp.zeros(leaf.shape, leaf.dtype)
    if leaf.fill == "ones":
        return jnp.ones(leaf.shape, leaf.dtype)
    if leaf.fill == "arange":
        return jnp.arange(math.prod(leaf.shape), dtype=leaf.dtype).reshape(leaf.shape)
    return library_fill(leaf, position)
