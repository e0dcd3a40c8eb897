"""Source spans: which expression of the user's text made an equation or raised an error.

    equation, traceback ──▶ Trail of spans, source text ──▶ Report.equations, Failure.blame

CPython keeps a line and column range for every instruction (`co_positions`, PEP 657). The innermost
frame that stands in one of the user's texts is the one that counts; those further out called it.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import operator
import os
import sysconfig
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from explainer.analysis import internals
from explainer.lines import lines_of
from explainer.report import Span
from explainer.spec import Request

_file = operator.attrgetter("co_filename")


class Trail(NamedTuple):
    """The user's expressions under way when an equation was made, innermost first.

    `made` is what JAX recorded. JAX traces a function once and remembers its equations: in the body of
    a second call they still tell of the first. `calls` are those of this equation, where it stands.
    """

    made: tuple[Span, ...] = ()
    calls: tuple[Span, ...] = ()

    @property
    def span(self) -> Span | None:
        """Returns the expression that made the equation; None when no text of the user's did."""
        return self.calls[0] if self.calls else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error came from: the frame, its expression, and the whole text that this stands in."""

    frame: types.FrameType
    span: Span
    whole: str

    def span_of(self, node: ast.AST) -> Span:
        """Returns where a node of the text's syntax tree stands."""
        lines = lines_of(self.whole)
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        column = _characters(lines, line, getattr(node, "col_offset", 0))
        return Span(
            line, column, end, _characters(lines, end, getattr(node, "end_col_offset", 0)), self.span.source
        )


