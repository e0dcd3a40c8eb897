"""Misuse: jax.vmap called with what it does not take, or in the wrong order, written as it is meant.

code ──▶ misuse ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from explainer.edits.making import last_name
from explainer.edits.nests import axis_names
from explainer.edits.text import Edit, Patch, Text

_KEYWORDS = ("axis", "axes", "in_axis", "inaxes", "in_ax", "in_dims")
_MAPS = ("vmap", "pmap")
_GRADS = ("grad", "value_and_grad")


def misuse(code: str) -> list[Edit]:
    """Lists edits of the calls of jax.vmap that cannot be meant as they stand."""
    try:
        text = Text(code)
    except SyntaxError:
        return []
    found = []
    for node in ast.walk(text.tree):
        if isinstance(node, ast.Call):
            found += [
                *_keyword(text, node),
                *_data(text, node),
                *_called(text, node),
                *_inside_out(text, node),
            ]
            found += [*_looped(text, node), *_unwrapped(text, node), *_unpacked(text, node)]
            found += [*_bound(text, node), *_missing(text, node)]
    found += _misnamed(text)
    return sorted(found, key=lambda edit: edit.cost)


def _misnamed(text: Text) -> Iterator[Edit]:
    """Gives a level the name that the code communicates along: axis_name="i" -> "batch"."""
    used = axis_names(text.text)
    makings = [node for node in ast.walk(text.tree) if isinstance(node, ast.Call) and _maps(node)]
    given = [k.value for making in makings for k in making.keywords if k.arg == "axis_name"]
    bound = {node.value: node for node in given if isinstance(node, ast.Constant)}
    for name in [name for name in used if name not in bound]:
        for node in [node for old, node in bound.items() if old not in used]:
            new = text.replaced(node, repr(name))
            said = f"Name the axis as the code that communicates along it does: axis_name={name!r}"
            yield Edit(new, said, 0.4)
        for node in makings:  # jax.vmap without a name is given one elsewhere, level by level
            spread = last_name(node.func) == "pmap" or (node.args and last_name(node.args[0]) == "pmap")
            if spread and not any(keyword.arg == "axis_name" for keyword in node.keywords):
                new = text.replaced(node, f"{text.of(node)[:-1].rstrip().rstrip(',')}, axis_name={name!r})")
                yield Edit(new, f"Name the axis that the code communicates along: axis_name={name!r}", 0.4)


def named(code: str, names: Sequence[str]) -> list[Edit]:
    """Lists edits that give one of the jax.vmap calls an axis name that library code asks for."""
    try:
        text = Text(code)
    except SyntaxError:
        return []
    found = []
    for node in ast.walk(text.tree):
        if isinstance(node, ast.Call) and _maps(node) and all(k.arg != "axis_name" for k in node.keywords):
            end = text.end(node) - 1
            for name in dict.fromkeys(names):
                new = text.patched([Patch(end, end, f", axis_name={name!r}")])
                found.append(Edit(new, f"Name the axis that {name!r} stands for: axis_name={name!r}", 0.5))
    return found


def _maps(node: ast.expr) -> bool:
    """Tells `jax.vmap(...)` and `partial(jax.vmap, ...)`."""
    if not isinstance(node, ast.Call):
        return False
    return last_name(node.func) in _MAPS or (bool(node.args) and last_name(node.args[0]) in _MAPS)


def _keyword(text: Text, node: ast.Call) -> Iterator[Edit]:
    for keyword in node.keywords if _maps(node) else ():
        if keyword.arg in _KEYWORDS:
            start = text.start(keyword)
            new = text.patched([Patch(start, start + len(keyword.arg), "in_axes")])
            yield Edit(new, f"Write in_axes for {keyword.arg}", 0.3)


def _data(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Hands data to the mapped function: jax.vmap(f, x) -> jax.vmap(f)(x)."""
    if last_name(node.func) in _MAPS and len(node.args) > 1 and not _states_axes(node.args[1]):
        given = ", ".join(text.of(argument) for argument in node.args[1:])
        settings = "".join(f", {text.of(keyword)}" for keyword in node.keywords)
        new = f"{text.of(node.func)}({text.of(node.args[0])}{settings})({given})"
        yield Edit(text.replaced(node, new), f"Map first, then call: {new}", 0.4)


def _states_axes(node: ast.expr) -> bool:
    """Tells in_axes that are written out: numbers, None, trees of them."""
    return not any(isinstance(each, ast.Name | ast.Call) for each in ast.walk(node))


