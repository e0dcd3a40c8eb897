"""Loops: Python's while and for over a mapped value, written with jax.lax.

Text, path to the value ──▶ loops ──▶ Edits
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence

from explainer.edits.choices import logical
from explainer.edits.text import Edit, Patch, Text


def loops(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of the loops that a path passes through, innermost first."""
    for node in reversed(path):
        if isinstance(node, ast.While) and not node.orelse:
            yield from _while(text, node)
        elif isinstance(node, ast.For) and not node.orelse:
            yield from _for(text, node)


def _while(text: Text, node: ast.While) -> Iterator[Edit]:
    names = _carried(node.body)
    if names is None:
        return
    state = ", ".join(names)
    test, body = logical(text, node.test), _lines(text, node.body)
    if len(names) == 1:
        parts = [f"def more({state}):", f"    return {test}", f"def step({state}):"]
        parts += [*body, f"    return {state}", f"{state} = {text.lax}.while_loop(more, step, {state})"]
    else:
        parts = ["def more(state):", f"    {state} = state", f"    return {test}", "def step(state):"]
        parts += [f"    {state} = state", *body, f"    return {state}"]
        parts.append(f"{state} = {text.lax}.while_loop(more, step, ({state}))")
    yield _edit(text, node, parts, f"Use {text.lax}.while_loop for the loop on line {node.lineno}", 1.2)


def _for(text: Text, node: ast.For) -> Iterator[Edit]:
    names = _carried(node.body)
    call = node.iter
    if names is None or not isinstance(node.target, ast.Name) or not isinstance(call, ast.Call):
        return
    if not (isinstance(call.func, ast.Name) and call.func.id == "range" and 1 <= len(call.args) <= 2):
        return
    ends = [text.of(each) for each in call.args]
    first, end = ends if len(ends) == 2 else ("0", ends[0])
    state = ", ".join(names)
    parts = [f"def step({node.target.id}, {state if len(names) == 1 else 'state'}):"]
    parts += [] if len(names) == 1 else [f"    {state} = state"]
    start = state if len(names) == 1 else f"({state})"
    parts += [*_lines(text, node.body), f"    return {state}"]
    parts.append(f"{state} = {text.lax}.fori_loop({first}, {end}, step, {start})")
    yield _edit(text, node, parts, f"Use {text.lax}.fori_loop for the loop on line {node.lineno}", 1.2)


def _carried(body: Sequence[ast.stmt]) -> list[str] | None:
    """Lists the names that a loop's body assigns; None where it does anything but assign names."""
    names: dict[str, None] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
                names[name] = None
            case ast.Assign(targets=[ast.Tuple(elts=parts)]) if all(isinstance(p, ast.Name) for p in parts):
                names |= {part.id: None for part in parts if isinstance(part, ast.Name)}
            case ast.Pass():
                continue
            case _:
                return None
    return list(names) or None


def _lines(text: Text, body: Sequence[ast.stmt]) -> list[str]:
    """Returns the lines of a body, indented once."""
    own = text.text[text.start(body[0]) : text.end(body[-1])]
    first, _, rest = own.partition("\n")
    rest = textwrap.dedent(rest)
    return [f"    {line}".rstrip() for line in [first, *rest.splitlines()]]


def _edit(text: Text, node: ast.stmt, parts: Sequence[str], said: str, cost: float) -> Edit:
    new = f"\n{text.indent(node)}".join(parts)
    return Edit(text.patched([Patch(text.start(node), text.end(node), new)]), said, cost)
