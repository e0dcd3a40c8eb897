"""Stating: a call of a vmapped function, put as the user would have stated it as a nest.

    frames of jax.vmap ──▶ Mapped ──▶ stated ──▶ Stated: Program, spans ──▶ failed, reciting

All levels that map one function at once are one program. Values that are traced are promises of arrays
(`ShapeSpec`) in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from explainer.analysis import internals, parsing
from explainer.analysis.failing import naming
from explainer.analysis.failing.callsites import Making
from explainer.analysis.failing.written import Written, callers, names_of, span_of
from explainer.analysis.internals import Mapped, Setting
from explainer.analysis.parsing import ParsedLevel, Program, level_letter
from explainer.analysis.spans import Sources
from explainer.analysis.values import dtype_name
from explainer.report import Span
from explainer.source import ShapeSpec
from explainer.spec import Argument, Request, Vmap

Known = Mapping[int, Any]
"""Values of tracers, by the identity of the tracer, where they are known."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A call as it would be stated; `makings` are the `jax.vmap(...)` of its levels, where found."""

    program: Program
    span: Span | None  # of the call
    makings: tuple[Making | None, ...]
    spans: tuple[Span | None, ...]  # of the makings
    file: str  # in which the call stands, as Python names it: "<code>"
    text: Written | None  # around the call


def stated(call: Mapped, depth: int, sources: Sources, known: Known | None = None) -> Stated:
    """Puts a call, under `depth` levels, as it would be stated."""
    settings = all_levels(call.setting)
    function = settings[-1].fun
    place, span = callers(call.outer, sources)
    text = None if place is None else Written.of(place)
    names = names_of(call, function, place, text)
    makings = (None,) * len(settings) if text is None else text.makings(settings)
    levels = tuple(
        level(setting, making.texts if making else {}, depth + k)
        for k, (setting, making) in enumerate(zip(settings, makings, strict=True))
    )
    scope = {} if place is None else {**place[0].f_globals, **place[0].f_locals}
    own = program(function, call, names, levels, scope, known or {})
    if makings[-1] is not None and makings[-1].function:
        own = replace(own, name=makings[-1].function)  # as the user calls it
    if text is not None:
        own = _as_handed_over(own, text.handed(scope))
    file = "" if place is None else place[0].f_code.co_filename
    spans = tuple(span_of(making, span, text) for making in makings)
    return Stated(own, span, makings, spans, file, text)


def _as_handed_over(program: Program, known: Mapping[int, str]) -> Program:
    """Names leaves as the user's call does where a library handed the very arrays on: args[0] -> X."""
    paths = [operand.path for operand in program.operands]
    named = [known.get(id(operand.value), operand.path) for operand in program.operands]
    if named == paths or len(set(named)) != len(named):
        return program
    pairs = zip(program.operands, named, strict=True)
    return replace(program, operands=tuple(replace(operand, path=path) for operand, path in pairs))


def all_levels(outermost: Setting) -> list[Setting]:
    """Lists the levels of a nest made at once, those that the call never came to included."""
    found = [outermost]
    while (inner := found[-1].inner) is not None:
        found.append(inner)
    return found


def level(setting: Setting, written: Mapping[str, str], depth: int) -> ParsedLevel:
    """Puts a level as if it was stated; its texts are the user's own where they were found."""

    def text(name: str) -> str:
        return written.get(name) or internals.text(getattr(setting, name))

    def optional(name: str) -> str | None:
        return None if getattr(setting, name) is None else text(name)

    name = setting.axis_name
    return ParsedLevel(
        name=name if isinstance(name, str) else level_letter(depth),
        text=Vmap(
            in_axes=text("in_axes"),
            out_axes=text("out_axes"),
            axis_name=name if isinstance(name, str) else optional("axis_name"),
            axis_size=optional("axis_size"),
            spmd_axis_name=optional("spmd_axis_name"),
        ),
        in_axes=setting.in_axes,
        out_axes=setting.out_axes,
        axis_name=name,
        axis_size=setting.axis_size,
        spmd_axis_name=setting.spmd_axis_name,
    )


def program(
    function: Callable[..., Any],
    call: Mapped,
    names: Sequence[str],
    levels: tuple[ParsedLevel, ...],
    scope: Mapping[str, Any],
    known: Known | None = None,
) -> Program:
    """Returns the program of a call whose positional arguments have these names."""
    promised = [_promised(value, known or {}) for value in call.args]
    values = dict(zip(names, promised, strict=True))
    values |= {name: _promised(value, known or {}) for name, value in call.kwargs.items()}
    arguments = tuple(
        Argument(name, naming.text(value), n >= len(names)) for n, (name, value) in enumerate(values.items())
    )
    request = Request(function=naming.name(function), arguments=arguments)
    own = parsing.program(request, scope, function, values, levels)
    return replace(own, name=naming.name(function), context=object())


def _promised(value: Any, known: Known) -> Any:
    """Puts promises of arrays in the place of tracers, which die with their trace."""
    if not any(map(internals.is_tracer, jax.tree.leaves(value))):
        return value
    return jax.tree.map(lambda leaf: known.get(id(leaf), _promise(leaf)), value)


def _promise(leaf: Any) -> Any:
    leaf = internals.primal(leaf)
    if not internals.is_tracer(leaf):
        return leaf
    aval = internals.aval(leaf)
    is_key = jnp.issubdtype(aval.dtype, jax.dtypes.prng_key)
    return ShapeSpec("key" if is_key else dtype_name(aval.dtype), tuple(aval.shape))
