"""Batched code: a function written for the whole batch, in which vmap has taken the batch axis away.

Text, path to what fails ──▶ batched ──▶ Edits
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from explainer.edits.text import Edit, Patch, Text

_JOINING = ("concatenate", "stack", "hstack", "vstack", "append")
_PRODUCTS = ("dot", "matmul", "inner", "vdot")
_INDICES = ("where", "nonzero", "flatnonzero", "argwhere", "unique")


def batched(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits that take the batch axis out of what a path passes through, innermost first."""
    for node in reversed(path):
        match node:
            case ast.BinOp(op=ast.MatMult(), left=left, right=right):
                yield from _turned(text, node, left, right)
            case ast.Call():
                for make in (_axis, _einsum, _scalars, _product, _unbatched):
                    yield from make(text, node)
            case ast.Subscript(value=value, slice=index) if _is_shape(value) and _positive(index):
                new = _one_less(text, index)
                said = f"Count axes inside the function without the batch: {text.of(value)}[{new}]"
                yield Edit(text.replaced(index, new), said, 0.7)
            case ast.Subscript(slice=ast.Tuple(elts=[ast.Slice(), _, *_])):
                yield from _rows(text, path, node)
            case ast.Assign(targets=[ast.Tuple(elts=[_, _, *_])]) if _is_shape(node.value):
                yield from _unpacked(text, node, node.targets[0])


