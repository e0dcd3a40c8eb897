"""Makings: `jax.vmap(...)` expressions in a text, their settings and what they map rewritten in place.

text, spans of the makings, a Candidate for the nest ──▶ rewritten ──▶ text
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from explainer.edits.candidate import settings_text
from explainer.edits.text import Patch, Text
from explainer.report import Span
from explainer.spec import Request, Vmap

SETTINGS = ("in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name")


def rewritten(
    text: str,
    before: Request,
    after: Request,
    makings: Sequence[Span | None],
    function: str,
    call: Span | None,
) -> str | None:
    """Writes an edited nest into the text of its makings; None where they, or the call, are not found.

    g = jax.vmap(f), in_axes "0" -> "(0, None)"  ->  g = jax.vmap(f, in_axes=(0, None))
    """
    try:
        parsed = Text(text)
    except SyntaxError:
        return None
    patches: list[Patch] | None = []
    if before.levels != after.levels:
        if len(before.levels) == len(after.levels):
            patches = _settings(parsed, before, after, makings, function)
        else:
            patches = _nest(parsed, after, makings, function)
    if patches is not None and (before.arguments, before.function) != (after.arguments, after.function):
        more = _call(parsed, before, after, call)
        patches = None if more is None else [*patches, *more]
    return parsed.patched(patches) if patches else None


def stated(request: Request, levels: int) -> tuple[Span, ...]:
    """Returns the makings in what a request maps: jax.vmap(f), or g where its code has g = jax.vmap(f)."""
    text, source = request.function.strip(), "function"
    if text.isidentifier():
        text, source, name = request.code, "code", text
    else:
        name = ""
    try:
        parsed = Text(text)
    except SyntaxError:
        return ()
    return _chain(parsed, _value_of(parsed, name), source, levels)


def called(text: str, call: Span, levels: int) -> tuple[Span, ...]:
    """Returns the makings of the function that a call calls, outermost first; () where they are not found.

    jax.vmap(f)(x), g = jax.jit(jax.vmap(f)); g(x)
    """
    try:
        parsed = Text(text)
    except SyntaxError:
        return ()
    node = next((n for n in reversed(parsed.path(call)) if isinstance(n, ast.Call)), None)
    function = None if node is None else node.func
    if isinstance(function, ast.Name):
        function = _value_of(parsed, function.id)
    return _chain(parsed, function, call.source, levels)


def _chain(parsed: Text, node: ast.expr | None, source: str, levels: int) -> tuple[Span, ...]:
    """Returns the makings that stand in each other: vmap(vmap(f)), jit(vmap(f))."""
    found: list[Span] = []
    while isinstance(node, ast.Call) and len(found) < levels:
        if _makes(node):
            found.append(_span(parsed, node, source))
        node = node.args[0] if node.args else None
    return tuple(found) if len(found) == levels else ()


def _value_of(parsed: Text, name: str) -> ast.expr | None:
    """Returns the expression that a text is, or the last that it binds to a name."""
    found = None
    for node in ast.walk(parsed.tree):
        if not name and isinstance(node, ast.Expr):
            return node.value
        if isinstance(node, ast.Assign) and any(last_name(target) == name for target in node.targets):
            found = node.value
        if isinstance(node, ast.FunctionDef) and node.name == name:
            calls = (each for each in node.decorator_list if isinstance(each, ast.Call) and _makes(each))
            found = next(calls, found)
    return found


def _span(parsed: Text, node: ast.expr, source: str) -> Span:
    """Returns the place of a node, its columns counted in characters."""
    columns = parsed.start(node), parsed.end(node)
    lines = [place - (parsed.text.rfind("\n", 0, place) + 1) for place in columns]
    return Span(node.lineno, lines[0], node.end_lineno or node.lineno, lines[1], source)


def _makes(node: ast.Call) -> bool:
    given = [node.func, *(node.args[:1] if last_name(node.func) == "partial" else [])]
    return any(last_name(each) in ("vmap", "pmap") for each in given)


def last_name(node: ast.expr) -> str:
    """Returns the name that an expression ends in: jax.vmap -> vmap; "" where it is no name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _making(parsed: Text, span: Span | None) -> ast.Call | None:
    if span is None:
        return None
    node = next((n for n in reversed(parsed.path(span)) if isinstance(n, ast.Call)), None)
    while node is not None and not _makes(node):
        inner = node.func
        node = inner if isinstance(inner, ast.Call) else None
    return node


def _settings(
    parsed: Text, before: Request, after: Request, makings: Sequence[Span | None], function: str
) -> list[Patch] | None:
    patches: list[Patch] = []
    for k, (old, new) in enumerate(zip(before.levels, after.levels, strict=True)):
        if old == new:
            continue
        node = _making(parsed, makings[k] if k < len(makings) else None)
        if node is None:
            bare = _decorator(parsed, function) if len(before.levels) == 1 else None
            if bare is None:
                return None
            if not isinstance(bare, ast.Call):
                said = f"partial({parsed.of(bare)}{settings_text(new)})"
                return [Patch(parsed.start(bare), parsed.end(bare), said)]
            node = bare
        for name in SETTINGS:
            value = getattr(new, name)
            if getattr(old, name) != value:
                patches += _setting(parsed, node, name, _written(name, value))
    return patches


