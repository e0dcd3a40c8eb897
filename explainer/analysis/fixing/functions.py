"""Functions: the user's function as an edited text has it, without running the rest of that text.

function, edited text ──▶ remade ──▶ function
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

_Node = ast.FunctionDef | ast.Lambda


def remade(function: Callable[..., Any], before: str, after: str) -> Callable[..., Any] | None:
    """Returns the function of the edited text that stands where this one stood in the text before.

    It sees the same globals and enclosing names, and the edited functions of its module. None for what is
    no function of that text.
    """
    own = function if inspect.isroutine(function) else getattr(type(function), "__call__", None)  # noqa: B004
    bound = function.__self__ if inspect.ismethod(function) else function
    own = inspect.unwrap(own.__func__ if inspect.ismethod(own) else own) if own is not None else None
    if not isinstance(own, types.FunctionType):
        return None
    made = _remade(own, before, after)
    return made if made is None or own is function else functools.partial(made, bound)


def _remade(function: types.FunctionType, before: str, after: str) -> Callable[..., Any] | None:
    file, line = function.__code__.co_filename, function.__code__.co_firstlineno
    old, new = list(_functions(ast.parse(before))), list(_functions(ast.parse(after)))
    name = function.__code__.co_name
    same = [node for node in old if _name(node) == name]
    at = next((n for n, node in enumerate(same) if _line(node) == line), None)
    edited = [node for node in new if _name(node) == name]
    if at is None or len(same) != len(edited):
        return None
    names = dict(function.__globals__)
    for node in ast.parse(after).body:
        if isinstance(node, ast.FunctionDef) and node.name in names and not node.decorator_list:
            _execute(node, file, names)
    names |= inspect.getclosurevars(function).nonlocals
    return _made(edited[at], file, names)


def _functions(tree: ast.AST) -> Iterator[_Node]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda)))


def _name(node: _Node) -> str:
    return node.name if isinstance(node, ast.FunctionDef) else "<lambda>"


def _line(node: _Node) -> int:
    """Returns the line that Python counts a function from: that of its first decorator."""
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        return node.decorator_list[0].lineno
    return node.lineno


def _made(node: _Node, file: str, names: dict[str, Any]) -> Callable[..., Any]:
    if isinstance(node, ast.Lambda):
        return eval(compile(ast.Expression(node), file, "eval", dont_inherit=True), names)
    node.decorator_list = []
    _execute(node, file, names)
    return names[node.name]


def _execute(node: ast.FunctionDef, file: str, names: dict[str, Any]) -> None:
    exec(compile(ast.Module([node], []), file, "exec", dont_inherit=True), names)
