"""Situations: what is known of a failed run, put into plain data for the edits.

Program, Nest, Failure ──▶ of_program ──▶ Situation
"""

from __future__ import annotations

import inspect
from typing import Any

import jax

from explainer.analysis import axes, parsing
from explainer.analysis.batching import output_path
from explainer.analysis.parsing import ParsedLevel, Program
from explainer.analysis.tracing import Nest
from explainer.analysis.values import dtype_name
from explainer.edits.situation import Nested, Situation, Tree, Value
from explainer.report import AxesTemplate, Failure, Leaf
from explainer.spec import Request


def of_program(
    request: Request, failure: Failure, program: Program | None, nest: Nest | None, code: str
) -> Situation:
    """Describes a failed program, its function standing in `code`; what was not parsed by its texts only."""
    base = {"request": request, "stage": failure.stage, "error": failure.error_type, "code": code}
    spans = failure.blame.spans
    if program is None or not program.levels and request.levels:
        names = tuple(parsing.PREDEFINED) if program is None else tuple(program.scope)
        return Situation(**base, spans=spans, names=names)
    args, kwargs = jax.tree.unflatten(program.tree, list(range(len(program.operands))))
    named = [a.name for a in program.arguments if not a.keyword]
    given = dict(zip(named, args, strict=True)) | kwargs
    returning = _returning(nest)
    results = None if nest is None or returning is None else nest.outputs[returning + 1]
    return Situation(
        **base,
        values=tuple(_value(operand) for operand in program.operands),
        trees=tuple((a.name, tree(given[a.name])) for a in program.arguments),
        levels=tuple(_nested(program, level) for level in program.levels),
        failing=None
        if nest is None or not 0 < len(nest.avals) <= len(program.levels)
        else len(nest.avals) - 1,
        returning=returning,
        results=_results(results),
        result_tree=tree(
            jax.tree.unflatten(jax.tree.structure(results), range(len(jax.tree.leaves(results))))
        ),
        result_template=AxesTemplate()
        if results is None
        else axes.out_template(program, jax.tree.structure(results)),
        template=axes.in_template(program),
        parameters=_parameters(program.function),
        blamed=frozenset(failure.blame.arguments),
        spans=spans,
        names=tuple(program.scope),
    )


def tree(value: Any) -> Tree:
    """Describes a tree whose leaves are their numbers."""
    if value is None:
        return Tree("none")
    if isinstance(value, int):
        return Tree("leaf", value)
    if type(value) is dict:
        return Tree("dict", keys=tuple(value), children=tuple(map(tree, value.values())))
    if type(value) in (tuple, list):
        return Tree("tuple" if type(value) is tuple else "list", children=tuple(map(tree, value)))
    if isinstance(value, tuple):
        return Tree("other", children=tuple(map(tree, value)))
    children = jax.tree.leaves(value, is_leaf=lambda node: node is not value)
    return Tree("other", children=tuple(map(tree, children)))


def _value(operand: parsing.Operand) -> Value:
    if not operand.is_array:
        return Value(operand.argument, operand.path, None, static=type(operand.value).__name__)
    aval = operand.aval
    return Value(operand.argument, operand.path, tuple(aval.shape), dtype_name(aval.dtype))


def _nested(program: Program, level: ParsedLevel) -> Nested:
    return Nested(
        spec=level.in_axes,
        out_axes=level.out_axes,
        axes=tuple(axes.leaf_axes(program, level)) if axes.fits(program, level) else None,
        axis_size=level.axis_size if isinstance(level.axis_size, int) else None,
        axis_name=level.axis_name if isinstance(level.axis_name, str) else None,
    )


def _returning(nest: Nest | None) -> int | None:
    """Returns the level that could not put its results back."""
    if nest is None or nest.error is None or not nest.returned or not nest.outputs:
        return None
    return min(nest.outputs) - 1


def _results(results: Any) -> tuple[Leaf, ...]:
    flat, _ = jax.tree_util.tree_flatten_with_path(results)
    return tuple(Leaf(output_path(path), dtype_name(leaf.dtype), tuple(leaf.shape)) for path, leaf in flat)


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C, or one that hides its signature
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in found if parameter.kind in kinds)
