"""Choices: Python's if, and, or, not, max on a mapped value, written for all examples at once.

Text, path to the value ──▶ choices ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from explainer.edits.text import Edit, Patch, Text, block_of

_ORDERED = {"max": ("maximum", "max"), "min": ("minimum", "min")}
_REDUCING = ("any", "all", "sum")


def choices(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of what chooses by the value at the end of a path, innermost first."""
    for node in reversed(path):
        match node:
            case ast.IfExp():
                yield _conditional(text, node)
            case ast.If():
                yield from _if(text, path, node)
            case ast.Assert():
                said = f"Leave out the assert on line {node.lineno}: Python cannot check single examples"
                yield Edit(_without(text, path, node), said, 1.4)
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                yield Edit(
                    text.replaced(node, logical(text, node)),
                    f"Use {text.jnp}.logical_* for `{_short(text.of(node))}`",
                    1.0,
                )
            case ast.Compare(ops=[_, _, *_]):
                yield Edit(
                    text.replaced(node, logical(text, node)),
                    f"Split the chain `{_short(text.of(node))}`",
                    1.0,
                )
            case ast.Call(func=ast.Name(id=name)) if name in (*_ORDERED, *_REDUCING):
                yield from _builtin(text, node, name)


def logical(text: Text, node: ast.expr) -> str:
    """Writes a test for all examples: `a and not b` -> jnp.logical_and(a, jnp.logical_not(b))."""
    match node:
        case ast.BoolOp(op=op, values=values):
            name = "logical_and" if isinstance(op, ast.And) else "logical_or"
            said = logical(text, values[0])
            for value in values[1:]:
                said = f"{text.jnp}.{name}({said}, {logical(text, value)})"
            return said
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"{text.jnp}.logical_not({logical(text, operand)})"
        case ast.Compare(left=left, ops=[_, _, *_] as ops, comparators=comparators):
            sides = [left, *comparators]
            parts = [
                f"{text.of(sides[n])} {_SIGNS[type(op)]} {text.of(sides[n + 1])}" for n, op in enumerate(ops)
            ]
            said = parts[0]
            for part in parts[1:]:
                said = f"{text.jnp}.logical_and({said}, {part})"
            return said
    return text.of(node)


_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def _conditional(text: Text, node: ast.IfExp) -> Edit:
    said = f"Use {text.jnp}.where for `{_short(text.of(node))}`"
    return Edit(text.replaced(node, _where(text, node)), said, 0.9)


def _where(text: Text, node: ast.expr) -> str:
    """Writes a conditional expression, those in its branches, too, with jnp.where."""
    if not isinstance(node, ast.IfExp):
        return text.of(node)
    return _chosen(text, logical(text, node.test), _where(text, node.body), _where(text, node.orelse))


def _chosen(text: Text, test: str, one: str, other: str) -> str:
    return one if one == other else f"{text.jnp}.where({test}, {one}, {other})"


def _if(text: Text, path: Sequence[ast.AST], node: ast.If) -> Iterator[Edit]:
    block = block_of(path, node)
    at = next((n for n, each in enumerate(block) if each is node), 0)
    line = f"the if on line {node.lineno}"
    rest = block[at:]
    value = _value(text, rest)
    last = rest[-1] if not _returns(node) else node
    if value is not None:
        yield Edit(_over(text, node, last, f"return {value}"), f"Use {text.jnp}.where for {line}", 0.9)
    lines = _assignments(text, node)
    if lines is not None:
        new = f"\n{text.indent(node)}".join(lines)
        yield Edit(_over(text, node, node, new), f"Use {text.jnp}.where for {line}", 0.9)
    if value is not None:
        lazy = _cond(text, rest)
        if lazy is not None:
            yield Edit(_over(text, node, last, f"return {lazy}"), f"Use {text.lax}.cond for {line}", 1.3)
    if not node.orelse and all(isinstance(each, (ast.Raise, ast.Expr, ast.Pass)) for each in node.body):
        said = f"Leave out {line}: Python cannot choose for single examples what to raise or print"
        yield Edit(_without(text, path, node), said, 1.5)


def _over(text: Text, first: ast.stmt, last: ast.stmt, new: str) -> str:
    return text.patched([Patch(text.start(first), text.end(last), new)])


def _without(text: Text, path: Sequence[ast.AST], node: ast.stmt) -> str:
    """Takes a statement out; `pass` stays where it was the only one of its block."""
    if len(block_of(path, node)) == 1:
        return text.replaced(node, "pass")
    start, end = text.start(node), text.end(node)
    start = text.text.rfind("\n", 0, start) + 1
    return text.patched([Patch(start, min(end + 1, len(text.text)), "")])


