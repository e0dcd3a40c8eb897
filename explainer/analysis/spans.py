"""Source spans: which expression of the user's text made an equation or raised an error.

    equation, traceback ──▶ Span + source text ──▶ Report.equations, Failure.blame

CPython keeps a line and column range for every instruction (`co_positions`, PEP 657). The innermost
frame that stands in one of the user's texts is the one that counts.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from explainer.analysis import internals
from explainer.report import Span
from explainer.spec import Request


class Sources:
    """The user's texts by file name, and spans into them."""

    def __init__(self, request: Request) -> None:
        texts = {"<code>": request.code, "<function>": request.function.strip()}
        texts |= {f"<argument {a.name}>": a.value.strip() for a in request.arguments}
        texts |= {f"<{place}>": text for place, text in _level_texts(request)}
        self._lines: Mapping[str, list[str]] = {name: text.splitlines() for name, text in texts.items()}
        # by id: hashing a code object reads all of its bytecode; `_kept` keeps the ids from being reused
        self._kept: list[types.CodeType] = []
        self._positions: dict[int, list[tuple[int | None, ...]]] = {}
        self._spans: dict[tuple[int, int], Span | None] = {}

    def of_equation(self, eqn: Any) -> Span | None:
        """Returns the expression that made an equation; None when no text of the user's did."""
        for code, offset in internals.frames(eqn):
            if code.co_filename in self._lines:
                return self._span(code, offset)
        return None

    def of_error(self, error: BaseException) -> Span | None:
        """Returns the innermost of the user's expressions that an error passed through."""
        if isinstance(error, SyntaxError) and error.filename in self._lines and error.lineno:
            return self._syntax_span(error)
        found = None
        for frame in _frames(error):
            if frame.tb_frame.f_code.co_filename in self._lines:
                found = self._span(frame.tb_frame.f_code, frame.tb_lasti) or found
        return found

    def raised(self, error: BaseException) -> bool:
        """Tells whether the user's own code raised an error, not JAX or Python underneath it."""
        frames = list(_frames(error))
        return bool(frames) and frames[-1].tb_frame.f_code.co_filename in self._lines

    def text(self, span: Span | None) -> str:
        """Returns the text a span covers, on one line."""
        if span is None:
            return ""
        lines = self._lines[f"<{span.source}>"][span.line - 1 : span.end_line]
        if not lines:
            return ""
        lines = [*lines]
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return " ".join(part.strip() for part in lines)

    def defines(self, jaxpr: Any) -> bool:
        """Tells whether a jaxpr was traced from a function that stands in the user's texts."""
        where = getattr(jaxpr.debug_info, "func_src_info", None) or ""
        return any(name in where for name in self._lines)

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
        lines = self._lines[code.co_filename]
        return Span(
            line,
            _characters(lines, line, column),
            end_line,
            _characters(lines, end_line, end_column),
            code.co_filename[1:-1],
        )

    def _syntax_span(self, error: SyntaxError) -> Span:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        end_line = error.end_lineno or line
        end_column = (error.end_offset or 0) - 1
        if (end_line, end_column) <= (line, column):
            end_line, end_column = line, column + 1
        return Span(line, column, end_line, end_column, (error.filename or "<code>")[1:-1])


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
    return len(lines[line - 1].encode()[:column].decode(errors="ignore"))


def _frames(error: BaseException) -> Iterator[types.TracebackType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
