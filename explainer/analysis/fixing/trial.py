"""Trials: does an edited program trace, and does it do what a plain Python loop does?

    Program ──▶ traced ──▶ Trial: shapes at every level ──▶ proven ──▶ outputs, and what was shown

Cheap beside a whole explanation: one trace for all examples, nothing probed, and it is this trace that
is compiled for the proof.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import numpy as np

from explainer.analysis import axes, batching, checking, internals, printed, running, tracing
from explainer.analysis.parsing import Program
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.report import Leaf, Level

TIED = "traced; not looped over alone, since it uses values that only the code around it has"
MOST_CELLS = 2_000_000  # elements of arguments, and of results, up to which a trial runs

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A program that was traced: its shapes, and what `jax.jit` made of it.

    `promotes`: the function combined arrays of different ranks, which NumPy's rules allow.
    """

    program: Program
    nest: Nest
    traced: Any
    promotes: bool

    @property
    def outputs(self) -> tuple[Leaf, ...]:
        """Describes the results of the whole nest."""
        flat, _ = jax.tree_util.tree_flatten_with_path(self.nest.outputs[0])
        return tuple(
            Leaf(batching.output_path(path), dtype_name(leaf.dtype), tuple(leaf.shape)) for path, leaf in flat
        )

    @property
    def example(self) -> Shapes:
        """Returns the shapes that one example is handed."""
        return tuple(tuple(aval.shape) for aval in self.nest.avals[-1])


@dataclass(frozen=True, slots=True)
class Failed:
    """A program that does not trace: the shapes that its function was handed, () where it was not reached."""

    error: Exception
    example: Shapes
    inside: bool  # it was the function that failed


def attempt(program: Program, strict: bool = True) -> Trial | Failed:
    """Traces a program; with `strict`, first so that combining arrays of different ranks is an error."""
    if strict:
        with jax.numpy_rank_promotion("raise"):
            found = _attempt(program, promotes=False)
        if isinstance(found, Trial):
            return found
        if not found.inside:
            return found
    with jax.numpy_rank_promotion("allow"):
        return _attempt(program, promotes=strict)


def _attempt(program: Program, promotes: bool) -> Trial | Failed:
    found = _attempt_with(program, (), promotes)
    if isinstance(found, Failed) and _fit(program) and (kept := axes.never_mapped(program)):
        found = _attempt_with(program, kept, promotes)
    return found


def _attempt_with(program: Program, kept: tuple[int, ...], promotes: bool) -> Trial | Failed:
    """Traces a program, some of its arrays left as values."""
    arrays = axes.array_operands(program)
    nest = Nest(tuple(position for position in arrays if position not in kept), kept)
    try:
        return Trial(program, nest, _traced(program, nest, arrays), promotes)
    except Exception as error:  # noqa: BLE001  (whatever the user's axes or function raise)
        nest.error = error
    inside = len(nest.avals) > len(program.levels) and not nest.returned
    shapes = tuple(tuple(aval.shape) for aval in nest.avals[-1]) if inside else ()
    return Failed(nest.error, shapes, inside)


def _fit(program: Program) -> bool:
    return all(axes.fits(program, level) for level in program.levels)


def _traced(program: Program, nest: Nest, arrays: tuple[int, ...]) -> Any:
    with quiet():
        run = _runnable(program, nest, arrays)
        return jax.jit(run).trace(*(program.operands[position].aval for position in nest.traced))


def _runnable(program: Program, nest: Nest, arrays: tuple[int, ...]) -> Callable[..., Any]:
    """Returns the program as a function of the arrays that are traced."""
    others = tracing.others(program, nest)
    mapped = _handed(program, nest, arrays, 0)

    def run(*leaves: Any) -> Any:
        args, kwargs = axes.rebuild(program, nest.traced, leaves, others)
        return mapped(*args, **kwargs)

    return run


