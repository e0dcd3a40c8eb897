"""Wanted outputs as text: "f32[3,4]", "(3, 4)", {'a': f32[3]}, or with named axes "n d, m d -> n m".

    Request.wanted ─▶ Shapes | Named ─▶ analysis/wanted

Pure text: nothing is evaluated. Names in brackets are axes that the function takes or makes whole, as in
"n [d], m [d] -> n m"; a number is an axis of that size that has no name; "[]" is a scalar, "..." an
argument that every example shares. A signature of jnp.vectorize, "(n,d),(m,d)->(n,m)", is read alike.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from explainer.errors import SpecError
from explainer.source import short_dtype, substitute

EXAMPLE = 'Write a shape, "f32[3,4]" or "(3, 4)", or named axes, "n d, m d -> n m"'

_ENTRY = re.compile(r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<size>\d+)|(?P<open>\[)|(?P<close>\])|(?P<rest>\.\.\.))")


@dataclass(frozen=True, slots=True)
class WantedLeaf:
    """One output array: its place, its shape, its dtype if one is asked for (NumPy's name)."""

    path: str  # "out", "out['w']"
    shape: tuple[int, ...]
    dtype: str = ""

    def __str__(self) -> str:
        if self.dtype:
            return f"{short_dtype(self.dtype)}[{','.join(map(str, self.shape))}]"
        return f"({', '.join(map(str, self.shape))}{',' if len(self.shape) == 1 else ''})"


@dataclass(frozen=True, slots=True)
class Shapes:
    """Output arrays by their shapes, in JAX's order: the keys of a dict sorted."""

    leaves: tuple[WantedLeaf, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One array by the names of its axes. `inner[n]`: axis n stays whole; `rest`: "...", shared as it is."""

    names: tuple[str, ...]
    inner: tuple[bool, ...] = ()
    rest: bool = False
    column: int = 0

    def fitted(self, rank: int) -> Entry | None:
        """Returns the entry for an array of this rank, "nd" read as "n d"; None: it does not fit."""
        if self.rest or len(self.names) == rank:
            return self
        letters = self.names[0] if len(self.names) == 1 else ""
        if letters.isalpha() and len(letters) == rank:
            return Entry(tuple(letters), self.inner * rank, column=self.column)
        return None

    def __str__(self) -> str:
        named = zip(self.names, self.inner, strict=True)
        return "..." if self.rest else " ".join(f"[{n}]" if inner else n for n, inner in named)


@dataclass(frozen=True, slots=True)
class Named:
    """Arrays by the names of their axes: an entry per argument, and per output."""

    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]


def parse(text: str) -> Shapes | Named:
    """Reads a wanted output; raises SpecError with a column where it cannot be read."""
    text = text.replace("→", "->")
    if "->" not in text:
        return _shapes(text)
    left, _, right = map(_without_parentheses, text.partition("->"))
    if "->" in right:
        raise SpecError(
            'a second "->": write the axes of the arguments, one "->", those of the output', text, 0
        )
    offset = len(left) + 2
    return Named(_entries(left, 0, text), _entries(right, offset, text))


def _without_parentheses(part: str) -> str:
    """Returns the entries of a signature as jnp.vectorize has it, (n,d),(m,d), with blanks: n d, m d.

    Every character keeps its place.
    """
    if not re.fullmatch(r"\s*\([^()]*\)(\s*,\s*\([^()]*\))*\s*", part):
        return part
    return re.sub(r"\(([^()]*)\)", lambda found: f" {found[1].replace(',', ' ')} ", part)


def _entries(part: str, offset: int, text: str) -> tuple[Entry, ...]:
    entries = []
    for piece in part.split(","):
        entries.append(_entry(piece, offset, text))
        offset += len(piece) + 1
    return tuple(entries)


def _entry(piece: str, offset: int, text: str) -> Entry:
    names: list[str] = []
    inner: list[bool] = []
    inside, rest, position, end = False, False, 0, len(piece.rstrip())
    while position < end:
        found = _ENTRY.match(piece, position)
        if found is None:
            raise SpecError(_unread(piece[position:]), text, offset + _after_blanks(piece, position))
        if found["open"] or found["close"]:
            inside = _bracket(found, inside, text, offset)
        elif found["rest"]:
            rest = True
        else:
            names.append(found["name"] or found["size"])
            inner.append(inside or found["name"] is None)
        position = found.end()
    column = offset + _after_blanks(piece, 0)
    if inside:
        raise SpecError("a [ is never closed: write ]", text, offset + piece.rindex("["))
    if rest and names:
        raise SpecError('"..." stands alone, for an argument that every example shares', text, column)
    return Entry(tuple(names), tuple(inner), rest, column)


def _bracket(found: re.Match[str], inside: bool, text: str, offset: int) -> bool:
    """Returns whether what follows stands in brackets."""
    at = found.end() - 1
    if inside == bool(found["open"]):
        raise SpecError("brackets do not match: [d] marks one axis", text, offset + at)
    if found["open"] and at and found.string[at - 1].isalnum():
        raise SpecError("name the axes of the arguments here, not their shapes: n d", text, offset + at)
    return not inside


def _after_blanks(piece: str, position: int) -> int:
    return position + len(piece[position:]) - len(piece[position:].lstrip())


def _unread(rest: str) -> str:
    sign = rest.lstrip()[0]
    if sign in "()":
        return "axes are not joined here: name each, with blanks between them, as in n d"
    return f"{sign!r} is not the name of an axis. {EXAMPLE}"


def _shapes(text: str) -> Shapes:
    python, specs = substitute(text, ())
    stripped = python.strip()
    if not stripped:
        raise SpecError(f"nothing is wanted. {EXAMPLE}", text, 0)
    try:
        tree = ast.parse(f"({stripped}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SpecError(f"not a shape. {EXAMPLE}", text, 0) from None
    known = {name: (spec.dtype, spec.shape) for name, spec in specs.items()}
    return Shapes(tuple(_leaves(tree, "out", known, text)))


def _leaves(
    node: ast.expr, path: str, specs: dict[str, tuple[str, tuple[int, ...]]], text: str
) -> list[WantedLeaf]:
    if isinstance(node, ast.Name) and node.id in specs:
        dtype, shape = specs[node.id]
        return [WantedLeaf(path, shape, dtype)]
    if (size := _size(node)) is not None:
        return [WantedLeaf(path, (size,))]
    if isinstance(node, (ast.Tuple, ast.List)):
        sizes = [_size(item) for item in node.elts]
        if all(size is not None for size in sizes):
            return [WantedLeaf(path, tuple(size for size in sizes if size is not None))]
        items = enumerate(node.elts)
        return [leaf for n, item in items for leaf in _leaves(item, f"{path}[{n}]", specs, text)]
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        pairs = zip(
            (key.value for key in node.keys if isinstance(key, ast.Constant)), node.values, strict=True
        )
        ordered = sorted(pairs, key=lambda pair: str(pair[0]))
        return [leaf for key, item in ordered for leaf in _leaves(item, f"{path}[{key!r}]", specs, text)]
    raise SpecError(f"not a shape. {EXAMPLE}", text, max(text.find(ast.unparse(node)), 0))


def _size(node: ast.expr) -> int | None:
    """Returns a whole number >= 0; None for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None
