"""Branches of cond and switch that run for every example, since the condition differs between them.

Scope ──▶ both ──▶ Finding
"""

from __future__ import annotations

from collections.abc import Iterator

from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import counted, joined
from explainer.report import Equation, Finding, Level, Span

_WRITTEN = ("cond", "switch")


def both(scope: Scope) -> Iterator[Finding]:
    """Finds conditions that a level maps; what has an effect in a branch is graver than its cost."""
    told: set[Span | None] = set()
    for equation in scope.report.equations:
        if equation.primitive != "cond" or not any(word in equation.source for word in _WRITTEN):
            continue
        if equation.backward or equation.span in told:
            continue
        levels = [level for level in scope.levels(equation.level) if _decided_by(scope, equation, level)]
        if levels and "cond" not in equation.rewrite:
            told.add(equation.span)
            inside = _inside(scope, equation)
            effects = [each for each in inside if scope.eqn(each).effects]
            yield from _effects(scope, equation, levels, effects)
            yield _cost(scope, equation, levels, inside)


def _decided_by(scope: Scope, equation: Equation, level: Level) -> bool:
    """Tells whether a level maps the condition of a cond."""
    mapped = scope.graph.mapped[level.id]
    node = scope.node(equation.id)
    if node is None:  # without results: batching leaves such a cond as it is where its condition is shared
        return len(scope.levels(equation.level)) == 1
    sources = scope.before[node]
    return any(
        source in mapped and any(target == node and kind == "predicate" for target, kind, _ in edges)
        for source, edges in ((source, scope.graph.after[source]) for source in sources)
    )


def _inside(scope: Scope, equation: Equation) -> list[Equation]:
    """Lists the equations in the branches of a cond, their bodies included."""
    found, ids = [], {equation.id}
    for each in scope.report.equations[equation.id + 1 :]:
        if each.parent in ids:
            ids.add(each.id)
            found.append(each)
    return found


def _cost(scope: Scope, equation: Equation, levels: list[Level], inside: list[Equation]) -> Finding:
    branches = len(scope.eqn(equation).params["branches"])
    counts = [sum(1 for each in inside if each.body.startswith(_body(equation, n))) for n in range(branches)]
    which = "both branches" if branches == 2 else f"all {branches} branches"
    loops = [each for each in inside if each.primitive == "while"]
    text = (
        f"The condition of {scope.expression(equation)} differs between the examples of vmap "
        f"{joined([level.name for level in levels])}, so {which} "
        f"({joined(list(map(str, counts)))} equations) run for all of them, and each "
        "example keeps the result that it asked for."
    )
    if loops:
        text += (
            f" {scope.expression(loops[0])} in a branch runs for examples that do not take it, too, and "
            "has to end for them."
        )
    return Finding(
        kind="both_branches",
        severity="info",
        explanation=f"{text} If a branch is expensive, map by lax.map, or condition on something shared.",
        blame=blame(
            [each.path for each in scope.sources_of(_deciding(scope, equation)) if not each.closed],
            levels, [equation.span],
        ),
        confidence="certain",
    )  # fmt: skip


def _body(equation: Equation, branch: int) -> str:
    return f"cond[{equation.id}].branches[{branch}]"


def _deciding(scope: Scope, equation: Equation) -> list[int]:
    node = scope.node(equation.id)
    sources = [] if node is None else scope.before[node]
    edges = ((source, target, kind) for source in sources for target, kind, _ in scope.graph.after[source])
    return [source for source, target, kind in edges if target == node and kind == "predicate"]


def _effects(
    scope: Scope, equation: Equation, levels: list[Level], effects: list[Equation]
) -> Iterator[Finding]:
    if not effects:
        return
    texts = list(dict.fromkeys(scope.expression(each) for each in effects))
    many = counted(max(level.axis_size or 0 for level in levels), "example")
    yield Finding(
        kind="effect_in_branch",
        severity="warning",
        explanation=(
            f"{joined(texts[:2])} stands in a branch of {scope.expression(equation)}, whose condition "
            f"differs between the {many} of vmap {joined([level.name for level in levels])}: JAX runs all "
            "branches for all examples, so it acts for those, too, that do not take the branch. Move it out "
            "of the cond, and let it choose by a value, or map by lax.map."
        ),
        blame=blame((), levels, [each.span for each in effects]),
        confidence="certain",
    )