def _bound(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Binds what is passed by name before mapping: vmap(f)(x, n=2) -> vmap(partial(f, n=2))(x)."""
    making = node.func if isinstance(node.func, ast.Call) else _assigned(text, node.func)
    named = [each for each in node.keywords if each.arg is not None]
    if (
        not named
        or not isinstance(making, ast.Call)
        or last_name(making.func) not in _MAPS
        or not making.args
    ):
        return
    partial = text.name_of("functools.partial", "partial")
    for some in [named, *([each] for each in named if len(named) > 1)]:
        said = ", ".join(text.of(each) for each in some)
        mapped = making.args[0]
        patches = [Patch(text.start(mapped), text.end(mapped), f"{partial}({text.of(mapped)}, {said})")]
        for each in some:
            start = text.text.rfind(",", 0, text.start(each))
            patches.append(Patch(start, text.end(each), ""))
        if node.args:
            new = f"{partial}({text.of(mapped)}, {said})"
            yield Edit(text.patched(patches), f"Bind what is passed by name before mapping: {new}", 0.35)


def _assigned(text: Text, node: ast.expr) -> ast.expr | None:
    """Returns what the text binds a name to, where it does so once."""
    found = [
        each.value
        for each in ast.walk(text.tree)
        if isinstance(each, ast.Assign)
        and any(last_name(target) == last_name(node) != "" for target in each.targets)
    ]
    return found[0] if len(found) == 1 else None


def _called(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Maps a function, not its result: jax.vmap(f(x)) -> jax.vmap(f)(x)."""
    inner = node.args[0] if last_name(node.func) in _MAPS and node.args else None
    if isinstance(inner, ast.Call):
        given = text.text[text.end(inner.func) : text.end(inner)]
        rest = text.text[text.end(inner) : text.end(node)]
        new = f"{text.of(node.func)}({text.of(inner.func)}{rest}{given}"
        yield Edit(text.replaced(node, new), f"Map first, then call: {new}", 0.5)


def _inside_out(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Takes the gradient of each example: grad(vmap(f)) -> vmap(grad(f))."""
    inner = node.args[0] if last_name(node.func) in _GRADS and len(node.args) == 1 else None
    if isinstance(inner, ast.Call) and last_name(inner.func) in _MAPS and inner.args and not node.keywords:
        rest = text.text[text.end(inner.args[0]) : text.end(inner)]
        new = f"{text.of(inner.func)}({text.of(node.func)}({text.of(inner.args[0])}){rest}"
        yield Edit(text.replaced(node, new), f"Take the gradient of each example: {new}", 0.5)


def _looped(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Loops where JAX cannot map: jax.vmap(f)(x) -> jax.lax.map(f, x)."""
    inner = node.func
    if not isinstance(inner, ast.Call) or last_name(inner.func) != "vmap" or inner.keywords or node.keywords:
        return
    if len(inner.args) == len(node.args) == 1:
        new = f"{text.lax}.map({text.of(inner.args[0])}, {text.of(node.args[0])})"
        yield Edit(text.replaced(node, new), f"Loop over the examples: {new}", 1.5)


def _unwrapped(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Says one axis for a whole tree, where in_axes puts axes into a class of one's own."""
    for keyword in node.keywords if _maps(node) else ():
        inside = [each for each in ast.walk(keyword.value) if isinstance(each, ast.Call)]
        if keyword.arg in ("in_axes", "out_axes"):
            for each in inside:
                new = text.replaced(each, "0")
                yield Edit(new, f"Write one axis for all of it: 0 in place of {text.of(each)}", 0.6)


def _unpacked(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Hands the parts of a tuple over one by one: jax.vmap(f, (None, 0))(p, batch) -> ...(p, *batch)."""
    if not _maps(node.func) or not node.args or node.keywords:
        return
    last = node.args[-1]
    making = node.func
    spec = next((k.value for k in getattr(making, "keywords", ()) if k.arg == "in_axes"), None)
    if isinstance(last, ast.Starred):
        return
    parts = ", ".join(map(text.of, last.elts)) if isinstance(last, ast.Tuple) else f"*{text.of(last)}"
    patches = [Patch(text.start(last), text.end(last), parts)]
    said = f"Pass the parts of {text.of(last)} one by one: {parts}"
    yield Edit(text.patched(patches), said, 0.8)
    if not isinstance(spec, ast.Tuple) or not spec.elts:
        return
    for more in (1, 2, 3):
        end = text.end(spec.elts[-1])
        added = f", {text.of(spec.elts[-1])}" * more
        yield Edit(text.patched([*patches, Patch(end, text.end(spec), f"{added})")]), said, 0.8 + 0.1 * more)


def _missing(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Passes an argument that was left out, if the text has a value of its name: vmap(f)(X) -> ...(X, Y)."""
    making = node.func if isinstance(node.func, ast.Call) else _assigned(text, node.func)
    if not isinstance(making, ast.Call) or last_name(making.func) not in _MAPS or not making.args:
        return
    function = _defined(text, making.args[0])
    if function is None or not node.args or node.keywords or isinstance(node.args[-1], ast.Starred):
        return
    needed = function.args.args[len(node.args) : len(function.args.args) - len(function.args.defaults)]
    values = [_value_named(text, parameter.arg) for parameter in needed]
    given = [value for value in values if value is not None]
    if not needed or len(given) < len(values):
        return
    end = text.end(node.args[-1])
    patches = [Patch(end, end, "".join(f", {value}" for value in given))]
    said = f"Pass {' and '.join(given)}, too: {function.name} needs {' and '.join(p.arg for p in needed)}"
    spec = next((keyword.value for keyword in making.keywords if keyword.arg == "in_axes"), None)
    if not isinstance(spec, ast.Tuple) or len(spec.elts) != len(node.args):
        yield Edit(text.patched(patches), said, 0.3)
        return
    end = text.end(spec.elts[-1])
    for axis in ("0", "None"):
        rest = f", {axis}" * len(given)
        new = text.patched([*patches, Patch(end, text.end(spec), f"{rest})")])
        yield Edit(new, f"{said}; in_axes entry {axis}", 0.3)


def _defined(text: Text, name: ast.expr) -> ast.FunctionDef | None:
    """Returns the function that the text defines by a name, where it does so once."""
    found = [
        each
        for each in ast.walk(text.tree)
        if isinstance(each, ast.FunctionDef) and isinstance(name, ast.Name) and each.name == name.id
    ]
    return found[0] if len(found) == 1 else None


def _value_named(text: Text, parameter: str) -> str | None:
    """Returns the variable of the text that is named as a parameter is, whatever the case of its letters."""
    assigned = [target for each in text.tree.body if isinstance(each, ast.Assign) for target in each.targets]
    names = {each.id for target in assigned for each in ast.walk(target) if isinstance(each, ast.Name)}
    return next((name for name in sorted(names) if name.casefold() == parameter.casefold()), None)
