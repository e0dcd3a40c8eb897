"""Why a wanted output cannot be had: which size no argument has, what the function gives instead.

wanted shapes or names, Trials (all that was tried) ──▶ why not
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from explainer.analysis import values
from explainer.analysis.wanting import stacks
from explainer.analysis.wanting.namings import Naming
from explainer.analysis.wanting.stacks import Shape, Stack
from explainer.analysis.wanting.trying import Outcome, Trials
from explainer.errors import message
from explainer.notation import WantedLeaf
from explainer.source import short_dtype

_MOST_LISTED = 6
_MOST_TRACED = 24  # shapes that are tried only to list what can be had
_LEVELS_LISTED = 2  # outputs of up to that many levels are listed


def shapes(wanted: Sequence[WantedLeaf], trials: Trials) -> str:
    """Says why no stack gives outputs of these shapes."""
    reached = list(_reached(trials))
    ran = [outcome for outcome in trials.seen.values() if outcome.error is None]
    if not ran:
        return _never_ran(trials)
    name, counts = trials.program.name, {len(outcome.leaves) for outcome in ran}
    if len(wanted) not in counts:
        some = min(counts)
        return (
            f"{name} returns {_count(some, 'array')}, but {_count(len(wanted), 'output')} "
            f"{'is' if len(wanted) == 1 else 'are'} wanted. A vmap changes the axes of the outputs, "
            "not their number."
        )
    said = _dtypes(wanted, ran, name) or " ".join([*_no_such_sizes(wanted, trials, ran), ""]).strip()
    if trials.over:
        said = f"{said} Not all stacks could be tried in time.".strip()
    if not said:
        said = (
            f"No stack of 1 to {stacks.MOST_LEVELS} levels makes {name} give {_all(wanted)}: each level adds "
            "one axis to the output, of the size of the axis that it takes from the arguments."
        )
    if len(wanted) == 1 and reached:
        nearest = sorted(set(reached), key=lambda shape: _distance(shape, wanted[0].shape))[:_MOST_LISTED]
        said += f" With these arguments {name} can give {', '.join(map(str, nearest))}."
    return said


def names(naming: Naming, trials: Trials) -> str:
    """Says why the nest that named axes state does not give the output they state."""
    name, names_ = trials.program.name, naming.looped
    if len(names_) > stacks.MOST_LEVELS:
        return f"{', '.join(names_)} are {len(names_)} loops; up to {stacks.MOST_LEVELS} levels are tried."
    outcome = trials.outcome(naming.stated.example(trials.shapes))
    over = f"In a loop over {', then '.join(names_)}" if names_ else "Without a loop"
    handed = _handed(trials, naming.stated.example(trials.shapes))
    if outcome.error is not None:
        return f"{over}, {name} is handed {handed} and cannot be called on that: {_headline(outcome)}"
    given = outcome.leaves
    if len(given) != len(naming.outputs):
        return (
            f"{name} returns {_count(len(given), 'array')}, but the axes of {len(naming.outputs)} are named. "
            "Name those of each output, separated by commas."
        )
    if naming.fits(given, names_):
        return (
            f"{over}, {name} gives that, but no nest of vmaps does: jax.vmap takes keyword arguments over "
            "axis 0 at every level, and cannot leave an axis out of an output that depends on it. Pass all "
            "arguments by position."
        )
    own = [[one for one in entry.names if one not in names_] for entry in naming.outputs]
    returned = ", ".join(str(tuple(leaf.shape)) for leaf in given)
    left = ", ".join(f"({' '.join(axes)})" for axes in own)
    made = [one for axes in own for one in axes if one not in naming.sizes and not one.isdigit()]
    why = (
        f" No argument has an axis {' or '.join(made)}, so it would have to come from {name}." if made else ""
    )
    return (
        f"{over}, {name} is handed {handed} and returns {returned}, but the output says "
        f"that it returns {left}.{why} Every name that an argument and the output share is looped over; put "
        "those that the function should see whole in brackets, as in [d]."
    )


def _never_ran(trials: Trials) -> str:
    name = trials.program.name
    if not trials.seen:
        return f"No argument of {name} has an axis of a wanted size, so there is nothing to map."
    shapes_, outcome = next(iter(trials.seen.items()))
    return (
        f"{name} could not be called on any of the examples that these arguments give. On "
        f"{_handed(trials, shapes_)}: {_headline(outcome)}"
    )


def _headline(outcome: Outcome) -> str:
    assert outcome.error is not None
    lines = [line for line in message(outcome.error).split("\n") if line.strip()]
    said = lines[0] if lines else type(outcome.error).__name__
    if isinstance(outcome.error, NameError) and "unbound axis" in said:
        return "it communicates along an axis name, which one example alone does not have."
    return f"{type(outcome.error).__name__}: {said.rstrip('.')}."


def _handed(trials: Trials, shapes_: Sequence[Shape]) -> str:
    typed = zip(trials.paths, trials.avals, shapes_, strict=True)
    listed = [
        f"{path} {short_dtype(values.dtype_name(aval.dtype))}[{','.join(map(str, shape))}]"
        for path, aval, shape in typed
    ]
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return (", ".join(listed[:8]) or "nothing") + more


def _dtypes(wanted: Sequence[WantedLeaf], ran: Sequence[Outcome], name: str) -> str:
    """Says which output is of another dtype than is asked for, whatever the shapes."""
    for n, one in enumerate(wanted):
        given = {
            values.dtype_name(outcome.leaves[n].dtype)
            for outcome in ran
            if len(outcome.leaves) == len(wanted)
        }
        if one.dtype and one.dtype not in given and not any(dtype.startswith("key") for dtype in given):
            found = " or ".join(sorted(map(short_dtype, given)))
            asked = short_dtype(one.dtype)
            return f"{one.path} is {found}, not {asked}: a vmap never changes the dtype that {name} returns."
    return ""


def _no_such_sizes(wanted: Sequence[WantedLeaf], trials: Trials, ran: Sequence[Outcome]) -> Iterator[str]:
    had = {size for shape in trials.shapes for size in shape}
    made = {size for outcome in ran for leaf in outcome.leaves for size in leaf.shape}
    for size in dict.fromkeys(size for one in wanted for size in one.shape):
        if size not in had | made:
            yield (
                f"No argument has an axis of size {size}, and {trials.program.name} makes none; "
                f"only axis_size={size} could make one, and all its examples would be equal."
            )


def _reached(trials: Trials) -> Iterator[Shape]:
    """Lists output shapes that the function can be mapped to, new axes in front."""
    units, enough = stacks.whole_units(trials.arguments), len(trials.seen) + _MOST_TRACED
    available = sorted({size for shape in trials.shapes for size in shape})
    for levels in range(1, _LEVELS_LISTED + 1):
        for sizes in itertools.product(available, repeat=levels):
            for stack, _ in stacks.stacks(trials.shapes, units, sizes, levels):
                if trials.over or len(trials.seen) > enough:
                    return
                yield from _given(stack, trials)
    yield from _given(Stack((), ()), trials)


def _given(stack: Stack, trials: Trials) -> Iterator[Shape]:
    outcome = trials.outcome(stack.example(trials.shapes))
    if outcome.error is None and len(outcome.leaves) == 1:
        yield (*stack.sizes, *outcome.leaves[0].shape)


def _distance(shape: Shape, wanted: Shape) -> tuple[Any, ...]:
    """Ranks shapes by how near they are to the wanted one."""
    missing = len(wanted) - sum(min(shape.count(size), wanted.count(size)) for size in set(wanted))
    return missing, abs(len(shape) - len(wanted)), abs(prod(shape) - prod(wanted)), shape


def _all(wanted: Sequence[WantedLeaf]) -> str:
    return ", ".join(map(str, wanted))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
