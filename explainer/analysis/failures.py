"""Failures in words: what went wrong, where (the user's own name for it), what to do.

    error at a stage ──▶ describe ──▶ Failure (JAX's own message stays beside it)

Explanations come from the specs, shapes and levels, never from the text of JAX's message, which
changes between releases.
"""

from __future__ import annotations

import builtins
import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax

from explainer.analysis import axes
from explainer.analysis.batching import output_path
from explainer.analysis.parsing import PREDEFINED, Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.errors import LimitError, RequestError, SpecError
from explainer.report import Blame, Failure, Span
from explainer.source import DTYPES, near_dtype, short_dtype
from explainer.spec import Request, Stage

_MOST_NAMED = 12  # leaves listed in one explanation


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when a stage fails; later fields are None while their stage has not run."""

    request: Request
    sources: Sources
    stage: Stage
    error: BaseException
    program: Program | None = None
    nest: Nest | None = None


Told = tuple[str, Blame] | None


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
    return str(error) or type(error).__name__


def _memory_limit(error: BaseException) -> str:
    return "memory" if _out_of_memory(error) else ""


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)  # XLA's status code


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
    place = f"Line {error.lineno} of the code" if where == "code" else f"The text of {where}"
    name = where.removeprefix("argument ")
    return f"{place} is not valid Python: {error.msg}.", Blame(arguments=(name,) if name != where else ())


def _unknown_name(scene: Scene) -> Told:
    error = scene.error
    span = scene.sources.of_error(error)
    if not isinstance(error, NameError) or error.name is None or span is None:
        return None
    where = f" in {span.source}" if span.source != "code" else ""
    said = f"{error.name!r} is not defined{where}."
    ours = [*PREDEFINED, *(a.name for a in scene.request.arguments)]
    guesses = [
        *difflib.get_close_matches(error.name, ours),
        *difflib.get_close_matches(error.name, vars(builtins)),
    ]
    near = next(iter(guesses), None)
    if near is not None:
        said += f" Did you mean {near!r}?"
    elif near_dtype(error.name) is not None and error.name[:1] in "bfiuc" and error.name[1:].isdigit():
        said += f" If it is a dtype: {', '.join(DTYPES)} are known, as in {near_dtype(error.name)}[3,2]."
    else:
        said += f" Define or import it in the code; {', '.join(PREDEFINED)} are there already."
    return said, Blame()


def _unbound_axis_name(scene: Scene) -> Told:
    if (
        not isinstance(scene.error, NameError)
        or scene.program is None
        or scene.sources.of_error(scene.error) is None
    ):
        return None
    named = [
        f"{level.name}: axis_name={level.axis_name!r}" for level in scene.program.levels if level.axis_name
    ]
    have = f"The levels here are named {', '.join(named)}." if named else "No level here has an axis_name."
    return (
        f"{scene.program.name} uses a collective (psum, all_gather, axis_index, ...) along an axis name that "
        f"no level binds. {have} Set axis_name on the level whose examples should communicate.",
        Blame(),
    )


def _axis_specs(scene: Scene) -> Told:
    """Explains why a level could not take its axes, from the leaves it was handed."""
    nest, program = scene.nest, scene.program
    if nest is None or program is None or not 0 < len(nest.avals) <= len(program.levels):
        return None
    k = len(nest.avals) - 1
    explainers = (_unfit_spec, _no_such_axis, _unequal_sizes, _nothing_mapped)
    return next((told for explain in explainers if (told := explain(scene, k))), None)


def _level_title(program: Program, k: int) -> str:
    depth = "" if len(program.levels) == 1 else f" (level {k}, counted from outside)"
    return f"vmap over {program.levels[k].name}{depth}"


def _unfit_spec(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    level = program.levels[k]
    if axes.array_axes(program, level) is not None:
        return None
    takes = [a.name for a in program.arguments if not a.keyword]
    said = f"{_level_title(program, k)}: in_axes={level.text.in_axes} does not fit the arguments "
    said += f"({', '.join(takes) or 'none'}). "
    if isinstance(level.in_axes, bool) or not isinstance(level.in_axes, (int, tuple, list, type(None))):
        said += "It must be an int, None, or a tuple with one entry per positional argument"
        said += f": try ({level.text.in_axes},)." if len(takes) == 1 else "."
    elif isinstance(level.in_axes, (tuple, list)) and len(level.in_axes) != len(takes):
        said += f"It has {len(level.in_axes)} entries, but {len(takes)} positional arguments are passed: "
        said += "one entry for each, an int to map or None to share."
    else:
        said += "Each entry must be an int, None, or a tree of the same containers as its argument."
    return said, Blame(arguments=tuple(takes), levels=(k,))


def _known(scene: Scene) -> tuple[Program, Nest]:
    if scene.program is None or scene.nest is None:
        raise TypeError("explaining axes needs a traced nest")
    return scene.program, scene.nest


def _leaves(scene: Scene, k: int) -> Iterable[tuple[Any, Any, int | None]]:
    """Lists (operand, aval at level k, axis) of every leaf, static values with aval None."""
    program, nest = _known(scene)
    avals = dict(zip(axes.array_operands(program), nest.avals[k], strict=True))
    flat = axes.leaf_axes(program, program.levels[k])
    return [
        (operand, avals.get(n), axis)
        for n, (operand, axis) in enumerate(zip(program.operands, flat, strict=True))
    ]


def _no_such_axis(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    lines, paths = [], []
    for operand, aval, axis in _leaves(scene, k):
        if axis is None:
            continue
        if aval is None:
            lines.append(_static_mapped(program, operand))
        elif not isinstance(axis, int) or isinstance(axis, bool):
            lines.append(f"{operand.path}: {axis!r} is not an axis; write an int or None.")
        elif not -aval.ndim <= axis < aval.ndim:
            lines.append(f"{operand.path} is {_shape(aval)} here, so it has no axis {axis}: {_legal(aval)}.")
        else:
            continue
        paths.append(operand)
    if not lines:
        return None
    outside = [program.levels[n].name for n in range(k)]
    inside = f"Inside vmap over {' and '.join(outside)}: " if outside else ""
    said = f"{_level_title(program, k)}: {inside}" + " ".join(lines[:_MOST_NAMED])
    return said, _blame(paths, k)


def _static_mapped(program: Program, operand: Any) -> str:
    said = f"{operand.path} is the Python value {str(operand.value)[:40]} and has no axis to map: "
    if any(argument.keyword and argument.name == operand.argument for argument in program.arguments):
        return said + (
            "jax.vmap maps every keyword argument over axis 0. Pass it by position with None, "
            f"or bind it first: partial({program.name}, {operand.argument}=...)."
        )
    return said + "set it to None."


def _legal(aval: Any) -> str:
    if aval.ndim == 0:
        return "a scalar can only be shared, None"
    return (
        f"0 to {aval.ndim - 1}, {-aval.ndim} to -1, or None to share it"
        if aval.ndim > 1
        else "0, -1, or None"
    )


def _shape(aval: Any) -> str:
    return f"{short_dtype(dtype_name(aval.dtype))}[{','.join(map(str, aval.shape))}]"


def _blame(operands: list[Any], k: int) -> Blame:
    names = tuple(dict.fromkeys(operand.argument for operand in operands))
    return Blame(arguments=names, paths=tuple(operand.path for operand in operands), levels=(k,))


def _unequal_sizes(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    sizes: dict[int, list[str]] = {}
    operands = []
    for operand, aval, axis in _leaves(scene, k):
        if axis is not None and aval is not None:
            sizes.setdefault(aval.shape[axis], []).append(f"{operand.path} {_shape(aval)} axis {axis}")
            operands.append(operand)
    given = program.levels[k].axis_size
    if isinstance(given, int):
        sizes.setdefault(given, []).append("axis_size")
    if len(sizes) < 2:
        return None
    groups = "; ".join(f"{size}: {', '.join(names[:_MOST_NAMED])}" for size, names in sizes.items())
    return (
        f"{_level_title(program, k)}: one call takes one index of every mapped axis, so all must have "
        f"one size, but they have {groups}. Map another axis, or set None for what every example shares"
        f"{' (for all pairs, use two levels)' if len(sizes) == 2 else ''}.",
        _blame(operands, k),
    )


def _nothing_mapped(scene: Scene, k: int) -> Told:
    program, _ = _known(scene)
    if any(axis is not None for _, _, axis in _leaves(scene, k)):
        return None
    return (
        f"{_level_title(program, k)}: every argument is None, so nothing says how many examples there are. "
        "Map at least one axis, or set axis_size.",
        Blame(levels=(k,)),
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


def _out_axes(scene: Scene) -> Told:
    """Explains a batch stage that failed where a level puts its results back."""
    program, nest = scene.program, scene.nest
    if scene.stage != "batch" or program is None or nest is None or not nest.outputs:
        return None
    k = min(nest.outputs) - 1  # the innermost level that did not return
    result = nest.outputs[k + 1]
    flat, _ = jax.tree_util.tree_flatten_with_path(result)
    shapes = ", ".join(f"{output_path(path)} {_shape(aval)}" for path, aval in flat[:_MOST_NAMED])
    most = max((aval.ndim for _, aval in flat), default=0)
    return (
        f"{_level_title(program, k)}: out_axes={program.levels[k].text.out_axes} does not fit what "
        f"{program.name} returns for one example of it: {shapes}. The new axis can stand at 0 to {most} "
        "(the rank of that output is its last place), -1 means last, and None is only for an output that "
        "is the same for every example; a tree must have the containers of the result.",
        Blame(levels=(k,), paths=tuple(output_path(path) for path, _ in flat)),
    )


def _not_arrays(scene: Scene) -> Told:
    """Explains a call that went through the user's code and failed on what it returned."""
    program, nest = scene.program, scene.nest
    if scene.stage != "trace" or program is None or nest is None or not isinstance(scene.error, TypeError):
        return None
    if len(nest.avals) <= len(program.levels) or scene.sources.of_error(scene.error) is not None:
        return None
    return (
        f"{program.name} ran for one example, but what it returned is not made of arrays. "
        "Return a jax array, a number, or a tuple, list or dict of them.",
        Blame(paths=("out",)),
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


def _otherwise(scene: Scene) -> tuple[str, Blame]:
    span = scene.sources.of_error(scene.error)
    at = f" at `{scene.sources.text(span)}`" if span is not None and scene.sources.text(span) else ""
    message = _message(scene.error).split("\n")[0]
    if scene.stage == "parse":
        where = span.source if span is not None else "the request"
        return f"The text of {where} could not be evaluated{at}: {message}", Blame()
    program, nest = scene.program, scene.nest
    if scene.stage != "trace" or program is None or nest is None or not nest.avals:
        return f"The {scene.stage} stage failed{at}: {message}", Blame()
    arrays = axes.array_operands(program)
    seen = [f"{program.operands[p].path} {_shape(a)}" for p, a in zip(arrays, nest.avals[-1], strict=True)]
    return (
        f"{program.name} cannot be called on one example{at}. For one example it is handed "
        f"{', '.join(seen[:_MOST_NAMED]) or 'nothing'}. If a shape is not what you meant, change in_axes; "
        "otherwise the function itself must change.",
        Blame(),
    )


_EXPLAINERS: tuple[Callable[[Scene], Told], ...] = (
    _own_errors,
    _syntax,
    _unknown_name,
    _unbound_axis_name,
    _axis_specs,
    _wrong_arguments,
    _needs_value,
    _not_arrays,
    _memory,
    _out_axes,
    _exit,
)
