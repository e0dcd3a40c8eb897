"""A situation: what is known of a failing request, as plain data, for edits to start from.

analysis/fixing ── Program, Nest, Failure ──▶ Situation ──▶ edits
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from explainer.report import AxesTemplate, Leaf, Span
from explainer.spec import Request

Axis = int | None
Axes = tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """The containers of a value: a leaf with its number, or a group; keys are those of a dict."""

    kind: Literal["leaf", "none", "tuple", "list", "dict", "other"]
    leaf: int = -1
    keys: tuple[object, ...] = ()
    children: tuple[Tree, ...] = ()

    def leaves(self) -> Iterator[int]:
        """Yields the numbers of its leaves in order."""
        if self.kind == "leaf":
            yield self.leaf
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True)
class Value:
    """One leaf of the arguments. `shape` is None for what is no array: a number, a text, a function."""

    argument: str
    path: str
    shape: tuple[int, ...] | None
    dtype: str = ""
    static: str = ""  # what kind of Python value it is, "int", "str", "zip", ...

    @property
    def is_key(self) -> bool:
        """Tells random keys, typed ones or pairs of words."""
        raw = self.dtype == "uint32" and self.shape is not None and self.shape[-1:] in ((2,), (4,))
        return self.dtype.startswith("key<") or raw

    @property
    def keys(self) -> tuple[int, ...] | None:
        """Returns the shape of an array of random keys, counted in keys."""
        if self.shape is None or not self.is_key:
            return None
        return self.shape if self.dtype.startswith("key<") else self.shape[:-1]


@dataclass(frozen=True, slots=True)
class Nested:
    """A level as it was evaluated. `spec` is in_axes; `axes` that of each leaf, None if it does not fit."""

    spec: object
    out_axes: object
    axes: tuple[object, ...] | None  # of every leaf, static ones too; may be True, "a", 1.5
    axis_size: int | None
    axis_name: str | None


@dataclass(frozen=True, slots=True)
class Situation:
    """A request that fails: its arguments, its levels, what they met, and where it went wrong."""

    request: Request
    stage: str
    error: str  # the type of the error
    code: str = ""  # the text that the function stands in
    axis_names: tuple[str, ...] = ()  # that library code asks for, and no level has
    values: tuple[Value, ...] = ()
    trees: tuple[tuple[str, Tree], ...] = ()  # of each argument, by name
    levels: tuple[Nested, ...] = ()
    failing: int | None = None  # the level that could not take what it was handed
    returning: int | None = None  # the level that could not put its results back
    results: tuple[Leaf, ...] = ()  # what that level was handed by the function
    result_tree: Tree = Tree("none")
    result_template: AxesTemplate = AxesTemplate()
    template: AxesTemplate = AxesTemplate()
    parameters: tuple[str, ...] = ()  # of the function, those that can be given by position
    blamed: frozenset[str] = frozenset()  # arguments
    spans: tuple[Span, ...] = ()
    names: tuple[str, ...] = ()  # that the code defines or finds in scope

    @property
    def arrays(self) -> tuple[int, ...]:
        """Returns the numbers of the leaves that are arrays."""
        return tuple(n for n, value in enumerate(self.values) if value.shape is not None)

    @property
    def keywords(self) -> frozenset[str]:
        """Returns the arguments that are passed by name: jax.vmap maps them over axis 0."""
        return frozenset(a.name for a in self.request.arguments if a.keyword)

    def of(self, argument: str) -> tuple[int, ...]:
        """Returns the numbers of an argument's leaves."""
        return tuple(n for n, value in enumerate(self.values) if value.argument == argument)

    def level_name(self, k: int) -> str:
        """Names a level as the report does: its axis_name, or i, j, k, ..."""
        return self.levels[k].axis_name or "ijklmnopqrstuvwxyz"[k % 18]

    def inside(self, k: int) -> str:
        """Says which level, where there are several: " in vmap over j"."""
        return f" in vmap over {self.level_name(k)}" if len(self.levels) > 1 else ""
