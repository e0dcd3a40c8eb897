"""Carets under the user's own words: the lines that something comes from.

Blame, Request ──▶ places ──▶ views/text, views/diagnosis_text, page, ui
"""

from __future__ import annotations

import itertools

from explainer.report import Blame, Span
from explainer.spec import Request


def places(blame: Blame, request: Request) -> list[list[str]]:
    """Returns the lines that blamed spans begin on, each once, with carets under all spans of that line."""
    found: dict[tuple[str, int], list[str]] = {}
    for span in blame.spans:
        lines = caret_lines(span, source_text(request, span.source))
        if lines:
            before = found.get((span.source, span.line))
            found[span.source, span.line] = lines if before is None else _merged(before, lines)
    return list(found.values())


def _merged(one: list[str], other: list[str]) -> list[str]:
    """Returns the same line with the carets of both: "  ^^" and "^" -> "^ ^^"."""
    pairs = itertools.zip_longest(one[-1], other[-1], fillvalue=" ")
    return [
        *one[:-1],
        "".join("^" if "^" in pair else pair[0] if pair[0] != " " else pair[1] for pair in pairs),
    ]


def caret_lines(span: Span, text: str) -> list[str]:
    """Returns the line a span begins on with carets under it; [] if the text has no such line.

    Span(1, 4, 1, 8, "function"), "vmap(dist)"  ->  ["function, line 1:", "  vmap(dist)", "      ^^^^"]
    """
    lines = text.split("\n")
    if not text or not 1 <= span.line <= len(lines) or span.column > len(lines[span.line - 1]):
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
