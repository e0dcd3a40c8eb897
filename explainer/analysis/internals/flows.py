"""Control flow on its way through JAX: scan, map, loops, cond, switch, associative_scan, and their bodies.

    entrances ──▶ control_flow(kind), body ──▶ Stack

A public function of jax.lax is met as it is called, the functions it was given as they are traced.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from explainer.analysis.internals import stack
from explainer.analysis.internals.jaxprs import plain
from explainer.analysis.internals.stack import Call, Stack

FLOW = {
    "scan": (("f",), ("init", "xs")),
    "map": (("f",), ("xs",)),
    "fori_loop": (("body_fun",), ("init_val",)),
    "while_loop": (("cond_fun", "body_fun"), ("init_val",)),
    "cond": (("true_fun", "false_fun"), ("pred", "operands", "operand")),
    "switch": (("branches",), ("index", "operands", "operand")),
    "associative_scan": (("fn",), ("elems",)),
}
"""Of each control-flow function, the parameters that are functions and those that are arrays."""


def control_flow(kind: str) -> Callable[..., Any]:
    """Returns what notes the calls of one of jax.lax's functions."""
    functions, arrays = FLOW[kind]

    def called(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """Notes what goes into a function of jax.lax and comes out; its bodies are met as they are traced."""
        try:
            bound = inspect.signature(original).bind(*args, **kwargs).arguments
        except TypeError:  # JAX says what is wrong with the call
            return original(*args, **kwargs)
        given = [each for name in functions for each in _each(bound.get(name))]
        if _handed_on(notes) or not any(stack.shown(each, frame) for each in given if callable(each)):
            return original(*args, **kwargs)
        arrived = tuple(
            piece for name in arrays if name in bound for piece in stack.pieces(name, bound[name])
        )
        names = [stack.source(each) for each in given if callable(each)]
        where = " ".join(f"{name} {file}" for name, file in names)
        with notes.entering(
            kind, ", ".join(name for name, _ in names), where, frame, arrived=arrived
        ) as call:
            if call is not None and kind == "associative_scan":
                bound["fn"] = _watched(call, bound["fn"])
                found = original(**bound)
            else:
                found = original(*args, **kwargs)
            if call is not None and call.new:
                call.entered.left = stack.pieces("out", found)
            return found

    return called


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _handed_on(notes: Stack) -> bool:
    """Tells whether the call under way has not come to its function yet: fori_loop is made of a scan."""
    return bool(notes.under) and notes.under[-1].entered.kind in FLOW and not notes.under[-1].inside


def _watched(call: Call, fun: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that associative_scan only calls, noting the shapes of the first call."""

    def watched(*args: Any) -> Any:
        outside, call.inside = call.inside, True
        try:
            found = fun(*args)
        finally:
            call.inside = outside
        if call.entered.handed is None:
            call.entered.handed = stack.arguments(fun, args, {})
            call.entered.returned = stack.pieces("out", found)
        return found

    return watched


_TRACERS = (
    *("scan.<locals>._create_jaxpr", "scan_nocarry", "while_loop.<locals>._create_jaxpr"),
    *("cond", "_cond", "_switch_internal", "_switch_internal.<locals>.<listcomp>"),
)
"""Who traces the functions that control flow is given; the others trace anew what was traced before."""


def body(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`trace_to_jaxpr(fun, in_avals, debug_info, ...)`: one of the functions of the call under way."""
    call = notes.under[-1] if notes.under else None
    if call is None or not _handed_on(notes) or frame.f_code.co_qualname not in _TRACERS:
        return original(*args, **kwargs)
    fun, avals = args[:2]
    (given, named), kind = avals.map(plain).unflatten(), call.entered.kind
    part = _part(call, args[2].traced_for)
    call.bodies += 1
    handed = _by_name(stack.arguments(fun, given, named), args[2].arg_names)
    if not part:
        return _traced(notes, call, handed, original, args, kwargs, again=call.bodies > 1)
    if stack.source(fun)[1].startswith(stack.JAX) and kind == "while_loop":  # fori_loop's own condition
        return original(*args, **kwargs)
    name, file = stack.source(fun)
    again = kind == "while_loop" and call.bodies > 2
    call.inside, call.again = True, call.again or again
    try:
        with notes.entering("part", name, f"{name} {file}", frame, part=part) as inner:
            return _traced(notes, inner or call, handed, original, args, kwargs)
    finally:
        call.inside, call.again = False, False


def _by_name(handed: tuple[stack.Piece, ...], names: Any) -> tuple[stack.Piece, ...]:
    """Names what a body is handed as the user's function does: fori_loop and map wrap it in one of theirs."""
    if names is None or len(names) != len(handed):
        return handed
    return tuple((name or path, aval) for name, (path, aval) in zip(names, handed, strict=True))


def _part(call: Call, traced_for: str) -> str:
    """Names one function of several that a call is given; "" where there is only one."""
    kind = call.entered.kind
    if kind == "cond":
        return ("if true", "if false")[min(call.bodies, 1)]
    if kind == "switch":
        return f"branch {call.bodies}"
    if kind == "while_loop":
        return "condition" if traced_for == "while_cond" else "body"
    return ""


def _traced(
    notes: Stack,
    call: Call,
    handed: tuple[stack.Piece, ...],
    original: Any,
    args: Any,
    kwargs: Any,
    again: bool = False,
) -> Any:
    before = call.inside, call.again
    call.inside, call.again = True, call.again or again
    try:
        found = original(*args, **kwargs)
    finally:
        call.inside, call.again = before
    if call.entered.kind != "part" or call.new or again:
        call.entered.handed = handed
        call.entered.returned = stack.pieces("out", found[1].map(plain).unflatten())
    if call.entered.kind == "part":
        call.entered.arrived, call.entered.left = call.entered.handed, call.entered.returned
    notes.remember(found[0], call)
    return found
