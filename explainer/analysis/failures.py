"""Failures in words: what went wrong, where (the user's own name for it), what to do.

    error at a stage ──▶ describe ──▶ Failure (JAX's own message stays beside it)

Explanations come from the specs, shapes and levels, never from the text of JAX's message, which
changes between releases.
"""

from __future__ import annotations

import builtins
import difflib
import inspect
from collections.abc import Callable
from dataclasses import replace

import jax

from explainer.analysis import devices, misfits
from explainer.analysis.misfits import Scene, Told
from explainer.analysis.parsing import PREDEFINED, level_letter
from explainer.errors import LimitError, RequestError, SpecError, message
from explainer.report import Blame, Failure, Span
from explainer.source import DTYPES, near_dtype
from explainer.spec import Request


def describe(scene: Scene) -> Failure:
    """Explains an error; the first explainer that knows the case speaks."""
    told = next((told for explain in _EXPLAINERS if (told := explain(scene)) is not None), None)
    explanation, blame = told or _otherwise(scene)
    span = scene.sources.of_error(scene.error)
    if span is not None and not blame.spans:
        blame = replace(blame, spans=(span,))
    return Failure(
        stage=scene.stage,
        error_type=type(scene.error).__name__,
        message=_message(scene.error),
        explanation=explanation,
        blame=blame,
        limit=scene.error.limit if isinstance(scene.error, LimitError) else _memory_limit(scene.error),
    )


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg:
        return error.msg
    return message(error) or type(error).__name__


def _memory_limit(error: BaseException) -> str:
    return "memory" if _out_of_memory(error) else ""


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in message(error)  # XLA's status code


def _own_errors(scene: Scene) -> Told:
    error = scene.error
    if isinstance(error, LimitError):
        return str(error), Blame()
    if isinstance(error, RequestError):
        name = error.source.removeprefix("argument ")
        return str(error), Blame(arguments=(name,) if name != error.source else ())
    if isinstance(error, SpecError):
        for argument in scene.request.arguments:
            if argument.value == error.text:
                span = _span_in(error.text, error.column, f"argument {argument.name}")
                said = f"{argument.name} is {error.text.strip()}: {error.problem}."
                return said, Blame(arguments=(argument.name,), spans=(span,))
        return str(error), Blame()
    return None


def _span_in(text: str, column: int, source: str) -> Span:
    line = text.count("\n", 0, column) + 1
    start = column - (text.rfind("\n", 0, column) + 1)
    return Span(line, start, line, start + 1, source)


def _syntax(scene: Scene) -> Told:
    error = scene.error
    if not isinstance(error, SyntaxError):
        return None
    where = (error.filename or "").strip("<>")
    if not (error.filename or "").startswith("<"):
        return None
    text = _place(scene.request, where)
    place = f"Line {error.lineno} of the code" if where == "code" else f"The text of {text}"
    name = where.removeprefix("argument ")
    return f"{place} is not valid Python: {error.msg}.", Blame(arguments=(name,) if name != where else ())


def _unknown_name(scene: Scene) -> Told:
    error = scene.error
    span = scene.sources.of_error(error)
    if not isinstance(error, NameError) or error.name is None or span is None:
        return None
    where = f" in {_place(scene.request, span.source)}" if span.source != "code" else ""
    said = f"{error.name!r} is not defined{where}."
    ours = [*PREDEFINED, *(a.name for a in scene.request.arguments)]
    guesses = [
        *difflib.get_close_matches(error.name, ours),
        *difflib.get_close_matches(error.name, vars(builtins), cutoff=0.75),
    ]
    near = next(iter(guesses), None)
    if near is not None:
        said += f" Did you mean {near!r}?"
    elif near_dtype(error.name) is not None and error.name[:1] in "bfiuc" and error.name[1:].isdigit():
        said += f" If it is a dtype: {', '.join(DTYPES)} are known, as in {near_dtype(error.name)}[3,2]."
    else:
        said += f" Define or import it in the code; {', '.join(PREDEFINED)} are there already."
    return said, Blame()


def _place(request: Request, source: str) -> str:
    """Names one of the user's texts as the user knows it: "in_axes of level 1" is that of vmap j."""
    if source == "function":
        return "what is mapped"
    field, found, number = source.rpartition(" of level ")
    if not found:
        return "the code" if source == "code" else source
    name = request.levels[int(number)].axis_name or ""
    return f"{field} of vmap {name if name.isidentifier() else level_letter(int(number))}"


def _unbound_axis_name(scene: Scene) -> Told:
    if not isinstance(scene.error, NameError) or scene.program is None or scene.error.name is not None:
        return None  # Python says which name it misses, JAX does not
    named = [
        f"{level.name}: axis_name={level.axis_name!r}" for level in scene.program.levels if level.axis_name
    ]
    named += devices.bound_names(scene)
    have = f"The levels here are named {', '.join(named)}." if named else "No level here has an axis_name."
    return (
        f"{scene.program.name} uses a collective (psum, all_gather, axis_index, ...) along an axis name that "
        f"no level binds. {have} Set axis_name on the level whose examples should communicate.",
        Blame(),
    )


def _wrong_arguments(scene: Scene) -> Told:
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
        return (
            f"{program.name}{signature} is called with ({passed}): {mismatch}. "
            "Add, remove or rename an argument, or change the function's parameters.",
            Blame(arguments=tuple(a.name for a in program.arguments)),
        )
    return None


