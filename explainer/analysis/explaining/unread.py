"""Unread: texts of the request that are no Python, name what is not there, or break our own rules.

Scene of the parse stage, mostly ──▶ limits, syntax, unknown_name ──▶ Told
"""

from __future__ import annotations

import builtins
import difflib

from explainer.analysis.explaining.scene import Scene, Told
from explainer.analysis.parsing import PREDEFINED, level_letter
from explainer.errors import LimitError, RequestError, SpecError
from explainer.report import Blame, Span
from explainer.source import DTYPES, near_dtype
from explainer.spec import Request


def own_errors(scene: Scene) -> Told | None:
    """Tells errors of our own, which say all there is to say."""
    error = scene.error
    if isinstance(error, LimitError):
        return Told(str(error), kind="limit")
    if isinstance(error, RequestError):
        name = error.source.removeprefix("argument ")
        return Told(str(error), Blame(arguments=(name,) if name != error.source else ()), "request")
    if isinstance(error, SpecError):
        for argument in scene.request.arguments:
            if argument.value == error.text:
                span = _span_in(error.text, error.column, f"argument {argument.name}")
                said = f"{argument.name} is {error.text.strip()}: {error.problem}."
                return Told(said, Blame(arguments=(argument.name,), spans=(span,)), "shape_spec")
        return Told(str(error), kind="shape_spec")
    return None


def _span_in(text: str, column: int, source: str) -> Span:
    line = text.count("\n", 0, column) + 1
    start = column - (text.rfind("\n", 0, column) + 1)
    return Span(line, start, line, start + 1, source)


def syntax(scene: Scene) -> Told | None:
    """Explains a text that is not Python."""
    error = scene.error
    if not isinstance(error, SyntaxError):
        return None
    where = (error.filename or "").strip("<>")
    if not (error.filename or "").startswith("<"):
        return None
    text = place(scene.request, where)
    where_said = f"Line {error.lineno} of the code" if where == "code" else f"The text of {text}"
    name = where.removeprefix("argument ")
    blame = Blame(arguments=(name,) if name != where else ())
    return Told(f"{where_said} is not valid Python: {error.msg}.", blame, "syntax")


def unknown_name(scene: Scene) -> Told | None:
    """Explains a name that nothing defines, and guesses which was meant."""
    error = scene.error
    span = scene.sources.of_error(error)
    if not isinstance(error, NameError) or error.name is None or span is None:
        return None
    where = f" in {place(scene.request, span.source)}" if span.source != "code" else ""
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
    return Told(said, kind="unknown_name")


def place(request: Request, source: str) -> str:
    """Names one of the user's texts as the user knows it: "in_axes of level 1" is that of vmap j."""
    if source == "function":
        return "what is mapped"
    field, found, number = source.rpartition(" of level ")
    if not found:
        return "the code" if source == "code" else source
    name = request.levels[int(number)].axis_name or ""
    return f"{field} of vmap {name if name.isidentifier() else level_letter(int(number))}"
