"""Fitting: which sizes an operation wants to be equal, and where shapes do not have them.

    name of the operation, shapes ──▶ rule ──▶ Clash: words, axes of each operand that do not fit

Pure: from shapes alone, so that the same rule tells whether other shapes would fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """What does not fit: a sentence with {0}, {1}, ... for the operands, and the axes of each."""

    said: str
    axes: tuple[tuple[int, ...], ...]


Rule = Callable[[Sequence[Shape]], Clash | None]


def contraction(shapes: Sequence[Shape]) -> Clash | None:
    """Of `a @ b`: the last axis of a is summed with the last but one of b, or its only one."""
    a, b = shapes
    if not a or not b:
        return Clash(f"{{{0 if not a else 1}}} is a scalar, and a product of matrices needs axes", ((), ()))
    i, j = len(a) - 1, max(len(b) - 2, 0)
    if a[i] != b[j]:
        return _summed(i, a[i], j, b[j])
    return broadcast([a[:-2], b[:-2]])


def dot(shapes: Sequence[Shape]) -> Clash | None:
    """Of `jnp.dot(a, b)`: as `a @ b`, but scalars multiply and further axes are free."""
    a, b = shapes
    i, j = len(a) - 1, max(len(b) - 2, 0)
    return _summed(i, a[i], j, b[j]) if a and b and a[i] != b[j] else None


def inner(shapes: Sequence[Shape]) -> Clash | None:
    """Of `jnp.inner(a, b)`: the last axes are summed."""
    a, b = shapes
    return _summed(len(a) - 1, a[-1], len(b) - 1, b[-1]) if a and b and a[-1] != b[-1] else None


def _summed(i: int, one: int, j: int, other: int) -> Clash:
    said = (
        f"it sums over axis {i} of {{0}}, size {one}, with axis {j} of {{1}}, size {other}: {one} "
        f"against {other}"
    )
    return Clash(said, ((i,), (j,)))


def broadcast(shapes: Sequence[Shape]) -> Clash | None:
    """Of `a + b`, `jnp.where(c, a, b)`: axes counted from the last have one size, or 1."""
    for place in range(1, max(map(len, shapes), default=0) + 1):
        sizes = [(n, shape[-place]) for n, shape in enumerate(shapes) if len(shape) >= place]
        wide = [(n, size) for n, size in sizes if size != 1]
        if len({size for _, size in wide}) > 1:
            (n, one), (m, other) = wide[0], next(pair for pair in wide if pair[1] != wide[0][1])
            i, j = len(shapes[n]) - place, len(shapes[m]) - place
            axes = tuple((len(shapes[k]) - place,) if k in (n, m) else () for k in range(len(shapes)))
            return Clash(
                f"shapes are aligned from their last axis on, and axis {i} of {{{n}}} has size {one}, axis "
                f"{j} of "
                f"{{{m}}} size {other}: {one} against {other}",
                axes,
            )
    return None


def concatenate(axis: int) -> Rule:
    """Of `jnp.concatenate(arrays, axis)`: equal ranks, and equal sizes but along `axis`."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        ranks = {len(shape) for shape in shapes}
        if len(ranks) > 1:
            return _unlike_ranks(shapes)
        if not ranks or ranks == {0}:
            return Clash(
                "{0} is a scalar, which has no axis to join along: use jnp.stack", ((),) * len(shapes)
            )
        rank = ranks.pop()
        if not -rank <= axis < rank:
            return _no_axis(shapes[0], axis, len(shapes))
        return _unlike(shapes, [n for n in range(rank) if n != axis % rank])

    return rule


def stack(shapes: Sequence[Shape]) -> Clash | None:
    """Of `jnp.stack(arrays)`: all shapes equal."""
    if len({len(shape) for shape in shapes}) > 1:
        return _unlike_ranks(shapes)
    return _unlike(shapes, range(len(shapes[0]) if shapes else 0))


def _unlike_ranks(shapes: Sequence[Shape]) -> Clash:
    m = next(n for n, shape in enumerate(shapes) if len(shape) != len(shapes[0]))
    said = (
        f"arrays to be joined need one rank, but {{0}} has {_axes(shapes[0])} and {{{m}}} {_axes(shapes[m])}"
    )
    return Clash(said, ((),) * len(shapes))


def _axes(shape: Shape) -> str:
    return "no axis (a scalar)" if not shape else f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"


def _unlike(shapes: Sequence[Shape], places: Sequence[int]) -> Clash | None:
    for place in places:
        m = next((n for n, shape in enumerate(shapes) if shape[place] != shapes[0][place]), None)
        if m is not None:
            one, other = shapes[0][place], shapes[m][place]
            axes = tuple((place,) if n in (0, m) else () for n in range(len(shapes)))
            return Clash(
                f"axis {place} of {{0}} has size {one}, that of {{{m}}} size {other}: {one} against {other}",
                axes,
            )
    return None


