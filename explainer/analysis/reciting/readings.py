"""Readings: the stated nest said in other words, each shown to be the same on values.

    Program, Nest, outputs ─▶ views/aloud: loops, einsum, vectorize ─▶ run and compared ─▶ Report.readings

What does not prove equal, or does not run, is not shown.
"""

from __future__ import annotations

import builtins
import keyword
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import jax
import numpy as np

from explainer import notation
from explainer.analysis import checking, printed
from explainer.analysis.parsing import Program
from explainer.analysis.reciting import einsums
from explainer.analysis.run import Run
from explainer.analysis.wanting import namings, trying
from explainer.analysis.wanting.stacks import Axes, Stack
from explainer.analysis.wanting.trying import Trials
from explainer.report import Level, Reading
from explainer.views import aloud
from explainer.views.aloud import Spoken

_SECONDS = 0.5
SLOW = 2.0  # seconds of trace, compilation and run of the nest itself, beyond which it is not done again
_NO_ARRAY = ("key<", "float0")  # dtypes that NumPy has no arrays of


def add(run: Run) -> None:
    """Puts the readings of the stated nest into the report of a run that went to its end."""
    report, program, nest = run.report, run.program, run.nest
    if run.until != "time" or report.failure is not None or program is None or nest is None:
        return
    if run.outputs is None or not program.levels or nest.error is not None or nest.kept:
        return
    trials = Trials(program, _SECONDS)
    if not trials.computable(run.outputs) or any(not level.axis_size for level in report.stated):
        return
    timing = report.timing
    if timing is not None and timing.trace + (timing.compile or 0.0) + (timing.first_call or 0.0) > SLOW:
        return
    tree = nest.outputs[len(program.levels)]
    function = " ".join(report.request.function.split()) or program.name
    with printed.dropped():
        run.add(readings=tuple(proven(trials, report.stated, tree, function, run.outputs)))


