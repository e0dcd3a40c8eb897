"""Mistakes in the function or around it that have nothing to do with the sizes of axes.

    Scene ──▶ one explainer a mistake ──▶ Told

Names that no level binds, calls with the wrong arguments, results that are no arrays, tracers left
behind, operations without a batching rule, memory.
"""

from __future__ import annotations

import ast
import inspect
import types

import jax

from explainer.analysis import internals
from explainer.analysis.batching import output_path
from explainer.analysis.explaining.operands import site
from explainer.analysis.explaining.scene import Scene, Told, capped, listed
from explainer.errors import message
from explainer.report import Blame

_CALLBACKS = ("pure_callback", "io_callback")


def wrong_arguments(scene: Scene) -> Told | None:
    """Explains a call of the mapped function that its parameters do not take."""
    program = scene.program
    if not isinstance(scene.error, TypeError) or program is None:
        return None
    try:
        signature = inspect.signature(program.function)
    except (TypeError, ValueError):
        return None
    args, kwargs = jax.tree.unflatten(program.tree, [None] * len(program.operands))
    try:
        signature.bind(*args, **kwargs)
    except TypeError as mismatch:
        passed = ", ".join(f"{a.name}=" if a.keyword else a.name for a in program.arguments) or "nothing"
        return Told(
            f"{program.name}{signature} is called with ({passed}): {mismatch}. "
            "Add, remove or rename an argument, or change the function's parameters.",
            Blame(arguments=tuple(a.name for a in program.arguments)),
            "wrong_arguments",
        )
    return None


def nothing_returned(scene: Scene) -> Told | None:
    """Explains None where an array was expected: what gave it has no return."""
    here = site(scene)
    if here is None or not isinstance(scene.error, (AttributeError, TypeError)):
        return None
    node = here.node
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        parts: list[ast.expr] = [node.value]
    elif isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    else:
        return None
    empty = next((part for part in parts if isinstance(part, ast.Name) and here.value(part) is None), None)
    if empty is None:
        return None
    return Told(
        f"`{here.text}` failed, since `{here.text_of(empty)}` is None: what gave it returned nothing. Is a "
        "`return` "
        "missing in the function? jax.vmap passes None on as it is.",
        Blame(spans=(here.span,)),
        "nothing_returned",
    )


def not_arrays(scene: Scene) -> Told | None:
    """Explains a call that went through the user's code and failed on what it returned."""
    program, nest = scene.program, scene.nest
    if scene.stage != "trace" or program is None or nest is None or not isinstance(scene.error, TypeError):
        return None
    if not nest.returned:
        return None
    wrong = _no_arrays_in(nest.result)
    which = capped([f"{path} is {what}" for path, what in wrong], 4)
    said = f": {which}" if which else ""
    return Told(
        f"{program.name} ran for one example, but what it returned is not made of arrays{said}. "
        "Return a jax array, a number, or a tuple, list or dict of them.",
        Blame(paths=tuple(path for path, _ in wrong) or ("out",)),
        "output_not_array",
    )


def _no_arrays_in(result: object) -> list[tuple[str, str]]:
    """Lists (path, description) of the leaves of a result that JAX cannot take."""
    found = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(result)[0]:
        try:
            jax.typeof(leaf)
        except TypeError:
            kind = type(leaf).__name__
            shown = f"the str {leaf[:30]!r}" if isinstance(leaf, str) else f"a {kind}"
            found.append((output_path(path), shown))
    return found


def leaked(scene: Scene) -> Told | None:
    """Explains a tracer that outlived its trace."""
    if not isinstance(scene.error, jax.errors.UnexpectedTracerError):
        return None
    kept = _keepers(scene)
    where = f"{listed([f'`{name}`' for name in kept[:3]])}, which" if kept else "a value that"
    what = "holds what" if kept else ""
    return Told(
        f"The function uses {where} {what or ''}{' ' if what else ''}an earlier call of it left behind"
        f"{'' if kept else ', in a global, a list, an attribute or a cache'}. JAX traces a function more "
        "than once, "
        "and what it computed in one trace is dead after it. Return values instead of storing them.",
        kind="leaked_tracer",
    )


def _keepers(scene: Scene) -> list[str]:
    """Lists the names in the user's failing frames that hold tracers, or a container with one in it."""
    found: dict[str, None] = {}
    scopes = [
        (place.frame.f_code, {**place.frame.f_globals, **place.frame.f_locals})
        for place in scene.sources.places_of_error(scene.error)
    ]
    function = None if scene.program is None else inspect.unwrap(scene.program.function)
    if inspect.isfunction(function):
        inside = inspect.getclosurevars(function)
        scopes.append((function.__code__, {**inside.globals, **inside.nonlocals}))
    for code, scope in scopes:
        for name in (*code.co_names, *code.co_freevars):
            value = scope.get(name)
            if not isinstance(value, types.ModuleType) and _holds_tracer(value):
                found[name] = None
    return list(found)