def reshape(target: Sequence[int]) -> Rule:
    """Of `x.reshape(target)`: as many elements before as after; one -1 takes what is left."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        have, rest = prod(shapes[0]), prod(size for size in target if size != -1)
        wanted = f"({', '.join(map(str, target))})"
        if -1 in target and (rest == 0 or have % rest):
            return Clash(
                f"{{0}} has {have} elements, which cannot be cut into {wanted}: {rest} does not divide "
                f"{have}",
                (tuple(range(len(shapes[0]))),),
            )
        if -1 not in target and have != rest:
            return Clash(
                f"{{0}} has {have} elements, but {wanted} takes {rest}", (tuple(range(len(shapes[0]))),)
            )
        return None

    return rule


def einsum(text: str) -> Rule:
    """Of `jnp.einsum("ij,jk->ik", a, b)`: a letter an axis, one size a letter."""
    parts = [part.strip() for part in text.replace(" ", "").split("->")[0].split(",")]

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        if len(parts) != len(shapes):
            return Clash(
                f"{text!r} is for {len(parts)} arrays, but {len(shapes)} are given", ((),) * len(shapes)
            )
        sizes: dict[str, tuple[int, int, int]] = {}
        for n, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
            if "..." in part:
                continue
            if len(part) != len(shape):
                said = (
                    f"{part!r} names {len(part)} axes of {{{n}}}, which has {_axes(shape)} here: mapped "
                    "axes have no letter"
                )
                return Clash(said, ((),) * len(shapes))
            for axis, (letter, size) in enumerate(zip(part, shape, strict=True)):
                m, place, known = sizes.setdefault(letter, (n, axis, size))
                if size != known and 1 not in (size, known):
                    axes: list[tuple[int, ...]] = [()] * len(shapes)
                    axes[m], axes[n] = (place,), (axis,)
                    said = (
                        f"{letter!r} is axis {place} of {{{m}}}, size {known}, and axis {axis} of "
                        f"{{{n}}}, size "
                    )
                    return Clash(f"{said}{size}: {known} against {size}", tuple(axes))
        return None

    return rule


def has_axes(axes: Sequence[int]) -> Rule:
    """Of `jnp.sum(x, axis)`: the axes are there."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        rank = len(shapes[0])
        missing = next((axis for axis in axes if not -rank <= axis < rank), None)
        return None if missing is None else _no_axis(shapes[0], missing, len(shapes))

    return rule


def _no_axis(shape: Shape, axis: int, count: int) -> Clash:
    rank = len(shape)
    legal = (
        "it is a scalar here" if not rank else "0 or -1" if rank == 1 else f"0 to {rank - 1}, {-rank} to -1"
    )
    there = legal if not rank else f"here it can be {legal}"
    return Clash(f"{{0}} has no axis {axis}: {there}", ((),) * count)


def indices(count: int) -> Rule:
    """Of `x[i, :, 0]`: at most as many indices as axes."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        if count <= len(shapes[0]):
            return None
        many = f"{count} {'index' if count == 1 else 'indices'}"
        return Clash(f"it takes {many}, but {{0}} has {_axes(shapes[0])} here", ((),) * len(shapes))

    return rule


def rank_of(least: int) -> Rule:
    """Of `jnp.linalg.inv(x)`: at least so many axes."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        n = next((n for n, shape in enumerate(shapes[:1]) if len(shape) < least), None)
        if n is None:
            return None
        return Clash(
            f"it needs at least {least} {'axis' if least == 1 else 'axes'}, but {{{n}}} has "
            f"{_axes(shapes[n])} here",
            ((),) * len(shapes),
        )

    return rule


def unpacked(count: int) -> Rule:
    """Of `b, d = x.shape`: as many names as axes."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        if count == len(shapes[0]):
            return None
        return Clash(
            f"it takes {count} sizes apart, but {{0}} has {_axes(shapes[0])} here", ((),) * len(shapes)
        )

    return rule


def entries(count: int) -> Rule:
    """Of `a, b = x`: as many names as entries along the first axis."""

    def rule(shapes: Sequence[Shape]) -> Clash | None:
        if not shapes[0]:
            return Clash("{0} is a scalar here, which has no entries to take apart", ((),))
        if shapes[0][0] == count:
            return None
        return Clash(f"it takes {count} entries apart, but axis 0 of {{0}} has size {shapes[0][0]}", ((0,),))

    return rule


def leading(shapes: Sequence[Shape]) -> Clash | None:
    """Of `lax.scan(f, init, xs)`: every array of xs has a first axis, all of one size."""
    scalar = next((n for n, shape in enumerate(shapes) if not shape), None)
    if scalar is not None:
        return Clash(f"it goes over the first axis, but {{{scalar}}} is a scalar here", ((),) * len(shapes))
    return _unlike(shapes, [0]) if shapes else None
