"""Evaluating: edited requests made into programs, no more of them than was edited.

Request, the Program before ──▶ stated, of_call ──▶ Program
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax

from explainer.analysis import parsing
from explainer.analysis.fixing.functions import remade
from explainer.analysis.fixing.trial import quiet
from explainer.analysis.parsing import Program
from explainer.spec import Request

Evaluate = Callable[[Request], Program | None]


def stated(before: Request, program: Program | None) -> Evaluate:
    """Evaluates edits of a request that states its nest."""

    def evaluate(request: Request) -> Program | None:
        own = program
        if own is not None and replace(request, levels=before.levels) == before:
            return _or_none(lambda: _with_levels(request, own))
        return _or_none(lambda: _anew(request))

    return evaluate


def of_call(text: Request, nest: Request, program: Program) -> Evaluate:
    """Evaluates edits of a call in a text: of its nest in the call's own scope, or of the text's code."""

    def evaluate(request: Request) -> Program | None:
        if request.code:
            return _or_none(lambda: _with_function(request, text, program))
        return _or_none(lambda: _in_scope(request, nest, program))

    return evaluate


def _or_none(make: Callable[[], Program | None]) -> Program | None:
    try:
        with quiet():
            return make()
    except Exception:  # noqa: BLE001  (an edited text that does not evaluate is no fix)
        return None


def _given(program: Program) -> dict[str, Any]:
    args, kwargs = jax.tree.unflatten(program.tree, [operand.value for operand in program.operands])
    names = [a.name for a in program.arguments if not a.keyword]
    return dict(zip(names, args, strict=True)) | kwargs


def _with_levels(request: Request, program: Program) -> Program:
    scope, given = dict(program.scope), _given(program)
    levels = tuple(
        parsing.evaluate_level(level, number, scope, given) for number, level in enumerate(request.levels)
    )
    return replace(program, levels=levels)


def _anew(request: Request) -> Program:
    namespace = parsing.run_code(request)
    function = parsing.find_function(request, namespace)
    given = parsing.evaluate_arguments(request, namespace)
    levels = tuple(
        parsing.evaluate_level(level, number, namespace, given) for number, level in enumerate(request.levels)
    )
    return parsing.program(request, namespace, function, given, levels)


def _in_scope(request: Request, before: Request, program: Program) -> Program:
    """Evaluates what was edited of a nest in the scope of its call; the rest is as it was."""
    if replace(request, levels=before.levels) == before:
        return _with_levels(request, program)
    scope = {**parsing.PREDEFINED, **program.scope}
    old = {a.name: a.value for a in before.arguments}
    edited = tuple(a for a in request.arguments if a.value != old.get(a.name))
    given = _given(program) | parsing.evaluate_arguments(Request(arguments=edited), scope)
    function = program.function
    if request.function != before.function:
        function = parsing.find_function(request, scope)
    levels = tuple(
        parsing.evaluate_level(level, number, scope, given) for number, level in enumerate(request.levels)
    )
    return parsing.program(request, scope, function, given, levels)


def _with_function(request: Request, text: Request, program: Program) -> Program | None:
    function = remade(program.function, text.code, request.code)
    return None if function is None else replace(program, function=function)