class Sources:
    """The user's texts by file name, and spans into them."""

    def __init__(self, request: Request, main: str | None = None) -> None:
        """Takes the texts of a request; of a live function, `main` is the file whose text is `request.code`.

        The user's other files are then read when an equation leads there; their spans name the file.
        """
        texts = {"<code>": request.code, "<function>": request.function.strip()}
        texts |= {f"<argument {a.name}>": a.value.strip() for a in request.arguments}
        texts |= {f"<{place}>": text for place, text in _level_texts(request)}
        self._names = {name: name[1:-1] for name in texts}  # file name -> Span.source
        self._texts = {name[1:-1]: text for name, text in texts.items()}
        self._lines: dict[str, list[str]] = {}  # of the texts that a span was sought in
        self._live = main is not None
        if main is not None:
            self._names[main] = "code"
        mapped = lines_of(texts["<function>"])
        self._mapped = (Span(1, 0, len(mapped), len(mapped[-1]), "function"),) if mapped else ()
        # by id: hashing a code object reads all of its bytecode; `_kept` keeps the ids from being reused
        self._kept: list[types.CodeType] = []
        self._positions: dict[int, list[tuple[int | None, ...]]] = {}
        self._spans: dict[tuple[int, int], Span | None] = {}

    def of_equation(self, eqn: Any) -> Trail:
        """Returns the trail of an equation that stands in no body.

        What JAX made before or after it called the user's code is owed to the mapped expression itself.
        """
        made = self._made(eqn)
        return Trail(made, made or self._mapped)

    def of_body(self, eqn: Any, jaxpr: Any, outer: Trail) -> Trail:
        """Returns the trail of an equation in a body: inside the body, then on from `outer`, its holder."""
        made = self._made(eqn)
        return Trail(made, made[: self._inside(eqn, jaxpr, made, outer)] + outer.calls)

    def of_sites(self, sites: Sequence[tuple[types.CodeType, int]]) -> tuple[Span, ...]:
        """Returns the user's expressions among places in running code, in the same order."""
        own = (self._span(code, offset) for code, offset in sites if self._has(code.co_filename))
        return tuple(span for span in own if span is not None)

    def of_error(self, error: BaseException) -> Span | None:
        """Returns the innermost of the user's expressions that an error passed through."""
        if isinstance(error, SyntaxError) and error.filename in self._names and error.lineno:
            return self._syntax_span(error)
        found = None
        for frame in _frames(error):
            if self._has(frame.tb_frame.f_code.co_filename):
                found = self._span(frame.tb_frame.f_code, frame.tb_lasti) or found
        return found

    def places_of_error(self, error: BaseException) -> list[Place]:
        """Lists the places in the user's texts that an error passed through, outermost first."""
        found = []
        for traceback in _frames(error):
            code = traceback.tb_frame.f_code
            span = self._span(code, traceback.tb_lasti) if self._has(code.co_filename) else None
            if span is not None:
                found.append(Place(traceback.tb_frame, span, "\n".join(self._lines_of(span.source))))
        return found

    def raised(self, error: BaseException) -> bool:
        """Tells whether the user's own code raised an error, not JAX or Python underneath it."""
        frames = list(_frames(error))
        return bool(frames) and self._has(frames[-1].tb_frame.f_code.co_filename)

    @property
    def mapped(self) -> Span | None:
        """Returns the whole of the text that says what is mapped; None where there is no such text."""
        return next(iter(self._mapped), None)

    def text(self, span: Span | None) -> str:
        """Returns the text a span covers, on one line."""
        if span is None:
            return ""
        lines = self._lines_of(span.source)[span.line - 1 : span.end_line]
        if len(lines) == 1:
            return lines[0][span.column : span.end_column].strip()
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return " ".join(part.strip() for part in lines)

    def _lines_of(self, source: str) -> list[str]:
        if source not in self._lines:
            self._lines[source] = lines_of(self._texts[source])
        return self._lines[source]

    def _has(self, file: str) -> bool:
        """Tells whether a file is one of the user's texts."""
        if file not in self._names and self._live and of_the_user(file):
            name = os.path.basename(file)
            self._names[file] = name if name not in self._texts else file
            self._texts[self._names[file]] = "".join(linecache.getlines(file))
        return file in self._names

    def _made(self, eqn: Any) -> tuple[Span, ...]:
        codes, offsets = internals.raw_frames(eqn)  # a dozen an equation, most of them JAX's
        users = map(self._has if self._live else self._names.__contains__, map(_file, codes))
        own = itertools.compress(zip(codes, offsets, strict=True), users)
        spans = [self._span(code, offset) for code, offset in own]
        return tuple([span for span in spans if span is not None])

    def _inside(self, eqn: Any, jaxpr: Any, made: tuple[Span, ...], outer: Trail) -> int:
        """Counts the spans of an equation that are inside the function its body was traced from.

        They end where that function, or the user's own wrapper of it, was called. Of a function that JAX
        cannot name (an object with `__call__`), all are inside but those of the call itself.
        """
        traced = internals.traced_function(jaxpr)
        count, found = 0, False
        for code, offset in internals.frames(eqn):
            users = self._has(code.co_filename)
            if found and not users:
                return count
            if users:
                count += self._span(code, offset) is not None
            found = found or (code.co_filename, code.co_firstlineno) == traced
        if found or not outer.made or made[-len(outer.made) :] != outer.made:
            return count
        return count - len(outer.made)

    def _span(self, code: types.CodeType, offset: int) -> Span | None:
        key = (id(code), offset)
        if key not in self._spans:
            self._spans[key] = self._look_up(code, offset)
        return self._spans[key]

    def _look_up(self, code: types.CodeType, offset: int) -> Span | None:
        if id(code) not in self._positions:
            self._kept.append(code)
            self._positions[id(code)] = list(code.co_positions())
        line, end_line, column, end_column = self._positions[id(code)][offset // 2]
        if line is None or end_line is None or column is None or end_column is None:
            return None
        source = self._names[code.co_filename]
        lines = self._lines_of(source)
        begins, ends = _characters(lines, line, column), _characters(lines, end_line, end_column)
        return Span(line, begins, end_line, ends, source)

    def _syntax_span(self, error: SyntaxError) -> Span:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        end_line = error.end_lineno or line
        end_column = (error.end_offset or 0) - 1
        if (end_line, end_column) <= (line, column):
            end_line, end_column = line, column + 1
        return Span(line, column, end_line, end_column, (error.filename or "<code>")[1:-1])


_NOT_THE_USERS = (sysconfig.get_path("stdlib") + os.sep, str(Path(__file__).parents[1]) + os.sep)


def of_the_user(file: str) -> bool:
    """Tells a file of the user's own from Python's, a library's, ours, and from code that has no file."""
    library = f"{os.sep}site-packages{os.sep}" in file or file.startswith(_NOT_THE_USERS)
    return not library and bool(linecache.getlines(file))


def _level_texts(request: Request) -> Iterator[tuple[str, str]]:
    """Lists ("in_axes of level 0", its text), ... as the parser names them."""
    for number, level in enumerate(request.levels):
        for name in ("in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name"):
            text = getattr(level, name)
            if text is not None:
                yield f"{name} of level {number}", text.strip()


def _characters(lines: list[str], line: int, column: int) -> int:
    """Turns a UTF-8 byte column into a character column."""
    if line > len(lines):
        return column
    text = lines[line - 1]
    return len(text[:column] if text.isascii() else text.encode()[:column].decode(errors="ignore"))


def _frames(error: BaseException) -> Iterator[types.TracebackType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
