"""Jaxprs as JAX prints them, each line with the tag of the equation that opens it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jax._src import core
from jax._src.core import ClosedJaxpr, Jaxpr, Var

from explainer.analysis.internals.jaxprs import sub_jaxprs
from explainer.analysis.internals.probes import MARK

_TAG = re.compile(rf"{MARK}(\d+)\.(\d+)")

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


def print_jaxpr(closed: ClosedJaxpr) -> Printed:
    """Prints a tagged jaxpr; the tags are read off JAX's own name stack annotations and removed."""
    made: list[core.JaxprPpContext] = []  # JAX makes it inside: kept for its names

    def context(*names: Any) -> core.JaxprPpContext:
        made.append(original(*names))
        if not names:  # until JAX 0.10.1 the jaxpr marks what nobody uses, but a probe did
            made[-1].var_names.update(dict.fromkeys(_unused(closed.jaxpr, set()), "_"))
        return made[-1]

    with _printing:
        original, core.JaxprPpContext = core.JaxprPpContext, context
        written, core.pp_aval = core.pp_aval, _each_once(core.pp_aval)
        try:
            annotated = closed.pretty_print(use_color=False, name_stack=True)
        finally:
            core.JaxprPpContext, core.pp_aval = original, written
    return _untagged(annotated, made[0])


def _each_once(written: Callable[..., str]) -> Callable[..., str]:
    """Writes out a type once: a jaxpr's variables share few, and JAX writes out that of each one."""
    known: dict[int, tuple[Any, str]] = {}

    def text(aval: Any, *context: Any) -> str:
        found = known.get(id(aval))
        if found is None:
            found = known[id(aval)] = aval, written(aval, *context)
        return found[1]

    return text


def _untagged(annotated: str, context: core.JaxprPpContext) -> Printed:
    lines: list[str] = []
    tags: list[tuple[int, int] | None] = []
    for line in annotated.split("\n"):
        at = line.rfind("# [") if line.endswith("]") else -1
        found = _TAG.findall(line, at) if at >= 0 else None
        tags.append((int(found[-1][0]), int(found[-1][1])) if found else None)
        lines.append(line[:at].rstrip() if at >= 0 else line)
    return Printed("\n".join(lines), tuple(tags), context)


def _unused(jaxpr: Jaxpr, seen: set[int]) -> Iterator[Var]:
    """Lists the results that no later equation and no output uses, bodies included, each body once."""
    if id(jaxpr) in seen:
        return
    seen.add(id(jaxpr))
    used = {atom for atom in jaxpr.outvars if isinstance(atom, Var)}
    for eqn in reversed(jaxpr.eqns):
        yield from (var for var in eqn.outvars if var not in used)
        used.update(atom for atom in eqn.invars if isinstance(atom, Var))
        for body in sub_jaxprs(eqn):
            yield from _unused(body.jaxpr, seen)
