"""Arguments: another text for one argument, or another way to pass it.

Situation ──▶ keys split, lists stacked, numbers as arrays, names as positions ──▶ Candidates
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from explainer.axes import write_in_axes
from explainer.edits.candidate import Candidate, settings_text, with_argument
from explainer.edits.situation import Situation, Tree
from explainer.errors import SpecError
from explainer.report import AxesTemplate
from explainer.source import short_dtype, substitute
from explainer.spec import Argument, Request

_NUMBERS = ("int", "float", "bool", "complex")
_KEY_SPEC = re.compile(r"\s*key\s*\[[^\]]*\]\s*")


def arguments(s: Situation) -> list[Candidate]:
    """Lists candidates with one argument edited, cheapest first."""
    found = []
    for argument in s.request.arguments:
        tree = next((tree for name, tree in s.trees if name == argument.name), None)
        if tree is not None:
            found += [*_keys(s, argument), *_stacked(s, argument, tree), *_converted(s, argument, tree)]
    found += [*_by_position(s), *_bound(s)]
    return sorted(found, key=lambda candidate: candidate.cost)


def _edited(s: Situation, argument: Argument, value: str, said: str, cost: float) -> Candidate:
    request = with_argument(s.request, argument.name, replace(argument, value=value))
    place = f"argument {argument.name}"
    return Candidate(request, f"{said}: {value}", place, argument.value, value, cost)


def _keys(s: Situation, argument: Argument) -> Iterator[Candidate]:
    """Gives every example a random key of its own."""
    leaves = s.of(argument.name)
    if len(leaves) != 1 or s.values[leaves[0]].keys is None or not s.levels:
        return
    sizes = [size for k in range(len(s.levels)) if (size := _size(s, k, leaves[0])) is not None]
    if not sizes or s.values[leaves[0]].keys == tuple(sizes):
        return
    shape = str(sizes[0]) if len(sizes) == 1 else f"({', '.join(map(str, sizes))})"
    text = argument.value.strip()
    if _KEY_SPEC.fullmatch(text):
        value = f"key[{', '.join(map(str, sizes))}]"
    elif (inner := _split(text)) is not None:
        value = f"jax.random.split({inner}, {shape})"
    elif s.values[leaves[0]].keys == () and not _specs(s, text):
        value = f"jax.random.split({text}, {shape})"
    elif len(s.values[leaves[0]].keys or ()) == len(sizes) == 1 and not _specs(s, text):
        value = f"jax.random.split({text}[0], {shape})"
    else:
        return
    yield _edited(s, argument, value, f"Give each of the {shape} examples a key of its own", 0.5)


def _size(s: Situation, k: int, leaf: int) -> int | None:
    """Returns the size of level k by its other leaves; None where it does not map this one, or none else."""
    level = s.levels[k]
    if level.axes is None or type(level.axes[leaf]) is not int:
        return None
    if level.axis_size is not None:
        return level.axis_size
    for n, axis in enumerate(level.axes):
        shape = s.values[n].shape
        if n != leaf and isinstance(axis, int) and shape and -len(shape) <= axis < len(shape):
            return shape[axis]
    return 8


def _split(text: str) -> str | None:
    """Returns what a text splits: "jax.random.split(jax.random.key(0), 4)" -> "jax.random.key(0)"."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
        return ast.get_source_segment(text, node.args[0]) if node.args else None
    return None


def _specs(s: Situation, text: str) -> bool:
    """Tells a text with shape specs: f32[3], which no function of jnp can take."""
    try:
        return bool(substitute(text, s.names)[1])
    except SpecError:
        return True


def _stacked(s: Situation, argument: Argument, tree: Tree) -> Iterator[Candidate]:
    """Makes one array of a list of arrays, or one tree of arrays of a list of trees."""
    if tree.kind not in ("list", "tuple") or len(tree.children) < 2 or not _alike(s, tree.children):
        return
    n, first, text = len(tree.children), tree.children[0], argument.value.strip()
    if _specs(s, text):
        value = _stacked_spec(s, first, n)
    elif first.kind == "leaf":
        value = f"jnp.stack({text})"
    else:
        value = f"jax.tree.map(lambda *leaves: jnp.stack(leaves), *({text}))"
    if value is not None:
        yield _edited(s, argument, value, f"Stack the {n} parts of {argument.name} along a new axis", 0.8)


def _alike(s: Situation, children: Sequence[Tree]) -> bool:
    def shapes(tree: Tree) -> list[tuple[int, ...] | None]:
        return [s.values[n].shape for n in tree.leaves()]

    first = children[0]
    same = all(_kinds(child) == _kinds(first) and shapes(child) == shapes(first) for child in children)
    statics = {s.values[n].static for n in first.leaves() if s.values[n].shape is None}
    return same and any(shape is not None for shape in shapes(first)) and statics <= {*_NUMBERS}


def _kinds(tree: Tree) -> object:
    return tree.kind, tree.keys, tuple(_kinds(child) for child in tree.children)


def _stacked_spec(s: Situation, tree: Tree, n: int) -> str | None:
    """Writes n trees of shape specs as one: two {'w': f32[3]} -> {'w': f32[2,3]}."""
    if tree.kind == "leaf":
        value = s.values[tree.leaf]
        name = "key" if value.dtype.startswith("key<") else short_dtype(value.dtype)
        return f"{name}[{','.join(map(str, (n, *(value.shape or ()))))}]"
    parts = [_stacked_spec(s, child, n) for child in tree.children]
    if tree.kind == "other" or None in parts:
        return None
    inside = [part or "" for part in parts]
    if tree.kind == "dict":
        return f"{{{', '.join(f'{key!r}: {part}' for key, part in zip(tree.keys, inside, strict=True))}}}"
    return f"[{', '.join(inside)}]" if tree.kind == "list" else f"({', '.join(inside)},)"


