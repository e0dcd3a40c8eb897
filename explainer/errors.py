"""Errors of our own, each saying what, where and what to do.

ExplainerError
├── SpecError        a shape spec that cannot be read
├── RequestError     a request that cannot be understood
├── VersionError     a JAX that the analysis is not written for
└── LimitError       a limit of the run was hit
"""

from __future__ import annotations


class ExplainerError(Exception):
    """Base of all errors that this project raises."""


class SpecError(ExplainerError):
    """A shape spec that cannot be read; shows the text with a caret under `column`."""

    def __init__(self, problem: str, text: str, column: int) -> None:
        self.problem = problem
        self.text = text
        self.column = column
        super().__init__(problem)

    def __str__(self) -> str:
        start = self.text.rfind("\n", 0, self.column) + 1
        line = self.text[start:].split("\n", 1)[0]
        return f"{self.problem}\n    {line}\n    {' ' * (self.column - start)}^"


class RequestError(ExplainerError):
    """A request that cannot be understood; `source` names the text it stands in."""

    def __init__(self, problem: str, source: str = "") -> None:
        self.source = source
        super().__init__(problem)


class VersionError(ExplainerError):
    """A version of JAX that the analysis is not written for, or none."""


def message(error: BaseException) -> str:
    """Returns what an error says, "" where its own `__str__` fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (a class of the user's may raise anything)
        return ""


class LimitError(ExplainerError):
    """A limit of the run was hit; `limit` is its name."""

    def __init__(self, problem: str, limit: str) -> None:
        self.limit = limit
        super().__init__(problem)
