"""Concrete values: where Python or NumPy asks a traced value for a number it does not have.

    Site of the error ──▶ needs_value ──▶ Told: which value, which mapped input it depends on, what to do

A value that depends on no mapped input is traced for another reason, jax.jit say; that is told as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from explainer.analysis.operands import Operand, Site, site
from explainer.analysis.scene import Handed, Scene, Told, listed
from explainer.report import Blame, Lane, Mismatch

_ERRORS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
_SHAPES = ("zeros", "ones", "full", "empty", "arange", "linspace", "eye", "reshape", "broadcast_to", "tile")
_SHAPES += ("iota", "repeat", "split", "normal", "uniform", "bernoulli", "categorical", "one_hot", "tri")
_SIZED = ("unique", "nonzero", "argwhere", "flatnonzero", "bincount", "union1d", "intersect1d", "setdiff1d")
_STATIC = (
    "axis",
    "axes",
    "shape",
    "num",
    "length",
    "dims",
    "k",
    "size",
    "total_repeat_length",
    "num_classes",
)
_NUMBERS = ("int", "float", "bool", "complex")


def needs_value(scene: Scene) -> Told | None:
    """Explains an error of a value that is not there while the function is traced."""
    if not (isinstance(scene.error, _ERRORS) or _asks_anyway(scene)):
        return None
    here = site(scene)
    if here is None:
        kind, cure = _by_type(scene.error)
        span = scene.sources.of_error(scene.error)
        what = f"`{scene.sources.text(span)}`" if span is not None else "This"
        return Told(f"{what} needs a value that differs from example to example: {cure}.", kind=kind)
    culprits = _culprits(here)
    kind, cure = _cure(here, culprits)
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
    lanes = [Lane(one.text, one.dtype, one.shape, span=one.span, note="traced") for one in culprits]
    return Mismatch((*lanes, *(leaf.lane() for leaf in mapped))) if lanes else None


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
    if not isinstance(node, ast.Call):
        return []
    called = _called(here, node)
    if called in ("get", "pop", "setdefault", "add", "format", "dict", "set"):
        return [*node.args]
    if called in _SHAPES:
        scalars = [one.text for one in _parts(here, _arguments(node)) if _whole(one)]
        return [part for part in _arguments(node) for one in ast.walk(part) if _is(here, one, scalars)]
    return [keyword.value for keyword in node.keywords if keyword.arg in _STATIC]


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
        if _called(here, node) in _SHAPES and asked:
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


def _cure(here: Site, culprits: list[Operand]) -> tuple[str, str]:
    """Returns the kind of the mistake, and what to write instead."""
    error = here.scene.error
    if isinstance(error, jax.errors.NonConcreteBooleanIndexError):
        return "boolean_mask", _MASK
    if (found := _cure_of_text(here) or _cure_of_call(here)) is not None:
        return found
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return "numpy_on_tracer", _numpy(here)
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return "python_condition", _branch(here)
    if isinstance(here.node, ast.Subscript):
        return "python_index", _LOOKUP if _in_list(here, here.node) else _SLICE
    return _by_type(error)


def _cure_of_text(here: Site) -> tuple[str, str] | None:
    """Tells values that are to be written as text, or looked up by their hash."""
    node = here.node
    if isinstance(node, ast.JoinedStr) or _method(node) == "format":
        return "print", "print with jax.debug.print('{x:.2f}', x=x), which runs when there are values"
    if not isinstance(here.scene.error, _ERRORS) and (
        _hashed(here, node) or isinstance(node, (ast.Dict, ast.Set))
    ):
        return "unhashable", _LOOKUP
    return None


def _cure_of_call(here: Site) -> tuple[str, str] | None:
    """Tells functions that need plain Python values, by their names."""
    node = here.node
    called = _called(here, node)
    if not isinstance(node, ast.Call) or isinstance(here.scene.error, jax.errors.TracerArrayConversionError):
        return None
    if here.text_of(node.func) == f"math.{called}":
        return "numpy_on_tracer", f"use jnp instead of math: jnp.{called}"
    if called in _NUMBERS:
        return "python_number", (
            f"leave {called}() out, or write .astype({called}): a jnp array does the same work"
        )
    if _method(node) in ("item", "tolist"):
        return "python_number", "leave it out and compute with the array itself; print with jax.debug.print"
    if called == "range":
        return "python_index", (
            f"loop with lax.fori_loop(0, {_first(here, node)}, ...), or pass the number unmapped as a Python "
            "value"
        )
    if called in _SIZED or (called == "where" and len(node.args) == 1):
        return "data_sized", (f"give it a size=, so that all examples have one length: {called}(..., size=n)")
    if called in _SHAPES or _static_keyword(node):
        return "static_shape", (
            "shapes and axis= must be the same for all examples: take them from .shape, or pass the number "
            "unmapped as a Python value (a closure, or functools.partial)"
        )
    return None


_MASK = "use jnp.where(mask, x, fill), or jnp.nonzero(mask, size=...), which have one length for all examples"
_LOOKUP = (
    "put the values into an array, table = jnp.array([...]), and index that: table[i] works for all examples"
)
_SLICE = "slice with lax.dynamic_slice_in_dim(x, start, size), whose size is fixed, or mask with jnp.where"


def _by_type(error: BaseException) -> tuple[str, str]:
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return "python_condition", "use jnp.where or lax.cond (lax.while_loop for a loop)"
    if isinstance(error, jax.errors.NonConcreteBooleanIndexError):
        return "boolean_mask", _MASK
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return "numpy_on_tracer", "use jnp instead of np"
    if isinstance(error, jax.errors.TracerIntegerConversionError):
        return "python_index", "index a jnp array instead, or pass the number unmapped as a Python value"
    return "needs_value", "pass it unmapped as a Python value, or compute with jnp and lax instead"


_STATEMENTS: tuple[tuple[type[ast.AST] | tuple[type[ast.AST], ...], str], ...] = (
    (ast.While, "use lax.while_loop(cond, body, init) for a loop that ends by a value"),
    ((ast.If, ast.IfExp), "use jnp.where or lax.cond, which choose for every example"),
    (ast.Assert, "an assert cannot look at values; use jax.experimental.checkify, or check outside"),
    (ast.comprehension, "use jnp.where(cond, a, b) for what a filter leaves out"),
)


def _branch(here: Site) -> str:
    """Says what stands for a Python branch, by the expression or the statement that it is in."""
    node = here.node
    inside = here.parents[0] if here.parents else None
    called = _called(here, node)
    if isinstance(node, ast.Call) and called in ("max", "min"):
        jnp = called if len(node.args) == 1 else f"{called}imum"
        return f"Python's {called}() compares values one by one; use jnp.{jnp}"
    if isinstance(node, ast.Call) and called in ("any", "all", "sum", "sorted"):
        jnp = "sort" if called == "sorted" else called
        return f"Python's {called}() looks at values one by one; use jnp.{jnp}"
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        return "`in` compares values one by one; use jnp.isin"
    both = (
        ""
        if not isinstance(node, ast.Compare) or len(node.ops) < 2
        else ("a chained comparison asks for one truth value; write (a < x) & (x < b). Then ")
    )
    if isinstance(inside, ast.BoolOp) or isinstance(node, ast.BoolOp):
        both = "`and`, `or` and `not` ask for one truth value; use &, | and ~, or jnp.logical_and. Then "
    return both + _statement(here)


def _statement(here: Site) -> str:
    for parent in here.parents:
        for kinds, cure in _STATEMENTS:
            if isinstance(parent, kinds):
                return cure
        if isinstance(parent, (ast.FunctionDef, ast.Lambda)):
            break
    return "use jnp.where or lax.cond (lax.while_loop for a loop), which choose for every example"


def _numpy(here: Site) -> str:
    """Names the NumPy function to replace."""
    node = here.node
    if isinstance(node, ast.Call):
        name = here.text_of(node.func)
        value = here.value(node.func)
        if isinstance(value, np.ufunc) or "numpy" in str(getattr(value, "__module__", "")).split("."):
            short = name.rpartition(".")[2]
            return f"use jnp instead of np: jnp.{short} for {name}"
        if name.startswith("math."):
            return f"use jnp instead of math: jnp.{name.removeprefix('math.')}"
    if isinstance(node, ast.Subscript):
        return "a NumPy array cannot be indexed by it: make it a jax array first, jnp.asarray(...)[i]"
    return "use jnp instead of np"


def _in_list(here: Site, node: ast.Subscript) -> bool:
    return isinstance(here.value(node.value), (list, tuple, dict, str, range))


def _first(here: Site, node: ast.expr) -> str:
    args = node.args if isinstance(node, ast.Call) else []
    return here.text_of(args[-1] if len(args) < 3 else args[1]) if args else "n"


def _static_keyword(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and any(one.arg in _STATIC for one in node.keywords)


def _hashed(here: Site, node: ast.expr) -> bool:
    """Tells a look-up in a dict or set."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Dict) or isinstance(here.value(node.value), dict)
    return _method(node) in ("get", "pop", "setdefault", "add")


def _called(here: Site, node: ast.expr) -> str:
    """Returns the last name of what a call calls: "zeros" of jnp.zeros(n)."""
    if not isinstance(node, ast.Call):
        return ""
    return here.text_of(node.func).rpartition(".")[2]


def _method(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""
