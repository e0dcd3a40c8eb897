"""Prefixes: where a tree of axes is no prefix of the tree that it is for, place by place.

    in_axes, treedef of the arguments ──▶ differences ──▶ misfits, outcomes

A prefix has the containers of its tree down to where one axis, or None, stands for all that is below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax

Sort = Literal["metadata", "container", "keys", "length", "leaf"]

_LONGEST = 60  # characters of a value that is named in a sentence


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a spec is no prefix: `path` in the tree, and what is said of it.

    `first` and `count` are the leaves of the tree that stand there.
    """

    path: str
    sort: Sort
    said: str
    first: int
    count: int


def differences(spec: Any, tree: Any, path: str, noun: str = "its entry") -> list[Difference]:
    """Lists where `spec` is no prefix of a treedef; `path` names the whole of it."""
    return list(_Comparison(noun).walk(_definition(spec), tree, path, spec, 0))


def container(tree: Any) -> str:
    """Names the container at the top of a treedef: "a dict with keys 'b', 'w'", "a tuple of 2"."""
    data, children = tree.node_data(), tree.children()
    if data is None:
        return "one array"
    kind, extra = data
    if kind is dict:
        return f"a dict with keys {_keys(extra)}" if extra else "an empty dict"
    if kind in (tuple, list):
        return f"a {kind.__name__} of {len(children)}"
    return "None" if kind is type(None) else f"a {kind.__name__}"


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares two treedefs from the top; `noun` is what the spec's part is called: "its entry"."""

    noun: str

    def walk(self, spec: Any, tree: Any, path: str, value: Any, first: int) -> Iterator[Difference]:
        """Lists the differences below one place; `first` is the number of the first leaf there."""
        if spec.node_data() is None:
            return
        told = self._here(spec, tree, path, value)
        if told is not None:
            yield Difference(path, told[0], told[1], first, tree.num_leaves)
            return
        parts = _parts(value, len(spec.children()))
        for step, mine, yours, part in zip(
            _steps(tree), spec.children(), tree.children(), parts, strict=True
        ):
            yield from self.walk(mine, yours, path + step, part, first)
            first += yours.num_leaves

    def _here(self, spec: Any, tree: Any, path: str, value: Any) -> tuple[Sort, str] | None:
        """Says what differs at one place, containers below it aside."""
        noun, shown = self.noun, _shown(value)
        if tree.node_data() is None:
            return "leaf", f"{path} is one array, but {noun} is {shown}: write one int or None for it"
        (mine, own), (yours, theirs) = spec.node_data(), tree.node_data()
        if mine is not yours:
            return "container", f"{path} is {container(tree)}, but {noun} is {container(spec)}"
        if mine is dict and own != theirs:
            return (
                "keys",
                f"{path} has keys {_keys(theirs)}, but {noun} has {_keys(own)}{_missing(own, theirs)}",
            )
        if len(spec.children()) != len(tree.children()):
            return "length", (
                f"{path} has {len(tree.children())} items, but {noun} {shown} has {len(spec.children())}"
            )
        if own != theirs:
            return "metadata", (
                f"{path} and {noun} are both a {yours.__name__}, but their static fields differ "
                f"({_shown(theirs)} and {_shown(own)})"
            )
        return None


def _definition(spec: Any) -> Any:
    return jax.tree.structure(spec, is_leaf=lambda part: part is None)


def _steps(tree: Any) -> list[str]:
    """Names the children of a node: "['w']", "[0]", ".mean"."""
    kind, data = tree.node_data()
    count = len(tree.children())
    if kind is dict:
        return [f"[{key!r}]" for key in data]
    names = getattr(kind, "_fields", None)
    if names is not None and len(names) == count:
        return [f".{name}" for name in names]
    return [f"[{n}]" for n in range(count)]


def _parts(value: Any, count: int) -> Sequence[Any]:
    """Returns the parts of a spec, to be shown; None where its class keeps them to itself."""
    if isinstance(value, dict):
        return [value[key] for key in sorted(value, key=str)] if len(value) == count else [None] * count
    return value if isinstance(value, (tuple, list)) and len(value) == count else [None] * count


def _missing(own: Sequence[Any], theirs: Sequence[Any]) -> str:
    missing = [key for key in theirs if key not in own]
    extra = [key for key in own if key not in theirs]
    said = [f"{_keys(missing)} is missing" if missing else "", f"{_keys(extra)} is too many" if extra else ""]
    return f" ({', '.join(part for part in said if part)})"


def _keys(keys: Sequence[Any]) -> str:
    return ", ".join(map(repr, keys[:8])) + (", ..." if len(keys) > 8 else "") or "none"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (a class of the user's may raise anything)
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