def _handed(program: Program, nest: Nest, arrays: tuple[int, ...], k: int) -> Callable[..., Any]:
    """Returns the function that level k - 1 maps, noting what it is handed and gives back."""

    def level(*args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves((args, kwargs))
        nest.avals.append(tuple(internals.aval(leaves[position]) for position in arrays))
        if k == len(program.levels):
            result = program.function(*args, **kwargs)
            nest.returned = True
        else:
            result = program.levels[k].vmap(_handed(program, nest, arrays, k + 1))(*args, **kwargs)
        nest.outputs[k] = jax.tree.map(internals.aval, result)
        return result

    return level


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops what trials print and warn of: the user's own run told it."""
    with printed.dropped(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Prover:
    """Compares mapped runs with loops; what it compiled for one trial serves the next.

    `oracle` is the user's function before its code was edited: called as it is, on one example.
    """

    def __init__(self, oracle: Callable[..., Any] | None = None) -> None:
        self.oracle = oracle
        self._singles: dict[Any, Callable[[list[Any]], Any]] = {}

    def proof(self, trial: Trial, code: bool = False) -> str:
        """Returns what was shown of a trial; "" where it is wrong or fails when it runs."""
        if _too_large(trial):
            return "traced; not run, since the arrays are large"
        try:
            with quiet():
                return self._proof(trial, code)
        except Exception:  # noqa: BLE001  (user code, compiled or not, may raise anything: no proof)
            return TIED if _tied(trial) else ""

    def _proof(self, trial: Trial, code: bool) -> str:
        program, nest = trial.program, trial.nest
        compiled = trial.traced.lower().compile()
        outputs, _ = running.first_call(compiled, running.inputs(program, nest))
        levels = batching.levels(program, nest)
        if code and self.oracle is not None:
            shown = self._as_before(trial, levels, outputs)
            if shown is not None:
                return shown
        check = checking.compare_with_loop(program, nest, levels, outputs, self._single(program, nest))
        if check.agrees is None:
            return f"runs; {check.note}"
        if not check.agrees:
            return ""
        many = "all" if check.compared == check.examples else f"{check.compared} of"
        never = "; yours never ran, so there is nothing to compare it with" if code else ""
        return f"same as a Python loop over {many} {counted(check.examples)}{never}"

    def _single(self, program: Program, nest: Nest) -> Callable[[list[Any]], Any]:
        key = id(program.function), id(program.tree), nest.traced, tuple(map(id, program.arguments))
        if key not in self._singles:
            self._singles[key] = jax.jit(checking.single(program, nest))
        return self._singles[key]

    def _as_before(self, trial: Trial, levels: tuple[Level, ...], outputs: Any) -> str | None:
        """Compares with the function as it was, on single examples; None where it fails on them, too."""
        assert self.oracle is not None
        sizes = [level.axis_size or 0 for level in levels]
        flat = [np.asarray(checking.plain(leaf)) for leaf in jax.tree.leaves(outputs)]
        places = checking.sample(sizes, 6) if prod(sizes) else []
        worst, compared = checking.Worst(0.0), 0
        for place in places:
            expected = self._before(trial.program, checking.example(trial.program, levels, place))
            if expected is None:
                continue
            if len(expected) != len(flat):
                return ""
            compared += 1
            for n, (value, whole) in enumerate(zip(expected, flat, strict=True)):
                got = whole[checking.output_index(levels, n, place, whole.ndim)]
                worst.add(_as(value, got.dtype), got, whole)
        if not compared:
            return None
        if not worst.agrees:
            return ""
        return f"same as your function before the edit, called on {compared} of {counted(prod(sizes))}"

    def _before(self, program: Program, leaves: list[Any]) -> list[Any] | None:
        """Calls the function as it was on one example, of JAX arrays, else of NumPy's; None if it fails."""
        assert self.oracle is not None
        arrays = set(axes.array_operands(program))
        for make in (jax.numpy.asarray, np.array, lambda leaf: leaf):
            given = [make(leaf) if n in arrays else leaf for n, leaf in enumerate(leaves)]
            args, kwargs = jax.tree.unflatten(program.tree, given)
            try:
                return jax.tree.leaves(self.oracle(*args, **kwargs))
            except Exception:  # noqa: BLE001  (it may raise on purpose; what it gives back counts)
                continue
        return None


def counted(examples: int) -> str:
    """Says how many examples: "1 example", "1,200 examples"."""
    return f"{examples:,} example{'' if examples == 1 else 's'}"


def _as(value: Any, dtype: np.dtype) -> np.ndarray:
    """Returns a value of the unmapped function in the dtype of the mapped one: Python numbers have none."""
    value = np.asarray(checking.plain(value))
    return value.astype(dtype) if value.dtype.kind in "biufc" else value


def _tied(trial: Trial) -> bool:
    """Tells a function that closes over values of a trace that has ended: model, inside of jit or grad."""
    nest = Nest(trial.nest.traced, trial.nest.kept)
    run = _runnable(trial.program, nest, axes.array_operands(trial.program))
    try:
        with quiet():
            made = jax.make_jaxpr(run)(*(trial.program.operands[position].aval for position in nest.traced))
    except Exception:  # noqa: BLE001  (it may behave otherwise the second time)
        return False
    return any(map(internals.is_tracer, made.consts))


def _too_large(trial: Trial) -> bool:
    given = sum(operand.aval.size for operand in trial.program.operands if operand.is_array)
    made = sum(leaf.size for leaf in jax.tree.leaves(trial.nest.outputs[0]))
    return max(given, made) > MOST_CELLS
