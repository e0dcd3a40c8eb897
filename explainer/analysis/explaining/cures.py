"""Cures: what to write instead of Python, or NumPy, where a value is asked for that is not there yet.

Site, error ──▶ cure ──▶ the kind of the mistake, and what to write
"""

from __future__ import annotations

import ast

import jax
import numpy as np

from explainer.analysis.explaining.operands import Site

ERRORS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
SHAPES = (
    "zeros",
    "ones",
    "full",
    "empty",
    "arange",
    "linspace",
    "pad",
    "eye",
    "reshape",
    "broadcast_to",
    "tile",
)
SHAPES += ("iota", "repeat", "split", "normal", "uniform", "bernoulli", "categorical", "one_hot", "tri")
SIZED = ("unique", "nonzero", "argwhere", "flatnonzero", "bincount", "union1d", "intersect1d", "setdiff1d")
SIZES = ("dynamic_slice", "dynamic_slice_in_dim")  # of jax.lax: the third argument says how much
STATIC = (
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
NUMBERS = ("int", "float", "bool", "complex")


def cure(here: Site) -> tuple[str, str]:
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
        table = here.value(here.node.value)
        if isinstance(table, (list, tuple)) and table and all(callable(entry) for entry in table):
            return "python_index", "choose among functions with lax.switch(i, functions, *operands)"
        return "python_index", _LOOKUP if _in_list(here, here.node) else _SLICE
    return by_type(error)


def _cure_of_text(here: Site) -> tuple[str, str] | None:
    """Tells values that are to be written as text, or looked up by their hash."""
    node = here.node
    if isinstance(node, ast.JoinedStr) or _method(node) == "format":
        return "print", "print with jax.debug.print('{x:.2f}', x=x), which runs when there are values"
    if not isinstance(here.scene.error, ERRORS) and (
        _hashed(here, node) or isinstance(node, (ast.Dict, ast.Set))
    ):
        return "unhashable", _LOOKUP
    return None


def _cure_of_call(here: Site) -> tuple[str, str] | None:
    """Tells functions that need plain Python values, by their names."""
    node = here.node
    name = called(here, node)
    if not isinstance(node, ast.Call) or isinstance(here.scene.error, jax.errors.TracerArrayConversionError):
        return None
    if here.text_of(node.func) == f"math.{name}":
        return "numpy_on_tracer", f"use jnp instead of math: jnp.{name}"
    if name in NUMBERS:
        return "python_number", (
            f"leave {name}() out, or write .astype({name}): a jnp array does the same work"
        )
    if _method(node) in ("item", "tolist"):
        return "python_number", "leave it out and compute with the array itself; print with jax.debug.print"
    if name == "range":
        return "python_index", (
            f"loop with lax.fori_loop(0, {_first(here, node)}, ...), or pass the number unmapped as a Python "
            "value"
        )
    if name in SIZED or (name == "where" and len(node.args) == 1):
        return "data_sized", (f"give it a size=, so that all examples have one length: {name}(..., size=n)")
    if name in (*SHAPES, *SIZES) or _static_keyword(node):
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


def by_type(error: BaseException) -> tuple[str, str]:
    """Returns the kind of the mistake, and what to write instead, where the expression is not known."""
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
    name = called(here, node)
    if isinstance(node, ast.Call) and name in ("max", "min"):
        jnp = name if len(node.args) == 1 else f"{name}imum"
        return f"Python's {name}() compares values one by one; use jnp.{jnp}"
    if isinstance(node, ast.Call) and name in ("any", "all", "sum", "sorted"):
        jnp = "sort" if name == "sorted" else name
        return f"Python's {name}() looks at values one by one; use jnp.{jnp}"
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
    return isinstance(node, ast.Call) and any(one.arg in STATIC for one in node.keywords)


def _hashed(here: Site, node: ast.expr) -> bool:
    """Tells a look-up in a dict or set."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Dict) or isinstance(here.value(node.value), dict)
    return _method(node) in ("get", "pop", "setdefault", "add")


def called(here: Site, node: ast.expr) -> str:
    """Returns the last name of what a call calls: "zeros" of jnp.zeros(n)."""
    if not isinstance(node, ast.Call):
        return ""
    return here.text_of(node.func).rpartition(".")[2]


def _method(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""
