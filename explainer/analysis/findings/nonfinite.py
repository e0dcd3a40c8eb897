"""nan in the results: which expression made it, at which example, and why gradients make it.

Scope, Report.values.bad ──▶ made ──▶ Finding
"""

from __future__ import annotations

from collections.abc import Iterator

from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.edits import called
from explainer.intermediates import Bad
from explainer.report import Equation, Finding, Fix, Span

_CURES = {
    "sqrt": "the slope of a square root at 0 is infinite",
    "norm": "the slope of a norm at 0 is not defined",
    "log": "the slope of a logarithm at 0 is infinite",
    "arccos": "the slope of arccos at 1 is infinite",
    "arcsin": "the slope of arcsin at 1 is infinite",
    "std": "the slope of a standard deviation is infinite where all values are equal",
}


def made(scope: Scope) -> Iterator[Finding]:
    """Finds the first nan that the program made of good numbers, and that reaches a result."""
    values = scope.report.values
    if values is None or any(leaf.nan_count for each in scope.report.arguments for leaf in each.leaves):
        return
    bad = [each for each in values.bad if each.reaches_results]
    nan = next((each for each in bad if each.kind == "nan" and each.origin), None)
    if nan is None or (scope.report.outputs and not any(leaf.nan_count for leaf in scope.report.outputs)):
        return
    if not scope.report.outputs and _left_out(scope):
        return
    equation = scope.report.equations[nan.equation]
    before = [each for each in bad if each.kind == "inf" and each.origin and each.example == nan.example]
    infinite = scope.report.equations[before[0].equation] if before else equation
    earlier = infinite if infinite.span not in (None, equation.span) else None
    gradient = equation.differentiated or equation.backward
    levels = [scope.report.levels[n] for n in nan.levels]
    yield Finding(
        kind="nan_gradient" if gradient else "nan",
        severity="warning",
        explanation=_said(scope, nan, equation, earlier),
        blame=blame((), levels, [(earlier or equation).span, equation.span]),
        confidence="certain",
        fixes=tuple(_safe(scope, gradient, (earlier or equation).span)),
    )


def _left_out(scope: Scope) -> bool:
    """Tells whether no result of a script's outermost calls holds a nan: a jnp.where left it out, say."""
    values = scope.report.values
    seen = {(each.equation, each.output): each.value for each in values.seen} if values is not None else {}
    results = []
    for unit, captured in scope.units():
        if captured is None or scope.report.levels[captured.number].parent is not None:
            continue
        for node in (each for result in scope.outputs(unit) for each in scope.before[result]):
            made_by, (_, output) = scope.equation_of(node), scope.graph.values[node]
            results.append(None if made_by is None else seen.get((made_by.id, output)))
    return bool(results) and all(leaf is not None and not leaf.nan_count for leaf in results)


def _safe(scope: Scope, gradient: bool, span: Span | None) -> Iterator[Fix]:
    """Tries a second jnp.where inside the first: the side that is not chosen gets a safe input."""
    if not gradient or span is None or span.source != "code":
        return
    text = called.doubled_where(scope.report.request.code, span)
    said, proof = "Choose a safe input, too, by a second jnp.where inside", "run: no result is nan"
    yield from rewrites.in_code(scope, text, said, proof, "nan_gradient", "check")


def _said(scope: Scope, nan: Bad, equation: Equation, earlier: Equation | None) -> str:
    names = (scope.report.levels[level].name for level in nan.levels)
    where = ", ".join(f"{name}={n}" for name, n in zip(names, nan.example, strict=True))
    at = f" at example {where}" if where else ""
    made_by = _named(scope, nan, equation)
    if equation.primitive == "gather":
        return (
            f"{made_by} gives nan{at}: an index there is out of range, for which JAX "
            "reads nan, without an error. Keep the indices below the size of the axis, or say mode='clip'."
        )
    if not equation.differentiated and not equation.backward:
        return (
            f"The first nan is made by {made_by}{at}, of numbers that are not nan. Keep "
            "its input where it is defined, by jnp.where(ok, x, 1.0) inside it, say."
        )
    return _of_gradient(scope, nan, equation, earlier, at)


def _named(scope: Scope, nan: Bad, equation: Equation) -> str:
    """Names an expression; one in a function of a library by that function: "mul in norm"."""
    if equation.source or not nan.levels:
        return scope.expression(equation)
    return f"{equation.primitive} in {scope.report.levels[nan.levels[-1]].function}"


def _of_gradient(scope: Scope, nan: Bad, equation: Equation, earlier: Equation | None, at: str) -> str:
    first = _named(scope, nan, earlier or equation)
    text = f"The first nan is made in the gradient of {first}{at}, of numbers that are not nan"
    reason = next((why for name, why in _CURES.items() if name in first), "")
    if reason:
        text += f": {reason}, and 0 times infinity is nan"
    if earlier is not None:
        text += f". It comes out of {_named(scope, nan, equation)} on the way back"
    if _guarded(scope):
        return (
            f"{text}. jnp.where and a mapped lax.cond compute the side that is not chosen, too, and its "
            "gradient is multiplied by 0. Choose a safe input as well: f(jnp.where(ok, x, 1.0))."
        )
    return (
        f"{text}. Keep its input away from there: add a small number, or choose a safe input by "
        "jnp.where, and the result by another."
    )


def _guarded(scope: Scope) -> bool:
    """Tells whether the user chooses between values by a where or a cond."""
    return any(
        each.primitive in ("select_n", "cond") and any(word in each.source for word in ("where", "cond"))
        for each in scope.report.equations
    )