def _converted(s: Situation, argument: Argument, tree: Tree) -> Iterator[Candidate]:
    """Makes an array of Python numbers, of a range, of the arrays in a zip."""
    kinds = [s.values[n].static for n in tree.leaves() if s.values[n].shape is None]
    text = argument.value.strip()
    if tree.kind in ("list", "tuple") and kinds and all(kind in _NUMBERS for kind in kinds):
        if len(kinds) == len(list(tree.leaves())):
            yield _edited(s, argument, f"jnp.array({text})", f"Make {argument.name} an array", 0.4)
        return
    if tree.kind != "leaf" or not kinds or kinds[0] in (*_NUMBERS, "str", "function", "type"):
        return
    inner = _called_with(text, kinds[0])
    if kinds[0] == "zip" and inner is not None:
        yield _edited(s, argument, f"({inner},)", f"Pass the arrays of {argument.name} themselves", 0.4)
    elif kinds[0] == "range" and inner is not None:
        yield _edited(s, argument, f"jnp.arange({inner})", f"Make {argument.name} an array", 0.4)
    elif kinds[0] in ("generator", "map", "filter", "dict_values"):
        yield _edited(s, argument, f"jnp.array(list({text}))", f"Make {argument.name} an array", 0.5)
    else:
        yield _edited(s, argument, f"jnp.asarray({text})", f"Make {argument.name} an array", 1.0)


def _called_with(text: str, name: str) -> str | None:
    """Returns what a text hands to a function: "zip(X, Y)" -> "X, Y"."""
    found = re.fullmatch(rf"{name}\s*\((.*)\)", text, re.DOTALL)
    return found[1].strip().rstrip(",") if found else None


def _by_position(s: Situation) -> Iterator[Candidate]:
    """Passes keyword arguments by position, so that in_axes can say what becomes of them."""
    named = [a for a in s.request.arguments if a.keyword and a.name in s.parameters]
    if not named or not s.levels:
        return
    if all(isinstance(level.spec, (tuple, list)) for level in s.levels) and len(named) == len(s.keywords):
        yield _positional(s, [a.name for a in named], [level.in_axes for level in s.request.levels], 0.5)
    for argument in named:
        for axis, cost in ((None, 0.6), (0, 0.9)):
            if s.template.parts or not [a for a in s.request.arguments if not a.keyword]:
                texts = [_with_entry(s, k, argument.name, axis) for k in range(len(s.levels))]
                if all(text is not None for text in texts):
                    yield _positional(s, [argument.name], [text or "" for text in texts], cost)


def _ordered(s: Situation, names: Sequence[str]) -> list[Argument]:
    """Returns the arguments with some passed by position, in the order of the parameters."""
    moved = [replace(a, keyword=False) if a.name in names else a for a in s.request.arguments]
    positional = [a for a in moved if not a.keyword]
    stay = [a for a in positional if a.name not in names]
    new = sorted((a for a in positional if a.name in names), key=lambda a: s.parameters.index(a.name))
    for argument in new:
        stay.insert(min(s.parameters.index(argument.name), len(stay)), argument)
    return [*stay, *(a for a in moved if a.keyword)]


def _with_entry(s: Situation, k: int, name: str, axis: int | None) -> str | None:
    """Writes in_axes of level k with an entry for an argument that had none."""
    level = s.levels[k]
    if level.axes is None or not all(given is None or type(given) is int for given in level.axes):
        return None
    axes = [given if isinstance(given := level.axes[n], int) else None for n in s.arrays]
    parts = list(s.template.parts)
    at = [a.name for a in _ordered(s, [name])].index(name)
    parts.insert(at, f"{{{len(axes)}}}")
    return write_in_axes(AxesTemplate(tuple(parts)), [*axes, axis])


def _positional(s: Situation, names: Sequence[str], in_axes: Sequence[str], cost: float) -> Candidate:
    levels = tuple(
        replace(level, in_axes=text) for level, text in zip(s.request.levels, in_axes, strict=True)
    )
    request = replace(s.request, arguments=tuple(_ordered(s, names)), levels=levels)
    said = f"Pass {', '.join(names)} by position: jax.vmap maps every keyword argument over axis 0"
    return Candidate(request, said, "levels", _call(s.request), _call(request), cost)


def _bound(s: Situation) -> Iterator[Candidate]:
    """Binds a static option before mapping: partial(f, n=2)."""
    for argument in s.request.arguments:
        leaves = s.of(argument.name)
        static = bool(leaves) and all(s.values[n].shape is None for n in leaves)
        if not static or not argument.keyword or not s.levels:
            continue
        function = f"partial({s.request.function.strip()}, {argument.name}={argument.value.strip()})"
        rest = tuple(a for a in s.request.arguments if a is not argument)
        request = replace(s.request, function=function, arguments=rest)
        said = f"Bind {argument.name} before mapping: {function}"
        yield Candidate(request, said, "function", s.request.function, function, 0.7)


def _call(request: Request) -> str:
    """Writes the whole call: jax.vmap(f, in_axes=(0, None))(x, n=n)."""
    text = request.function.strip()
    for level in reversed(request.levels):
        text = f"jax.vmap({text}{settings_text(level)})"
    given = (f"{a.name}={a.name}" if a.keyword else a.name for a in request.arguments)
    return f"{text}({', '.join(given)})"
