"""Hearing: a call of a vmapped function, noted while it is under way, so that it can be read aloud later.

    call under way ──▶ Heard: its program, what it calls its function and arguments ──▶ reciting/calls

By the end of the run its frames are gone, and what was traced is dead. So it is noted whether the
function can be run alone at all: not where it closes over values of a trace.
"""

from __future__ import annotations

import ast
import builtins
import functools
import keyword
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import jax

from explainer.analysis import axes, closures, internals
from explainer.analysis.calls import Captured
from explainer.analysis.capturing import Hears
from explainer.analysis.failing import naming, stating
from explainer.analysis.failing.stating import Stated
from explainer.analysis.internals import Mapped
from explainer.analysis.parsing import Program
from explainer.analysis.run import Run
from explainer.analysis.spans import Sources
from explainer.analysis.wanting import trying
from explainer.errors import message
from explainer.source import ShapeSpec

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_MOST_WRAPPERS = 6  # decorators around one function, each up to two deep
_LONGEST = 80  # characters of an argument's text


@dataclass(frozen=True, slots=True)
class Heard:
    """A call to be read aloud; without a program, `why` it cannot be.

    `function` is the text of what is mapped, `notes` say what texts in a reading stand for. `outer` is the
    number of the call whose levels map the same function at once, its own where there is none.
    """

    outer: int
    inner: int | None = None  # identity of the vmapped function that it maps at once
    program: Program | None = None
    function: str = ""
    notes: tuple[str, ...] = ()
    why: str = ""

    @property
    def made_up(self) -> bool:
        """Tells whether values were made up for arguments that were traced."""
        operands = () if self.program is None else self.program.operands
        return any(isinstance(operand.value, ShapeSpec) for operand in operands)


def listener(run: Run) -> Hears | None:
    """Returns what notes the calls of a run; None where none will be read aloud."""
    return functools.partial(heard, run.sources) if run.until == "time" else None


def heard(
    sources: Sources, call: Captured, around: Captured | None, depth: int, known: Mapping[int, Any]
) -> Heard:
    """Notes the call that this code runs in."""
    mapped = internals.vmap_under_way()
    if mapped is None or call.call.made_by:
        return Heard(call.number, why=f"{call.call.made_by or 'JAX'} made it, of a function of its own")
    inner = mapped.setting.inner
    own = Heard(call.number, None if inner is None else id(inner.fun))
    outer = None if around is None else around.heard
    if isinstance(outer, Heard) and outer.inner == id(mapped.setting.fun):
        return replace(own, outer=outer.outer)
    try:
        return _heard(own, mapped, stating.stated(mapped, depth, sources, known))
    except Exception as error:  # noqa: BLE001  (classes of the user's may raise anything)
        said = message(error).split("\n")[0]
        return replace(own, why=f"it could not be taken apart ({type(error).__name__}: {said})")


def _heard(own: Heard, mapped: Mapped, call: Stated) -> Heard:
    program = _nameable(replace(call.program, scope=_without_tracers(call.program.scope)))
    cells = sum(prod(program.operands[position].aval.shape) for position in axes.array_operands(program))
    if cells > trying.MOST_CELLS:
        return replace(own, why=f"its arguments, {cells:,} numbers, are too many to compare values")
    traced = [name for name, leaf in closures.leaves(program.function) if internals.is_tracer(leaf)]
    if traced:
        listed = ", ".join(dict.fromkeys(traced))
        return replace(
            own,
            why=f"its function closes over {listed}, traced when it was called, and cannot be run alone",
        )
    spoken = _function(program, call)
    if spoken is None:
        return replace(own, why="what it maps has no name or text where it is called")
    text, function = spoken
    scope = {**program.scope, text: function} if text.isidentifier() else program.scope
    notes = tuple(_notes(text, program, call, len(mapped.args)))
    return replace(own, program=replace(program, function=function, scope=scope), function=text, notes=notes)


