"""Lookups: masks, tables, and assignments by index, written so that JAX can do them for all examples.

Text, path to the index ──▶ lookups ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from explainer.edits.text import Edit, Text

_MASKED = ("sum", "mean", "prod", "max", "min", "std", "var", "any", "all")
_SETTERS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}


def tables(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of the tables that a mapped index looks up in, innermost first."""
    for n, node in reversed(list(enumerate(path))):
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            continue
        if not isinstance(node.slice, (ast.Constant, ast.Slice, ast.Tuple)):  # no mapped index
            yield from _table(text, path[:n], node)


def masks(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of the boolean masks that index an array, innermost first."""
    for n, node in reversed(list(enumerate(path))):
        match node:
            case ast.Subscript(ctx=ast.Load()):
                yield from _masked(text, path[:n], node)
            case (
                ast.Call(args=[ast.Subscript() as inner, *_])
                | ast.Call(func=ast.Attribute(value=ast.Subscript() as inner))
            ):
                yield from _masked(text, path[: n + 1], inner)


def items(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of the assignments to parts of an array."""
    for node in reversed(path):
        match node:
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                own, index = text.of(target.value), text.of(target.slice)
                new = f"{own} = {own}.at[{index}].set({text.of(value)})"
                yield Edit(text.replaced(node, new), f"Set it by `.at[...].set`: {_short(new)}", 0.8)
            case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value):
                yield from _updated(text, node, target, op, value)


def _updated(
    text: Text, node: ast.AugAssign, target: ast.Subscript, op: ast.operator, value: ast.expr
) -> Iterator[Edit]:
    own, index, given = text.of(target.value), text.of(target.slice), text.of(value)
    setter = _SETTERS.get(type(op), "")
    if isinstance(op, ast.Sub):
        setter, given = "add", f"-{text.closed(value)}"
    if setter:
        new = f"{own} = {own}.at[{index}].{setter}({given})"
        yield Edit(text.replaced(node, new), f"Update it by `.at[...].{setter}`: {_short(new)}", 0.8)


def _masked(text: Text, around: Sequence[ast.AST], node: ast.Subscript) -> Iterator[Edit]:
    """Keeps all entries, those off the mask left out of what is computed from them."""
    x, mask = text.closed(node.value), text.of(node.slice)
    call = around[-1] if around else None
    if isinstance(call, ast.Attribute) and len(around) > 1 and isinstance(around[-2], ast.Call):
        call = around[-2]
    if isinstance(call, ast.Call):
        yield from _reduced(text, call, node, x, mask)
    for fill in ("0", "-" + text.jnp + ".inf", text.jnp + ".inf", "1"):
        new = f"{text.jnp}.where({mask}, {x}, {fill})"
        yield Edit(text.replaced(node, new), f"Keep the length, with {fill} off the mask: {_short(new)}", 1.2)


def _reduced(text: Text, call: ast.Call, node: ast.Subscript, x: str, mask: str) -> Iterator[Edit]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    method = isinstance(call.func, ast.Attribute) and call.func.value is node
    others = [*call.args[0 if method else 1 :], *(keyword for keyword in call.keywords)]
    rest = "".join(f", {text.of(other)}" for other in others)
    if name in _MASKED:
        initial = {"max": f", initial=-{text.jnp}.inf", "min": f", initial={text.jnp}.inf"}.get(name, "")
        new = f"{text.jnp}.{name}({x}{rest}, where={mask}{initial})"
        yield Edit(text.replaced(call, new), f"Give the mask to {name}: {_short(new)}", 0.8)
    if name in ("len", "size"):
        new = f"{text.jnp}.sum({mask})"
        yield Edit(text.replaced(call, new), f"Count the mask: {new}", 0.8)


def _table(text: Text, around: Sequence[ast.AST], node: ast.Subscript) -> Iterator[Edit]:
    """Looks up in an array what stood in a list, a dict or a NumPy array; calls one function of several."""
    table, index = text.of(node.value), text.of(node.slice)
    call = around[-1] if around else None
    if isinstance(call, ast.Call) and call.func is node:
        given = "".join(f", {text.of(argument)}" for argument in call.args)
        for functions in (table, f"list({table}.values())"):
            new = f"{text.lax}.switch({index}, {functions}{given})"
            yield Edit(
                text.replaced(call, new), f"Choose the function by {text.lax}.switch: {_short(new)}", 1.0
            )
        return
    for entries, cost in ((table, 0.8), (f"list({table}.values())", 0.9)):
        new = f"{text.jnp}.asarray({entries})[{index}]"
        yield Edit(text.replaced(node, new), f"Look it up in an array: {_short(new)}", cost)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
