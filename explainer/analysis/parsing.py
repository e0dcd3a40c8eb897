"""From text to Python objects: the user's code, function, arguments and axis trees, evaluated.

    Request ──▶ parse ──▶ Program ──▶ axes, tracing, running

Each text is compiled under its own file name (`<code>`, `<argument X>`), so that every error and
every equation can be traced back to a line and column of what the user typed.
"""

from __future__ import annotations

import functools
import importlib.util
import linecache
import math
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from explainer.analysis import internals, values
from explainer.errors import RequestError
from explainer.source import ShapeSpec, substitute
from explainer.spec import Argument, Request, Vmap


def _when_used(name: str) -> types.ModuleType:
    """Returns a module that is imported when something of it is first asked for."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PREDEFINED: Mapping[str, Any] = types.MappingProxyType(
    {
        "jax": jax,
        "jnp": jnp,
        "lax": lax,
        "np": np,
        "math": math,
        "functools": functools,
        "partial": functools.partial,
        "optax": _when_used("optax"),  # few use it, and it takes 0.05 to 0.1 s
    }
)
"""Names that stand in scope of every text."""

_NOT_NUMBERS = "OSUMm"  # NumPy's kinds that JAX has no type for: objects, text, dates


@dataclass(frozen=True, slots=True)
class ParsedLevel:
    """One level with its texts evaluated: what goes into the call of jax.vmap."""

    name: str  # shown: the axis_name if it is a string, else i, j, k, ...
    text: Vmap
    in_axes: Any
    out_axes: Any
    axis_name: Any
    axis_size: Any
    spmd_axis_name: Any

    def vmap(self, fun: Callable[..., Any], axis_name: Any = None) -> Callable[..., Any]:
        """Maps `fun` by jax.vmap with this level's settings."""
        return jax.vmap(
            fun,
            in_axes=self.in_axes,
            out_axes=self.out_axes,
            axis_name=self.axis_name if axis_name is None else axis_name,
            axis_size=self.axis_size,
            spmd_axis_name=self.spmd_axis_name,
        )


@dataclass(frozen=True, slots=True)
class Operand:
    """One leaf of the arguments. `value` is an array, a ShapeSpec still to be filled, or anything static."""

    argument: str
    path: str
    value: Any
    seed: int

    @property
    def is_array(self) -> bool:
        """Tells an array (or the promise of one) from a static Python value, or NumPy's text and objects."""
        if isinstance(self.value, (np.ndarray, np.generic)):
            return self.value.dtype.kind not in _NOT_NUMBERS
        return isinstance(self.value, (ShapeSpec, jax.Array))

    @property
    def aval(self) -> jax.ShapeDtypeStruct:
        """The shape and dtype, without making the values of a ShapeSpec."""
        if isinstance(self.value, ShapeSpec):
            return values.spec_aval(self.value)
        return internals.aval(self.value)

    def materialize(self) -> Any:
        """Returns the value, a ShapeSpec filled."""
        return values.fill(self.value, self.seed) if isinstance(self.value, ShapeSpec) else self.value


CONTEXT = "explainer"
"""What JAX remembers, apart, of functions traced for the X-ray; each request brings new functions."""


@dataclass(slots=True)
class Program:
    """A request whose texts are evaluated; `operands` are the leaves of (args, kwargs) in order."""

    function: Callable[..., Any]
    name: str
    arguments: tuple[Argument, ...]
    operands: tuple[Operand, ...]
    tree: Any  # the tree of (args, kwargs)
    levels: tuple[ParsedLevel, ...]
    scope: Mapping[str, Any]  # the names that the user's code left
    context: Any = CONTEXT
    _values: list[Any] | None = field(default=None)

    def values(self) -> list[Any]:
        """Returns the leaves with every ShapeSpec filled; made once."""
        if self._values is None:
            self._values = [operand.materialize() for operand in self.operands]
        return self._values

    def mapped(self, fun: Callable[..., Any]) -> Callable[..., Any]:
        """Maps `fun` by all levels, as the user would write it."""
        for level in reversed(self.levels):
            fun = level.vmap(fun)
        return fun


def level_letter(number: int) -> str:
    """Names a level that has no axis_name: i, j, k, ..., again from i after z."""
    letters = "ijklmnopqrstuvwxyz"
    return letters[number % len(letters)]


def compile_code(request: Request) -> types.CodeType:
    """Compiles the user's code; raises SyntaxError."""
    return _compile(request.code, "<code>", "exec")


def run_code(request: Request, code: types.CodeType | None = None) -> dict[str, Any]:
    """Runs the user's code, compiled or not yet, and returns the names it leaves; its errors are theirs."""
    return _run(code or compile_code(request), types.ModuleType("user_code"))