def _holds_tracer(value: object) -> bool:
    if internals.is_tracer(value):
        return True
    if isinstance(value, (dict, list, tuple, set)):
        parts = list(value.values() if isinstance(value, dict) else value)
        return any(internals.is_tracer(part) for part in parts[:1000])
    stored = getattr(value, "__dict__", {}) if not callable(value) else {}
    return any(internals.is_tracer(part) for part in stored.values())


def not_finite(scene: Scene) -> Told | None:
    """Explains a run that JAX was told to stop at nan or inf."""
    if type(scene.error).__name__ != "InternalFloatingPointError":  # of jax_debug_nans; JAX exports no name
        return None
    return Told(
        "The compiled function gave nan or inf, and the code told JAX to stop there (jax_debug_nans or "
        "jax_debug_infs). Without that setting the outputs show where they are.",
        kind="not_finite",
    )


def not_mappable(scene: Scene) -> Told | None:
    """Explains an operation that runs for one example, but has no rule to run for all of them."""
    span = scene.sources.of_error(scene.error)
    if scene.stage != "batch" or span is None:
        return None
    text = scene.sources.text(span)
    said = headline(scene.error).rstrip(".")
    if any(name in text for name in _CALLBACKS):
        return Told(
            f"`{text}` runs for one example, but JAX cannot map it unless it is told how: {said}. Set "
            "vmap_method: "
            "'sequential' calls it once an example; 'expand_dims' or 'broadcast_all' calls it once, with all "
            "examples along axis 0, if it can take them.",
            kind="vmap_method",
        )
    return Told(
        f"`{text}` runs for one example, but JAX cannot map it: {said}. Loop over the examples with "
        "jax.lax.map, "
        "or give the operation a rule with jax.custom_batching.custom_vmap.",
        kind="no_batching_rule",
    )


def failed_again(scene: Scene) -> Told | None:
    """Explains a function that can be called once only."""
    program, nest, span = scene.program, scene.nest, scene.sources.of_error(scene.error)
    again = scene.stage in ("lower", "check") and nest is not None and nest.returned
    if program is None or span is None or not again:
        return None
    return Told(
        f"{program.name} went through its first call, but failed when it was called again, at "
        f"`{scene.sources.text(span)}`: {headline(scene.error)}. JAX may call a function any number of "
        "times, so it must not depend on what earlier calls left behind.",
        kind="failed_again",
    )


def recursion(scene: Scene) -> Told | None:
    """Explains a recursion without an end: on traced values none is ever reached."""
    if not isinstance(scene.error, RecursionError):
        return None
    span = scene.sources.of_error(scene.error)
    at = f" at `{scene.sources.text(span)}`" if span is not None else ""
    return Told(
        f"The code calls itself without end{at}. Under jax.vmap all examples recurse together, so how deep "
        "must not "
        "depend on mapped values: use lax.while_loop, lax.fori_loop or lax.scan, or recurse on shapes.",
        kind="recursion",
    )


def out_of_memory(error: BaseException) -> bool:
    """Tells an error of Python's or XLA's that the memory is used up."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in message(error)  # XLA's status code


def memory(scene: Scene) -> Told | None:
    """Explains that the memory is used up."""
    if not out_of_memory(scene.error):
        return None
    return Told(
        "The memory of this run was used up. Take smaller arrays, fewer examples at a time "
        "(jax.lax.map with batch_size), or sum over an axis before the large intermediate is made.",
        kind="memory",
    )


def ended(scene: Scene) -> Told | None:
    """Explains code that ends the program."""
    if not isinstance(scene.error, SystemExit):
        return None
    said = "The code ended the program (sys.exit or exit). Remove that call to see the result."
    return Told(said, kind="exit")


def headline(error: BaseException) -> str:
    """Returns what says most: the first line, with a list it opens; of a Python traceback the last."""
    lines = [line for line in said_by(error).split("\n") if line.strip()] or [type(error).__name__]
    if any("Traceback (most recent call last)" in line for line in lines):
        return lines[-1]
    if lines[0].endswith(":"):  # a list follows: the sizes that do not fit, say
        return " ".join([lines[0], *(line.strip(" *") for line in lines[1:6])])
    return lines[0]


def said_by(error: BaseException) -> str:
    """Returns the message of an error, its type where it has none."""
    if isinstance(error, SyntaxError) and error.msg:
        return error.msg
    return message(error) or type(error).__name__
