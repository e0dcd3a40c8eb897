"""Where transformations pass through JAX, whoever built their functions and when: what notes them there.

    jit          pjit._infer_params, asked once a call        scan, map, while_loop, fori_loop,
    grad, vjp    ad.linearize, api._vjp3_bwd                  cond, switch, associative_scan: what their
    jvp          api._jvp                                     public functions wrap
    jacobians    api._jacfwd_unravel, _jacrev_unravel         their bodies: partial_eval.trace_to_jaxpr
    checkpoint   ad_checkpoint._trace_to_jaxpr                custom_jvp, custom_vjp: likewise

While nobody notes, JAX is as it was. While somebody does, in one thread, the others just pass.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax._src import ad_checkpoint, api, custom_derivatives, pjit, pmap
from jax._src.interpreters import ad, partial_eval
from jax._src.lax.control_flow import conditionals, loops

from explainer.analysis.internals import flows, stack
from explainer.analysis.internals.jaxprs import plain
from explainer.analysis.internals.stack import Entered, Stack

_local = threading.local()
_lock = threading.Lock()
_noting: list[Stack] = []  # of all threads, to leave JAX as it was once nobody notes any more


@contextlib.contextmanager
def noting(notes: Stack) -> Iterator[None]:
    """Notes the transformations of this thread meanwhile; those that are under way already are not met."""
    outer, _local.stack = _current(), notes
    with _lock:
        _noting.append(notes)
        if len(_noting) == 1:
            _install()
    try:
        yield
    finally:
        _local.stack = outer
        with _lock:
            _noting.pop()
            if not _noting:
                _remove()


def _current() -> Stack | None:
    return getattr(_local, "stack", None)


def _install() -> None:
    for place, name, hook, _ in _ATTRIBUTES:
        setattr(place, name, hook)
    for cell, hook, _ in _CELLS:
        cell.cell_contents = hook


def _remove() -> None:
    for place, name, _, original in _ATTRIBUTES:
        setattr(place, name, original)
    for cell, _, original in _CELLS:
        cell.cell_contents = original


class _Hook:
    """Stands for a function of a module of JAX's, with what else it has: a cache that can be cleared."""

    def __init__(self, original: Any, hook: Callable[..., Any]) -> None:
        self._original = original
        self._hook = hook

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is None:
            return self._original(*args, **kwargs)
        return self._hook(notes, sys._getframe(1), self._original, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _hooked(original: Callable[..., Any], hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is None:
            return original(*args, **kwargs)
        return hook(notes, sys._getframe(1), original, args, kwargs)

    return called


_JIT = {"make_jaxpr.<locals>.make_jaxpr_f": "make_jaxpr", "eval_shape": "eval_shape"}


def _jit(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`_infer_params(fun, info, args, kwargs)`: finds or makes the jaxpr of a jitted call."""
    fun, info = args[:2]
    if not stack.shown(fun, frame) or stack.source(fun)[1] == pmap.__file__:
        return original(*args, **kwargs)
    kind = _named(frame, _JIT) or "jit"
    name = stack.source(fun)[0]
    given = stack.arguments(fun, args[2], args[3])
    with notes.entering(kind, name, info.fun_sourceinfo, frame, arrived=given) as call:
        found = original(*args, **kwargs)
        if call is not None:
            params = found[0]
            entered, jaxpr = call.entered, params.params["jaxpr"]
            entered.handed = tuple(zip(params.arg_names or (), map(plain, params.in_avals), strict=False))
            entered.returned = stack.pieces("out", jax.tree.unflatten(params.out_tree, jaxpr.out_avals))
            entered.arrived, entered.left = entered.handed, entered.returned
            notes.remember(jaxpr, call)
        return found


_REVERSE = {
    "grad.<locals>.grad_f": "grad",
    "grad.<locals>.grad_f_aux": "grad",
    "value_and_grad.<locals>.value_and_grad_f": "value_and_grad",
    "jacrev.<locals>.jacfun": "jacrev",
    "fwd_and_bwd.<locals>.fwd": "fwd_and_bwd",
    "vjp": "vjp",
    "linearize": "linearize",
}


def _linearize(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`ad.linearize(fun, primals, ...)`: runs a function and keeps what its derivative needs."""
    kind, fun, given, by = _differentiation(frame)
    if not kind or not stack.shown(fun, frame):
        return original(*args, **kwargs)
    name, file = stack.source(fun)
    with notes.entering(kind, name, f"{name} {file}", frame, arrived=given) as call:
        found = original(*args, **kwargs)
        if call is not None and call.new:
            entered = call.entered
            entered.handed, entered.by = given, by
            entered.returned = _numbered("out", found[0])
            aux = stack.pieces("aux", list(found[4:]))
            if kind in ("vjp", "linearize", "fwd_and_bwd", "value_and_grad"):
                entered.left = (*entered.returned, *aux)
            elif aux:
                entered.left = aux
            notes.remember(found[2], call)
        return found


def _differentiation(frame: Any) -> tuple[str, Any, tuple[stack.Piece, ...], tuple[str, ...]]:
    """Tells from JAX's frames which public function differentiates, what, with which arguments, by which."""
    by: tuple[str, ...] = ()
    kind: str = ""
    fun: Any = None
    given: tuple[stack.Piece, ...] = ()
    while frame is not None and frame.f_code.co_filename.startswith(stack.JAX):
        named = _REVERSE.get(frame.f_code.co_qualname)
        if named is not None:
            kind, names = named, frame.f_locals
            fun = names.get("fun", fun)
            args = names.get("primals", names.get("args", ()))
            given = stack.arguments(fun, args, names.get("kwargs", {}))
            by = _chosen(fun, names, args) if "argnums" in names or not by else by
        frame = frame.f_back
    return kind, fun, given, by


def _is_flat_tree(value: Any) -> bool:
    return type(value).__name__ == "FlatTree"


def _numbered(name: str, values: Any) -> tuple[stack.Piece, ...]:
    """Lists results: out, if there is one; out[0], out[1], ... of several."""
    tree = values.unflatten() if _is_flat_tree(values) else list(values)
    single = isinstance(tree, list) and len(tree) == 1
    return stack.pieces(name, tree[0] if single else tree)


def _chosen(fun: Any, names: dict[str, Any], args: Any) -> tuple[str, ...]:
    """Names the arrays that a function is differentiated by; `names` are the variables of JAX's frame."""
    argnums = names.get("argnums", range(len(args)))
    wanted = {n % len(args) for n in ((argnums,) if isinstance(argnums, int) else argnums)}
    chosen = [arg if n in wanted else None for n, arg in enumerate(args)]
    return tuple(path for path, _ in stack.arguments(fun, chosen, {}))


def _backward(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`_vjp3_bwd(in_tree, out_tree, known, jaxpr, avals, residuals, accumulators, cotangents)`."""
    entered = notes.of(args[3])
    if entered is None:
        return original(*args, **kwargs)
    with notes.back_in(entered):
        gradients = original(*args, **kwargs)
    if entered.gradients is None:
        entered.pulled = stack.pieces("cotangent", args[7])
        given = stack.pieces("", gradients)
        names = [f"d{name}" for name in entered.by]
        named = names if len(names) == len(given) else [path for path, _ in given]
        entered.gradients = tuple((name, aval) for name, (_, aval) in zip(named, given, strict=True))
        if entered.kind in ("grad", "value_and_grad"):
            entered.left = _after(entered)
    return gradients


def _after(entered: Entered) -> tuple[stack.Piece, ...]:
    """Returns what grad gives back, or value_and_grad, which begins with what the function returned."""
    gradients, rest = entered.gradients or (), entered.left or ()
    return (*rest, *gradients) if entered.kind == "value_and_grad" else (*gradients, *rest)


def _jvp(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`_jvp(fun, primals, tangents, has_aux)`: runs a function and its derivative along."""
    public = frame.f_code.co_qualname == "jvp"
    fun = frame.f_locals.get("fun") if public else args[0]
    name, file = stack.source(fun)
    around = notes.under[-1].entered if notes.under else None
    jacfwd = around is not None and around.made_by == "jax.jacfwd"
    if not jacfwd and not (public and stack.shown(fun, frame)):
        return original(*args, **kwargs)
    primals, tangents = stack.arguments(fun, args[1], {}), stack.pieces("tangent", args[2])
    outside = notes.last_around("jacfwd") if jacfwd else None
    if outside is not None:
        known = zip(outside.by, primals, strict=False)
        name, primals = outside.name, tuple((path, aval) for path, (_, aval) in known)
    arrived = (*primals, *tangents)
    made_by = "jax.jacfwd" if jacfwd else ""
    with notes.entering("jvp", name, f"{name} {file}", frame, arrived=arrived, made_by=made_by) as call:
        found = original(*args, **kwargs)
        if call is not None and call.new:
            entered = call.entered
            entered.handed, entered.returned = primals, stack.pieces("out", found[0])
            aux = (piece for tree in found[2:] for piece in stack.pieces("aux", tree))
            entered.left = (*entered.returned, *stack.pieces("tangent out", found[1]), *aux)
            if outside is not None:
                outside.handed, outside.returned = outside.arrived, entered.returned
        return found


def _jacobian(kind: str) -> Callable[..., Any]:
    def unravel(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """`_jacfwd_unravel(...)`: makes the Jacobian's leaves of the rows that the vmap inside gave."""
        found = original(*args, **kwargs)
        entered = notes.last(kind)
        if entered is not None and entered.count == 1:
            entered.left = (*(entered.left or ()), *stack.pieces("jacobian", found))
        return found

    return unravel


def _checkpoint(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """`_trace_to_jaxpr(fun, in_tree, in_avals, debug_info)`."""
    fun, tree, avals = args[:3]
    if not stack.shown(fun, frame):
        return original(*args, **kwargs)
    given, named = jax.tree.unflatten(tree, list(map(plain, avals)))
    with notes.entering(
        "checkpoint", stack.source(fun)[0], str(args[3]), frame, arrived=stack.arguments(fun, given, named)
    ) as call:
        found = original(*args, **kwargs)
        if call is not None:
            entered, jaxpr = call.entered, found[0]
            entered.handed = entered.arrived
            outs = [var.aval for var in jaxpr.outvars]
            entered.returned = entered.left = stack.pieces("out", jax.tree.unflatten(found[2], outs))
            notes.remember(jaxpr, call)
        return found


def _custom(kind: str) -> Callable[..., Any]:
    def called(notes: Stack, frame: Any, original: Any, args: Any, kwargs: Any) -> Any:
        """`custom_vjp.__call__(self, ...)`: calls a function that brings its own derivative."""
        fun = args[0].fun
        name, file = stack.source(fun)
        if file.startswith((stack.JAX, stack.OURS)):
            return original(*args, **kwargs)
        given = stack.arguments(fun, args[1:], kwargs)
        with notes.entering(kind, name, f"{name} {file}", frame, arrived=given) as call:
            found = original(*args, **kwargs)
            if call is not None:
                call.entered.handed = call.entered.arrived
                call.entered.returned = call.entered.left = stack.pieces("out", found)
            return found

    return called


@contextlib.contextmanager
def level(notes: Stack, number: int, called: Any) -> Iterator[None]:
    """Puts a level on the stack meanwhile, and around it the jacfwd or jacrev that makes it."""
    if _current() is not notes:
        yield
        return
    name, where, made_by = called.name, called.where, called.made_by
    frame: Any = sys._getframe(2)
    while stack.ours(frame) or not frame.f_code.co_filename.startswith(stack.JAX):
        frame = frame.f_back
    with contextlib.ExitStack() as around:
        if made_by == "jax.jacfwd":
            jacfun = _frame_of(frame, "jacfwd.<locals>.jacfun")
            fun, args, kwargs = (jacfun.f_locals[known] for known in ("fun", "args", "kwargs"))
            name, file = stack.source(fun)
            given = stack.arguments(fun, args, kwargs)
            by = _chosen(fun, jacfun.f_locals, args)
            around.enter_context(
                notes.entering("jacfwd", name, f"{name} {file}", frame, arrived=given, by=by)
            )
        elif made_by == "jax.jacrev" and (made := notes.last("jacrev")) is not None:
            name = f"pullback of {made.name}"
            around.enter_context(notes.back_in(made))
        around.enter_context(notes.entering("vmap", name, where, frame, level=number, made_by=made_by))
        yield


def _frame_of(frame: Any, qualname: str) -> Any:
    while frame.f_code.co_qualname != qualname:
        frame = frame.f_back
    return frame


def _named(frame: Any, names: dict[str, str]) -> str:
    """Returns what the outermost of JAX's frames that has a name here stands for."""
    found = ""
    while frame is not None and frame.f_code.co_filename.startswith(stack.JAX):
        found = names.get(frame.f_code.co_qualname, found)
        frame = frame.f_back
    return found


_ATTRIBUTES = tuple(
    (place, name, _Hook(getattr(place, name), hook), getattr(place, name))
    for place, name, hook in (
        (pjit, "_infer_params", _jit),
        (ad, "linearize", _linearize),
        (api, "_vjp3_bwd", _backward),
        (api, "_jvp", _jvp),
        (api, "_jacfwd_unravel", _jacobian("jacfwd")),
        (api, "_jacrev_unravel", _jacobian("jacrev")),
        (ad_checkpoint, "_trace_to_jaxpr", _checkpoint),
        (partial_eval, "trace_to_jaxpr", flows.body),
    )
)


def _cell(function: Any) -> Any:
    """Returns the cell in which `api_boundary` keeps the function that it wraps."""
    code = function.__code__
    return function.__closure__[code.co_freevars.index("fun")]


_CELLS = tuple(
    (_cell(function), _hooked(_cell(function).cell_contents, hook), _cell(function).cell_contents)
    for function, hook in (
        (loops.scan, flows.control_flow("scan")),
        (loops.map, flows.control_flow("map")),
        (loops.fori_loop, flows.control_flow("fori_loop")),
        (loops.while_loop, flows.control_flow("while_loop")),
        (loops.associative_scan, flows.control_flow("associative_scan")),
        (conditionals.cond, flows.control_flow("cond")),
        (conditionals.switch, flows.control_flow("switch")),
        (custom_derivatives.custom_jvp.__call__, _custom("custom_jvp")),
        (custom_derivatives.custom_vjp.__call__, _custom("custom_vjp")),
    )
)