def run_script(request: Request) -> None:
    """Runs the user's code as Python runs a script: its `if __name__ == "__main__":` holds."""
    before = sys.modules["__main__"]
    try:
        _run(compile_code(request), types.ModuleType("__main__"))
    finally:
        sys.modules["__main__"] = before


def _run(code: types.CodeType, module: types.ModuleType) -> dict[str, Any]:
    sys.modules[module.__name__] = module  # dataclasses and typing look their module up here
    namespace = module.__dict__
    namespace.update(PREDEFINED)
    exec(code, namespace)
    return namespace


def find_function(request: Request, namespace: dict[str, Any]) -> Callable[..., Any]:
    """Evaluates the expression that names the mapped function."""
    if not request.function.strip():
        raise RequestError("No function is named: write the name of the function to map.", "function")
    function = _evaluate(request.function, "function", namespace)
    if not callable(function):
        raise RequestError(
            f"{request.function} is not a function: its type is {type(function).__name__}.", "function"
        )
    return function


def evaluate_arguments(request: Request, namespace: dict[str, Any]) -> dict[str, Any]:
    """Evaluates every argument; shape specs become ShapeSpec leaves of the trees."""
    evaluated: dict[str, Any] = {}
    for argument in request.arguments:
        source = f"argument {argument.name}"
        if argument.name in evaluated:
            raise RequestError(
                f"Two arguments are called {argument.name}: give them different names.", source
            )
        if not argument.value.strip():
            raise RequestError(
                f"{argument.name} has no value: write a shape such as f32[3,2], or any expression.", source
            )
        python, specs = substitute(argument.value, namespace)
        evaluated[argument.name] = _evaluate(python, source, {**namespace, **specs}, shown=argument.value)
    return evaluated


def evaluate_level(
    level: Vmap, number: int, namespace: dict[str, Any], arguments: dict[str, Any]
) -> ParsedLevel:
    """Evaluates the texts of one level; arguments are in scope by their names."""
    scope = {**namespace, **arguments}

    def value(field_name: str, text: str | None, default: Any = None) -> Any:
        if text is None or not text.strip():
            return default
        return _evaluate(text, f"{field_name} of level {number}", scope)

    axis_name = _axis_name(level.axis_name, value, "axis_name")
    return ParsedLevel(
        name=axis_name if isinstance(axis_name, str) else level_letter(number),
        text=level,
        in_axes=value("in_axes", level.in_axes, 0),
        out_axes=value("out_axes", level.out_axes, 0),
        axis_name=axis_name,
        axis_size=value("axis_size", level.axis_size),
        spmd_axis_name=_axis_name(level.spmd_axis_name, value, "spmd_axis_name"),
    )


def program(
    request: Request,
    scope: Mapping[str, Any],
    function: Callable[..., Any],
    arguments: dict[str, Any],
    levels: tuple[ParsedLevel, ...],
) -> Program:
    """Flattens the arguments into operands with paths in the user's names."""
    args = tuple(arguments[a.name] for a in request.arguments if not a.keyword)
    kwargs = {a.name: arguments[a.name] for a in request.arguments if a.keyword}
    names = [a.name for a in request.arguments if not a.keyword]
    flat, tree = jax.tree_util.tree_flatten_with_path((args, kwargs))
    operands = []
    for n, (path, leaf) in enumerate(flat):
        name = names[path[1].idx] if path[0].idx == 0 else path[1].key
        operands.append(Operand(name, name + jax.tree_util.keystr(path[2:]), leaf, seed=n))
    name = " ".join(request.function.split())
    if len(name) > 40:
        name = getattr(function, "__name__", "function")
    return Program(function, name, request.arguments, tuple(operands), tree, levels, scope)


def _axis_name(text: str | None, value: Callable[..., Any], field_name: str) -> Any:
    """Reads a bare word as a string, as it would be typed between quotes; else evaluates it."""
    if text is not None and text.strip().isidentifier() and text.strip() != "None":
        return text.strip()
    return value(field_name, text)


def _compile(text: str, filename: str, mode: str) -> types.CodeType:
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return compile(text, filename, mode, dont_inherit=True)


def _evaluate(text: str, source: str, scope: dict[str, Any], shown: str | None = None) -> Any:
    """Evaluates an expression; a multi-line one may break where it likes."""
    body = text.strip()
    if "\n" in body:
        body = f"({body}\n)"
    try:
        return eval(_compile(body, f"<{source}>", "eval"), scope)
    except SyntaxError as error:
        if shown is not None:
            error.text = shown
        raise
