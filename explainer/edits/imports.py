"""Imports: those that an edit of a script needs and the script does not have.

before, edited text ──▶ with_imports ──▶ text that runs anywhere
"""

from __future__ import annotations

import ast

from explainer.edits.text import Patch, Text

_LINES = {
    "jnp": "import jax.numpy as jnp",
    "jax": "import jax",
    "partial": "from functools import partial",
}


def with_imports(before: str, after: str) -> str:
    """Adds the imports of names that an edit brought in; an edit in a text that is no Python stays."""
    try:
        old, new = Text(before), Text(after)
    except SyntaxError:
        return after
    bound = _bound(new.tree)
    missing = [name for name in _LINES if name in _used(new.tree) - _used(old.tree) - bound]
    if not missing:
        return after
    imports = [node for node in new.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    said = "\n".join(_LINES[name] for name in missing)
    if imports:
        end = new.end(imports[-1])
        return new.patched([Patch(end, end, f"\n{said}")])
    return f"{said}\n{after}"


def _used(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _bound(tree: ast.AST) -> set[str]:
    """Returns the names that a text imports or assigns."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
