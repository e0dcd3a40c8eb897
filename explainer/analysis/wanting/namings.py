"""Named axes: what "n d, m d -> n m" says of a function's arrays, and the nests that it stands for.

    notation.Named, Trials ──▶ Naming ──▶ Stack: the stated nest first, then with fewer levels

A name that an argument and the output share is looped over, in the order of the output; one in brackets,
or that stands on one side only, belongs to the function.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explainer.analysis.wanting.stacks import MOST_LEVELS, Axes, Shape, Stack
from explainer.analysis.wanting.trying import Trials
from explainer.notation import Entry, Named

_OPEN = Entry((), rest=True)


def problem(asked: Named, trials: Trials) -> str:
    """Says why named axes do not fit the arguments; "" if they do."""
    entries = _by_leaf(asked, trials)
    if entries is None:
        return _miscounted(asked, trials)
    for path, shape, entry in zip(trials.paths, trials.shapes, entries, strict=True):
        said = _unfit(path, shape, entry)
        if said:
            return said
    return _unequal(trials, entries) or _unknown_in_output(asked, entries)


@dataclass(frozen=True, slots=True)
class Naming:
    """Entries that fit the arguments, leaf by leaf, and those of the outputs."""

    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    sizes: Mapping[str, int]
    looped: tuple[str, ...]  # names of the stated loops, outermost first
    shapes: tuple[Shape, ...]

    @staticmethod
    def of(asked: Named, trials: Trials) -> Naming:
        """Reads named axes that have no problem."""
        entries = [entry.fitted(len(shape)) or _OPEN for entry, shape in _paired(asked, trials)]
        sizes = {
            name: size
            for entry, shape in zip(entries, trials.shapes, strict=True)
            if not entry.rest
            for name, size in zip(entry.names, shape, strict=True)
        }
        outputs = tuple(_split(entry, sizes) for entry in asked.outputs)
        whole = {name for entry in (*entries, *outputs) for name, inner in _axes(entry) if inner}
        order = [name for entry in sorted(outputs, key=lambda e: -len(e.names)) for name in entry.names]
        looped = tuple(name for name in dict.fromkeys(order) if name in sizes and name not in whole)
        return Naming(tuple(entries), outputs, sizes, looped, tuple(trials.shapes))

    @property
    def stated(self) -> Stack:
        """The nest of loops over every name that can be looped over."""
        return self.stack(self.looped)

    def stack(self, names: Sequence[str]) -> Stack:
        """Returns levels over these names, outermost first."""
        sizes = tuple(self.sizes[name] for name in names)
        ins: tuple[Axes, ...] = tuple(tuple(_axis(entry, name) for entry in self.inputs) for name in names)
        outs: tuple[Axes, ...] = tuple(tuple(_axis(entry, name) for entry in self.outputs) for name in names)
        return Stack(sizes, ins, outs, tuple(names))

    def candidates(self, trials: Trials) -> Iterator[tuple[Stack, Any]]:
        """Lists the stacks that give outputs of the named axes: the stated one, then fewest levels first."""
        found = []
        for names in self._choices():
            if trials.over:
                break
            stack = self.stack(names)
            outcome = trials.outcome(stack.example(trials.shapes))
            if outcome.error is None and self.fits(outcome.leaves, names):
                found.append((stack, outcome.tree))
        yield from found

    def _choices(self) -> Iterator[tuple[str, ...]]:
        """Lists the sets of names to loop over: all, then one, two, ..., none at last."""
        most = min(len(self.looped), MOST_LEVELS)
        if len(self.looped) <= MOST_LEVELS:
            yield self.looped
        for count in (*range(1, most + 1), 0):
            for names in itertools.combinations(self.looped, count):
                if names != self.looped:
                    yield names

    def fits(self, outputs: Sequence[Any], names: Sequence[str]) -> bool:
        """Tells whether the function's outputs have the axes that stay when these names are looped over."""
        if len(outputs) != len(self.outputs):
            return False
        sizes = dict(self.sizes)
        for entry, leaf in zip(self.outputs, outputs, strict=True):
            own = [name for name in entry.names if name not in names]
            if len(own) != len(leaf.shape):
                return False
            for name, size in zip(own, leaf.shape, strict=True):
                if sizes.setdefault(name, int(name) if name.isdigit() else size) != size:
                    return False
        return True


