"""Functions compiled again and again, since each turn of a loop makes a new one: jax.jit(lambda ...) in it.

    a script's run ── JAX's own events ──▶ watched ──▶ Compilation ──▶ again ──▶ Finding

JAX remembers a compiled program by the function object. A new object is a new function, whatever it does.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.monitoring

from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import counted
from explainer.lines import lines_of
from explainer.report import Finding, Span

_EVENT = "/jax/core/compile/backend_compile_duration"
_WRAPPERS = ("jit", "pmap")
_FEWEST = 2  # compilations of one place
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Compilation:
    """One compilation by XLA: of what function, how long it took, and the user's code that was under way."""

    name: str
    seconds: float
    code: types.CodeType
    offset: int


@contextlib.contextmanager
def watched(found: list[Compilation]) -> Iterator[None]:
    """Notes meanwhile what XLA compiles, and for which of the user's lines."""

    def listen(event: str, duration_secs: float, **about: str | int) -> None:
        if event != _EVENT or len(found) >= _MOST:
            return
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_filename != "<code>":
            frame = frame.f_back
        if frame is not None:
            name = str(about.get("fun_name", ""))
            found.append(Compilation(name, duration_secs, frame.f_code, frame.f_lasti))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def again(scope: Scope) -> Iterator[Finding]:
    """Finds lines that had a function compiled several times, and that make that function each time anew."""
    places: dict[tuple[Any, int, str], list[Compilation]] = {}
    for each in scope.run.compilations:
        places.setdefault((id(each.code), each.offset, each.name), []).append(each)
    for compilations in places.values():
        first = compilations[0]
        span = next(iter(scope.run.sources.of_sites([(first.code, first.offset)])), None)
        if len(compilations) < _FEWEST or span is None:
            continue
        made = _made_anew(scope.report.request.code, span)
        if made is not None:
            yield _told(scope, span, made, compilations)


def _told(scope: Scope, span: Span, made: str, compilations: list[Compilation]) -> Finding:
    seconds = sum(each.seconds for each in compilations)
    return Finding(
        kind="compiled_again",
        severity="warning",
        explanation=(
            f"{made} makes a new function each time that it runs, so XLA compiled it "
            f"{counted(len(compilations), 'time')}, {seconds:.2f} s in all: JAX remembers a compiled "
            "function by the object that it was made from. Make it once, before the loop, and hand over what "
            "changes as an argument."
        ),
        blame=blame((), (), [span]),
        confidence="certain",
    )


def _made_anew(code: str, span: Span) -> str | None:
    """Returns the jax.jit(...) that a call in a loop, or in a function, makes anew whenever it runs."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    around = [
        node for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.While, ast.FunctionDef, ast.Lambda, ast.ListComp, ast.GeneratorExp))
        and node.lineno <= span.line and (node.end_lineno or node.lineno) >= span.end_line
    ]  # fmt: skip
    lines = lines_of(code)[span.line - 1 : span.end_line]
    text = "\n".join(lines)
    for block in reversed(around):
        for node in ast.walk(block):
            if isinstance(node, ast.Call) and _wraps(node) and _called(node, block, text):
                return " ".join(ast.unparse(node).split())[:60]
    return None


def _wraps(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in _WRAPPERS


def _called(node: ast.Call, block: ast.AST, text: str) -> bool:
    """Tells whether a wrapped function is what the line calls: on the spot, or by the name it was given."""
    if ast.unparse(node) in text or "".join(ast.unparse(node).split()) in "".join(text.split()):
        return True
    names = [
        target.id
        for one in ast.walk(block)
        if isinstance(one, ast.Assign) and one.value is node
        for target in one.targets
        if isinstance(target, ast.Name)
    ]
    return any(f"{name}(" in text for name in names)