def _returns(node: ast.stmt) -> bool:
    """Tells a statement after which nothing of its block is reached."""
    if isinstance(node, ast.If):
        return bool(node.orelse) and _returns(node.body[-1]) and _returns(node.orelse[-1])
    return isinstance(node, ast.Return)


def _value(text: Text, block: Sequence[ast.stmt]) -> str | None:
    """Writes what a block returns as one expression; None where it does more than choose and return."""
    if not block:
        return None
    match block[0]:
        case ast.Return(value=ast.expr() as value):
            return _where(text, value)
        case ast.If(test=test, body=body, orelse=orelse):
            one, other = _branch(body), _branch(orelse or block[1:])
            if (
                isinstance(one, ast.Tuple)
                and isinstance(other, ast.Tuple)
                and len(one.elts) == len(other.elts)
            ):
                condition = logical(text, test)
                pairs = zip(one.elts, other.elts, strict=True)
                return ", ".join(_chosen(text, condition, text.of(a), text.of(b)) for a, b in pairs)
            first, second = _value(text, body), _value(text, orelse or block[1:])
            if first is None or second is None:
                return None
            return _chosen(text, logical(text, test), first, second)
    return None


def _branch(block: Sequence[ast.stmt]) -> ast.expr | None:
    """Returns the expression that a block of nothing but a return gives."""
    return block[0].value if block and isinstance(block[0], ast.Return) else None


def _cond(text: Text, block: Sequence[ast.stmt]) -> str | None:
    match block:
        case [ast.If(test=test, body=[ast.Return(value=ast.expr() as one)], orelse=orelse), *rest]:
            other = _branch(orelse or rest)
            if other is not None:
                ways = f"lambda: {_boxed(text, one)}, lambda: {_boxed(text, other)}"
                return f"{text.lax}.cond({logical(text, test)}, {ways})"
    return None


def _boxed(text: Text, node: ast.expr) -> str:
    own = text.of(node)
    return f"({own})" if isinstance(node, ast.Tuple) and not own.startswith("(") else own


def _assignments(text: Text, node: ast.If) -> list[str] | None:
    """Writes branches that only assign names as one jnp.where for each name."""
    one, other = _assigned(text, node.body), _assigned(text, node.orelse)
    if one is None or other is None or not (one or other):
        return None
    test, lines = logical(text, node.test), []
    names = list(dict.fromkeys([*one, *other]))
    if len(names) > 1 and {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)} & set(
        names
    ):
        lines.append(f"chosen = {test}")
        test = "chosen"
    return lines + [
        f"{name} = {_chosen(text, test, one.get(name, name), other.get(name, name))}" for name in names
    ]


def _assigned(text: Text, block: Sequence[ast.stmt]) -> dict[str, str] | None:
    """Returns the expression that each name is assigned in a block; None where it does anything else."""
    found: dict[str, str] = {}
    for statement in block:
        match statement:
            case ast.Pass():
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in found:
                found[name] = _where(text, value)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value) if name not in found:
                found[name] = f"{name} {OPERATORS[type(op)]} {text.closed(value)}"
            case ast.If():
                inner = _assigned(text, statement.body), _assigned(text, statement.orelse)
                if inner[0] is None or inner[1] is None or set(found) & {*inner[0], *inner[1]}:
                    return None
                test = logical(text, statement.test)
                for name in dict.fromkeys([*inner[0], *inner[1]]):
                    found[name] = _chosen(text, test, inner[0].get(name, name), inner[1].get(name, name))
            case _:
                return None
    return found


OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


def _builtin(text: Text, node: ast.Call, name: str) -> Iterator[Edit]:
    """Replaces Python's max, min, any, all, sum by those of jnp."""
    given = [text.of(argument) for argument in node.args]
    said = f"Use {text.jnp} for `{_short(text.of(node))}`"
    if len(given) == 1:
        yield Edit(text.replaced(node, f"{text.jnp}.{name}({_stacked(text, node.args[0])})"), said, 0.9)
    elif name in _ORDERED and not node.keywords:
        pair = _ORDERED[name][0]
        new = given[0]
        for each in given[1:]:
            new = f"{text.jnp}.{pair}({new}, {each})"
        yield Edit(text.replaced(node, new), said, 0.9)


def _stacked(text: Text, node: ast.expr) -> str:
    own = text.of(node)
    if isinstance(node, ast.GeneratorExp):
        return f"{text.jnp}.array([{own.removeprefix('(').removesuffix(')')}])"
    return f"{text.jnp}.array({own})" if isinstance(node, (ast.List, ast.Tuple, ast.ListComp)) else own


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 50 else line[:49] + "…"
