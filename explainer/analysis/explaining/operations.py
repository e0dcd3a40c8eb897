"""Operations: what a failing expression does with its operands, and the rule that their shapes must keep.

Site ──▶ operation ──▶ Operation: kind, operands, rule of fitting.py
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from explainer.analysis.explaining import fitting
from explainer.analysis.explaining.fitting import Rule
from explainer.analysis.explaining.operands import Operand, Site

_ELEMENTWISE = (
    *("add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "power", "mod", "remainder"),
    *("maximum", "minimum", "where", "hypot", "arctan2", "logical_and", "logical_or", "logical_xor"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "allclose", "isclose", "fmax"),
)
_RANKS = {"inv": 2, "det": 2, "slogdet": 2, "cholesky": 2, "eigh": 2, "eigvalsh": 2, "qr": 2, "svd": 2}
_RANKS |= {"pinv": 2, "solve": 2, "trace": 2, "diagonal": 2, "fliplr": 2, "rot90": 2, "triu": 1, "tril": 1}
_JOINED = ("concatenate", "concat", "append", "stack", "vstack", "hstack", "column_stack")


@dataclass(frozen=True, slots=True)
class Operation:
    """What failed. `rule` is None where only JAX knows; then `said` may tell, else JAX's own words do.

    `strict`: nothing is said where the rule is kept. `cure` is a sentence.
    """

    kind: str
    operands: tuple[Operand, ...]
    rule: Rule | None = None
    said: str = ""
    cure: str = ""
    strict: bool = False


_INSIDE = "Axis numbers inside the function count without the mapped axes."


def operation(here: Site) -> Operation | None:
    """Describes the expression that failed; None where it has no array operands."""
    node = here.node
    if (found := _of_statement(here)) is not None:
        return found
    if isinstance(node, ast.BinOp):
        operands = _arrays(here, [node.left, node.right])
        if isinstance(node.op, ast.MatMult):
            return _of_two(here, "matmul", operands, fitting.contraction)
        return _elementwise(operands)
    if isinstance(node, ast.Compare):
        return _elementwise(_arrays(here, [node.left, *node.comparators]))
    if isinstance(node, ast.Subscript):
        return _indexing(here, node)
    return _call(here, node) if isinstance(node, ast.Call) else None


def _of_statement(here: Site) -> Operation | None:
    """Tells x[0] = 1, and `b, d = x.shape`: the failing expression is the target."""
    node, parent = here.node, here.parents[0] if here.parents else None
    if isinstance(parent, ast.AugAssign) and isinstance(parent.target, ast.Subscript):
        node = parent.target
    if isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is node:
        operands = _arrays(here, [node])
        return Operation("iteration", operands[:1], fitting.rank_of(1), cure=_NO_BATCH) if operands else None
    stored = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.Subscript) and stored:
        operands = _arrays(here, [node.value])
        base, index = here.text_of(node.value), here.text_of(node.slice)
        aug = isinstance(parent, ast.AugAssign)
        how = f"{base} = {base}.at[{index}].{_at(parent) if aug else 'set'}(...)"
        said = "a JAX array cannot be changed in place"
        if isinstance(here.value(node.value), np.ndarray):
            said = f"{base} is a NumPy array, which cannot hold traced values. Make it with jnp"
        cure = f"Make a new one: {how}."
        return Operation("item_assignment", operands[:1], said=said, cure=cure) if operands else None
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store):
        value = parent.value if isinstance(parent, ast.Assign) else None
        if isinstance(value, ast.Attribute) and value.attr == "shape" and not _starred(node):
            operands = _arrays(here, [value.value])
            return Operation(
                "shape_taken_apart",
                operands[:1],
                fitting.unpacked(len(node.elts)),
                cure=_NO_BATCH,
                strict=True,
            )
        if value is not None and not _starred(node) and len(operands := _arrays(here, [value])) == 1:
            rule = fitting.entries(len(node.elts))
            return Operation("taken_apart", operands, rule, cure=_NO_BATCH, strict=True)
    return None


_NO_BATCH = "Inside the function there is no batch axis: it sees one example."


def _at(parent: ast.AST | None) -> str:
    operator = parent.op if isinstance(parent, ast.AugAssign) else None
    named = {ast.Add: "add", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power", ast.Sub: "subtract"}
    return named.get(type(operator), "set")


def _starred(node: ast.Tuple | ast.List) -> bool:
    return any(isinstance(item, ast.Starred) for item in node.elts)


def _arrays(here: Site, nodes: Sequence[ast.expr]) -> tuple[Operand, ...]:
    """Returns the operands that are arrays or numbers, those of lists and tuples one by one."""
    found = []
    for node in nodes:
        inner = node.value if isinstance(node, ast.Starred) else node
        if isinstance(inner, (ast.List, ast.Tuple)):
            found += _arrays(here, inner.elts)
        elif (one := here.operand(inner)) is not None:
            found.append(one)
        else:
            found += _of_sequence(here, inner)
    return tuple(found)


def _of_sequence(here: Site, node: ast.expr) -> list[Operand]:
    """Returns the arrays of a list or tuple that has a name."""
    value = here.value(node)
    if type(value) not in (list, tuple):
        return []
    parts = [here.described(node, item, f"{here.text_of(node)}[{n}]") for n, item in enumerate(value)]
    return [part for part in parts if part is not None]


def _elementwise(operands: tuple[Operand, ...]) -> Operation | None:
    if len(operands) < 2:
        return None
    return Operation("broadcast", operands, fitting.broadcast)


def _of_two(here: Site, kind: str, operands: tuple[Operand, ...], rule: Rule) -> Operation | None:
    return Operation(kind, operands, rule) if len(operands) == 2 else None


def _indexing(here: Site, node: ast.Subscript) -> Operation | None:
    """Describes x[i, :, 0], and x.shape[1]."""
    if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        operands, index = _arrays(here, [node.value.value]), here.value(node.slice)
        if operands and isinstance(index, int):
            rule = fitting.has_axes([index])
            return Operation("shape_taken_apart", operands[:1], rule, cure=_NO_BATCH, strict=True)
        return None
    operands = _arrays(here, [node.value])
    if not operands:
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    odd = tuple(one for one in _arrays(here, parts) if not one.dtype.startswith(("int", "uint", "bool")))
    if odd:
        return Operation("inside", (*odd, *operands[:1]), cure="An index is a whole number: .astype(int).")
    none = [part for part in parts if isinstance(part, ast.Constant) and part.value in (None, ...)]
    return Operation(
        "too_many_indices", operands[:1], fitting.indices(len(parts) - len(none)), cure=_NO_BATCH
    )


def _call(here: Site, node: ast.Call) -> Operation | None:
    name, arguments = _named(here, node)
    words = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    for describe in (_product, _joined, _reshaped, _over_axes, _of_rank, _looped):
        if (found := describe(here, name, arguments, words)) is not None:
            return found
    operands = _arrays(here, [*_updated(node), *arguments, *words.values()])
    if name in _ELEMENTWISE:
        return _elementwise(operands)
    if _differentiates(here, node.func):
        return Operation("grad_not_scalar", operands, cure=_GRAD) if operands else None
    return Operation("inside", operands) if operands else None


def _updated(node: ast.Call) -> list[ast.expr]:
    """Returns x of x.at[i].set(y)."""
    place = node.func.value if isinstance(node.func, ast.Attribute) else None
    at = place.value if isinstance(place, ast.Subscript) else None
    return [at.value] if isinstance(at, ast.Attribute) and at.attr == "at" else []


_GRAD = (
    "jax.grad needs one number from the function that it differentiates: sum or average in it, or take "
    "jax.jacrev. jax.vmap(jax.grad(f)) gives the gradient of each example."
)


def _differentiates(here: Site, function: ast.expr) -> bool:
    """Tells `jax.grad(f)` and `jax.value_and_grad(f)` in front of a call."""
    if not isinstance(function, ast.Call) or not isinstance(here.scene.error, TypeError):
        return False
    return here.value(function.func) in (jax.grad, jax.value_and_grad)


def _named(here: Site, node: ast.Call) -> tuple[str, list[ast.expr]]:
    """Returns what a call calls, by JAX's own name of it, and its arguments, the receiver first.

    "" for a function that is not JAX's.
    """
    arguments = list(node.args)
    function = here.value(node.func)
    if not callable(function):
        if isinstance(node.func, ast.Attribute) and here.operand(node.func.value) is not None:
            return node.func.attr, [node.func.value, *arguments]
        return "", arguments
    try:
        return _ours().get(function, ""), arguments
    except TypeError:  # an object that has no hash
        return "", arguments


@functools.cache
def _ours() -> Mapping[Any, str]:
    """Returns the names of JAX's functions: {jnp.dot: "dot", lax.scan: "scan", ...}."""
    found: dict[Any, str] = {}
    for module in (jnp.linalg, lax, jnp):
        for name in dir(module):
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                found[value] = name
    return found


