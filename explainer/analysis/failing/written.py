"""Written: the user's text around a call in running code, and what it calls things.

frames of an error ──▶ callers ──▶ Place ──▶ Written: names of the arguments, jax.vmap(...) per level
"""

from __future__ import annotations

import ast
import itertools
import linecache
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from explainer.analysis.failing import callsites, naming
from explainer.analysis.internals import Mapped, Place, Setting
from explainer.analysis.spans import Sources
from explainer.report import Span


def callers(outer: Sequence[Place], sources: Sources) -> tuple[Place | None, Span | None]:
    """Returns the innermost place of the user's own outside of a call, and the expression there.

    A traceback ends where an error is caught; who called that may be the user, `explain(f, x)` say.
    """
    further = outer[-1][0].f_back if outer else None
    for frame, offset in itertools.chain(outer, _stack(further)):
        spans = sources.of_sites(((frame.f_code, offset),))
        if spans:
            return (frame, offset), spans[0]
    return None, None


def _stack(frame: types.FrameType | None) -> Iterator[Place]:
    while frame is not None:
        yield frame, frame.f_lasti
        frame = frame.f_back


def names_of(call: Mapped, function: Any, place: Place | None, text: Written | None) -> list[str]:
    """Names the positional arguments as the call does, `jax.vmap(f)(X, Y)`, else by the parameters."""
    own = list(naming.named(function, call.args, call.kwargs))[: len(call.args)]
    site = None if text is None else text.site
    if place is None or site is None or len(site.names) != len(call.args):
        return own
    scope = {**place[0].f_globals, **place[0].f_locals}
    names = [
        name if name is not None and _alike(named_in(scope, name), arg) else param
        for name, param, arg in zip(site.names, own, call.args, strict=True)
    ]
    every = [*names, *call.kwargs]
    return names if len(set(every)) == len(every) else own


def named_in(scope: Mapping[str, Any], name: str) -> Any:
    """Returns what a name stands for, `X` or `self.X`, without running code of the user's; None: unknown."""
    first, *rest = name.split(".")
    value = scope.get(first)
    for attribute in rest:
        value = getattr(value, "__dict__", {}).get(attribute)
    return value


def _alike(value: Any, arg: Any) -> bool:
    """Tells whether a value may be what was handed on: arrays of the same tree, shapes and dtypes."""
    return value is arg or naming.text(value) == naming.text(arg)


@dataclass(frozen=True, slots=True)
class Written:
    """The user's text around a call of theirs."""

    lines: list[str]
    tree: ast.Module
    call: ast.Call | None  # None where none is found

    @classmethod
    def of(cls, place: Place) -> Written | None:
        """Reads the text at a place in running code; None where there is none, or no Python."""
        code, offset = place[0].f_code, place[1]
        lines = linecache.getlines(code.co_filename)
        tree = callsites.parsed("".join(lines))
        where = callsites.range_of(code, offset)
        if tree is None or where is None:
            return None
        return cls(lines, tree, callsites.call_at(tree, where))

    @property
    def site(self) -> callsites.Site | None:
        """Returns how the call names its arguments."""
        return None if self.call is None else callsites.site(self.call)

    def handed(self, scope: Mapping[str, Any]) -> dict[int, str]:
        """Returns the names of the arrays that the call hands over as they are, by their identity."""
        site = self.site
        names = [name for name in (site.names if site is not None else ()) if name is not None]
        values = ((name, named_in(scope, name)) for name in names)
        return {id(value): name for name, value in values if isinstance(value, jax.Array)}

    def makings(self, settings: Sequence[Setting]) -> tuple[callsites.Making | None, ...]:
        """Returns the `jax.vmap(...)` of each level, where it is found."""
        wanted = [callsites.Wanted(naming.name(each.fun), _plain(each)) for each in settings]
        return callsites.makings(self.tree, self.call, wanted)


def _plain(setting: Setting) -> dict[str, object]:
    return {name: getattr(setting, name) for name in callsites.SETTINGS}


def span_of(making: callsites.Making | None, call: Span | None, text: Written | None) -> Span | None:
    """Puts a place in the text as a span, in characters."""
    if making is None or call is None or text is None:
        return None
    line, column, end_line, end_column = making.range

    def characters(number: int, count: int) -> int:
        return len(text.lines[number - 1].encode()[:count].decode(errors="ignore"))

    return Span(line, characters(line, column), end_line, characters(end_line, end_column), call.source)
