"""Wrapped: failures in what is put around the values, or around the function: pytree classes, jax.grad.

Scene ──▶ constructor, gradient ──▶ Told
"""

from __future__ import annotations

import ast
import inspect
import types

import jax

from explainer.analysis.explaining.mistakes import headline
from explainer.analysis.explaining.operands import around, site
from explainer.analysis.explaining.scene import Scene, Told, capped, described, handed_leaves
from explainer.analysis.spans import Place
from explainer.report import Blame

_BUILDERS = ("__init__", "__post_init__", "__new__", "tree_unflatten", "unflatten", "from_children")


def constructor(scene: Scene) -> Told | None:
    """Explains a class of the user's whose constructor does not bear what JAX puts in it."""
    places = scene.sources.places_of_error(scene.error)
    names = [place.frame.f_code.co_name for place in places]
    first = next((n for n, name in enumerate(names) if name in _BUILDERS), None)
    if first is None or not isinstance(scene.error, Exception):
        return None
    values = places[first].frame.f_locals
    made = values["cls"] if "cls" in values else type(values.get("self"))
    if not isinstance(made, type):
        return None
    span = places[-1].span
    if first and _makes(scene, places[first - 1], made):
        return _of_axes(scene, places[first - 1], made)
    return Told(
        f"`{scene.sources.text(span)}` failed in {names[-1]} of {made.__name__}: {headline(scene.error)}. "
        "JAX takes "
        "a pytree apart and builds it again with other leaves: tracers, axes or None. So a class that is "
        "registered as one must not check or convert what its unflatten is given: check where it is first "
        "made, "
        "and unflatten without the constructor (object.__new__).",
        kind="constructor",
    )


def _of_axes(scene: Scene, place: Place, made: type) -> Told | None:
    """Explains a class that is filled with axes where a spec is written, and checks them."""
    keywords = [node.arg for node in around(place) if isinstance(node, ast.keyword)]
    if not {"in_axes", "out_axes"} & set(keywords):
        return None
    return Told(
        f"`{scene.sources.text(place.span)}` in {keywords[0]} puts axes into {made.__name__}, whose "
        "constructor takes "
        f"arrays only: {headline(scene.error).rstrip('.')}. Write one int for the whole of it, "
        f"{keywords[0]}=0: it "
        "covers all that is below.",
        Blame(spans=(place.span,)),
        "constructor",
    )


def _makes(scene: Scene, place: Place, made: type) -> bool:
    """Tells whether the user's own code calls a class at a place."""
    text = scene.sources.text(place.span)
    return made.__name__ in text.partition("(")[0] or text.startswith("cls(")


_GRADS = (jax.grad, jax.value_and_grad)


def gradient(scene: Scene) -> Told | None:
    """Explains jax.grad of what is no single number."""
    if not isinstance(scene.error, TypeError):
        return None
    here, program = site(scene), scene.program
    inner = here.node.func if here is not None and isinstance(here.node, ast.Call) else None
    if here is not None and isinstance(inner, ast.Call) and here.value(inner.func) in _GRADS:
        batched = bool(inner.args) and "vmap" in here.text_of(inner.args[0])
        of = here.text_of(inner.args[0]) if inner.args else "the function"
        turn = " Turn the two around, jax.vmap(jax.grad(f)): the gradient of each example." if batched else ""
        return Told(
            f"`{here.text}`: {headline(scene.error).rstrip('.')}. jax.grad needs one number from {of}: sum "
            "or average "
            f"in it, or take jax.jacrev.{turn}",
            Blame(spans=(here.span,)),
            "grad_not_scalar",
        )
    if here is None and program is not None and _is_gradient(program.function):
        return Told(
            f"jax.grad of {program.name} fails on one example: {headline(scene.error).rstrip('.')}. It "
            "needs one "
            f"number from {program.name}: sum or average in it, or take jax.jacrev. {_handed(scene)}",
            kind="grad_not_scalar",
        )
    return None


def _is_gradient(function: object) -> bool:
    """Tells what jax.grad or jax.value_and_grad returned, by the code inside it."""
    return any(not _codes(made(abs)).isdisjoint(_codes(function) - _codes(jax.jit(abs))) for made in _GRADS)


def _codes(function: object) -> set[types.CodeType]:
    """Returns the code of a function and of all that it is wrapped around."""
    found = set()
    while function is not None:
        code = getattr(function, "__code__", None)
        closure = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
        found |= {code} | {getattr(value, "__code__", None) for value in closure.values()}
        function = getattr(function, "__wrapped__", None)
    return {code for code in found if code is not None}


def _handed(scene: Scene) -> str:
    """Says what one example is: "It is handed x f32[3] (vmap over i takes axis 0 of f32[5,3])."."""
    program = scene.program
    if program is None:
        return ""
    leaves = handed_leaves(program, len(program.levels)).values()
    return f"One example is {capped([described(program, leaf) for leaf in leaves])}."


def static_argument(scene: Scene) -> Told | None:
    """Explains a jitted function that refuses its arguments before it runs: a static one is mapped."""
    nest, program = scene.nest, scene.program
    if program is None or nest is None or not nest.entered or not isinstance(scene.error, ValueError):
        return None
    own = inspect.unwrap(program.function)
    jitted = own is not program.function and hasattr(program.function, "lower")
    codes = {place.frame.f_code for place in scene.sources.places_of_error(nest.error or scene.error)}
    if nest.returned or not jitted or getattr(own, "__code__", None) in codes:
        return None
    return Told(
        f"{program.name} is compiled by jax.jit, which refuses its arguments before it runs: "
        f"{headline(scene.error).split('. ')[0]}. An argument that is static there (static_argnums) must "
        "be a plain "
        "Python value, so it cannot be mapped: share it (None) as an int, or close over it. "
        f"{_handed(scene)}",
        kind="static_argument",
    )