def _without_tracers(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Returns names and values without those that hold tracers, which must not outlive their trace."""
    return {name: value for name, value in scope.items() if not _holds_tracers(value)}


def _holds_tracers(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        return any(map(_holds_tracers, value.values() if isinstance(value, dict) else value))
    return internals.is_tracer(value)


def _nameable(program: Program) -> Program:
    """Names arguments so that Python can, as the call does where it hands the very arrays over.

    "argument 0" -> x0; an operand X of the argument x -> X
    """
    taken = {argument.name for argument in program.arguments} | set(program.scope)
    names: dict[str, str] = {}
    for number, argument in enumerate(program.arguments):
        own = [operand.path for operand in program.operands if operand.argument == argument.name]
        whole = not argument.keyword and len(own) == 1 and _NAME.fullmatch(own[0])
        name = own[0] if whole and own[0] not in names.values() else argument.name
        if _NAME.fullmatch(name) is None or keyword.iskeyword(name):
            name = f"x{number}"
            while name in taken:
                name += "_"
        names[argument.name] = name
    operands = tuple(
        replace(operand, argument=names[operand.argument], path=names[operand.argument] + suffix)
        for operand, suffix in zip(program.operands, _suffixes(program), strict=True)
    )
    arguments = tuple(replace(argument, name=names[argument.name]) for argument in program.arguments)
    return replace(program, arguments=arguments, operands=operands)


def _suffixes(program: Program) -> list[str]:
    """Returns, for each operand, where it is in its argument: ['w'], "" for the whole of it."""
    numbered = jax.tree.unflatten(program.tree, range(len(program.operands)))
    return [jax.tree_util.keystr(path[2:]) for path, _ in jax.tree_util.tree_flatten_with_path(numbered)[0]]


def _function(program: Program, call: Stated) -> tuple[str, Callable[..., Any]] | None:
    """Returns the text of what is mapped, and what that is where the call stands: what was mapped, mostly.

    A decorated function is mapped already: scale.__wrapped__ is the one that is mapped.
    """
    function, making = program.function, call.makings[-1]
    called = call.text.call.func if call.text is not None and call.text.call is not None else None
    texts = [making.function] if making is not None else []
    texts += [ast.unparse(called)] if isinstance(called, (ast.Name, ast.Attribute)) else []
    texts += [naming.name(function)]
    for name in filter(_NAME.fullmatch, texts):
        text, value = name, _evaluated(name, program.scope)
        for _ in range(2 * _MOST_WRAPPERS):
            if _is(value, function):
                return text, function
            text, value = f"{text}.__wrapped__", getattr(value, "__wrapped__", None)
    if making is not None and making.expression and not making.function:
        value = _evaluated(making.expression, program.scope)
        return (making.expression, value) if callable(value) else None
    name = naming.name(function)
    free = name.isidentifier() and not keyword.iskeyword(name) and name not in program.scope
    return (name, function) if free and not hasattr(builtins, name) else None


def _evaluated(text: str, scope: Mapping[str, Any]) -> Any:
    try:
        return eval(text, dict(scope))
    except Exception:  # noqa: BLE001  (a name of another place, an attribute that is not there)
        return None


def _is(value: Any, function: Any) -> bool:
    """Tells whether a value is a function, or the same method of the same object."""
    methods = isinstance(value, types.MethodType) and isinstance(function, types.MethodType)
    return value is function or (
        methods and (value.__self__ is function.__self__ and value.__func__ is function.__func__)
    )


def _notes(text: str, program: Program, call: Stated, count: int) -> Iterator[str]:
    """Says what texts of a reading stand for that are no names where the call stands."""
    if text.endswith(".__wrapped__"):
        yield f"{text} is {text.partition('.__wrapped__')[0]} without its decorators"
    node = None if call.text is None else call.text.call
    given = [] if node is None else node.args[len(node.args) - count :]  # explain(f, X): its arguments
    if len(given) != count or any(isinstance(arg, ast.Starred) for arg in given):
        return
    for number, (argument, arg) in enumerate(zip(program.arguments, given, strict=False), start=1):
        written = " ".join(ast.unparse(arg).split())
        shown = written if len(written) <= _LONGEST else f"argument {number}"
        if written != argument.name:
            yield f"{argument.name} stands for {shown} in the call"