def sliced(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of slices x[i:i + n] that begin at a mapped index: their length is fixed."""
    for node in reversed(path):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            x, part = text.of(node.value), node.slice
            length = _length(text, part)
            if part.lower is not None and length:
                new = f"{text.lax}.dynamic_slice_in_dim({x}, {text.of(part.lower)}, {length})"
                said = f"Slice {length} entries from a mapped index: {new}"
                yield Edit(text.replaced(node, new), said, 0.7)


def sized(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits that give a fixed number of results: jnp.where(x > 0, size=1)."""
    for node in reversed(path):
        if isinstance(node, ast.Call) and _name(node) in _INDICES and len(node.args) == 1:
            if any(keyword.arg == "size" for keyword in node.keywords):
                continue
            for size, cost in (("1", 0.8), (f"{text.closed(node.args[0])}.size", 0.9)):
                end = text.end(node) - 1
                new = text.patched([Patch(end, end, f", size={size}")])
                yield Edit(new, f"Give {_name(node)} one length for all examples: size={size}", cost)


def typed(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits of whole numbers into floats: branches and carries have one type."""
    for call in (node for node in reversed(path) if isinstance(node, ast.Call)):
        for node in ast.walk(call):
            if isinstance(node, ast.Constant) and type(node.value) is int:
                yield Edit(text.replaced(node, f"{node.value}.0"), f"Write {node.value}.0, a float", 0.9)
            elif isinstance(node, ast.Attribute) and node.attr == "int32":
                new = f"{text.of(node.value)}.float32"
                yield Edit(text.replaced(node, new), f"Begin with a float: {new}", 0.8)
            elif isinstance(node, ast.Name) and node.id == "int":
                yield Edit(text.replaced(node, "float"), "Begin with a float", 0.8)


def indexed(text: Text, path: Sequence[ast.AST]) -> Iterator[Edit]:
    """Yields edits that make an index whole: x[i] -> x[i.astype(int)]."""
    for node in reversed(path):
        if isinstance(node, ast.Subscript):
            index = node.slice
            for each in index.elts if isinstance(index, ast.Tuple) else [index]:
                if not isinstance(each, (ast.Slice, ast.Constant)):
                    new = f"{text.closed(each)}.astype(int)"
                    yield Edit(text.replaced(each, new), f"Index with whole numbers: {new}", 0.8)


def _axis(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Counts the axes of a call without the batch: axis=1 -> axis=0."""
    for keyword in node.keywords:
        if keyword.arg in ("axis", "axis1", "axis2", "dim") and _positive(keyword.value):
            less = _one_less(text, keyword.value)
            said = f"Count axes inside the function without the batch: {keyword.arg}={less}"
            yield Edit(text.replaced(keyword.value, less), said, 0.7)
    last = node.args[-1] if node.args else None
    if isinstance(node.func, ast.Attribute) and last is not None and _positive(last):
        less = _one_less(text, last)
        yield Edit(
            text.replaced(last, less), f"Count axes inside the function without the batch: {less}", 0.8
        )


def _positive(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return bool(node.elts) and all(_positive(each) for each in node.elts)
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value > 0


def _one_less(text: Text, node: ast.expr) -> str:
    if isinstance(node, ast.Tuple):
        inside = ", ".join(_one_less(text, each) for each in node.elts)
        return f"({inside}{',' if len(node.elts) == 1 else ''})"
    return str(int(text.of(node)) - 1)


def _rows(text: Text, path: Sequence[ast.AST], node: ast.Subscript) -> Iterator[Edit]:
    """Takes the leading `:` out of every index of a value: x[:, 0] -> x[0]."""
    name = text.of(node.value)
    function = next((n for n in reversed(path) if isinstance(n, (ast.FunctionDef, ast.Lambda))), text.tree)
    patches = []
    for each in ast.walk(function):
        match each:
            case ast.Subscript(value=value, slice=ast.Tuple(elts=[ast.Slice() as first, *rest])) if (
                text.of(value) == name and text.of(first) == ":"
            ):
                new = ", ".join(text.of(index) for index in rest)
                patches.append(Patch(text.start(each.slice), text.end(each.slice), new))
    if patches:
        said = f"Index {name} without the batch axis, which is not there inside vmap"
        yield Edit(text.patched(patches), said, 0.7)


def _einsum(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Takes the letter of the batch out of an einsum: "bij,bjk->bik" -> "ij,jk->ik"."""
    spec = node.args[0] if node.args else None
    if _name(node) != "einsum" or not isinstance(spec, ast.Constant) or not isinstance(spec.value, str):
        return
    terms = spec.value.replace("->", ",").split(",")
    for letter in dict.fromkeys(term.strip()[:1] for term in terms if term.strip()[:1].isalpha()):
        new = repr(spec.value.replace(letter, "")).replace("'", text.of(spec)[0])
        said = f"Leave the batch axis {letter} out of the einsum: {new}"
        yield Edit(text.replaced(spec, new), said, 0.7)


def _scalars(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Gives a number that is joined with arrays an axis."""
    given = node.args[0] if node.args else None
    if _name(node) not in _JOINING or not isinstance(given, (ast.List, ast.Tuple)):
        return
    for each in given.elts:
        plain = isinstance(each, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
        for n, new in enumerate(
            [f"{text.closed(each)}[None]"] * plain + [f"{text.jnp}.atleast_1d({text.of(each)})"]
        ):
            yield Edit(text.replaced(each, new), f"Give {text.of(each)} an axis: {new}", 0.9 + 0.05 * n)


def _product(text: Text, node: ast.Call) -> Iterator[Edit]:
    if _name(node) in _PRODUCTS and len(node.args) == 2 and not node.keywords:
        yield from _turned(text, node, *node.args)


def _turned(text: Text, node: ast.expr, left: ast.expr, right: ast.expr) -> Iterator[Edit]:
    """Multiplies the other way round, or by the transpose: W @ x -> x @ W, W.T @ x."""
    a, b = text.closed(left), text.closed(right)
    call = f"{text.of(node.func)}({{}}, {{}})" if isinstance(node, ast.Call) else "{} @ {}"
    for n, pair in enumerate(((b, a), (f"{a}.T", b), (a, f"{b}.T"))):
        new = call.format(*pair)
        yield Edit(text.replaced(node, new), f"Multiply as the shapes allow: {new}", 2.6 + 0.1 * n)


def _unbatched(text: Text, node: ast.Call) -> Iterator[Edit]:
    """Gives a convolution, which takes a batch, a batch of one: conv(x, w) -> conv(x[None], w)[0]."""
    if node.args and _name(node).split("_")[0] == "conv":
        first = node.args[0]
        patches = [
            Patch(text.end(first), text.end(first), "[None]"),
            Patch(text.end(node), text.end(node), "[0]"),
        ]
        said = f"Give {_name(node)}, which takes a batch, a batch of one: {text.closed(first)}[None] and [0]"
        yield Edit(text.patched(patches), said, 0.9)


def _is_shape(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "shape"


def _unpacked(text: Text, node: ast.Assign, target: ast.expr) -> Iterator[Edit]:
    """Takes the batch size out of `batch, width = x.shape`."""
    if isinstance(target, ast.Tuple):
        rest = [text.of(each) for each in target.elts[1:]]
        new = ", ".join(rest) + ("," if len(rest) == 1 else "")
        yield Edit(text.replaced(target, new), f"Leave the batch size out of {text.of(node)}", 0.8)


def _length(text: Text, part: ast.Slice) -> str | None:
    """Returns the length of i:i + n as text, n."""
    if part.lower is None or not isinstance(part.upper, ast.BinOp) or part.step is not None:
        return None
    sides = (part.upper.left, part.upper.right)
    if not isinstance(part.upper.op, ast.Add):
        return None
    own = text.of(part.lower)
    return next((text.of(sides[1 - n]) for n in (0, 1) if text.of(sides[n]) == own), None)


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
