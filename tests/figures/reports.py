"""Builds Reports by hand for the figure tests: arrays, axes and the values a run would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from explainer.report import ArgumentReport, Blame, Failure, Lane, Leaf, Level, MappedLeaf, Mismatch, Report
from explainer.spec import Request, Vmap


@dataclass(frozen=True)
class Given:
    """One array: its value and, per level, its axis as in in_axes or out_axes."""

    path: str
    value: np.ndarray | None
    axes: tuple[int | None, ...]
    shape: tuple[int, ...] = ()

    @property
    def full(self) -> tuple[int, ...]:
        return self.shape if self.value is None else self.value.shape


def leaf(path: str, value: np.ndarray, cap: int = 8) -> Leaf:
    """Returns the leaf of an array with at most `cap` entries of each axis in its preview."""
    kept = tuple(tuple(range(n)) if n <= cap else (*range(cap - 1), n - 1) for n in value.shape)
    preview = value[np.ix_(*kept)].tolist() if value.ndim else value.item()
    return Leaf(path, str(value.dtype), value.shape, preview, kept)


def make(
    function: str,
    names: Sequence[str],
    inputs: Sequence[Given],
    outputs: Sequence[Given],
    arguments: Sequence[str] | None = None,
    failure: Failure | None = None,
) -> Report:
    """Returns the report of a nest with one level per name, outermost first."""
    sizes = [_size(inputs, level) for level in range(len(names))]
    levels = tuple(
        Level(
            id=level,
            parent=level - 1 if level else None,
            function=function if level + 1 == len(names) else f"vmap({function})",
            name=name,
            in_axes=str(tuple(given.axes[level] for given in inputs)),
            out_axes=str(tuple(given.axes[level] for given in outputs)),
            axis_name=None,
            axis_size=sizes[level],
            inputs=tuple(_mapped(given, level) for given in inputs),
            outputs=tuple(_mapped(given, level) for given in outputs),
        )
        for level, name in enumerate(names)
    )
    roots = arguments or [given.path.partition("[")[0] for given in inputs]
    return Report(
        request=Request(function=function, levels=tuple(Vmap() for _ in names)),
        arguments=tuple(
            ArgumentReport(
                root, False, tuple(_leaf(given) for given in inputs if given.path.partition("[")[0] == root)
            )
            for root in dict.fromkeys(roots)
        ),
        levels=levels,
        outputs=tuple(_leaf(given) for given in outputs),
        failure=failure,
    )


def _leaf(given: Given) -> Leaf:
    return Leaf(given.path, "float32", given.shape) if given.value is None else leaf(given.path, given.value)


def _left(given: Given, level: int) -> list[int]:
    """Returns the axes of the full array that are left as a level sees it."""
    left = list(range(len(given.full)))
    for axis in given.axes[:level]:
        if axis is not None:
            left.pop(axis)
    return left


def _mapped(given: Given, level: int) -> MappedLeaf:
    shape = tuple(given.full[axis] for axis in _left(given, level))
    axis = given.axes[level]
    return MappedLeaf(given.path, "float32", shape, axis, None if axis is None else axis % len(shape))


def _size(inputs: Sequence[Given], level: int) -> int:
    """Returns the size of the axis that a level maps, by the first array that has it."""
    for given in inputs:
        axis = given.axes[level]
        if axis is not None:
            return given.full[_left(given, level)[axis]]
    raise AssertionError(f"no input is mapped by level {level}")


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 10, shape).astype(float)


def pairwise(n: int = 3, m: int = 4, seed: int = 1) -> Report:
    x, y = numbers(n, 2, seed=seed), numbers(m, 2, seed=seed + 1)
    d = np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    return make("dist", "ij", [Given("X", x, (0, None)), Given("Y", y, (None, 0))], [Given("out", d, (0, 0))])


def normalize(count: int = 2, side: int = 4, out_axis: int = -1) -> Report:
    images = numbers(count, side, side)
    result = np.stack([(x - x.mean()) / x.std() for x in images], out_axis)
    return make("normalize", "i", [Given("images", images, (0,))], [Given("out", result, (out_axis,))])


def params() -> Report:
    w, b, x = np.array([0.5, -1.0]), np.array(2.0), numbers(3, 2)
    inputs = [Given("params['w']", w, (None,)), Given("params['b']", b, (None,)), Given("X", x, (0,))]
    return make("predict", "i", inputs, [Given("out", x @ w + b, (0,))])


def columns() -> Report:
    x = numbers(4, 3)
    return make("square", "i", [Given("X", x, (1,))], [Given("out", x**2, (1,))])


def rank4() -> Report:
    x = numbers(2, 3, 4, 4)
    return make("mean", "i", [Given("X", x, (0,))], [Given("out", x.mean((2, 3)), (0,))])


def three() -> Report:
    a, b = numbers(2, 3), numbers(2, 3, seed=2)
    inputs = [Given("A", a, (0, None, 0)), Given("B", b, (None, 0, 0))]
    return make("f", "ijk", inputs, [Given("out", a[:, None] * b[None], (0, 0, 0))])


def long() -> Report:
    x = np.arange(1024.0 * 3).reshape(1024, 3)
    return make("norm", "i", [Given("X", x, (0,))], [Given("out", np.sqrt((x**2).sum(1)), (0,))])


def mixed() -> Report:
    flags, counts = np.array([True, False, True]), np.array([[1, -20], [3000, 4], [5, 123456]])
    reals = np.array([[np.nan, 1e-7], [np.inf, -1e30], [-0.0, -0.257]])
    keys = np.array(["0x00000000075bcd15", "0x000000003ade68b1", "0x2b"])
    inputs = [
        Given("flags", flags, (0,)),
        Given("counts", counts, (0,)),
        Given("reals", reals, (0,)),
        Given("key", keys, (0,)),
    ]
    return make("mix", ["batch"], inputs, [Given("out", np.array(["(1+2j)", "(-3.5-1j)", "1j"]), (0,))])


def unmapped_output() -> Report:
    x = numbers(3, 2)
    outs = [Given("out['mean']", x.mean(0), (None,)), Given("out['rest']", x, (0,))]
    return make("center", "i", [Given("X", x, (0,)), Given("scale", np.array(2.0), (None,))], outs)


def no_levels() -> Report:
    m, v = numbers(2, 3), np.arange(3.0)
    return make("dot", [], [Given("M", m, ()), Given("v", v, ())], [Given("out", m @ v, ())])


def running() -> Report:
    x = numbers(3, 2)
    return make("f", "i", [Given("X", x, (0,))], [Given("out", None, (0,), (3, 2))])


def failed() -> Report:
    failure = Failure("trace", "TypeError", "dot got incompatible shapes", "The shapes do not fit.")
    return make(
        "f", "i", [Given("X", numbers(3, 2), (0,)), Given("W", numbers(4, 4), (None,))], [], failure=failure
    )


def unequal() -> Report:
    """Returns the failure of 3 examples in X and 4 in Y: the level is there, its size is not."""
    failure = Failure("trace", "ValueError", "vmap got inconsistent sizes", "Make the sizes equal.")
    good = make(
        "f", "i", [Given("X", numbers(3, 2), (0,)), Given("Y", numbers(4, 2), (0,))], [], failure=failure
    )
    return replace(good, levels=(replace(good.levels[0], axis_size=None),))


def _stopped(report: Report, level: int | None, *lanes: Lane, blamed: str = "") -> Report:
    """Returns a failure with its mismatch, without the size of the level that could not begin."""
    blame = Blame(paths=(blamed,) if blamed else ())
    failure = Failure("trace", "ValueError", "JAX's words", "Ours.", blame, mismatch=Mismatch(lanes, level))
    levels = tuple(replace(each, axis_size=None) if each.id == level else each for each in report.levels)
    return replace(report, failure=failure, levels=levels, outputs=())


def misfit() -> Report:
    lanes = (
        Lane("X", "float64", (3, 2), 0, (0,)),
        Lane("Y", "float64", (4, 2), 0, (0,)),
    )
    return _stopped(unequal(), 0, *lanes)


def misfit_inside() -> Report:
    """Returns 5 rows in X and 4 in Y for an inner level, whose outer one goes well."""
    inputs = [Given("X", numbers(3, 5, 2), (0, 0)), Given("Y", numbers(4, 2), (None, 0))]
    lanes = (
        Lane("X", "float64", (5, 2), 0, (0,), (3, 5, 2), (0, None, None)),
        Lane("Y", "float64", (4, 2), 0, (0,), (4, 2), (None, None)),
    )
    return _stopped(make("f", "ij", inputs, []), 1, *lanes)


def no_such_axis() -> Report:
    """Returns an inner level that asks X, a vector by then, for an axis 1."""
    good = make("f", "ij", [Given("X", numbers(3, 2), (0, None)), Given("Y", numbers(4, 2), (None, 0))], [])
    x, y = good.levels[1].inputs
    inner = replace(good.levels[1], inputs=(replace(x, axis=1), y))
    lanes = (Lane("X", "float64", (2,), note="has no axis 1"), Lane("Y", "float64", (4, 2), 0))
    return _stopped(replace(good, levels=(good.levels[0], inner)), 1, *lanes, blamed="X")


def misfit_in_function() -> Report:
    good = make("f", "i", [Given("X", numbers(8, 3), (0,)), Given("W", numbers(4, 5), (None,))], [])
    lanes = (Lane("x * 2", "float64", (3,), None, (0,)), Lane("W", "float64", (4, 5), None, (0,)))
    return _stopped(good, None, *lanes)


def static_value() -> Report:
    return _stopped(
        make("f", "i", [Given("X", numbers(3), (0,)), Given("s", None, (None,), ())], []),
        0,
        Lane("X", "float64", (3,), 0),
        Lane("s", "", (), note="the Python value 2"),
        blamed="s",
    )


def ranks(rank: int) -> Report:
    x = numbers(*(2, 3, 4, 2)[:rank])
    return make(
        "f",
        "i",
        [Given("X", numbers(2), (0,)), Given("A", x, (None,))],
        [Given("out", numbers(2, seed=3), (0,))],
    )


def awkward() -> Report:
    """Returns long names, a tree within a tree, a keyword-like path and a long level name."""
    tree = "parameters['encoder']['layers'][0]"
    inputs = [
        Given(f"{tree}['weight_matrix_of_the_attention_head']", numbers(3, 2, 2), (0,)),
        Given(f"{tree}['bias']", numbers(2), (None,)),
        Given("a_rather_long_argument_name_for_data", numbers(3, 2), (0,)),
    ]
    outs = [Given("out[0]['loss']", numbers(3), (0,)), Given("out[1]", numbers(2, 3), (1,))]
    return make("a_function_with_a_really_long_name_indeed", ["examples_in_the_batch"], inputs, outs)


SCENES = {
    "unequal": unequal,
    "misfit": misfit,
    "misfit inside": misfit_inside,
    "no such axis": no_such_axis,
    "misfit in function": misfit_in_function,
    "static value": static_value,
    "awkward": awkward,
    **{f"rank {rank}": partial(ranks, rank) for rank in range(5)},
    "pairwise": pairwise,
    "normalize": normalize,
    "params": params,
    "columns": columns,
    "rank4": rank4,
    "three": three,
    "long": long,
    "mixed": mixed,
    "unmapped output": unmapped_output,
    "no levels": no_levels,
    "running": running,
    "failed": failed,
    "images": lambda: normalize(6, 28, 0),
}
