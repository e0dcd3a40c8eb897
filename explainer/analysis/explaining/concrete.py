"""Concrete values: where Python or NumPy asks a traced value for a number it does not have.

    Site of the error ──▶ needs_value ──▶ Told: which value, which mapped input it depends on, what to do

A value that depends on no mapped input is traced for another reason, jax.jit say; that is told as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from explainer.analysis.explaining import cures
from explainer.analysis.explaining.operands import Operand, Site, site
from explainer.analysis.explaining.scene import Handed, Scene, Told, listed
from explainer.report import Blame, Lane, Mismatch


def needs_value(scene: Scene) -> Told | None:
    """Explains an error of a value that is not there while the function is traced."""
    if not (isinstance(scene.error, cures.ERRORS) or _asks_anyway(scene)):
        return None
    here = site(scene)
    if here is None:
        kind, cure = cures.by_type(scene.error)
        span = scene.sources.of_error(scene.error)
        what = f"`{scene.sources.text(span)}`" if span is not None else "This"
        return Told(f"{what} needs a value that differs from example to example: {cure}.", kind=kind)
    culprits = _culprits(here)
    kind, cure = cures.cure(here)
    leaves = tuple({leaf.path: leaf for one in culprits for leaf in one.leaves}.values())
    mapped = tuple(leaf for leaf in leaves if any(level is not None for level in leaf.taken))
    said = f"`{here.text}` {_needs(kind)}, but {_depends(here, culprits, leaves, mapped)}"
    blamed = mapped or leaves
    return Told(
        f"{said}. {cure[0].upper()}{cure[1:]}.",
        Blame(
            tuple(dict.fromkeys(leaf.operand.argument for leaf in blamed)),
            tuple(leaf.path for leaf in blamed),
            _levels(mapped),
            (here.span,),
        ),
        kind,
        _mismatch(culprits, mapped),
    )


def _levels(leaves: tuple[Handed, ...]) -> tuple[int, ...]:
    return tuple(sorted({level for leaf in leaves for level in leaf.taken if level is not None}))


def _mismatch(culprits: list[Operand], mapped: tuple[Handed, ...]) -> Mismatch | None:
    """Returns the values that Python asks for, and the mapped inputs they depend on."""
    lanes = []
    for one in culprits:
        full, taken = (one.leaves[0].full, one.leaves[0].taken) if one.whole else ((), ())
        lanes.append(
            Lane(
                one.text,
                one.dtype,
                one.shape,
                full=full,
                taken=taken,
                span=one.span,
                note="traced: no value yet",
            )
        )
    shown = {leaf.path for one in culprits if one.whole for leaf in one.leaves}
    rest = (leaf.lane() for leaf in mapped if leaf.path not in shown)
    return Mismatch((*lanes, *rest)) if lanes else None


def _asks_anyway(scene: Scene) -> bool:
    """Tells an error that JAX or Python has no type of its own for, though a traced value is its cause.

    A shape or slice made of one, one as the key of a dict, one that is to be written as text.
    """
    if not isinstance(scene.error, (TypeError, IndexError, ValueError)):
        return False
    here = site(scene)
    return (
        here is not None and bool(_special(here)) and any(one.traced for one in _parts(here, _special(here)))
    )


def _special(here: Site) -> list[ast.AST]:
    """Returns the parts of an expression that must be plain Python values."""
    node = here.node
    if isinstance(node, ast.Subscript):
        if isinstance(node.value, ast.Dict) or isinstance(here.value(node.value), dict):
            return [node.slice]
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [part for part in parts if isinstance(part, ast.Slice)]
    if isinstance(node, ast.JoinedStr):
        return list(node.values)
    if isinstance(node, (ast.Dict, ast.Set)):
        return [part for part in (node.keys if isinstance(node, ast.Dict) else node.elts) if part is not None]
    return _special_arguments(here, node) if isinstance(node, ast.Call) else []


def _special_arguments(here: Site, node: ast.Call) -> list[ast.AST]:
    """Returns the arguments of a call that must be plain Python values: keys, sizes, axes."""
    name = cures.called(here, node)
    if _of_dict(here, node):
        return [*node.args]
    if name in cures.SIZES and len(node.args) > 2:
        return [node.args[2]]
    if name in cures.SHAPES:
        scalars = [one.text for one in _parts(here, _arguments(node)) if _whole(one)]
        return [part for part in _arguments(node) for one in ast.walk(part) if _is(here, one, scalars)]
    return [keyword.value for keyword in node.keywords if keyword.arg in cures.STATIC]


def _of_dict(here: Site, node: ast.Call) -> bool:
    """Tells a method of a dict or set that takes a key, `text.format(x)`, and `set(xs)`."""
    if isinstance(node.func, ast.Attribute):
        owner = here.value(node.func.value)
        return isinstance(owner, (dict, set)) or (isinstance(owner, str) and node.func.attr == "format")
    return isinstance(node.func, ast.Name) and node.func.id in ("dict", "set", "format")


def _is(here: Site, node: ast.AST, texts: list[str]) -> bool:
    return isinstance(node, ast.expr) and here.text_of(node) in texts


def _whole(one: Operand) -> bool:
    """Tells a traced whole number, which a size or an axis would be."""
    return one.traced and one.shape == () and one.dtype.startswith(("int", "uint"))


def _arguments(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _culprits(here: Site) -> list[Operand]:
    """Returns the traced values that the failing expression asks for a number: itself, or parts of it."""
    node = here.node
    kept: list[Operand] = []
    special = [one for one in _parts(here, _special(here)) if one.traced]
    if special:
        return special
    own = here.operand(node) if not isinstance(node, ast.Subscript) else None
    if own is not None and own.traced:
        return [own]
    if isinstance(node, ast.Subscript):
        kept = _parts(here, [node.slice])
    elif isinstance(node, ast.Call):
        parts = _arguments(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("item", "tolist", "__array__"):
            parts = [node.func.value]
        kept = _parts(here, parts)
        asked = [one for one in kept if _whole(one)]
        if cures.called(here, node) in cures.SHAPES and asked:
            kept = asked
        if not kept and isinstance(node.func, ast.Attribute):
            kept = _parts(here, [node.func.value])
    else:
        kept = _parts(here, list(ast.iter_child_nodes(node)))
    return [one for one in kept if one.traced]


def _parts(here: Site, nodes: list[Any]) -> list[Operand]:
    """Returns the outermost traced parts among expressions, each text once."""
    found: dict[str, Operand] = {}

    def look(node: ast.AST) -> None:
        one = here.operand(node) if isinstance(node, ast.expr) else None
        if one is not None and one.traced:
            found.setdefault(one.text, one)
        elif one is None:
            for child in _below(node):
                look(child)

    for node in nodes:
        look(node)
    return list(found.values())


def _below(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.Lambda, ast.expr_context)):
            yield child


def _needs(kind: str) -> str:
    return {
        "python_condition": "must be True or False for Python",
        "python_index": "needs one whole number for Python",
        "static_shape": "needs a number while the shapes are made up",
        "numpy_on_tracer": "computes in plain Python or NumPy, which need values",
        "print": "writes a value as text",
        "boolean_mask": "would have another length for every example",
        "unhashable": "looks a value up by its hash",
        "python_number": "asks for a plain Python number",
        "data_sized": "would have another length for every example",
    }.get(kind, "needs a value")


def _depends(
    here: Site, culprits: list[Operand], leaves: tuple[Handed, ...], mapped: tuple[Handed, ...]
) -> str:
    """Says which mapped inputs the values depend on, or why they are traced all the same."""
    names = listed([f"`{one.text}`" for one in culprits if one.text != here.text])
    them = names or "it"
    depend = "depend" if len(culprits) > 1 else "depends"
    program = here.scene.program
    if mapped and program is not None:
        how = listed([_mapped(program, leaf) for leaf in mapped[:3]])
        more = f" and {len(mapped) - 3} more" if len(mapped) > 3 else ""
        return (
            f"{them} {depend} on {how}{more}: every example has its own value, and all are computed at once"
        )
    roots = {root.name: root for one in culprits for root in one.roots if root.name}
    if roots and not leaves:
        root = next(iter(roots.values()))
        inner = listed(list(roots))
        by = {"jit": "jax.jit", "scan": "lax.scan", "cond": "lax.cond", "while_loop": "lax.while_loop"}.get(
            root.traced_for, root.traced_for or "JAX"
        )
        static = f" (static_argnames={root.name!r} would leave it one)" if by == "jax.jit" else ""
        return (
            f"{them} {depend} on {inner} of {root.function}, which {by} traces: it has no value yet{static}"
        )
    if leaves:
        shared = listed([leaf.path for leaf in leaves])
        return (
            f"{them} {'are' if len(culprits) > 1 else 'is'} traced, though {shared} is not mapped (None): a "
            "transformation inside the vmap, jax.jit say, traces all that it is handed (static_argnames "
            "excepts some)"
        )
    return f"{them} {'are' if len(culprits) > 1 else 'is'} traced: only the compiled program has values"


def _mapped(program: Any, leaf: Handed) -> str:
    """Says how an input is mapped: "x (vmap over i maps axis 0 of f32[4])"."""
    takes = [
        f"vmap over {program.levels[level].name} maps axis {n}"
        for n, level in enumerate(leaf.taken)
        if level is not None
    ]
    return f"{leaf.path} ({listed(takes)} of {leaf.full_type})"