def _axes(entry: Entry) -> list[tuple[str, bool]]:
    return list(zip(entry.names, entry.inner, strict=True))


def _axis(entry: Entry, name: str) -> int | None:
    return entry.names.index(name) if name in entry.names else None


def _split(entry: Entry, sizes: Mapping[str, int]) -> Entry:
    """Returns an output's entry, "nm" read as "n m" where those are names of the arguments' axes."""
    letters = entry.names[0] if len(entry.names) == 1 else ""
    if len(letters) > 1 and letters not in sizes and all(letter in sizes for letter in letters):
        return Entry(tuple(letters), entry.inner * len(letters), column=entry.column)
    return entry


def _paired(asked: Named, trials: Trials) -> Iterator[tuple[Entry, Shape]]:
    yield from zip(_by_leaf(asked, trials) or (), trials.shapes, strict=True)


def _by_leaf(asked: Named, trials: Trials) -> list[Entry] | None:
    """Returns the entry of every array leaf: one is written per argument, or per array, or per array leaf."""
    owners = trials.arguments
    arrays = [leaves for leaves, _ in owners if leaves]
    if len(asked.inputs) == len(owners):
        groups = [leaves for leaves, _ in owners]
    elif len(asked.inputs) == len(arrays):
        groups = arrays
    elif len(asked.inputs) == len(trials.shapes):
        groups = [[n] for n in range(len(trials.shapes))]
    else:
        return None
    by_leaf = {leaf: entry for entry, leaves in zip(asked.inputs, groups, strict=True) for leaf in leaves}
    return [by_leaf[n] for n in range(len(trials.shapes))]


def _miscounted(asked: Named, trials: Trials) -> str:
    count = len(asked.inputs)
    names = ", ".join(argument.name for argument in trials.program.arguments)
    return (
        f"The axes of {count} array{'' if count == 1 else 's'} are named, but {trials.program.name} "
        f"is called with {names or 'nothing'}. Name those of each argument, in their order, separated by "
        "commas; "
        '"..." stands for one that every example shares.'
    )


def _unfit(path: str, shape: Shape, entry: Entry) -> str:
    fitted = entry.fitted(len(shape))
    if fitted is None:
        count = len(entry.names)
        return (
            f'"{entry}" names {count or "no"} ax{"is" if count == 1 else "es"}, but {path} has {len(shape)}: '
            f"its shape is {shape}. Write one name for each."
        )
    twice = next((name for name in fitted.names if fitted.names.count(name) > 1 and not name.isdigit()), None)
    if twice is not None:
        return f"{twice} stands twice in the axes of {path}, but one vmap maps one axis of an array."
    for axis, name in enumerate(fitted.names):
        if name.isdigit() and int(name) != shape[axis]:
            return f"Axis {axis} of {path} is said to have size {name}, but has {shape[axis]}."
    return ""


def _unequal(trials: Trials, entries: Sequence[Entry]) -> str:
    """Says which name stands for axes of two sizes."""
    seen: dict[str, tuple[int, str]] = {}
    for path, shape, entry in zip(trials.paths, trials.shapes, entries, strict=True):
        fitted = entry.fitted(len(shape)) or _OPEN
        for axis, name in enumerate(fitted.names):
            where = f"axis {axis} of {path}"
            size, first = seen.setdefault(name, (shape[axis], where))
            if size != shape[axis] and not name.isdigit():
                return (
                    f"{name} cannot be one axis: {first} has size {size}, {where} has size {shape[axis]}. "
                    "Give them different names, or change the arrays."
                )
    return ""


def _unknown_in_output(asked: Named, entries: Sequence[Entry]) -> str:
    for entry in asked.outputs:
        twice = next((n for n in entry.names if entry.names.count(n) > 1 and not n.isdigit()), None)
        if twice is not None:
            return f"{twice} stands twice in the output: give each axis of the output a name of its own."
        if entry.rest:
            return '"..." stands for an argument, not for the output: name the axes of the output.'
    return ""