def proven(
    trials: Trials, levels: Sequence[Level], tree: Any, function: str, outputs: Any
) -> Iterator[Reading]:
    """Lists the readings of a nest that give its `outputs`; `tree` is the output tree of one example."""
    names = _names([level.name for level in levels], trials.program)
    stack = replace(stated(levels), names=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _proven(trials.spoken(stack, tree, function), stack, trials, outputs)


def stated(levels: Sequence[Level]) -> Stack:
    """Returns the stack of levels that a report describes, its axes counted in the whole arrays."""
    ins = [tuple(leaf.index for leaf in level.inputs) for level in levels]
    outs = [tuple(leaf.index for leaf in level.outputs) for level in levels]
    sizes = tuple(level.axis_size or 0 for level in levels)
    return Stack(sizes, _absolute(ins), _absolute(outs))


def _names(names: Sequence[str], program: Program) -> tuple[str, ...]:
    """Returns the names of the levels as variables of loops: i, j, ... where one cannot be used."""
    taken = {argument.name for argument in program.arguments} | {"f", "out", "result", "leaf", "range", "np"}
    usable = all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    if usable and len(set(names)) == len(names) and not taken & set(names):
        return tuple(names)
    return tuple(trying.level_name(k, program) for k in range(len(names)))


def _absolute(relative: Sequence[Axes]) -> tuple[Axes, ...]:
    """Turns axes as each level counts them into axes of the whole array: [(0,), (0,)] -> ((0,), (1,))."""
    taken: list[list[int]] = [[] for _ in (relative[0] if relative else ())]
    found: list[Axes] = []
    for level in relative:
        placed: list[int | None] = []
        for axis, gone in zip(level, taken, strict=True):
            at = axis
            for one in sorted(gone):
                at = at + 1 if at is not None and at >= one else at
            placed.append(at)
            gone.extend([] if at is None else [at])
        found.append(tuple(placed))
    return tuple(found)


def _states(text: str, stack: Stack, trials: Trials) -> bool:
    """Tells whether a text of named axes, read again, states this very nest."""
    asked = notation.parse(text)
    if not isinstance(asked, notation.Named) or namings.problem(asked, trials):
        return False
    again = namings.Naming.of(asked, trials).stated
    return sorted(zip(again.ins, again.outs, strict=True), key=str) == sorted(
        zip(stack.ins, stack.outs, strict=True), key=str
    )


def _proven(spoken: Spoken, stack: Stack, trials: Trials, outputs: Any) -> Iterator[Reading]:
    whole = [np.asarray(checking.plain(leaf)) for leaf in jax.tree.leaves(outputs)]
    arrays = not any(leaf.dtype.startswith(_NO_ARRAY) for leaf in spoken.outputs)
    if arrays and aloud.sayable(spoken):
        for reading in _loops(spoken, trials, whole):
            yield reading
            if _states(aloud.named(spoken), stack, trials):
                yield Reading("named", aloud.named(spoken), reading.proof)
    own = _einsum(spoken, trials)
    texts: list[Reading] = []
    if own is not None:
        text = aloud.einsum(spoken, own.factors, [label for label in own.out if label is not None])
        texts += [Reading("einsum", text)] if text else []
    vectorized = aloud.vectorize(spoken, *_labels(own, len(trials.shapes)))
    texts += [Reading("vectorize", vectorized)] if vectorized else []
    for reading, given in zip(texts, _values(texts, trials), strict=True):
        if given is not None and _equal(jax.tree.leaves(given), whole):
            examples = prod(spoken.sizes)
            yield replace(reading, proof=f"equal on all {examples:,} examples" if examples > 1 else "equal")


def _labels(own: einsums.Product | None, leaves: int) -> tuple[Any, ...]:
    """Returns the labels of every leaf's own axes, for a signature; () where a leaf has none or two sets."""
    if own is None or sorted(leaf for leaf, _ in own.factors) != list(range(leaves)):
        return ()
    return [labels for _, labels in sorted(own.factors)], own.out


def _einsum(spoken: Spoken, trials: Trials) -> einsums.Product | None:
    if len(spoken.outputs) != 1 or spoken.out_template != "{0}":
        return None
    avals = [
        jax.ShapeDtypeStruct(leaf.core, aval.dtype, weak_type=aval.weak_type)
        for leaf, aval in zip(
            (leaf for a in spoken.arguments for leaf in a.leaves), trials.avals, strict=True
        )
    ]
    try:
        return einsums.found(jax.make_jaxpr(trials.flat(trials.program))(*avals))
    except Exception:  # noqa: BLE001  (a function that communicates along a level's name cannot stand alone)
        return None


def _values(readings: Sequence[Reading], trials: Trials) -> list[Any]:
    """Returns what one-line readings give, all in one compilation; None for one that does not run."""
    try:
        return _compiled(readings, trials) if readings else []
    except Exception:  # noqa: BLE001  (one of them does not run: each by itself)
        return [_alone(reading, trials) for reading in readings]


def _alone(reading: Reading, trials: Trials) -> Any:
    try:
        return _compiled([reading], trials)[0]
    except Exception:  # noqa: BLE001  (it is not shown)
        return None


def _compiled(readings: Sequence[Reading], trials: Trials) -> list[Any]:
    def run(*leaves: Any) -> list[Any]:
        scope = _scope(trials, leaves)
        return [checking.plain_tree(eval(reading.text, scope)) for reading in readings]

    return jax.device_get(jax.jit(run)(*(trials.program.values()[p] for p in trials.positions)))


def _scope(trials: Trials, leaves: Sequence[Any]) -> dict[str, Any]:
    """Returns the names that a reading stands among: the user's, and the arguments with these arrays."""
    args, kwargs = trials.arguments_of(leaves)
    names = [argument.name for argument in trials.program.arguments if not argument.keyword]
    return {**trials.program.scope, **dict(zip(names, args, strict=True)), **kwargs}


def _loops(spoken: Spoken, trials: Trials, whole: Sequence[np.ndarray]) -> Iterator[Reading]:
    """Runs the text of the loops, over the first, the last and some indices between, and compares."""
    text = aloud.loops(spoken)
    chosen = dict(zip(spoken.names, _chosen(spoken.sizes), strict=True))
    numbers = _numbers(spoken, chosen)
    scope = _scope(trials, [checking.on_host(trials.program.values()[p]) for p in trials.positions])
    scope |= {"np": np, "jax": jax, "range": numbers}
    body = text.removeprefix(aloud.definition(spoken)).lstrip("\n")
    function = aloud.called(spoken)
    if "." in function:  # the text of a dotted name: what it is called in these loops
        body, function = body.replace(f"{function}(", "_mapped("), "_mapped"
    scope[function] = trials.call
    try:
        exec(body, scope)
        filled = jax.tree.leaves(scope[aloud.variable(spoken, "out")])
    except Exception:  # noqa: BLE001  (one example alone does not run: it communicates, or keeps state)
        return
    places = [
        np.ix_(*(_at(leaf.axes, axis, chosen, spoken.names, size) for axis, size in enumerate(leaf.shape)))
        for leaf in spoken.outputs
    ]
    parts = [(a[at].astype(b.dtype), b[at]) for a, b, at in zip(filled, whole, places, strict=True)]
    if _equal([part for part, _ in parts], [part for _, part in parts]):
        compared, examples = prod(map(len, chosen.values())), prod(spoken.sizes)
        yield Reading("loops", text, _said(compared, examples))


def _said(compared: int, examples: int) -> str:
    if compared < examples:
        return f"equal on {compared:,} of {examples:,} examples, the first and the last among them"
    return f"equal on all {examples:,} examples" if examples > 1 else "equal"


def _numbers(spoken: Spoken, chosen: dict[str, list[int]]) -> Any:
    """Returns what stands for `range` in the loops: of each size, the chosen numbers."""
    by_size = {size: chosen[name] for name, size in zip(spoken.names, spoken.sizes, strict=True)}

    def numbers(size: int) -> Iterable[int]:
        return by_size.get(size, builtins.range(size))

    return numbers


def _chosen(sizes: Sequence[int]) -> list[list[int]]:
    """Chooses numbers of every loop, 64 examples at most in all; the same ones for loops of one size."""
    counts = {size: size for size in sizes}
    while prod(counts[size] for size in sizes) > trying.MOST_EXAMPLES:
        widest = max(counts, key=lambda size: counts[size])
        counts[widest] = max(counts[widest] * 3 // 4, 2) if counts[widest] > 2 else 1
    return [_spread(size, counts[size]) for size in sizes]


def _spread(size: int, count: int) -> list[int]:
    if count == 1:
        return [size - 1]
    return sorted({round(n * (size - 1) / (count - 1)) for n in range(count)})


def _at(
    axes: Axes, axis: int, chosen: dict[str, list[int]], names: Sequence[str], size: int
) -> Sequence[int]:
    """Returns the indices of one axis of an output that the loops filled."""
    return chosen[names[axes.index(axis)]] if axis in axes else range(size)


def _equal(given: Sequence[Any], expected: Sequence[np.ndarray]) -> bool:
    """Tells whether arrays agree to what rounding leaves."""
    worst = checking.Worst(0.0)
    if len(given) != len(expected):
        return False
    for one, other in zip(given, expected, strict=True):
        worst.add(np.asarray(one), other, other)
    return worst.agrees
