"""Indices out of range: JAX raises nothing, it reads the nearest entry or nan, and drops what is written.

Scope, Report.values ──▶ outside ──▶ Finding
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import sized
from explainer.report import Equation, Finding, Leaf

_KINDS = ("gather", "scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter_mul", "dynamic_slice")
_INDEXING = re.compile(r"\]$|\]\s*\.\s*(set|add|multiply|get|max|min)\b|\btake\b")
_CHOSEN = ("mode", "dynamic")  # said so by the user


@dataclass(frozen=True, slots=True)
class _Outside:
    """An equation, the worst index that it met, and the largest that is in range."""

    equation: Equation
    worst: int
    limit: int
    guarded: bool  # a where decides later on whether it counts


def outside(scope: Scope) -> Iterator[Finding]:
    """Finds x[i] with an i beyond the axis, by the values that the run saw.

    Not in loops and branches: batching runs those for examples, too, that are done with them.
    """
    told: set[Any] = set()
    for equation in scope.report.equations:
        if equation.primitive not in _KINDS or equation.span is None or equation.span in told:
            continue
        text = equation.source
        if equation.backward or _in_flow(scope, equation) or any(word in text for word in _CHOSEN):
            continue
        found = _met(scope, equation) if _INDEXING.search(text) else None
        if found is not None:
            told.add(equation.span)
            yield _told(scope, found)


def _in_flow(scope: Scope, equation: Equation) -> bool:
    parent = equation.parent
    while parent is not None:
        if scope.report.equations[parent].primitive in ("cond", "while"):
            return True
        parent = scope.report.equations[parent].parent
    return False


def _met(scope: Scope, equation: Equation) -> _Outside | None:
    """Returns an index out of range; None where there is none, or it was not seen."""
    for number, limit in _limits(scope, equation):
        seen = _values(scope, equation, number)
        if seen is None or seen.max is None or seen.min is None:
            continue
        worst = seen.max if seen.max > limit else seen.min
        if worst > limit or worst < 0:
            return _Outside(equation, int(worst), limit, _guarded(scope, equation))
    return None


def _limits(scope: Scope, equation: Equation) -> Iterator[tuple[int, int]]:
    """Lists the operands that are indices, and the largest index in range of each."""
    eqn = scope.eqn(equation)
    shape, sizes = tuple(eqn.invars[0].aval.shape), eqn.params.get("slice_sizes")
    if equation.primitive == "dynamic_slice":
        yield from ((1 + axis, size - sizes[axis]) for axis, size in enumerate(shape))
        return
    numbers = eqn.params.get("dimension_numbers")
    axes = getattr(numbers, "start_index_map", None) or getattr(numbers, "scatter_dims_to_operand_dims", ())
    if len(axes) == 1:  # of several at once, it is not known which number is which
        yield 1, shape[axes[0]] - (sizes[axes[0]] if sizes is not None else 1)


def _values(scope: Scope, equation: Equation, operand: int) -> Leaf | None:
    """Returns what the run saw of an operand, over all examples."""
    values = scope.report.values
    key = scope.found.keys[equation.id]
    body, _ = key[-1]
    wanted = scope.eqn(equation).invars[operand]
    for number, eqn in enumerate(scope.capture.bodies.jaxprs[body].eqns):
        if values is None or not any(wanted is var for var in eqn.outvars):
            continue
        made_by = scope.ids.get((*key[:-1], (body, number)))
        found = [each.value for each in values.seen if each.equation == made_by and each.output == 0]
        return found[0] if len(found) == 1 else None
    return None


def _guarded(scope: Scope, equation: Equation) -> bool:
    node = scope.node(equation.id)
    ahead = (scope.equation_of(each) for each in scope.ahead([] if node is None else [node]))
    return any(each is not None and each.primitive in ("select_n", "cond") for each in ahead)


def _told(scope: Scope, met: _Outside) -> Finding:
    equation, limit = met.equation, met.limit
    output = equation.outputs[0]
    fills = "FILL" in str(scope.eqn(equation).params.get("mode", ""))
    if equation.primitive.startswith("scatter"):
        does = "what is written there is dropped" if fills else "it is written elsewhere"
    elif fills:
        does = f"JAX reads {'nan' if output.dtype.startswith(('float', 'bfloat')) else 'a filler'} there"
    else:
        does = f"JAX reads entry {limit if met.worst > limit else 0} in its place"
    shape = sized(tuple(scope.eqn(equation).invars[0].aval.shape))
    return Finding(
        kind="index_out_of_range",
        severity="info" if met.guarded else "warning",
        explanation=(
            f"{scope.expression(equation)} meets index {met.worst} on an axis of {limit + 1} entries, of an "
            f"array {shape} within one example: {does}, without an error. Indices go from 0 to {limit}."
        ),
        blame=blame((), scope.levels(equation.level), [equation.span]),
        confidence="certain",
    )
