"""Trying: the function on shapes, and whole nests on values, without a report of each.

    Program, Stack ──▶ Trials: what the function gives for shapes; values of a nest, and of plain loops

Everything is bounded by a deadline. The loops know nothing of vmap: they index the whole arrays.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import jax
import numpy as np

from explainer import axes as written
from explainer.analysis import axes, checking, values
from explainer.analysis.batching import output_path
from explainer.analysis.parsing import ParsedLevel, Program, evaluate_level
from explainer.analysis.wanting.stacks import Axes, Shape, Stack, relative
from explainer.report import Leaf
from explainer.spec import Vmap
from explainer.views.aloud import Spoken, SpokenArgument, SpokenLeaf

MOST_CELLS = 2_000_000  # of arguments and outputs together, up to which values are compared
MOST_EXAMPLES = 64
_SLOW = 0.5  # seconds of a trace beyond which nothing is compiled
NEEDS_VALUE = (jax.errors.JAXTypeError, jax.errors.JAXIndexError)  # Python wants a number, and gets a tracer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the function gives for examples of some shapes: a tree of shapes, or what it raised."""

    tree: Any = None
    error: Exception | None = None

    @property
    def leaves(self) -> list[Any]:
        """The output arrays in order."""
        return jax.tree.leaves(self.tree)


@dataclass(frozen=True, slots=True)
class Proven:
    """How many examples of a nest were compared with a plain loop, and whether all were equal."""

    agrees: bool
    compared: int
    examples: int

    def __str__(self) -> str:
        if self.compared == self.examples:
            if self.examples == 1:
                return "equal to the plain call"
            few = {2: "both examples"}
            return (
                f"equal to a plain Python loop on {few.get(self.examples, f'all {self.examples:,} examples')}"
            )
        return f"equal to a plain Python loop on {self.compared:,} of {self.examples:,} examples"


