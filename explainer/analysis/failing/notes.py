"""Notes: what is added to an error of the user's that passes through `explainer.debug()`.

    error ──▶ add_to ──▶ its exception note: explanation, the line, the ruler, the first fixes

The error itself stays as it is. What goes wrong here is told in a note as well, and nowhere else.
"""

from __future__ import annotations

import linecache
import textwrap
from collections.abc import Iterator
from dataclasses import replace

from explainer.analysis import fixing, printed
from explainer.analysis.failing import failed
from explainer.analysis.run import Run
from explainer.analysis.spans import of_the_user
from explainer.analysis.stages import LIVE
from explainer.errors import message
from explainer.report import Failure, Report
from explainer.spec import Request
from explainer.views import carets, diagnosis_text, mismatch

TITLE = "explainer: "
_MOST_FIXES = 3
_MOST_CAUSES = 8  # errors that an error was raised from
_WIDTH = 100


def add_to(error: BaseException) -> None:
    """Explains the vmap error that an error is, was raised from, or holds (an ExceptionGroup)."""
    for each in _within(error):
        try:
            if failed.is_of_vmap(each) and not _noted(each):
                text = _note(each)
                if text:
                    each.add_note(TITLE + text)
                return
        except Exception as trouble:  # noqa: BLE001  (the user's error counts, not ours)
            said = message(trouble).split("\n")[0]
            each.add_note(f"{TITLE}this error could not be explained ({type(trouble).__name__}: {said})")
            return


def _within(error: BaseException) -> Iterator[BaseException]:
    """Lists an error, then what it was raised from, then what it holds; each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < _MOST_CAUSES:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        waiting += [] if cause is None else [cause]
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()


def _noted(error: BaseException) -> bool:
    return any(str(note).startswith(TITLE) for note in getattr(error, "__notes__", ()))


def _note(error: BaseException) -> str:
    """Explains an error as `explain` would; "" for one that the user's own code raised on purpose."""
    file = _file(error)
    run = Run(Request("".join(linecache.getlines(file))), LIVE, main=file)
    failure = run.failure("run", error)
    if failure.kind in ("", "raised") and run.sources.raised(error):
        return ""
    run.add(failure=failure)
    lines = [*_explained(run.report, failure, file), *_mended(run)]
    return "\n".join([lines[0], *(f"  {line}".rstrip() for line in lines[1:])])


def _file(error: BaseException) -> str:
    """Returns the file of the innermost frame that is the user's."""
    found, traceback = "", error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        found = file if of_the_user(file) else found
        traceback = traceback.tb_next
    return found


def _explained(report: Report, failure: Failure, file: str) -> list[str]:
    lines = textwrap.wrap(TITLE + failure.explanation, _WIDTH, subsequent_indent="  ")
    lines[0] = lines[0][len(TITLE) :]
    for place in carets.places(replace(failure.blame, spans=failure.blame.spans[:1]), report.request):
        lines += [place[0].replace("code, line", f"{file}, line", 1), *place[1:]]
    if failure.mismatch is not None and failure.mismatch.lanes:
        lines += mismatch.told(failure.mismatch, report)
    return lines


def _mended(run: Run) -> list[str]:
    """Returns the first fixes of a failed call; its file is not run again for them."""
    if run.failed is None:
        return []
    run.program = replace(run.failed.program, levels=(), scope={})  # a live call: nothing states its nest
    run.add(request=replace(run.report.request, function=run.program.name))
    try:
        with printed.dropped():
            fixing.add_to(run)
    except Exception as trouble:  # noqa: BLE001  (the explanation stays)
        said = message(trouble).split("\n")[0]
        return [f"Fixes could not be looked for ({type(trouble).__name__}: {said})."]
    lines = diagnosis_text.fixes(replace(run.report, fixes=run.report.fixes[:_MOST_FIXES]))
    return ["Fixes that were tried and work:", *lines] if lines else []
