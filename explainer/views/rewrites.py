"""Rewrites: what batching made of an equation, why that matters, and where JAX's docs say more.

    Equation (what JAX emitted for it, which parameters changed) ─▶ rewrite ─▶ ui/xray, text

The words and the conditions are rows of `rewrite_rules`; the first that holds is the one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.report import Equation
from explainer.views.rewrite_rules import LAX, LINALG, RULES, Rule

DOCS = "https://docs.jax.dev/en/latest/"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One sentence on one equation; `term` is the name of a page of JAX's documentation, `url` its address.

    `loud`: a surprise, for another thing runs than the code says.
    """

    kind: str
    title: str
    sentence: str
    term: str
    url: str
    loud: bool


def rewrite(equation: Equation, names: Sequence[str]) -> Rewrite | None:
    """Returns what batching made of an equation under levels of these names; None if it stayed as it was."""
    if not names or not _known(equation):
        return None
    rule = next((rule for rule in RULES if _matches(rule, equation)), None)
    return None if rule is None else rewrite_of(rule, equation, names)


def rewrite_of(rule: Rule, equation: Equation, names: Sequence[str]) -> Rewrite:
    """Returns the words of a row for one equation."""
    words = _words(equation, names)
    term = (rule.term or _page(equation.primitive)).format(**words)
    return Rewrite(
        kind=rule.kind,
        title=rule.title.format(**words),
        sentence=rule.sentence.format(**words),
        term=term,
        url=DOCS + (rule.page or f"_autosummary/{term}.html"),
        loud=rule.loud,
    )


def _known(equation: Equation) -> bool:
    """Tells whether batching reached the equation at all: its level may have failed."""
    return bool(equation.rewrite) or any(out.tracked for out in equation.outputs)


def _matches(rule: Rule, equation: Equation) -> bool:
    return (
        rule.shared == _untouched(equation)
        and (not rule.shared or equation.level is not None)
        and (not rule.primitives or equation.primitive in rule.primitives)
        and (not rule.emits or any(name in equation.rewrite for name in rule.emits))
        and (rule.keeps is None or rule.keeps == (equation.primitive in equation.rewrite))
        and (not rule.changes or any(change.name in rule.changes for change in equation.changed))
        and (rule.when is None or rule.when(equation))
    )


def _untouched(equation: Equation) -> bool:
    """Tells whether an equation stayed as it was and is computed once, no level mapping its results."""
    return (
        equation.rewrite == (equation.primitive,)
        and not equation.changed
        and bool(equation.outputs)
        and all(out.tracked and all(dim is None for dim in out.batch_dims) for out in equation.outputs)
    )


def _words(equation: Equation, names: Sequence[str]) -> dict[str, str]:
    """Returns what a row may name: the primitive, what was emitted, the levels that map the results."""
    dims = [out.batch_dims for out in equation.outputs if out.tracked]
    levels = [name for n, name in enumerate(names) if any(n < len(d) and d[n] is not None for d in dims)]
    return {
        "primitive": equation.primitive,
        "emitted": _listed(dict.fromkeys(equation.rewrite)),
        "levels": _listed(levels) or "the mapped axis",
    }


def _listed(parts: Sequence[str] | dict[str, None]) -> str:
    """Returns words as a list in a sentence: a, b and c."""
    *first, last = list(parts) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _page(primitive: str) -> str:
    if primitive in LINALG:
        return "jax.lax.linalg.{primitive}"
    return "jax.lax.{primitive}" if primitive in LAX else "jax.vmap"
