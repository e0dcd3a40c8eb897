"""Text: Python source whose nodes are known by place, to be replaced without touching the rest.

code, span ──▶ Text, its path of nodes ──▶ choices, loops, lookups, calls ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from explainer.lines import lines_with_ends
from explainer.report import Span


@dataclass(frozen=True, slots=True)
class Edit:
    """A text with an edit made: what it does, in words, and how far it goes."""

    text: str
    summary: str
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Patch:
    """New text for the characters from `start` to `end`."""

    start: int
    end: int
    new: str


@dataclass(slots=True)
class Text:
    """A parsed text; raises SyntaxError when made of one that is no Python."""

    text: str
    tree: ast.Module = field(init=False)
    _starts: list[int] = field(init=False)
    _lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        self._lines = lines_with_ends(self.text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.AST) -> int:
        """Returns the place of a node's first character."""
        return self._place(node.lineno, node.col_offset)  # type: ignore[attr-defined]  # given an expr or stmt

    def end(self, node: ast.AST) -> int:
        """Returns the place behind a node's last character."""
        return self._place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]  # likewise

    def _place(self, line: int, column: int) -> int:
        """Returns a place from a line and a column that counts the bytes of UTF-8."""
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())

    def of(self, node: ast.AST) -> str:
        """Returns a node's text."""
        return self.text[self.start(node) : self.end(node)]

    def closed(self, node: ast.AST) -> str:
        """Returns a node's text so that an operator or an index may follow."""
        if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List)):
            return self.of(node)
        return f"({self.of(node)})"

    def indent(self, node: ast.AST) -> str:
        """Returns the white space that a statement is indented by; "" where others stand before it."""
        line = self._lines[node.lineno - 1]  # type: ignore[attr-defined]  # given a statement
        return line[: len(line) - len(line.lstrip())]

    def patched(self, patches: Iterable[Patch]) -> str:
        """Returns the text with patches made; where two overlap, the outer one holds."""
        text, last = self.text, len(self.text) + 1
        for patch in sorted(patches, key=lambda patch: (-patch.end, patch.start)):
            if patch.end <= last:
                text = text[: patch.start] + patch.new + text[patch.end :]
                last = patch.start
        return text

    def replaced(self, node: ast.AST, new: str) -> str:
        """Returns the text with one node replaced."""
        return self.patched([Patch(self.start(node), self.end(node), new)])

    def path(self, span: Span) -> list[ast.AST]:
        """Returns the nodes that hold a span, outermost first."""
        start = self._starts[span.line - 1] + span.column if span.line <= len(self._lines) else 0
        end = (
            self._starts[span.end_line - 1] + span.end_column if span.end_line <= len(self._lines) else start
        )
        found: list[ast.AST] = [self.tree]
        while True:
            inner = next((child for child in _placed(found[-1]) if self._holds(child, start, end)), None)
            if inner is None:
                return found
            found.append(inner)

    def _holds(self, node: ast.AST, start: int, end: int) -> bool:
        first = next(iter(getattr(node, "decorator_list", ())), node)
        return self.start(first) <= start and end <= self.end(node)

    def name_of(self, module: str, default: str) -> str:
        """Returns what the text calls a module: "jax.numpy" -> "jnp", the default if it does not."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == module and alias.asname:
                        return alias.asname
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if f"{node.module}.{alias.name}" == module:
                        return alias.asname or alias.name
        return default

    @property
    def jnp(self) -> str:
        """Returns what the text calls jax.numpy."""
        return self.name_of("jax.numpy", "jnp")

    @property
    def lax(self) -> str:
        """Returns what the text calls jax.lax."""
        return self.name_of("jax.lax", "jax.lax")


def _placed(node: ast.AST) -> list[ast.AST]:
    """Lists the nearest nodes below that have a place: an argument list, say, has none itself."""
    found = []
    for child in ast.iter_child_nodes(node):
        found += [child] if hasattr(child, "lineno") else _placed(child)
    return found


def block_of(path: Sequence[ast.AST], statement: ast.stmt) -> list[ast.stmt]:
    """Returns the block of statements in which one of a path stands."""
    for node in reversed(path):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and any(each is statement for each in block):
                return block
    return [statement]


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """Returns the lines in which two texts differ, from the first to the last of them."""
    old, new = before.splitlines(), after.splitlines()
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return "\n".join(old[first : len(old) - last]), "\n".join(new[first : len(new) - last])
