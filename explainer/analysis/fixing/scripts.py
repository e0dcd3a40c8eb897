"""Scripts: fixes of a vmapped call inside a text, written into that text and proven by running it.

FailedCall ──▶ search on its own program ──▶ edits of the text ──▶ the text run again ──▶ Fixes
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

import jax

from explainer.analysis import parsing, surroundings
from explainer.analysis.explaining import named_axes
from explainer.analysis.failing.failed import FailedCall
from explainer.analysis.fixing import evaluating, situations
from explainer.analysis.fixing.search import MOST_FIXES, Alive, Search, double_edits, proven, single_edits
from explainer.analysis.fixing.trial import TIED, Failed, attempt, quiet
from explainer.analysis.run import Run
from explainer.analysis.spans import Sources
from explainer.edits import code, making
from explainer.edits.candidate import Candidate
from explainer.edits.imports import with_imports
from explainer.edits.misuse import misuse, named
from explainer.edits.situation import Situation
from explainer.edits.text import Edit, changed_lines
from explainer.lines import lines_of
from explainer.report import Failure, Fix
from explainer.spec import Request

MOST_PLAIN = 0.9  # cost of the edits that mean the same for every value
MOST_RUNS = 8  # edited texts that are run, beside those of the search

Shown = Callable[[Request], str]
"""Runs an edited text; returns what that showed, "" where it fails as before."""


def fixes(run: Run, failure: Failure) -> tuple[tuple[Fix, ...], int]:
    """Returns (fixes of a call in a text, how many edits were tried)."""
    request, call, shown = run.report.request, run.failed, _shown(run, failure)
    found, tried = (), 0
    if call is not None:
        found, tried = _of_call(run, call, failure, shown)
    if not found and not _live(run):
        edits = [*_named(request, call), *misuse(request.code), *_renamed(request, failure)]
        edits = [*edits, *_plain(request, failure)][:MOST_RUNS]
        edited = [_fix(request, edit, shown) for edit in edits if edit.text != request.code]
        found, tried = tuple(fix for fix in edited if fix is not None)[:MOST_FIXES], tried + len(edits)
    return found, tried


def _of_call(run: Run, call: FailedCall, failure: Failure, shown: Shown) -> tuple[tuple[Fix, ...], int]:
    request, program = run.report.request, call.program
    if not any(call.makings) and request.function:
        call = replace(call, makings=making.stated(request, len(program.levels)))
    source = "code" if call.span is None else call.span.source
    texts = making.argument_texts(
        _text(request, source), [a.name for a in program.arguments if not a.keyword], call.span
    )
    arguments = tuple(replace(a, value=texts.get(a.name, a.value)) for a in program.arguments)
    nest = replace(call.request, arguments=arguments)
    situation = situations.of_program(nest, failure, program, call.nest, request.code)
    situation = replace(situation, axis_names=_axis_names(call))
    main = call.file if _live(run) else None
    search = Search(
        request,
        situation,
        program,
        evaluating.of_call(request, nest, program),
        sources=lambda edited: Sources(edited, main),
    )

    def finish(fix: Fix, alive: Alive) -> Fix | None:
        written = _written(request, nest, call, alive.candidate, fix, shown)
        if fix.proof == TIED and _live(run):  # its file is not run again, so nothing shows that it runs
            return None
        return fix if written is None and _live(run) else written  # proven, though in no text we know

    found = proven(search, single_edits(search), finish) or proven(search, double_edits(search), finish)
    return found, search.tried


def _text(request: Request, source: str) -> str:
    return request.function.strip() if source == "function" else request.code


def _written(
    request: Request, nest: Request, call: FailedCall, candidate: Candidate, fix: Fix, shown: Shown
) -> Fix | None:
    """Writes a fix of a call into the text, and runs that; None where it cannot be written, or fails."""
    if candidate.code:
        edited = candidate.request
    else:
        source = next((span.source for span in (*call.makings, call.span) if span is not None), "code")
        name = getattr(call.program.function, "__name__", "")
        text = making.rewritten(
            _text(request, source), nest, candidate.request, call.makings, name, call.span
        )
        if text is None or source not in ("code", "function"):
            return None
        edited = code.edited(request, source, text)
    if request.is_script:
        edited = replace(edited, code=with_imports(request.code, edited.code))
    ran = shown(edited)
    if not ran:
        return None
    place = "code" if edited.code != request.code else "function"
    before, after = changed_lines(getattr(request, place), getattr(edited, place))
    return replace(fix, request=edited, place=place, before=before, after=after, proof=f"{fix.proof}; {ran}")


def _fix(request: Request, edit: Edit, shown: Shown) -> Fix | None:
    edited = replace(request, code=with_imports(request.code, edit.text))
    ran = shown(edited)
    before, after = changed_lines(request.code, edited.code)
    return Fix(edited, edit.summary, (), "code", before, after, ran) if ran else None


def _axis_names(call: FailedCall) -> tuple[str, ...]:
    """Returns the axis names that library code asked for in vain."""
    error = call.error
    asked = isinstance(error, NameError) and error.name is None
    return tuple(named_axes.names_in_libraries(error)) if asked else ()


def _named(request: Request, call: FailedCall | None) -> list[Edit]:
    return [] if call is None else named(request.code, _axis_names(call))


def _plain(request: Request, failure: Failure) -> list[Edit]:
    """Lists edits of the code that keep what it computes, for functions that cannot be made anew alone."""
    spans = [span for span in failure.blame.spans if span.source == "code"]
    found = code.edits(request.code, spans[0], failure.error_type) if spans else []
    return [edit for edit in found if edit.cost <= MOST_PLAIN]


def _renamed(request: Request, failure: Failure) -> list[Edit]:
    """Lists edits that replace a name that is not defined."""
    names = tuple(parsing.PREDEFINED)
    situation = Situation(request, failure.stage, failure.error_type, spans=failure.blame.spans, names=names)
    return [Edit(c.request.code, c.summary, c.cost) for c in code.names(situation)]


def _shown(run: Run, failure: Failure) -> Shown:
    """Returns how an edited text is run: a script to its end, a function through its nest."""
    request = run.report.request
    if request.is_script:
        before = _left(run.sources, run.error)
        return lambda edited: _ran(edited, failure, before)
    if _live(run):
        return lambda edited: "the call itself was tried"  # its file is not run again
    evaluate = evaluating.stated(request, run.program)
    return lambda edited: _traced(evaluate, edited)


def _live(run: Run) -> bool:
    """Tells a run of a function that exists already: there is no text that made it."""
    return run.program is not None and not run.program.scope


def _traced(evaluate: evaluating.Evaluate, edited: Request) -> str:
    program = evaluate(edited)
    failed = program is None or isinstance(attempt(program, strict=False), Failed)
    return "" if failed else "the whole function traces"


def _ran(edited: Request, failure: Failure, before: tuple[int, ...]) -> str:
    """Runs an edited script; it must end well, or fail in a later statement and well below the failure.

    What fails just below uses the result, and tells that the edit was not what was meant.
    """
    try:
        with quiet(), surroundings.restored():
            parsing.run_script(edited)
            jax.effects_barrier()
    except SystemExit as end:
        return "" if end.code else "the script runs to its end"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (the user's script may raise anything)
        sources = Sources(edited)
        span = sources.of_error(error)
        lines = [own.line for own in failure.blame.spans if own.source == "code"]
        below = span is not None and bool(lines) and span.line > max(lines) + 2
        if span is None or not below or not _later(_left(sources, error), before):
            return ""
        return f"the script gets past this call; it then fails on line {span.line}"
    return "the script runs to its end"


def _left(sources: Sources, error: BaseException | None) -> tuple[int, ...]:
    """Returns how many lines come after the statement that each frame of the script was in, outermost first.

    Counted from the end, since edits add lines (imports, say) in front of what has not run yet.
    """
    places = [] if error is None else sources.places_of_error(error)
    return tuple(
        _lines_after(place.whole, place.span.line) for place in places if place.span.source == "code"
    )


def _lines_after(text: str, line: int) -> int:
    statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    around = [node for node in statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
    end = min((node.end_lineno or node.lineno for node in around), default=line)
    return len(lines_of(text)) - end


def _later(now: tuple[int, ...], before: tuple[int, ...]) -> bool:
    """Tells whether a script got further: in the outermost frame that differs, it is at a later statement."""
    return next((new < old for new, old in zip(now, before, strict=False) if new != old), False)
