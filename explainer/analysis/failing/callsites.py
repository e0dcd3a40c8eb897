"""Call sites: the text of a call, what it names its arguments, and where its function was mapped.

    source text, place of a call ──▶ find ──▶ Site: the call, its jax.vmap(...) expressions

Pure reading of the user's text by `ast`; nothing is run. What cannot be told for sure is None.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Range = tuple[int, int, int, int]
"""Line, byte column, end line, end byte column, as CPython counts them."""

SETTINGS = ("in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name")
"""The parameters of jax.vmap after the function, in their order."""


@dataclass(frozen=True, slots=True)
class Making:
    """One `jax.vmap(...)` expression; `texts` are its settings as written: {"in_axes": "(0, None)"}."""

    range: Range
    texts: dict[str, str]
    function: str  # the name of what it maps, as written: "f", "jnp.dot"; "" for an expression
    expression: str = ""  # what it maps, as written: "f", "lambda x: x * 2"; "" for a decorated function


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a vmapped function whose making is looked for, from the function itself."""

    mapped: str  # the name of the function it maps, "<lambda>"
    settings: dict[str, object]


@dataclass(frozen=True, slots=True)
class Site:
    """A call as its text has it. `names[n]` is argument n where it is a name or `self.X`, else None."""

    names: tuple[str | None, ...]
    keywords: tuple[str, ...]


def range_of(code: types.CodeType, offset: int) -> Range | None:
    """Returns the place in the text of an instruction; None where Python does not know."""
    line, end_line, column, end_column = list(code.co_positions())[offset // 2]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, column, end_line, end_column


def parsed(text: str) -> ast.Module | None:
    """Parses a text; None for what is no Python: a notebook cell with magics, say."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def call_at(tree: ast.Module, place: Range) -> ast.Call | None:
    """Returns the call that stands at a place; of a method call over several lines, only its end counts."""
    ends = [node for node in _calls(tree) if (node.end_lineno, node.end_col_offset) == place[2:]]
    exact = [node for node in ends if (node.lineno, node.col_offset) == place[:2]]
    inside = [node for node in ends if (node.lineno, node.col_offset) <= place[:2]]
    return next(iter(exact or inside[-1:]), None)


def around(tree: ast.Module, call: ast.Call) -> ast.Call | None:
    """Returns the call of what a call returns: jax.vmap(f)(X) around jax.vmap(f)."""
    return next((node for node in _calls(tree) if node.func is call), None)


def site(call: ast.Call) -> Site | None:
    """Returns how a call names its arguments; None where it unpacks some."""
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(k.arg is None for k in call.keywords):
        return None
    names = tuple(ast.unparse(arg) if _is_name(arg) else None for arg in call.args)
    return Site(names, tuple(keyword.arg for keyword in call.keywords if keyword.arg))


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_name(node.value))


def makings(tree: ast.Module, call: ast.expr | None, levels: Sequence[Wanted]) -> tuple[Making | None, ...]:
    """Finds the `jax.vmap(...)` of each level of the function that `call` calls, outermost first.

    jax.vmap(jax.vmap(f, (None, 0)), (0, None))(X, Y), g = jax.vmap(f); g(X), @partial(jax.vmap, ...)
    """
    found: list[Making | None] = []
    here = None if not isinstance(call, ast.Call) else _called(tree, call)
    for level in levels:
        node = _resolved(tree, here, level)
        found.append(None if node is None else making(node))
        here = _function_of(node) if node is not None else None
    return tuple(found)


def _called(tree: ast.Module, call: ast.Call) -> ast.expr:
    """Returns what a call calls; of jax.eval_shape(g, X), explain(g, X), ... the function it is given."""
    first = _without_jit(call.args[0] if call.args else None)
    name = _name(first)
    given = _makes(first) or (name and any(_bound(tree, name)))
    return first if first is not None and given and not _makes(_without_jit(call.func)) else call.func


def making(node: ast.Call) -> Making:
    """Reads a `jax.vmap(...)` or `partial(jax.vmap, ...)`."""
    skipped = 1 if node.args else 0
    texts = dict(zip(SETTINGS, map(ast.unparse, node.args[skipped:]), strict=False))
    texts |= {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg}
    place = (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)
    function = _function_of(node)
    text = "" if function is None else ast.unparse(function)
    settings = {name: text for name, text in texts.items() if name in SETTINGS}
    return Making(place, settings, text if _name(function) else "", text)


def _resolved(tree: ast.Module, expression: ast.expr | None, level: Wanted) -> ast.Call | None:
    """Returns the making that an expression is, or is a name of, or else the only one that fits at all."""
    expression = _without_jit(expression)
    if _makes(expression):
        assert isinstance(expression, ast.Call)
        return expression if _agrees(expression, level) else None
    name = _name(expression)
    named = [node for node in (_bound(tree, name) if name else ()) if _agrees(node, level)]
    if named:
        return named[-1]
    every = [node for node in _calls(tree) if _makes(node) and _agrees(node, level) and _maps(node, level)]
    return every[0] if len(every) == 1 else None


def _bound(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    """Lists the makings that are bound to a name, by assignment or as a decorator, in their order."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            yield from (each for each in node.decorator_list if isinstance(each, ast.Call) and _makes(each))
        elif any(_name(target) == name for target in _targets(node)):
            value = _without_jit(getattr(node, "value", None))
            if isinstance(value, ast.Call) and _makes(value):
                yield value


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) else []


def _without_jit(node: ast.expr | None) -> ast.expr | None:
    while isinstance(node, ast.Call) and _last_name(node.func) in ("jit", "filter_jit") and node.args:
        node = node.args[0]
    return node


def _makes(node: ast.expr | None) -> bool:
    """Tells `jax.vmap(...)` and `partial(jax.vmap, ...)`."""
    if not isinstance(node, ast.Call):
        return False
    if _last_name(node.func) == "partial" and node.args:
        return _last_name(node.args[0]) == "vmap"
    return _last_name(node.func) == "vmap"


def _agrees(node: ast.Call, level: Wanted) -> bool:
    """Tells whether a making can be that of a level: settings that are plain values say so, and names."""
    texts = making(node).texts
    for name, text in (("in_axes", "0"), ("out_axes", "0")):
        try:
            value = ast.literal_eval(texts.get(name, text))
        except (ValueError, SyntaxError):  # an expression: its value is not known here
            continue
        given = level.settings.get(name)
        if (tuple(value) if isinstance(value, list) else value) != given:
            return False
    return True


def _maps(node: ast.Call, level: Wanted) -> bool:
    """Tells whether a making names the very function that a level maps."""
    function = _function_of(node)
    return level.mapped == "<lambda>" if isinstance(function, ast.Lambda) else _name(function) == level.mapped


def _function_of(node: ast.Call) -> ast.expr | None:
    if _last_name(node.func) == "partial":
        return None
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "fun"), None)
    return node.args[0] if node.args else given


def _name(node: ast.expr | None) -> str:
    """Returns a name or the attribute of an object: "g" of `g` and of `self.g`."""
    return _last_name(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _last_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))
