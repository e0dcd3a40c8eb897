"""Code: edits of the function where it fails, by the kind of error it fails with.

text, span, error ──▶ edits ──▶ Edits ──▶ analysis/fixing
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from explainer.edits.batched import batched, indexed, sized, sliced, typed
from explainer.edits.calls import callbacks, calls
from explainer.edits.candidate import Candidate
from explainer.edits.choices import choices
from explainer.edits.lookups import items, masks, tables
from explainer.edits.loops import loops
from explainer.edits.situation import Situation
from explainer.edits.text import Edit, Text, changed_lines
from explainer.report import Span
from explainer.spec import Request

Maker = Callable[..., Iterator[Edit]]

_OF_ERROR: dict[str, tuple[Maker, ...]] = {
    "TracerBoolConversionError": (choices, loops, calls),
    "TracerIntegerConversionError": (tables, loops, calls),
    "TracerArrayConversionError": (calls, tables, items),
    "NonConcreteBooleanIndexError": (masks, items),
    "ConcretizationTypeError": (calls, loops, choices, sized),
    "TypeError": (items, tables, calls, loops, typed, indexed, batched),
    "KeyError": (tables,),
    "IndexError": (tables, sliced, batched),
    "ValueError": (calls, items, batched),
    "AttributeError": (calls,),
}
_MODULES = {
    **{name: f"jax.{name}" for name in ("random", "nn", "vmap", "jit", "grad", "scipy", "tree", "tree_util")},
    "value_and_grad": "jax.value_and_grad",
    "tree_map": "jax.tree.map",
    "numpy": "np",
    "onp": "np",
    **{
        name: f"lax.{name}" for name in ("scan", "cond", "while_loop", "fori_loop", "psum", "pmean", "switch")
    },
    "norm": "jnp.linalg.norm",
    "debug": "jax.debug",
    "F": "jax.nn",
}


def edits(text: str, span: Span | None, error: str) -> list[Edit]:
    """Lists edits of a text that failed at a span with this type of error, cheapest first."""
    try:
        parsed = Text(text)
    except SyntaxError:
        return []
    found = list(callbacks(parsed))
    if span is not None:
        path = parsed.path(span)
        for make in _OF_ERROR.get(error, ()):
            found += make(parsed, path)
    unlike = {edit.text: edit for edit in reversed(found) if edit.text != text}
    return sorted(unlike.values(), key=lambda edit: edit.cost)


def edited(request: Request, source: str, text: str) -> Request:
    """Returns the request with the text of a source, "code" or "function", replaced."""
    return replace(request, code=text) if source == "code" else replace(request, function=text)


def candidate(before: Request, after: Request, said: Sequence[str], cost: float) -> Candidate:
    """Returns a candidate of edited code, its lines that differ beside each other."""
    place = "code" if before.code != after.code else "function"
    old, new = changed_lines(getattr(before, place), getattr(after, place))
    return Candidate(after, "; ".join(dict.fromkeys(said)), place, old, new, cost, code=True)


def names(s: Situation) -> list[Candidate]:
    """Lists candidates with an unknown name replaced by one that is near."""
    if s.error != "NameError" or not s.spans:
        return []
    span = s.spans[0]
    text = s.request.code if span.source == "code" else s.request.function
    if span.source not in ("code", "function") or span.line != span.end_line:
        return []
    lines = text.splitlines(keepends=True)
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    name = line[span.column : span.end_column]
    near = [_MODULES[name]] if name in _MODULES else []
    near += difflib.get_close_matches(
        name, [each for each in s.names if not each.startswith("__")], cutoff=0.6
    )
    found = []
    for n, other in enumerate(near):
        lines[span.line - 1] = line[: span.column] + other + line[span.end_column :]
        after = edited(s.request, span.source, "".join(lines))
        found.append(candidate(s.request, after, [f"Write {other} for {name}"], 0.5 + 0.1 * n))
    return [replace(each, code=False) for each in found]
