"""A case: a mistake that somebody really made, and what a good debugger says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from explainer import Argument, Request, Vmap
from explainer.report import Report

Aspect = Literal["explanation", "fix", "finding", "fact", "proof"]


@dataclass(frozen=True, slots=True)
class Case:
    """One mistake. Every field that is set is one thing that must hold of its report.

    `says`: patterns, any case, that the explanation (of the failure, else of the finding) must hold.
    `blames`: arguments or leaves that must be blamed; `level`: the id of the level that must be blamed.
    `marks`: text of the user's that a blamed span must lie on, or hold.
    `mended`: right ways to write it; one of the first three fixes must give what one of them gives.
    `finding`: the kind of a finding; one of its first three fixes must give what `mended` gives.
    `fact`: what the report must show of a program that is slow, large or surprising, but not wrong.
    `hopeless`: why no fix exists; then none may be offered, and it must be said.
    `never`: a pattern that no fix may hold, though its text runs.
    `unmet`: what does not hold yet, and why; such a test is expected to fail, and must.
    """

    id: str
    title: str
    source: str
    request: Request
    kind: str = ""
    says: tuple[str, ...] = ()
    blames: tuple[str, ...] = ()
    level: int | None = None
    marks: str = ""
    mended: tuple[Request, ...] = ()
    finding: str = ""
    fact: Callable[[Report], bool] | None = None
    hopeless: str = ""
    never: str = ""
    unmet: tuple[tuple[Aspect, str], ...] = ()

    def why_unmet(self, aspect: Aspect) -> str:
        """Returns why an aspect does not hold yet, "" where it must."""
        return dict(self.unmet).get(aspect, "")


def script(code: str) -> Request:
    """Returns a request of code alone."""
    return Request(code=code.strip() + "\n")


def edited(request: Request, *edits: tuple[str, str]) -> Request:
    """Returns a script with texts replaced, each of which must stand in it."""
    code = request.code
    for before, after in edits:
        assert before in code, before
        code = code.replace(before, after)
    return replace(request, code=code)


def stated(code: str, function: str, *levels: str | Vmap, **values: str) -> Request:
    """Returns a request for a nest: a text is the in_axes of a level, outermost first."""
    return Request(
        code=code.strip() + "\n",
        function=function,
        arguments=tuple(Argument(name, value) for name, value in values.items()),
        levels=tuple(Vmap(level) if isinstance(level, str) else level for level in levels),
    )


def releveled(request: Request, *levels: str | Vmap) -> Request:
    """Returns a request with other levels."""
    return replace(
        request, levels=tuple(Vmap(level) if isinstance(level, str) else level for level in levels)
    )


def revalued(request: Request, **values: str) -> Request:
    """Returns a request with other values of some arguments."""
    arguments = tuple(replace(a, value=values.get(a.name, a.value)) for a in request.arguments)
    return replace(request, arguments=arguments)
