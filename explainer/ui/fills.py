"""How the values of a shape spec are made, read from an argument's text: the state of the fill menu."""

from __future__ import annotations

import re

from explainer.errors import SpecError
from explainer.source import Fill, substitute

_TREE = re.compile(r"(?:'[^'\n]*'|\"[^\"\n]*\"|[\s{}()\[\],:]|None|\b_\d+\b)*\Z")


def read_fill(value: str) -> Fill | None:
    """Returns the fill of a spec text; None for an expression or a tree with several fills.

    "f32[3]" -> "distinct"    "{'w': ones(f32[2])}" -> "ones"    "jnp.eye(3)" -> None
    """
    try:
        python, specs = substitute(value, ())
    except SpecError:
        return None
    fills: set[Fill] = {spec.fill for spec in specs.values() if spec.dtype != "key"}
    return fills.pop() if len(fills) == 1 and _TREE.match(python) else None
