"""Carets under the user's own words: the lines that something comes from.

Blame, Request ──▶ places ──▶ views/text, views/diagnosis_text, page, ui
"""

from __future__ import annotations

from explainer.report import Blame, Span
from explainer.spec import Request


def places(blame: Blame, request: Request) -> list[list[str]]:
    """Returns, for each blamed span whose text is known, its line with carets."""
    found = (caret_lines(span, source_text(request, span.source)) for span in blame.spans)
    return [lines for lines in found if lines]


def caret_lines(span: Span, text: str) -> list[str]:
    """Returns the line a span begins on with carets under it; [] if the text has no such line.

    Span(1, 4, 1, 8, "function"), "vmap(dist)"  ->  ["function, line 1:", "  vmap(dist)", "      ^^^^"]
    """
    lines = text.split("\n")
    if not text or not 1 <= span.line <= len(lines):
        return []
    line = lines[span.line - 1]
    end = span.end_column if span.end_line == span.line else len(line)
    width = max(1, min(end, len(line)) - span.column)
    pad = "".join("\t" if char == "\t" else " " for char in line[: span.column]).ljust(span.column)
    return [f"{span.source}, line {span.line}:", f"  {line}", f"  {pad}{'^' * width}"]


def source_text(request: Request, source: str) -> str:
    """Returns the user's text that a span's `source` names: "code", "argument X", "in_axes of level 0"."""
    texts = {"code": request.code, "function": request.function, "wanted": request.wanted}
    texts |= {f"argument {argument.name}": argument.value for argument in request.arguments}
    for number, level in enumerate(request.levels):
        for name in ("in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name"):
            texts[f"{name} of level {number}"] = getattr(level, name) or ""
    return texts.get(source, "")