def _written(name: str, value: str | None) -> str | None:
    bare = value is not None and name.endswith("name") and value.strip().isidentifier()
    return repr(value) if bare else value


def _setting(parsed: Text, node: ast.Call, name: str, value: str | None) -> list[Patch]:
    """Sets one setting of a making, by the place or the name that it is given by; None takes it out."""
    given = [*node.args[1:]]
    at = SETTINGS.index(name)
    keyword = next((each for each in node.keywords if each.arg == name), None)
    if at < len(given):
        return [Patch(parsed.start(given[at]), parsed.end(given[at]), value or "None")]
    if keyword is not None and value is not None:
        return [Patch(parsed.start(keyword.value), parsed.end(keyword.value), value)]
    if keyword is not None:
        start = parsed.text.rfind(",", 0, parsed.start(keyword))
        return [Patch(start, parsed.end(keyword), "")]
    if value is None:
        return []
    end = parsed.end(node) - 1
    comma = " " if parsed.text[:end].rstrip().endswith(",") else ", "
    return [Patch(end, end, f"{comma}{name}={value}")]


def _decorator(parsed: Text, function: str) -> ast.expr | None:
    """Returns the `@jax.vmap`, or `@partial(jax.vmap, ...)`, of the only function of that name."""
    found = [
        each
        for node in ast.walk(parsed.tree)
        if isinstance(node, ast.FunctionDef) and node.name == function
        for each in node.decorator_list
        if last_name(each) == "vmap" or isinstance(each, ast.Call) and _makes(each)
    ]
    return found[0] if len(found) == 1 else None


def _nest(parsed: Text, after: Request, makings: Sequence[Span | None], function: str) -> list[Patch] | None:
    """Writes a nest of another depth: in place of the outermost making, around what the innermost maps."""
    outer = _making(parsed, makings[0] if makings else None)
    inner = _making(parsed, makings[-1] if makings else None)
    if outer is None or inner is None or not after.levels:
        return None
    if last_name(outer.func) == "partial":
        return _decorators(parsed, outer, after.levels) if outer is inner else None
    mapped = inner.args[0] if inner.args else None
    if mapped is None or parsed.start(mapped) < parsed.start(outer) or parsed.end(mapped) > parsed.end(outer):
        return None
    said = parsed.of(mapped)
    for level in reversed(after.levels):
        said = f"{parsed.of(outer.func)}({said}{settings_text(level)})"
    return [Patch(parsed.start(outer), parsed.end(outer), said)]


def _decorators(parsed: Text, node: ast.Call, levels: Sequence[Vmap]) -> list[Patch]:
    """Writes one decorator for each level, the outermost first."""
    vmap = f"{parsed.of(node.func)}({parsed.of(node.args[0])}"
    line = parsed.text.rfind("\n", 0, parsed.start(node)) + 1
    indent = parsed.text[line : parsed.start(node)].split("@")[0]
    said = f"\n{indent}@".join(f"{vmap}{settings_text(level)})" for level in levels)
    return [Patch(parsed.start(node), parsed.end(node), said)]


def _call(parsed: Text, before: Request, after: Request, span: Span | None) -> list[Patch] | None:
    """Writes edited arguments into the call, where it hands each by its own expression."""
    if span is None or before.function != after.function:
        return None
    node = next((n for n in reversed(parsed.path(span)) if isinstance(n, ast.Call)), None)
    if node is None or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    given = [a for a in before.arguments if not a.keyword]
    if len(given) != len(node.args) or len(node.keywords) != len(before.arguments) - len(given):
        return None
    texts = {a.name: parsed.of(n) for a, n in zip(given, node.args, strict=True)}
    texts |= {keyword.arg: parsed.of(keyword.value) for keyword in node.keywords if keyword.arg}
    old = {a.name: a.value for a in before.arguments}
    said = []
    for argument in after.arguments:
        own = texts.get(argument.name)
        if own is None:
            return None
        value = own if argument.value == old[argument.name] else argument.value
        said.append(f"{argument.name}={value}" if argument.keyword else value)
    first = node.args[0] if node.args else node.keywords[0]
    return [Patch(parsed.start(first), parsed.end(node) - 1, ", ".join(said))]


def argument_texts(text: str, names: Sequence[str], span: Span | None) -> dict[str, str]:
    """Returns the expressions that a call hands over by position, by the names of its arguments."""
    try:
        parsed = Text(text)
    except SyntaxError:
        return {}
    path = parsed.path(span) if span is not None else []
    node = next((n for n in reversed(path) if isinstance(n, ast.Call)), None)
    if node is None or len(node.args) != len(names) or any(isinstance(a, ast.Starred) for a in node.args):
        return {}
    return {name: parsed.of(argument) for name, argument in zip(names, node.args, strict=True)}
