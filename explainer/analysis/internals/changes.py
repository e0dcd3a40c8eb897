"""Changed parameters: what batching made of an equation that kept its primitive.

    an equation of the example, the one emitted for it ──▶ changes ──▶ Equation.changed

A dot_general's dimension numbers, a sum's axes, a loop's test that now has one answer per example:
read off both equations, so that nothing about a rewrite is guessed from its primitive.
"""

from __future__ import annotations

import enum
import operator
from typing import Any

from jax._src.core import ClosedJaxpr, Jaxpr, JaxprEqn

from explainer.report import Change


def changes(before: JaxprEqn, after: JaxprEqn) -> tuple[Change, ...]:
    """Lists the parameters that differ, in the order of their names; what is no plain data is left out.

    axes=(0,) and axes=(1,)                  ->  Change("axes", "(0,)", "(1,)")
    cond_jaxpr that gives bool[] and bool[3] ->  Change("cond_jaxpr", "bool[]", "bool[3]")
    """
    found = []
    missing = object()
    others = [name for name, old in before.params.items() if after.params.get(name, missing) is not old]
    for name in sorted(others):
        if name not in after.params:
            continue
        texts = _text(before.params[name]), _text(after.params[name])
        if None not in texts and texts[0] != texts[1]:
            found.append(Change(name, *map(str, texts)))
    return tuple(found)


def _text(value: Any) -> str | None:
    """Returns a parameter as text, a body by the types of its results; None if it is no plain data."""
    if isinstance(value, (ClosedJaxpr, Jaxpr)):
        outputs = value.out_avals if isinstance(value, ClosedJaxpr) else [var.aval for var in value.outvars]
        return ", ".join(aval.str_short(short_dtypes=True) for aval in outputs)
    if isinstance(value, (tuple, list)):
        parts = [_text(item) for item in value]
        return None if None in parts else _tuple_text(value, [str(part) for part in parts])
    if value is None or isinstance(value, (bool, str)):
        return repr(value)
    if isinstance(value, enum.Enum):
        return value.name
    try:
        return str(operator.index(value))  # a NumPy integer too, which would print as np.int64(1)
    except TypeError:
        return None


def _tuple_text(value: Any, parts: list[str]) -> str:
    """Returns a tuple as Python writes it, a named one with its names: axes, (0,), X(lhs=0, rhs=1)."""
    names = getattr(value, "_fields", None)
    if names:
        return f"({', '.join(f'{name}={part}' for name, part in zip(names, parts, strict=True))})"
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
