"""Refused: what `jax.vmap` itself would not take, before anything was called.

    error ──▶ failure ──▶ Failure: a parameter it has not, no function, arrays for axes

Told from what it was given, and from its own signature. Where the arguments of the call are known, the
axes that it refused are explained by them instead (`failed.py`).
"""

from __future__ import annotations

import ast
import difflib
import inspect
from typing import Any

import jax
import numpy as np

from explainer.analysis import internals
from explainer.analysis.failing import callsites, naming
from explainer.analysis.failing.written import Written, callers
from explainer.analysis.internals import Made
from explainer.analysis.spans import Sources
from explainer.errors import message
from explainer.report import Blame, Failure
from explainer.spec import Stage

_MEANT = {
    **dict.fromkeys(("axis", "axes", "in_axis", "in_dims", "in_dim", "dim", "dims", "batch_axis"), "in_axes"),
    **dict.fromkeys(("out_axis", "out_dims", "out_dim", "output_axes"), "out_axes"),
    **dict.fromkeys(("name", "axis_names"), "axis_name"),
    **dict.fromkeys(("size", "batch_size", "n", "length"), "axis_size"),
}
"""What else people call the parameters, from other libraries and from JAX's own neighbours."""

_SAYS = {
    "in_axes": "which axis of each argument is mapped",
    "out_axes": "where the mapped axis stands in the results",
    "axis_name": "what collectives call the axis",
    "axis_size": "how many examples there are",
    "spmd_axis_name": "the mesh axis of the examples",
    "fun": "the function to map",
}

_ELSEWHERE = {
    "static_argnums": "give the argument None in in_axes, or bind it with partial",
    "static_argnames": "give the argument None in in_axes, or bind it with partial",
    "chunk_size": "jax.lax.map(f, xs, batch_size=...) takes some examples at a time",
    "donate_argnums": "it belongs to jax.jit",
    "randomness": "hand every example a key of its own: jax.random.split(key, n)",
}


def failure(error: BaseException, sources: Sources, stage: Stage) -> Failure | None:
    """Explains why `jax.vmap(...)` raised an error; None where it did not raise it."""
    made = internals.vmap_making(error)
    if made is None:
        return None
    place, span = callers(made.outer, sources)
    if place is None:  # a level that the request states: its own explanation names it
        return None
    written = Written.of(place)
    explained = _said(made, None if written is None else written.call)
    if explained is None:
        return None
    said, kind = explained
    blame = Blame(spans=() if span is None else (span,))
    return Failure(stage, type(error).__name__, message(error), said, blame, kind=kind)


def _said(made: Made, call: ast.Call | None) -> tuple[str, str] | None:
    known = inspect.signature(jax.vmap).parameters
    unknown = [name for name in made.kwargs if name not in known]
    if unknown:
        return _unknown(unknown[0], made, list(known)), "unknown_parameter"
    if not made.args and "fun" not in made.kwargs:
        settings = ", ".join(f"{name}={internals.text(value)}" for name, value in made.kwargs.items())
        return (
            f"jax.vmap was given no function. As a decorator with settings write "
            f"@partial(jax.vmap, {settings or 'in_axes=...'}), else jax.vmap(f, {settings or '...'}).",
            "no_function",
        )
    given = dict(zip(known, made.args, strict=False)) | dict(made.kwargs)
    texts = _texts(call, list(known))
    if not callable(given["fun"]):
        return _not_a_function(given["fun"], texts.get("fun", "")), "not_a_function"
    arrays = [name for name in ("in_axes", "out_axes") if _holds_arrays(given.get(name))]
    if arrays or len(made.args) > len(known):
        return _arguments_as_axes(given, texts, arrays), "arguments_as_axes"
    return _axes(given, texts)


def _unknown(name: str, made: Made, known: list[str]) -> str:
    said = f"jax.vmap has no parameter {name!r}"
    if name in _ELSEWHERE:
        return f"{said}: {_ELSEWHERE[name]}."
    if _holds_arrays(made.kwargs[name]):
        return f"{said}: arguments go to the function that it returns, jax.vmap(f)({name}=...)."
    near = _MEANT.get(name) or next(iter(difflib.get_close_matches(name, known, n=1)), None)
    if near is None:
        return f"{said}; it takes {', '.join(known)}."
    value = internals.text(made.kwargs[name])
    return f"{said}. Did you mean {near}={value}? {near} says {_SAYS.get(near, 'that')}."


def _not_a_function(value: Any, text: str) -> str:
    written = f"`{text}`" if text else "what it was given"
    what = naming.text(value)
    said = f"jax.vmap maps a function, but {written} is no function: it is {what}."
    if isinstance(value, jax.Array) and text.endswith(")") and "(" in text:
        name, _, rest = text.partition("(")
        return f"{said} It was called already. Map first, then call: jax.vmap({name})({rest}."
    return f"{said} Write jax.vmap(f)(x): the function here, its arguments to what jax.vmap returns."


def _arguments_as_axes(given: dict[str, Any], texts: dict[str, str], arrays: list[str]) -> str:
    name = next(iter(arrays), "in_axes")
    written = texts.get(name) or naming.text(given.get(name))
    fun = texts.get("fun", "f")
    rest = ", ".join(texts[each] for each in ("in_axes", "out_axes", "axis_name") if each in texts)
    return (
        f"{written} was handed to jax.vmap itself, where {name} stands. jax.vmap takes the function and how "
        f"to map it, and returns a function that takes the arguments: jax.vmap({fun})({rest or written})."
    )


def _axes(given: dict[str, Any], texts: dict[str, str]) -> tuple[str, str] | None:
    """Explains axes that are none, where the arguments that they are for are not known."""
    for name in ("in_axes", "out_axes"):
        value = given.get(name, 0)
        wrong = [leaf for leaf in jax.tree.leaves(value) if type(leaf) is not int]
        whole = name == "out_axes" or value is None or type(value) in (int, tuple, list)
        if whole and not wrong:
            continue
        said = f"{name}={texts.get(name) or internals.text(value)} are no axes: "
        if wrong:
            return f"{said}{wrong[0]!r} stands where an axis does, a whole number or None.", "not_an_axis"
        return (
            f"{said}they must be an int, None, or a tuple with one entry per positional argument. "
            f"For one argument that is a {type(value).__name__}: {name}=({internals.text(value)},).",
            "unwrapped_spec",
        )
    return None


def _holds_arrays(value: Any) -> bool:
    return any(isinstance(leaf, (jax.Array, np.ndarray)) for leaf in jax.tree.leaves(value))


def _texts(call: ast.Call | None, known: list[str]) -> dict[str, str]:
    """Returns what stands in the text for each parameter of jax.vmap."""
    if call is None or callsites.site(call) is None:
        return {}
    texts = dict(zip(known, map(ast.unparse, call.args), strict=False))
    return texts | {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}
