"""Calls: NumPy, math and Python's own numbers on a mapped value, written with jnp.

Text, path to the call ──▶ calls ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from explainer.edits.text import Edit, Patch, Text

_NUMPY = ("np", "numpy", "onp", "math")
_NAMES = {
    "fabs": "abs",
    "pow": "power",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "dist": "linalg.norm",
    "isclose": "isclose",
}
_CASTS = ("int", "float", "bool", "complex")
_DROPPED = ("item", "tolist", "__array__")
_METHODS = ("sequential", "expand_dims", "broadcast_all")


def calls(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of the calls that a path passes through, innermost first; then of all NumPy's."""
    for node in reversed(path):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _CASTS:
                new = f"{text.jnp}.asarray({text.of(argument)}, {name})"
                yield Edit(text.replaced(node, new), f"Use {new} for `{text.of(node)}`", 0.8)
                if name != "int":
                    said = f"Leave out {name}(): it asks Python for one number"
                    yield Edit(text.replaced(node, text.closed(argument)), said, 0.9)
            case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[]) if attr in _DROPPED:
                said = f"Leave out .{attr}(): it asks Python for one number"
                yield Edit(text.replaced(node, text.of(value)), said, 0.7)
            case ast.Call(func=ast.Name(id="print"), args=[ast.JoinedStr() as shown], keywords=[]):
                new = _debug_print(text, shown)
                yield Edit(text.replaced(node, new), "Print each example with jax.debug.print", 0.8)
            case ast.Call(func=ast.Attribute() as function) if _root(function) in _NUMPY:
                patch = _with_jnp(text, function)
                yield Edit(text.patched([patch]), f"Use {patch.new} for {text.of(function)}", 0.7)
    yield from _all_of_numpy(text, path)


def callbacks(text: Text) -> Iterator[Edit]:
    """Yields edits that say how jax.pure_callback is called under vmap."""
    for node in ast.walk(text.tree):
        if not isinstance(node, ast.Call) or any(keyword.arg == "vmap_method" for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "pure_callback":
            for n, method in enumerate(_METHODS):
                end = text.end(node) - 1
                comma = "" if text.text[:end].rstrip().endswith(("(", ",")) else ", "
                new = text.patched([Patch(end, end, f"{comma}vmap_method={method!r}")])
                yield Edit(new, f"Say how the callback is mapped: vmap_method={method!r}", 0.6 + 0.2 * n)


def _all_of_numpy(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Replaces all of NumPy in the function around."""
    function = next((n for n in reversed(path) if isinstance(n, (ast.FunctionDef, ast.Lambda))), text.tree)
    used = [n for n in ast.walk(function) if isinstance(n, ast.Attribute) and _root(n) in _NUMPY]
    outer = [n for n in used if not any(other.value is n for other in used)]
    patches = {(patch.start, patch.end): patch for patch in (_with_jnp(text, node) for node in outer)}
    if patches:
        where = getattr(function, "name", "the function")
        yield Edit(text.patched(patches.values()), f"Use {text.jnp} instead of NumPy in {where}", 0.9)


def _with_jnp(text: Text, node: ast.Attribute) -> Patch:
    """Replaces np.linalg.norm by jnp.linalg.norm."""
    name = text.of(node).partition(".")[2]
    return Patch(text.start(node), text.end(node), f"{text.jnp}.{_NAMES.get(name, name)}")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _unconverted(node: ast.expr) -> ast.expr:
    """Takes a value out of what asks Python for a number: float(x), x.item() -> x."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _CASTS:
            return inner
        case ast.Call(func=ast.Attribute(value=inner, attr=attr), args=[], keywords=[]) if attr in _DROPPED:
            return inner
    return node


def _debug_print(text: Text, shown: ast.JoinedStr) -> str:
    """Writes a print of an f-string with jax.debug.print: f"{x:.2f}" -> "{:.2f}", x."""
    said, given = "", []
    for part in shown.values:
        if isinstance(part, ast.Constant):
            said += str(part.value).replace("{", "{{").replace("}", "}}")
        elif isinstance(part, ast.FormattedValue):
            spec = part.format_spec
            parts = spec.values if isinstance(spec, ast.JoinedStr) else []
            plain = "".join(str(p.value) for p in parts if isinstance(p, ast.Constant))
            said += f"{{:{plain}}}" if plain else "{}"
            given.append(text.of(_unconverted(part.value)))
    return f"jax.debug.print({', '.join([repr(said), *given])})"
