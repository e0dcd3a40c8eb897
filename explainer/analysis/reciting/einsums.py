"""Einsums: functions that are nothing but one sum of products of their arguments' entries.

per-example jaxpr ──▶ found ──▶ Product: labels of every factor and of the output ──▶ readings

Only multiplication, sums, dot products and the moving of axes are followed; all else is no einsum. What
is found is a candidate: readings proves it on values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explainer.analysis import internals

Labels = tuple[int | None, ...]

MOST_FACTORS = 6
_MOST_EQUATIONS = 60
_MOST_POWER = 3


@dataclass(frozen=True, slots=True)
class Product:
    """The sum, over every label that `out` lacks, of a product of entries; None: the same along that axis.

    sum(a * b): factors ((0, (5,)), (1, (5,))), out ()
    """

    factors: tuple[tuple[int, tuple[int, ...]], ...]  # number of the leaf, a label per axis of it
    out: Labels


class _NoEinsum(Exception):
    """Something that no einsum does."""


def found(closed: Any) -> Product | None:
    """Returns the product that a jaxpr computes from its inputs; None if it computes anything else."""
    if len(closed.jaxpr.eqns) > _MOST_EQUATIONS or len(closed.jaxpr.outvars) != 1:
        return None
    fresh = itertools.count()
    inputs = []
    for n, var in enumerate(closed.jaxpr.invars):
        labels = tuple(next(fresh) for _ in var.aval.shape)
        inputs.append(Product(((n, labels),), labels))
    try:
        (product,) = _Walk(fresh).run(closed.jaxpr, inputs)
    except _NoEinsum:
        return None
    summed = {label for _, labels in product.factors for label in labels} - set(product.out)
    return product if (summed or len(product.factors) > 1) and None not in product.out else None


class _Walk:
    """The walk through one jaxpr and the bodies of its calls."""

    def __init__(self, fresh: Iterator[int]) -> None:
        self.fresh = fresh

    def run(self, jaxpr: Any, inputs: Sequence[Product]) -> list[Product]:
        known: dict[Any, Product] = dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Product:
            if isinstance(atom, internals.Literal) or atom not in known:
                raise _NoEinsum
            return known[atom]

        for eqn in jaxpr.eqns:
            step = _STEPS.get(eqn.primitive.name)
            if step is not None:
                results = [step(self, eqn, [read(atom) for atom in eqn.invars])]
            elif eqn.primitive.name in ("jit", "pjit"):
                body = eqn.params["jaxpr"]
                if body.consts:
                    raise _NoEinsum
                results = self.run(body.jaxpr, [read(atom) for atom in eqn.invars])
            else:
                raise _NoEinsum
            known.update(zip(eqn.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def renamed(self, product: Product) -> Product:
        """Returns the product under labels of its own: one array may stand in a product twice."""
        names: dict[int, int] = {}
        for _, labels in product.factors:
            for label in labels:
                if label not in names:
                    names[label] = next(self.fresh)
        return _with(product, names)

    def times(self, a: Product, b: Product, pairs: Sequence[tuple[int, int]]) -> tuple[Product, Product]:
        """Returns both under labels of their own, but one for each pair of axes (of a, of b)."""
        a, b = self.renamed(a), self.renamed(b)
        if len(a.factors) + len(b.factors) > MOST_FACTORS:
            raise _NoEinsum
        for i, j in pairs:
            one, other = a.out[i], b.out[j]
            if one is not None and other is not None:
                b = _with(b, {other: one})
        return a, b


def _with(product: Product, names: Mapping[int, int]) -> Product:
    factors = tuple(
        (leaf, tuple(names.get(label, label) for label in labels)) for leaf, labels in product.factors
    )
    return Product(
        factors, tuple(None if label is None else names.get(label, label) for label in product.out)
    )


def _mul(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    a, b = walk.times(given[0], given[1], [(n, n) for n in range(len(given[0].out))])
    if len(a.out) != len(b.out):
        raise _NoEinsum
    out = tuple(one if one is not None else other for one, other in zip(a.out, b.out, strict=True))
    return Product((*a.factors, *b.factors), out)


def _power(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    power = eqn.params.get("y", 2)
    if not 1 <= power <= _MOST_POWER:
        raise _NoEinsum
    product = given[0]
    for _ in range(power - 1):
        product = _mul(walk, eqn, (product, given[0]))
    return product


def _dot(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    summed = list(zip(left, right, strict=True))
    batch = list(zip(left_batch, right_batch, strict=True))
    a, b = walk.times(given[0], given[1], [*summed, *batch])
    if any(a.out[i] is None and b.out[j] is None for i, j in summed):
        raise _NoEinsum  # a sum of equal numbers: a factor that an einsum does not have
    shared = [a.out[i] if a.out[i] is not None else b.out[j] for i, j in batch]
    free_a = [label for n, label in enumerate(a.out) if n not in (*left, *left_batch)]
    free_b = [label for n, label in enumerate(b.out) if n not in (*right, *right_batch)]
    return Product((*a.factors, *b.factors), (*shared, *free_a, *free_b))


def _sum(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    (product,) = given
    if any(product.out[axis] is None for axis in eqn.params["axes"]):
        raise _NoEinsum
    return Product(product.factors, _without(product.out, eqn.params["axes"]))


def _transpose(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    return Product(given[0].factors, tuple(given[0].out[axis] for axis in eqn.params["permutation"]))


def _broadcast(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    before = eqn.invars[0].aval.shape
    out: list[int | None] = [None] * len(eqn.params["shape"])
    for axis, place in enumerate(eqn.params["broadcast_dimensions"]):
        if before[axis] == eqn.params["shape"][place]:
            out[place] = given[0].out[axis]
    return Product(given[0].factors, tuple(out))


def _reshape(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    """Follows a reshape that only adds or takes axes of size 1."""
    before, after = eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape
    if [size for size in before if size != 1] != [size for size in after if size != 1]:
        raise _NoEinsum
    kept = iter([label for label, size in zip(given[0].out, before, strict=True) if size != 1])
    return Product(given[0].factors, tuple(None if size == 1 else next(kept) for size in after))


def _same(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    if eqn.invars[0].aval.dtype != eqn.outvars[0].aval.dtype:
        raise _NoEinsum
    return given[0]


def _squeeze(walk: _Walk, eqn: Any, given: Sequence[Product]) -> Product:
    return Product(given[0].factors, _without(given[0].out, eqn.params["dimensions"]))


def _without(labels: Labels, axes: Sequence[int]) -> Labels:
    return tuple(label for n, label in enumerate(labels) if n not in axes)


_STEPS: Mapping[str, Callable[[_Walk, Any, Sequence[Product]], Product]] = {
    "mul": _mul,
    "integer_pow": _power,
    "square": _power,
    "dot_general": _dot,
    "reduce_sum": _sum,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "convert_element_type": _same,
    "copy": _same,
    "copy_p": _same,
}