Words = Mapping[str, ast.expr]


def _product(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    rules: dict[str, Rule] = {"matmul": fitting.contraction, "dot": fitting.dot, "inner": fitting.inner}
    if name in rules:
        return _of_two(here, name, _arrays(here, arguments), rules[name])
    if name == "einsum" and arguments:
        text = here.value(arguments[0])
        operands = _arrays(here, arguments[1:])
        if isinstance(text, str) and len(operands) == len(arguments) - 1:
            return Operation("einsum", operands, fitting.einsum(text))
    return None


def _joined(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    listed = bool(arguments) and isinstance(arguments[0], (ast.List, ast.Tuple))
    if not arguments or not (name in _JOINED or (listed and name in ("array", "asarray"))):
        return None
    operands = _arrays(here, arguments[:1])
    given = words.get("axis") or (arguments[1] if len(arguments) > 1 else None)
    axis = 0 if given is None else here.value(given)
    if name == "stack" or name in ("array", "asarray"):
        return Operation("stack", operands, fitting.stack)
    if name in ("concatenate", "concat") and type(axis) is int:
        return Operation("concatenate", operands, fitting.concatenate(axis), cure=_INSIDE)
    return Operation("concatenate", operands) if operands else None


def _reshaped(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    if name not in ("reshape", "broadcast_to") or not arguments:
        return None
    operands = _arrays(here, arguments[:1])
    shape = words.get("shape") or (arguments[1] if len(arguments) == 2 else None)
    values = [here.value(part) for part in ([shape] if shape is not None else arguments[1:])]
    sizes = values[0] if len(values) == 1 and isinstance(values[0], tuple) else tuple(values)
    if not operands or not sizes or any(type(size) is not int for size in sizes):
        return None
    if name == "broadcast_to":
        return Operation("broadcast", operands, lambda shapes: fitting.broadcast([shapes[0], sizes]))
    return Operation("reshape", operands, fitting.reshape(sizes), cure=_NO_BATCH)


def _over_axes(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    """Describes a function of one array and axis numbers: jnp.sum(x, axis=1), jnp.swapaxes(x, 0, 1)."""
    if not name or not arguments:
        return None
    given = words.get("axis") or words.get("axes") or _axis_argument(name, arguments)
    many = [given] if given is not None else []
    if name in ("swapaxes", "moveaxis") and len(arguments) == 3:
        many = arguments[1:]
    value = [here.value(part) for part in many]
    numbers = value[0] if len(value) == 1 and isinstance(value[0], tuple) else tuple(value)
    operands = _arrays(here, arguments[:1])
    if not operands or not numbers or any(type(axis) is not int for axis in numbers):
        return None
    if name == "expand_dims" or ("axis" in words and not _takes_axis(name)):
        return None
    return Operation("axis_inside", operands[:1], fitting.has_axes(numbers), cure=_INSIDE)


def _takes_axis(name: str) -> bool:
    """Tells whether one of JAX's functions has a parameter `axis`."""
    function = getattr(jnp, name, None) or getattr(lax, name, None)
    try:
        return function is None or "axis" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True


def _axis_argument(name: str, arguments: list[ast.expr]) -> ast.expr | None:
    """Returns the argument that stands where the function's parameter `axis` does."""
    function: Callable[..., Any] | None = getattr(jnp, name, None) or getattr(lax, name, None)
    try:
        parameters = list(inspect.signature(function).parameters) if function is not None else []
    except (TypeError, ValueError):
        return None
    place = parameters.index("axis") if "axis" in parameters else 0
    return arguments[place] if 0 < place < len(arguments) else None


def _of_rank(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    if name not in _RANKS or not arguments:
        return None
    operands = _arrays(here, arguments)
    return Operation("rank_inside", operands, fitting.rank_of(_RANKS[name])) if operands else None


_LOOPS = {
    "scan": (
        "carry_type",
        "Give the carry one shape and dtype: start from an array of what the body returns, or use .astype.",
    ),
    "while_loop": ("carry_type", "The body must return what it is handed: the same tree, shapes and dtypes."),
    "fori_loop": ("carry_type", "The body must return what it is handed: the same tree, shapes and dtypes."),
    "cond": ("branch_type", "All branches must return the same tree, shapes and dtypes."),
    "switch": ("branch_type", "All branches must return the same tree, shapes and dtypes."),
}


def _looped(here: Site, name: str, arguments: list[ast.expr], words: Words) -> Operation | None:
    """Describes a loop or branch that JAX refused itself, after its bodies were traced."""
    if name not in (*_LOOPS, "map", "associative_scan"):
        return None
    operands = _arrays(here, [*arguments, *words.values()])
    over = words.get("xs") or (arguments[2] if name == "scan" and len(arguments) > 2 else None)
    over = arguments[1] if name in ("map", "associative_scan") and len(arguments) > 1 else over
    if isinstance(here.scene.error, (ValueError, IndexError)) and over is not None:
        return Operation("scan_over", _arrays(here, [over]), fitting.leading)
    if name in _LOOPS and isinstance(here.scene.error, TypeError):
        kind, cure = _LOOPS[name]
        return Operation(kind, operands, cure=cure) if operands else None
    return None