_CURES: tuple[tuple[type[Exception], str], ...] = (
    (
        jax.errors.TracerBoolConversionError,
        "a Python `if`, `while`, `and` or `assert` on it cannot choose for all examples at once. "
        "Use jnp.where or lax.cond (lax.while_loop for a loop)",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "Python needs one whole number here, for an index, a range or a shape. "
        "Index a jnp array instead, or pass the number unmapped as a Python value",
    ),
    (jax.errors.TracerArrayConversionError, "NumPy cannot compute with it. Use jnp instead of np"),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "a boolean mask would give every example another length. "
        "Use jnp.where(mask, x, fill), or jnp.nonzero(mask, size=...)",
    ),
    (
        jax.errors.ConcretizationTypeError,
        "Python needs its concrete value here. Pass it unmapped as a Python value, "
        "or compute with jnp and lax instead",
    ),
)


def _needs_value(scene: Scene) -> Told:
    cure = next((cure for kind, cure in _CURES if isinstance(scene.error, kind)), None)
    if cure is None:
        return None
    span = scene.sources.of_error(scene.error)
    what = f"`{scene.sources.text(span)}`" if span is not None else "This value"
    return (
        f"{what} depends on a traced argument, whose value differs from example to example: {cure}.",
        Blame(),
    )


def _not_arrays(scene: Scene) -> Told:
    """Explains a call that went through the user's code and failed on what it returned."""
    program, nest = scene.program, scene.nest
    if scene.stage != "trace" or program is None or nest is None or not isinstance(scene.error, TypeError):
        return None
    if not nest.returned:
        return None
    return (
        f"{program.name} ran for one example, but what it returned is not made of arrays. "
        "Return a jax array, a number, or a tuple, list or dict of them.",
        Blame(paths=("out",)),
    )


def _leaked(scene: Scene) -> Told:
    if not isinstance(scene.error, jax.errors.UnexpectedTracerError):
        return None
    return (
        "The function uses a value that an earlier call of it left behind, in a global, a list, an attribute "
        "or a cache. JAX traces a function more than once, and what it computed in one trace is dead after "
        "it. Return values instead of storing them.",
        Blame(),
    )


def _not_finite(scene: Scene) -> Told:
    if type(scene.error).__name__ != "InternalFloatingPointError":  # of jax_debug_nans; JAX exports no name
        return None
    return (
        "The compiled function gave nan or inf, and the code told JAX to stop there (jax_debug_nans or "
        "jax_debug_infs). Without that setting the outputs show where they are.",
        Blame(),
    )


def _not_mappable(scene: Scene) -> Told:
    """Explains an operation that runs for one example, but has no rule to run for all of them."""
    span = scene.sources.of_error(scene.error)
    if scene.stage != "batch" or span is None:
        return None
    said = _headline(scene.error).rstrip(".")
    return f"`{scene.sources.text(span)}` runs for one example, but JAX cannot map it: {said}.", Blame()


def _failed_again(scene: Scene) -> Told:
    program, nest, span = scene.program, scene.nest, scene.sources.of_error(scene.error)
    again = scene.stage in ("lower", "check") and nest is not None and nest.returned
    if program is None or span is None or not again:
        return None
    return (
        f"{program.name} went through its first call, but failed when it was called again, at "
        f"`{scene.sources.text(span)}`: {_headline(scene.error)}. JAX may call a function any number of "
        "times, so it must not depend on what earlier calls left behind.",
        Blame(),
    )


def _memory(scene: Scene) -> Told:
    if not _out_of_memory(scene.error):
        return None
    return (
        "The memory of this run was used up. Take smaller arrays, fewer examples at a time "
        "(jax.lax.map with batch_size), or sum over an axis before the large intermediate is made.",
        Blame(),
    )


def _exit(scene: Scene) -> Told:
    if not isinstance(scene.error, SystemExit):
        return None
    return "The code ended the program (sys.exit or exit). Remove that call to see the result.", Blame()


def _headline(error: BaseException) -> str:
    """Returns what says most: the first line, with a list it opens; of a Python traceback the last."""
    lines = [line for line in _message(error).split("\n") if line.strip()] or [type(error).__name__]
    if any("Traceback (most recent call last)" in line for line in lines):
        return lines[-1]
    if lines[0].endswith(":"):  # a list follows: the sizes that do not fit, say
        return " ".join([lines[0], *(line.strip(" *") for line in lines[1:6])])
    return lines[0]


def _otherwise(scene: Scene) -> tuple[str, Blame]:
    span = scene.sources.of_error(scene.error)
    at = f" at `{scene.sources.text(span)}`" if span is not None and scene.sources.text(span) else ""
    said = _headline(scene.error)
    if scene.stage == "parse":
        where = _place(scene.request, span.source) if span is not None else "the request"
        return f"The text of {where} could not be evaluated{at}: {said}", Blame()
    program, nest = scene.program, scene.nest
    if scene.stage != "trace" or program is None or nest is None or not nest.avals:
        what = "The script" if scene.request.is_script else f"The {scene.stage} stage"
        return f"{what} failed{at}: {said}", Blame()
    if scene.sources.raised(scene.error):
        return f"{program.name} raised {type(scene.error).__name__}{at}: {said}", Blame()
    return (
        f"{program.name} cannot be called on one example{at}: {said.rstrip('.')}. It is handed "
        f"{misfits.handed(program, nest)}. If a shape is not what you meant, change in_axes; "
        "otherwise the function itself must change.",
        Blame(),
    )


_EXPLAINERS: tuple[Callable[[Scene], Told], ...] = (
    _own_errors,
    _syntax,
    _unknown_name,
    _unbound_axis_name,
    misfits.in_axes,
    devices.no_such_axis,
    devices.unfit_call,
    devices.no_mesh,
    devices.too_late,
    _wrong_arguments,
    _needs_value,
    _not_arrays,
    _leaked,
    _not_finite,
    _memory,
    _not_mappable,
    misfits.out_axes,
    _exit,
    _failed_again,
)