class Trials:
    """The function of a request, tried as often as needed; the same shapes are traced once."""

    def __init__(self, program: Program, seconds: float) -> None:
        self.program = replace(program, levels=())
        self.positions = axes.array_operands(program)
        self.avals = [program.operands[position].aval for position in self.positions]
        self.shapes: list[Shape] = [tuple(aval.shape) for aval in self.avals]
        self.paths = [program.operands[position].path for position in self.positions]
        self.end = time.perf_counter() + seconds
        self.slowest = 0.0  # seconds of the longest trace
        self.seen: dict[tuple[Shape, ...], Outcome] = {}
        self._template = axes.in_template(program)
        self._single: Callable[..., Any] | None = None

    @property
    def over(self) -> bool:
        """Tells that the time is used up."""
        return time.perf_counter() > self.end

    @property
    def arguments(self) -> list[tuple[list[int], bool]]:
        """The array leaves of every argument, and whether it is passed by name."""
        owners = [self.program.operands[position].argument for position in self.positions]
        return [
            ([n for n, owner in enumerate(owners) if owner == argument.name], argument.keyword)
            for argument in self.program.arguments
        ]

    def outcome(self, shapes: tuple[Shape, ...]) -> Outcome:
        """Returns what the function gives for one example of these shapes."""
        if shapes not in self.seen:
            start = time.perf_counter()
            self.seen[shapes] = self._tried(shapes)
            self.slowest = max(self.slowest, time.perf_counter() - start)
        return self.seen[shapes]

    def _tried(self, shapes: tuple[Shape, ...]) -> Outcome:
        avals = [
            jax.ShapeDtypeStruct(shape, aval.dtype, weak_type=aval.weak_type)
            for shape, aval in zip(shapes, self.avals, strict=True)
        ]
        try:
            return Outcome(self._shapes(avals, ()))
        except NEEDS_VALUE as error:  # a value that no level maps is there for jax.vmap
            whole = [n for n, shape in enumerate(shapes) if shape == self.shapes[n]]
            try:
                return Outcome(self._shapes(avals, whole)) if whole and self.small else Outcome(error=error)
            except Exception as again:  # noqa: BLE001  (whatever the user's function raises)
                return Outcome(error=again)
        except Exception as error:  # noqa: BLE001  (whatever the user's function raises)
            return Outcome(error=error)

    def _shapes(self, avals: Sequence[Any], concrete: Sequence[int]) -> Any:
        traced = [n for n in range(len(avals)) if n not in concrete]
        rest = self._rest(concrete)
        positions = [self.positions[n] for n in traced]

        def call(*leaves: Any) -> Any:
            args, kwargs = axes.rebuild(self.program, positions, leaves, rest)
            result = self.program.function(*args, **kwargs)
            for leaf in jax.tree.leaves(result):
                if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, bool, int, float, complex)):
                    raise TypeError(f"it returns {type(leaf).__name__}, which is no array")
            return result

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jax.eval_shape(call, *(avals[n] for n in traced))

    def _rest(self, concrete: Sequence[int]) -> list[Any]:
        return self.program.values() if concrete else [operand.value for operand in self.program.operands]

    @property
    def small(self) -> bool:
        """Tells that the arguments are small enough to compute with."""
        return sum(prod(shape) for shape in self.shapes) <= MOST_CELLS

    def computable(self, shapes: Any) -> bool:
        """Tells that results of these shapes can be computed; None: they are not known beforehand."""
        cells = sum(prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
        return self.small and cells <= MOST_CELLS and self.slowest < _SLOW

    def levels(self, stack: Stack, tree: Any) -> tuple[Vmap, ...]:
        """Writes a stack as the texts of its levels; `tree` is the output tree of one example."""
        template = axes.out_template(self.program, jax.tree.structure(tree))
        pairs = zip(relative(stack.ins), relative(stack.outs), strict=True)
        return tuple(Vmap(self._in_axes(ins), written.write_out_axes(template, outs)) for ins, outs in pairs)

    def _in_axes(self, ins: Axes) -> str:
        """Writes in_axes; one number where every argument is mapped over the same axis."""
        one = ins[0] if ins and all(axis is not None and axis == ins[0] for axis in ins) else None
        static = len(self.positions) < len(self.program.operands)
        return written.write_in_axes(self._template, ins) if one is None or static else str(one)

    def parsed(self, levels: Sequence[Vmap]) -> Program:
        """Returns the program under other levels."""
        named = {argument.name: argument for argument in self.program.arguments}
        args, kwargs = jax.tree.unflatten(
            self.program.tree, [operand.value for operand in self.program.operands]
        )
        positional = [name for name, argument in named.items() if not argument.keyword]
        arguments = dict(zip(positional, args, strict=True)) | dict(kwargs)
        found: list[ParsedLevel] = [
            evaluate_level(level, number, dict(self.program.scope), arguments)
            for number, level in enumerate(levels)
        ]
        return replace(self.program, levels=tuple(found))

    def flat(self, program: Program) -> Callable[..., Any]:
        """Returns a nest as a function of its array leaves."""

        def call(*leaves: Any) -> Any:
            args, kwargs = axes.rebuild(program, self.positions, leaves, self._rest(()))
            return program.mapped(program.function)(*args, **kwargs)

        return call

    def result_shapes(self, program: Program) -> Any:
        """Returns the shapes that a nest gives; raises what jax.vmap or the function raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jax.eval_shape(self.flat(program), *self.avals)

    def results(self, programs: Sequence[Program]) -> list[Any]:
        """Returns the values that nests give, all in one compilation."""
        arrays = [self.program.values()[position] for position in self.positions]
        calls = [self.flat(program) for program in programs]

        def run(*leaves: Any) -> list[Any]:
            return [checking.plain_tree(call(*leaves)) for call in calls]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return jax.device_get(jax.jit(run)(*arrays))
            except NEEDS_VALUE:  # the function needs a value that no level maps
                return jax.device_get(run(*arrays))

    def prove(self, stack: Stack, outputs: Sequence[np.ndarray]) -> Proven:
        """Compares the values of a nest with plain loops over the axes of the whole arrays."""
        examples = prod(stack.sizes)
        places = checking.sample(list(stack.sizes), MOST_EXAMPLES) if examples else []
        worst = checking.Worst(0.0)
        for compared, place in enumerate(places, start=1):
            given = [leaf[_index(stack.ins, n, place)] for n, leaf in enumerate(self._arrays())]
            expected = jax.tree.leaves(self._one()(*given))
            for n, (value, whole) in enumerate(zip(expected, outputs, strict=True)):
                worst.add(np.asarray(value), whole[_index(stack.outs, n, place)], whole)
            if self.over and compared < len(places):
                return Proven(worst.agrees, compared, examples)
        return Proven(worst.agrees, len(places), examples)

    def arguments_of(self, leaves: Sequence[Any]) -> tuple[Any, Any]:
        """Returns (args, kwargs) with these arrays in them."""
        return axes.rebuild(self.program, self.positions, leaves, self._rest(()))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function on one example, compiled; raises ValueError on another tree of arguments."""
        flat, tree = jax.tree.flatten((args, kwargs))
        if tree != self.program.tree:
            raise ValueError("not the tree of the arguments")
        return self._one()(*(flat[position] for position in self.positions))

    def _arrays(self) -> list[Any]:
        return [checking.on_host(self.program.values()[position]) for position in self.positions]

    def _one(self) -> Callable[..., Any]:
        """Returns the function of one example's arrays, compiled once for each of their shapes."""
        if self._single is None:
            call = self.flat(self.program)
            jitted = jax.jit(lambda *leaves: checking.plain_tree(call(*leaves)))

            def one(*leaves: Any) -> Any:
                try:
                    return jitted(*leaves)
                except NEEDS_VALUE:
                    return checking.plain_tree(call(*leaves))

            self._single = one
        return self._single

    def spoken(self, stack: Stack, tree: Any, function: str) -> Spoken:
        """Returns a stack ready to be read aloud."""
        names = stack.names or tuple(level_name(k, self.program) for k in range(len(stack.sizes)))
        parts = dict(
            zip((a.name for a in self.program.arguments if not a.keyword), self._template.parts, strict=True)
        )
        arguments = []
        for argument, (numbers, keyword) in zip(self.program.arguments, self.arguments, strict=True):
            leaves = tuple(
                SpokenLeaf(self.paths[n], self.shapes[n], tuple(level[n] for level in stack.ins))
                for n in numbers
            )
            own = [operand for operand in self.program.operands if operand.argument == argument.name]
            static = len(own) > len(numbers)
            plain = f"{{{numbers[0]}}}" if keyword and len(own) == len(numbers) == 1 else ""
            template = parts.get(argument.name, plain)
            arguments.append(
                SpokenArgument(argument.name, keyword, leaves, template, next(iter(numbers), 0), static)
            )
        return Spoken(
            function,
            tuple(arguments),
            self._spoken_outputs(stack, tree),
            self._out_text(tree),
            names,
            stack.sizes,
        )

    def _spoken_outputs(self, stack: Stack, tree: Any) -> tuple[SpokenLeaf, ...]:
        spoken = []
        for n, (path, aval) in enumerate(jax.tree_util.tree_flatten_with_path(tree)[0]):
            places: Axes = tuple(level[n] for level in stack.outs)
            shape = with_axes(tuple(aval.shape), places, stack.sizes)
            spoken.append(SpokenLeaf(output_path(path), shape, places, values.dtype_name(aval.dtype)))
        return tuple(spoken)

    def _out_text(self, tree: Any) -> str:
        return axes.out_template(self.program, jax.tree.structure(tree)).parts[0]


def leaves(tree: Any, most: int = 64) -> tuple[Leaf, ...]:
    """Describes outputs, values or shapes."""
    described = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        name = output_path(path)
        shown = isinstance(leaf, np.ndarray)
        described.append(
            values.leaf(name, leaf, most)
            if shown
            else Leaf(name, values.dtype_name(leaf.dtype), tuple(leaf.shape))
        )
    return tuple(described)


def with_axes(shape: Shape, places: Axes, sizes: Shape) -> Shape:
    """Returns a shape with the axes of levels put in: (2,), (0, 2), (3, 4) -> (3, 2, 4)."""
    at = {place: size for place, size in zip(places, sizes, strict=True) if place is not None}
    rest = iter(shape)
    return tuple(at[axis] if axis in at else next(rest) for axis in range(len(shape) + len(at)))


def level_name(number: int, program: Program) -> str:
    """Names a level i, j, k, ..., passing over what the arguments are called."""
    taken = {argument.name for argument in program.arguments} | {program.name, "f", "out"}
    free = [letter for letter in "ijklmnopqrstuvwxyzabcdegh" if letter not in taken]
    return free[number]


def _index(axes_by_level: Sequence[Axes], leaf: int, place: Sequence[int]) -> tuple[Any, ...]:
    """Returns the index of one example in a whole array."""
    at = {level[leaf]: number for level, number in zip(axes_by_level, place, strict=True)}
    mapped = [axis for axis in at if axis is not None]
    return tuple(at.get(axis, slice(None)) for axis in range(max(mapped) + 1)) if mapped else (...,)
