"""A request as plain JAX code, to copy and run.

    Request ─▶ call:    "jax.vmap(jax.vmap(dist, in_axes=(None, 0)), in_axes=(0, None))(X, Y)"
            ─▶ script:  imports, the user's code, the arguments, the call

Pure text: nothing is evaluated. An array asked for by shape gets the values it had in the report,
as long as each argument is one array; in a tree the leaves may trade values.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from explainer.errors import SpecError
from explainer.source import ShapeSpec, substitute
from explainer.spec import Argument, Request, Vmap

_IMPORTS = (
    ("functools", "import functools"),
    ("math", "import math"),
    ("partial", "from functools import partial"),
    ("jax", "import jax"),
    ("jnp", "import jax.numpy as jnp"),
    ("np", "import numpy as np"),
    ("optax", "import optax"),
    ("lax", "from jax import lax"),
)
"""The names that stand in scope of a request, and the line that brings each."""

_WIDE = 88  # characters: a longer call is written over several lines


def call(request: Request) -> str:
    """Returns the expression that a user would write."""
    function = _function(request.function)
    for level in reversed(request.levels):
        function = f"jax.vmap({', '.join((function, *_options(level)))})"
    return f"{function}({_operands(request)})"


def script(request: Request) -> str:
    """Returns a whole program: imports, code, arguments, the call, and the shapes it gave.

    A request of code alone is a program already: it only lacks the imports.
    """
    blocks = [request.code.strip("\n")]
    if not request.is_script:
        blocks.append("\n".join(_assignments(request)))
        blocks.append(f"{_result(request)}\nprint(jax.tree.map(jax.typeof, out))")
    body = "\n".join(blocks)
    lines = [line for name, line in _IMPORTS if re.search(rf"\b{name}\b", body)]
    return "\n\n".join(block for block in ("\n".join(lines), *blocks) if block) + "\n"


def _result(request: Request) -> str:
    """Returns the assignment of the call, one level a line where it would be too wide."""
    line = f"out = {call(request)}"
    if len(line) <= _WIDE or not request.levels:
        return line
    steps = [f"mapped = {_function(request.function)}"]
    steps += [
        f"mapped = jax.vmap({', '.join(('mapped', *_options(level)))})" for level in reversed(request.levels)
    ]
    return "\n".join((*steps, f"out = mapped({_operands(request)})"))


def _operands(request: Request) -> str:
    names = _variables(request)
    positional = [names[item.name] for item in request.arguments if not item.keyword]
    by_name = [f"{item.name}={names[item.name]}" for item in request.arguments if item.keyword]
    return ", ".join((*positional, *by_name))


def _function(text: str) -> str:
    """Returns the mapped expression, in brackets unless a call can follow it as it stands."""
    text = " ".join(text.split())
    return text if re.fullmatch(r"[\w.]+(\(.*\))?", text) else f"({text})"


def _options(level: Vmap) -> tuple[str, ...]:
    """Returns the keyword arguments of one jax.vmap that differ from their defaults."""
    axes = [f"{name}={text}" for name, text in _axes(level) if text not in ("", "0")]
    names = (("axis_name", level.axis_name), ("spmd_axis_name", level.spmd_axis_name))
    named = [f"{name}={_name(text)}" for name, text in names if text and text.strip()]
    size = [f"axis_size={level.axis_size.strip()}"] if level.axis_size and level.axis_size.strip() else []
    return (*axes, *named[:1], *size, *named[1:]) if level.axis_name else (*axes, *size, *named)


def _axes(level: Vmap) -> Iterable[tuple[str, str]]:
    return ("in_axes", " ".join(level.in_axes.split())), ("out_axes", " ".join(level.out_axes.split()))


def _name(text: str) -> str:
    """Returns an axis name as Python: a bare word means the string."""
    text = text.strip()
    return f'"{text}"' if text.isidentifier() and text != "None" else text


def _variables(request: Request) -> dict[str, str]:
    """Returns the variable of each argument: its own name, unless that would hide something."""
    taken = {name for name, _ in _IMPORTS} | set(
        re.findall(r"^(?:def|class)\s+(\w+)", request.code, re.MULTILINE)
    )
    taken |= {"mapped", "out"}
    names: dict[str, str] = {}
    for number, argument in enumerate(request.arguments):
        name = (
            argument.name
            if argument.name.isidentifier() and not keyword.iskeyword(argument.name)
            else f"arg{number}"
        )
        while name in taken:
            name += "_"
        names[argument.name] = name
        taken.add(name)
    return names


def _assignments(request: Request) -> list[str]:
    ordered = sorted(request.arguments, key=lambda item: item.keyword)  # stable: positional ones first
    names, lines, seed = _variables(request), {}, 0
    for argument in ordered:
        text, arrays = _value(argument, request.code, seed)
        lines[argument.name] = f"{names[argument.name]} = {text}"
        seed += max(arrays, 1)
    return [lines[item.name] for item in request.arguments if item.name in lines]


def _value(argument: Argument, code: str, seed: int) -> tuple[str, int]:
    """Returns an argument's text with every shape spec written out, and how many there were."""
    taken = set(re.findall(r"^(\w+)\s*=[^=]", code, re.MULTILINE))
    try:
        python, specs = substitute(argument.value, taken)
    except SpecError:
        return " ".join(argument.value.split()), 0
    for offset, (name, spec) in enumerate(specs.items()):
        python = re.sub(rf"(?<![\w.]){name}\b *", _array(spec, seed + offset), python, count=1)
    return " ".join(python.split()) or "None", len(specs)


def _array(spec: ShapeSpec, seed: int) -> str:
    """Returns JAX code for an array asked for by shape, with the values it has in the report."""
    shape = f"({', '.join(map(str, spec.shape))}{',' if len(spec.shape) == 1 else ''})"
    if spec.dtype == "key":
        return f"jax.random.split(jax.random.key({seed}), {spec.size}).reshape({shape})"
    dtype = f"jnp.{'bool_' if spec.dtype == 'bool' else spec.dtype}"
    if spec.fill in ("zeros", "ones"):
        return f"jnp.{spec.fill}({shape}, {dtype})"
    flat = len(spec.shape) == 1
    if spec.fill == "arange":
        return f"jnp.arange({spec.size}).astype({dtype})" + ("" if flat else f".reshape({shape})")
    return f"jnp.asarray({_random(spec, seed)}{'' if flat else f'.reshape({shape})'}, {dtype})"


def _random(spec: ShapeSpec, seed: int) -> str:
    """Returns the draw that the report made; a complex array draws twice from one generator."""
    first = f"np.random.default_rng({seed})"
    if spec.dtype.startswith("complex"):
        return f"({_draw(spec, f'(_rng := {first})')} + 1j * {_draw(spec, '_rng')})"
    return _draw(spec, first)


def _draw(spec: ShapeSpec, generator: str) -> str:
    n = spec.size
    if spec.fill == "normal":
        draw = f"{generator}.standard_normal({n})"
        return f"({draw} > 0)" if spec.dtype == "bool" else draw
    order = f"{generator}.permutation({n})"
    if spec.dtype == "bool":
        return f"({order} % 2 == 0)"
    if spec.dtype.startswith(("int", "uint")):
        return order
    return f"(({order} + 1) * {0.1 if n <= 100 else 10.0 / n})"
