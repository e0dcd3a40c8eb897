"""Called: a call in a script that runs, and the function it maps, written so that a silent bug is gone.

text, span of a call ──▶ stacked, keyed, with_key, looped ──▶ text ──▶ analysis/findings, which tries it
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from explainer.edits import making
from explainer.edits.text import Patch, Text
from explainer.report import Span
from explainer.spec import Argument, Request, Vmap


def stacked(text: str, call: Span) -> str | None:
    """Stacks all results of the level that a call maps by; None where its making is not found.

    jax.pmap(f, out_axes=None)(x) -> jax.pmap(f, out_axes=0)(x)
    """
    before = Request(text, levels=(Vmap("0", "None"),))
    return _rewritten(text, call, before, replace(before, levels=(Vmap("0", "0"),)))


def keyed(text: str, call: Span, place: int, axes: tuple[int | None, ...], count: int) -> str | None:
    """Splits the key that a call hands over as argument `place`, and maps it; `axes` are those of all now.

    jax.vmap(f, in_axes=(None, 0))(key, x) -> jax.vmap(f, in_axes=(0, 0))(jax.random.split(key, 4), x)
    """
    node = _call(text, call)
    if node is None or len(node.args) != len(axes) or node.keywords:
        return None
    texts = [ast.unparse(each) for each in node.args]
    arguments = tuple(Argument(f"argument{n}", each) for n, each in enumerate(texts))
    new = tuple(0 if n == place else axis for n, axis in enumerate(axes))
    split = replace(arguments[place], value=f"jax.random.split({texts[place]}, {count})")
    before = Request(text, arguments=arguments, levels=(Vmap(_spec(axes)),))
    after = replace(
        before,
        arguments=(*arguments[:place], split, *arguments[place + 1 :]),
        levels=(Vmap(_spec(new)),),
    )
    return _rewritten(text, call, before, after)


def _spec(axes: tuple[int | None, ...]) -> str:
    return f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


def _rewritten(text: str, call: Span, before: Request, after: Request) -> str | None:
    makings = making.called(text, call, 1)
    return making.rewritten(text, before, after, makings, "", call) if makings else None


def with_key(text: str, call: Span, function: str, key: str, count: int) -> str | None:
    """Hands a key that a function closes over to it as one more argument, split.

    def f(x): ... key ...; jax.vmap(f)(X)  ->  def f(x, key): ...; jax.vmap(f)(X, jax.random.split(key, 4))
    """
    parsed, node = Text(text), _call(text, call)
    makings = making.called(text, call, 1)
    if node is None or node.keywords or not makings:
        return None
    made = next(n for n in reversed(parsed.path(makings[0])) if isinstance(n, ast.Call))
    given = _parameters(parsed, made, function)
    if given is None or given.defaults or given.vararg or given.kwonlyargs or given.kwarg or not given.args:
        return None
    if len(given.args) != len(node.args):
        return None
    last, handed = parsed.end(given.args[-1]), parsed.end(node.args[-1])
    patches = [
        Patch(last, last, f", {key}"),
        Patch(handed, handed, f", jax.random.split({key}, {count})"),
    ]
    axes = next((each.value for each in made.keywords if each.arg == "in_axes"), None)
    axes = made.args[1] if axes is None and len(made.args) > 1 else axes
    if isinstance(axes, ast.Tuple) and axes.elts:
        end = parsed.end(axes.elts[-1])
        patches.append(Patch(end, end, ", 0"))
    elif axes is not None and ast.unparse(axes) != "0":
        return None
    return parsed.patched(patches)


def _parameters(parsed: Text, made: ast.Call, function: str) -> ast.arguments | None:
    """Returns the parameters of a mapped function that nothing else calls; None where that is not sure."""
    if made.args and isinstance(made.args[0], ast.Lambda):
        return made.args[0].args
    definitions = [n for n in ast.walk(parsed.tree) if isinstance(n, ast.FunctionDef) and n.name == function]
    uses = [n for n in ast.walk(parsed.tree) if isinstance(n, ast.Name) and n.id == function]
    return definitions[0].args if len(definitions) == len(uses) == 1 else None


def looped(text: str, call: Span) -> str | None:
    """Writes jax.lax.map in place of a call that maps axis 0 of everything by one vmap.

    jax.vmap(f)(X) -> jax.lax.map(f, X)
    """
    parsed, node = Text(text), _call(text, call)
    makings = making.called(text, call, 1)
    if node is None or node.keywords or not node.args or not makings:
        return None
    made = next((n for n in reversed(parsed.path(makings[0])) if isinstance(n, ast.Call)), None)
    if made is None or len(made.args) != 1 or made.keywords:
        return None
    function, given = parsed.of(made.args[0]), [parsed.of(each) for each in node.args]
    if len(given) > 1:
        function = f"lambda each: {parsed.closed(made.args[0])}(*each)"
        given = [f"({', '.join(given)})"]
    return parsed.replaced(node, f"{parsed.lax}.map({function}, {given[0]})")


def doubled_where(text: str, span: Span) -> str | None:
    """Makes the input of an expression safe where jnp.where does not choose it.

    jnp.where(x > 0, jnp.sqrt(x), 0.0) -> jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0)
    """
    parsed = Text(text)
    path = parsed.path(span)
    unsafe = _operand(path[-1])
    where, side = _chosen(path)
    if where is None or unsafe is None:
        return None
    condition, value = parsed.of(where.args[0]), parsed.of(unsafe)
    sides = f"{value}, 1.0" if side == 1 else f"1.0, {value}"
    return parsed.replaced(unsafe, f"{parsed.of(where.func)}({condition}, {sides})")


def _chosen(path: Sequence[ast.AST]) -> tuple[ast.Call | None, int]:
    """Returns (the where that chooses an expression or the name it is given, on which side it stands)."""
    around = [n for n in path if isinstance(n, ast.Call) and _is_where(n)]
    for where in reversed(around):
        side = next((n for n in (1, 2) if where.args[n] in path), None)
        if side is not None:
            return where, side
    statement = next((n for n in reversed(path) if isinstance(n, ast.Assign)), None)
    function = next((n for n in reversed(path) if isinstance(n, ast.FunctionDef)), None)
    name = statement.targets[0] if statement is not None else None
    if function is None or not isinstance(name, ast.Name):
        return None, 0
    for where in ast.walk(function):
        if isinstance(where, ast.Call) and _is_where(where):
            sides = [n for n in (1, 2) if name.id in _names(where.args[n])]
            if len(sides) == 1 and name.id not in _names(where.args[0]):
                return where, sides[0]
    return None, 0


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_where(node: ast.Call) -> bool:
    return getattr(node.func, "attr", getattr(node.func, "id", "")) == "where" and len(node.args) == 3


def _operand(node: ast.AST) -> ast.expr | None:
    """Returns what must not be 0 or out of range: the argument of a call, a divisor, the base of a power."""
    match node:
        case ast.Call(args=[argument, *_]):
            return argument
        case ast.BinOp(op=ast.Div(), right=right):
            return right
        case ast.BinOp(op=ast.Pow(), left=left):
            return left
    return None


def _call(text: str, span: Span) -> ast.Call | None:
    try:
        path = Text(text).path(span)
    except SyntaxError:
        return None
    return next((n for n in reversed(path) if isinstance(n, ast.Call)), None)
