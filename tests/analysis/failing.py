"""Requests that fail, for the tests of what is said of them."""

from __future__ import annotations

from explainer import Argument, Request, Vmap, explain
from explainer.report import Failure


def failed(code: str, arguments: dict[str, str], *levels: Vmap, function: str = "f") -> Failure:
    """Returns the failure of a request; an argument whose name begins with `*` is passed by name."""
    given = tuple(Argument(n.lstrip("*"), value, n.startswith("*")) for n, value in arguments.items())
    failure = explain(Request(code, function, given, levels or (Vmap(),)), until="batch").failure
    assert failure is not None
    return failure
