"""Bundles: what is mapped but is no array, or a list of arrays that was meant as one.

Operands without an axis ──▶ static_mapped, of_items ──▶ sentences
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from explainer.analysis.parsing import Operand, Program

_LONGEST = 40  # characters of a value that is named in a sentence


def static_mapped(program: Program, operand: Operand) -> tuple[str, str]:
    """Returns the kind and the sentence of a Python value that a level is told to map."""
    value, path = operand.value, operand.path
    if any(argument.keyword and argument.name == operand.argument for argument in program.arguments):
        return "keyword_mapped", (
            f"{_what(operand)}: jax.vmap maps every keyword argument over axis 0. Pass it by position with "
            "None, "
            f"or bind it first: partial({program.name}, {operand.argument}=...)."
        )
    if isinstance(value, Iterator | range):
        return "iterator", (
            f"{path} is a {type(value).__name__}, not an array, so it has no axis to map. Pass the arrays "
            f"themselves, one argument each: jax.vmap maps several at once, in step, as zip does."
        )
    if isinstance(value, np.ndarray):
        said = f"{path} is a NumPy array of {value.dtype}, so JAX cannot map it: set it to None."
        return "static_mapped", said
    if isinstance(value, str) or callable(value):
        return "static_mapped", (
            f"{_what(operand)}: JAX maps arrays only. Set it to None, or bind it first with partial or a "
            "lambda."
        )
    if isinstance(value, (bool, int, float, complex)):
        return "static_mapped", f"{_what(operand)}: set it to None, and every example gets this value."
    kind = type(value).__name__
    if dataclasses.is_dataclass(value):
        return "static_mapped", (
            f"{path} is a {kind}, a dataclass that JAX cannot look into, so it has no axis to map. "
            "Register the class, "
            "@jax.tree_util.register_dataclass, or set it to None."
        )
    convert = f"{path}.to_numpy()" if hasattr(type(value), "to_numpy") else f"the arrays in {path}"
    return "static_mapped", (
        f"{path} is a {kind}, which JAX does not take for an array, so it has no axis to map. Pass "
        f"{convert}, or set "
        "it to None."
    )


def _what(operand: Operand) -> str:
    try:
        text = " ".join(repr(operand.value).split())
    except Exception:  # noqa: BLE001  (a class of the user's may raise anything)
        text = f"a {type(operand.value).__name__}"
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"{operand.path} is the Python value {text} and has no axis to map"


def of_items(program: Program, wrong: Sequence[Operand], examples: int | None) -> str | None:
    """Explains a list or tuple of like items, each meant as one example: JAX sees only their leaves.

    `examples` is the size that other arguments are mapped with, None if there is none.
    """
    for name, tree in _arguments(program):
        own = [operand for operand in wrong if operand.argument == name]
        if len(own) < 2 or tree.node_data() is None or tree.node_data()[0] not in (list, tuple):
            continue
        items = tree.children()
        if len(items) < 2 or len(own) < len(items) or examples not in (None, len(items)):
            continue
        if any(item != items[0] for item in items) or not _alike(program, name, len(items)):
            continue
        count, kind = len(items), tree.node_data()[0].__name__
        leaves = tree.num_leaves
        if items[0].node_data() is None:
            stack = f"jnp.stack({name})" if own[0].is_array else f"jnp.array({name})"
        else:
            stack = f"jax.tree.map(lambda *leaves: jnp.stack(leaves), *{name})"
        return (
            f"{name} is a {kind} of {count} items, which JAX does not take for {count} examples: their "
            f"{leaves} "
            f"leaves are {leaves} separate arguments ({_some(own)}). Stack them into arrays with a new "
            "axis 0: "
            f"{stack}."
        )
    return None


def _alike(program: Program, name: str, count: int) -> bool:
    """Tells whether the items of an argument have leaves of the same shapes, one after another."""
    own = [operand for operand in program.operands if operand.argument == name]
    shapes = [operand.aval.shape if operand.is_array else type(operand.value) for operand in own]
    each = len(shapes) // count
    return all(shapes[n] == shapes[n % each] for n in range(len(shapes)))


def _some(operands: Sequence[Operand]) -> str:
    paths = [operand.path for operand in operands]
    return ", ".join(paths) if len(paths) <= 4 else f"{paths[0]}, {paths[1]}, ..., {paths[-1]}"


def _arguments(program: Program) -> Iterable[tuple[str, Any]]:
    """Lists (name, treedef) of every argument."""
    args, kwargs = program.tree.children()
    names = [argument.name for argument in program.arguments if not argument.keyword]
    yield from zip(names, args.children(), strict=True)
    yield from zip(kwargs.node_data()[1], kwargs.children(), strict=True)
