"""Failed calls: the call of a vmapped function that an error passed through, taken apart as a Program.

    error with its frames ──▶ find ──▶ FailedCall: Program, Nest, spans ──▶ failures.describe

The frames of JAX's own vmap hold what was mapped, over which axes, and the arguments. From those comes
the nest that the user would have stated, so that a script, a live function and a stated nest are
explained alike. The nest is traced again to see how far it goes; where that ends differently (the
function depends on what happens around it), the shapes are worked out from the axes instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import jax

from explainer.analysis import axes, internals, printed, tracing
from explainer.analysis.failing import callsites, stating
from explainer.analysis.failing.written import Written, callers, named_in
from explainer.analysis.internals import Made, Mapped
from explainer.analysis.parsing import Program
from explainer.analysis.spans import Sources
from explainer.analysis.tracing import Nest
from explainer.report import Span
from explainer.spec import Request

keeping = internals.keeping_frames
"""Keeps the frames that JAX removes from tracebacks meanwhile; user code runs as ever."""


@dataclass(frozen=True, slots=True)
class Around:
    """A nest that a failed call stood in: its program, the shapes at each of its levels, its call."""

    program: Program
    avals: tuple[tracing.Avals, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class FailedCall:
    """The innermost vmapped call that an error came out of, with the levels that map one function at once.

    jax.vmap(jax.vmap(f, (None, 0)), (0, None))(X, Y): two levels, arguments X and Y. A call made inside a
    mapped function is a program of its own; `around` are the nests it stood in, outermost first.
    Values that were traced when the call was made are promises of arrays (`ShapeSpec`) in the program.
    """

    error: BaseException
    program: Program
    nest: Nest
    span: Span | None  # of the call
    makings: tuple[Span | None, ...]  # per level: its jax.vmap(...) in the text, where it was found
    around: tuple[Around, ...] = ()
    under: tuple[str, ...] = ()  # the names of all levels that it stood under, stated ones included
    file: str = ""  # in which the call stands, as Python names it: "<code>"
    ended: bool = True  # traced again, the nest ended in the same error

    @property
    def request(self) -> Request:
        """Returns the call as it would be stated, its function known by name only."""
        levels = tuple(level.text for level in self.program.levels)
        return Request(function=self.program.name, arguments=self.program.arguments, levels=levels)

    @property
    def fitted(self) -> bool:
        """Tells that the function was traced for one example, so that the error came after it."""
        return self.nest.source is not None


def is_of_vmap(error: BaseException) -> bool:
    """Tells an error that came out of a call of a vmapped function, or of `jax.vmap` itself."""
    return bool(internals.vmap_calls(error)) or internals.vmap_making(error) is not None


def find(error: BaseException, sources: Sources, stated: Sequence[str] = ()) -> FailedCall | None:
    """Returns the vmapped call that an error came out of; None where it came out of none.

    `stated` names the request's own levels, put around its function here: they are not looked for.
    """
    if not isinstance(error, Exception):  # sys.exit() and the like: whoever raises it means it
        return None
    made = internals.vmap_making(error)
    if made is not None:
        return _refused(error, made, sources)
    calls = [call for call in internals.vmap_calls(error) if not internals.is_ours(call.setting.fun)]
    if stated and calls and internals.called_by_us(calls[0]):
        calls = calls[len(_at_once(calls[: len(stated)], 0)) :]
    if not calls:
        return None
    return _taken_apart(error, _nests(calls), sources, tuple(stated))


def _refused(error: BaseException, made: Made, sources: Sources) -> FailedCall | None:
    """Takes apart a call whose `jax.vmap(...)` raised already: jax.vmap(f, {"a": 0})(X), X known by name."""
    place, span = callers(made.outer, sources)
    written = None if place is None else Written.of(place)
    if place is None or written is None or written.call is None:
        return None
    call = callsites.around(written.tree, written.call)
    site = None if call is None else callsites.site(call)
    scope = {**place[0].f_globals, **place[0].f_locals}
    setting = made.setting
    if call is None or site is None or setting is None or not callable(setting.fun):
        return None
    if site.keywords or any(name is None or named_in(scope, name) is None for name in site.names):
        return None
    names = [name for name in site.names if name is not None]
    if len(set(names)) != len(site.names):
        return None
    making = callsites.making(written.call)
    mapped = Mapped(setting, tuple(named_in(scope, name) for name in names), {}, False, made.outer)
    levels = (stating.level(setting, making.texts, 0),)
    program = stating.program(setting.fun, mapped, names, levels, scope)
    nest, ended = _nest(program, error, [mapped])
    file = place[0].f_code.co_filename
    return FailedCall(error, program, nest, span, (span,), (), (), file, ended) if ended else None


def _nests(calls: Sequence[Mapped]) -> list[Sequence[Mapped]]:
    """Groups calls into nests made at once, outermost first."""
    found = []
    while calls:
        found.append(_at_once(calls, 0))
        calls = calls[len(found[-1]) :]
    return found


def _at_once(calls: Sequence[Mapped], first: int) -> Sequence[Mapped]:
    """Returns the calls from `first` on that are one nest: each maps what the next calls."""
    end = first + 1
    while end < len(calls) and _direct(calls[end - 1], calls[end]):
        end += 1
    return calls[first:end]


def _direct(outer: Mapped, inner: Mapped) -> bool:
    """Tells whether a call is that of the very function which an outer one maps."""
    made = outer.setting.inner
    return made is not None and made.fun is inner.setting.fun


def _taken_apart(
    error: BaseException, nests: Sequence[Sequence[Mapped]], sources: Sources, under: tuple[str, ...]
) -> FailedCall:
    around: list[Around] = []
    for calls in nests[:-1]:
        outer = stating.stated(calls[0], len(under), sources)
        under += tuple(level.name for level in outer.program.levels)
        around.append(Around(outer.program, tuple(_avals(outer.program, calls)), outer.span))
    call = stating.stated(nests[-1][0], len(under), sources)
    nest, ended = _nest(call.program, error, nests[-1])
    return FailedCall(
        error, call.program, nest, call.span, call.spans, tuple(around), under, call.file, ended
    )


def _nest(program: Program, error: BaseException, calls: Sequence[Mapped]) -> tuple[Nest, bool]:
    """Traces a program again up to its error; returns how far it got, and whether in the same way."""
    try:
        nest = _again(program, error)
    except KeyboardInterrupt:
        raise
    except BaseException as other:  # noqa: BLE001  (user code may end anything when it is called again)
        nest = Nest((), (), error=other if isinstance(other, Exception) else RuntimeError(repr(other)))
    if type(nest.error) is type(error):
        return nest, True
    worked_out = Nest(axes.array_operands(program), (), _avals(program, calls), error=nest.error)
    return worked_out, False


def _again(program: Program, error: BaseException) -> Nest:
    with printed.dropped(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nest = tracing.trace(program)
        if type(nest.error) is type(error):
            return nest
        fit = all(axes.fits(program, level) for level in program.levels)
        return tracing.trace(program, concrete=True) if fit and axes.never_mapped(program) else nest


def _avals(program: Program, calls: Sequence[Mapped]) -> list[tracing.Avals]:
    """Works out what each level was handed, as far as the calls came."""
    arrays = axes.array_operands(program)
    avals: list[tracing.Avals] = [tuple(program.operands[position].aval for position in arrays)]
    reached = len(program.levels) if calls[-1].entered else len(calls) - 1
    for level in program.levels[:reached]:
        mapped = axes.array_axes(program, level)
        if mapped is None:
            break
        avals.append(tuple(_without(aval, axis) for aval, axis in zip(avals[-1], mapped, strict=True)))
    return avals


def _without(aval: jax.ShapeDtypeStruct, axis: int | None) -> jax.ShapeDtypeStruct:
    if axis is None or not -aval.ndim <= axis < aval.ndim:
        return aval
    shape = list(aval.shape)
    del shape[axis]
    return jax.ShapeDtypeStruct(tuple(shape), aval.dtype)
