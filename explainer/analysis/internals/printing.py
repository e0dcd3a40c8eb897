"""Jaxprs as JAX prints them, each line with the tag of the equation that opens it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from jax._src import core

from explainer.analysis.internals.probes import MARK, ClosedJaxpr

_TAG = re.compile(rf"{MARK}(\d+)\.(\d+)")
_ANNOTATION = re.compile(r"\s*# \[[^\n]*\]$")

_printing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Printed:
    """A jaxpr as JAX prints it: per line the tag of the equation that opens it, and the names used."""

    text: str
    tags: tuple[tuple[int, int] | None, ...]
    context: core.JaxprPpContext

    def name(self, atom: Any) -> str:
        """Returns the name of a variable, or a literal's text, as printed."""
        return atom.pretty_print(self.context)


class _Context(core.JaxprPpContext):
    """JAX's own printing context; JAX makes it inside, so the last one made is kept for its names."""

    made: list[core.JaxprPpContext] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made.append(self)


def print_jaxpr(closed: ClosedJaxpr) -> Printed:
    """Prints a tagged jaxpr; the tags are read off JAX's own name stack annotations and removed."""
    with _printing:
        original, core.JaxprPpContext = core.JaxprPpContext, _Context
        try:
            annotated = closed.pretty_print(use_color=False, name_stack=True)
        finally:
            core.JaxprPpContext = original
        context = _Context.made.pop(0)
        _Context.made.clear()
    lines: list[str] = []
    tags: list[tuple[int, int] | None] = []
    for line in annotated.split("\n"):
        found = _TAG.findall(line)
        tags.append((int(found[-1][0]), int(found[-1][1])) if found else None)
        lines.append(_ANNOTATION.sub("", line))
    return Printed("\n".join(lines), tuple(tags), context)
