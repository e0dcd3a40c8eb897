"""Accidental broadcasting: a column (n, 1) met with a row (n,) inside the function, which gives (n, n).

Scope ──▶ accidental ──▶ Finding

x[:, None] - y says that all pairs are meant; a column that came from elsewhere says nothing, so that is told.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import sized
from explainer.report import Equation, Finding, Fix, Report, Span
from explainer.source import short_dtype

_PAIRWISE = frozenset({
    *("add", "sub", "mul", "div", "max", "min", "pow", "rem", "atan2", "select_n", "and", "or", "xor"),
    *("eq", "ne", "lt", "le", "gt", "ge"),
})  # fmt: skip
_LENGTHENED = ("broadcast_in_dim", "reshape", "expand_dims", "transpose")
_ALONG = ("convert_element_type", "copy", "neg", "abs", "exp", "log", "tanh", "logistic", "stop_gradient")


def accidental(scope: Scope) -> Iterator[Finding]:
    """Finds an expression of the user's that makes (n, n) of (n, 1) and (n,)."""
    for equation, column, row in _met(scope):
        found = _told(scope, equation, column, row)
        yield replace(found, fixes=tuple(_dropped(scope, equation, column)))


def unmended(scope: Scope) -> Iterator[Finding]:
    """Finds the same, without looking for fixes."""
    return (_told(scope, *each) for each in _met(scope))


def _met(scope: Scope) -> Iterator[tuple[Equation, int, int]]:
    """Lists the equations, each with the column and the row that it makes a square of."""
    told: set[Span | tuple[int, int]] = set()
    for equation in scope.report.equations:
        span = equation.span
        shape = equation.outputs[0].shape if len(equation.outputs) == 1 else ()
        if equation.primitive not in _PAIRWISE or span is None or span in told or equation.backward:
            continue
        if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 2:
            continue
        pair = _column_and_row(scope, equation)
        if pair is None or pair in told or _deliberate(scope, equation, *pair):
            continue
        told |= {span, pair}
        yield equation, *pair


def _column_and_row(scope: Scope, equation: Equation) -> tuple[int, int] | None:
    """Returns the nodes of a column (n, 1) and a row (n,) that an equation's operands were made of."""
    node = scope.node(equation.id)
    size = equation.outputs[0].shape[-1]
    own = [_own(scope, operand, equation) for operand in dict.fromkeys(scope.before[node or 0])]
    shapes = {each: scope.shape(each) for each in own}
    columns = [each for each in own if shapes[each][-2:] == (size, 1)]
    rows = [each for each in own if shapes[each] == (size,)]
    return (columns[0], rows[0]) if node is not None and columns and rows else None


def _own(scope: Scope, node: int, equation: Equation) -> int:
    """Returns the value that an operand was before the same expression lengthened it to fit."""
    made_by = scope.equation_of(node)
    while (
        made_by is not None and made_by.primitive in _LENGTHENED and made_by.span == equation.span
        and len(scope.before[node]) == 1
    ):  # fmt: skip
        node = scope.before[node][0]
        made_by = scope.equation_of(node)
    return node


def _deliberate(scope: Scope, equation: Equation, column: int, row: int) -> bool:
    """Tells a column that the expression itself, or a value's own pairing with itself, asked for."""
    made_by = _lengthened(scope, column)
    if made_by is None:
        return False
    return _within(made_by.span, equation.span) or _past(scope, row) in scope.behind([column])


def _lengthened(scope: Scope, column: int) -> Equation | None:
    """Returns the equation that gave a column its axis of size 1: x[:, None], a sum with keepdims."""
    made_by = scope.equation_of(_past(scope, column))
    return made_by if made_by is not None and made_by.primitive in _LENGTHENED else None


def _past(scope: Scope, node: int) -> int:
    """Walks back from a value over what is done to each of its entries."""
    made_by = scope.equation_of(node)
    while made_by is not None and made_by.primitive in _ALONG and len(scope.before[node]) == 1:
        node = scope.before[node][0]
        made_by = scope.equation_of(node)
    return node


def _within(inner: Span | None, outer: Span | None) -> bool:
    if inner is None or outer is None or inner.source != outer.source:
        return False
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    return starts and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)


def _told(scope: Scope, equation: Equation, column: int, row: int) -> Finding:
    output = equation.outputs[0]
    size, kind = output.shape[-1], short_dtype(output.dtype)
    shapes = scope.shape(column), scope.shape(row)
    names = _names(scope, equation, column)
    reduced = _reduced(scope, equation) and not _lengthened(scope, column)
    made = f"{scope.expression(equation)} is {kind}{sized(output.shape)} within one example"
    parts = f"{names[0]} is {sized(shapes[0])} and {names[1]} is {sized(shapes[1])}"
    after = f", and all {size * size} of them are then reduced" if reduced else ""
    entries = f"drop the axis of size 1: {_without_axis(names[0])}"
    pairs = f"say so: {names[0]} with {names[1]}[None, :]"
    if names[0] == "the column":
        entries, pairs = "drop the axis of size 1", "add an axis to the row: [None, :]"
    return Finding(
        kind="accidental_broadcast",
        severity="warning" if reduced else "info",
        explanation=(
            f"{made}: {parts}, so every entry of the one meets every entry of the other{after}. For entry "
            f"by entry, {entries}. For all pairs, {pairs}."
        ),
        blame=blame(
            [each.path for each in scope.sources_of([column, row]) if not each.closed],
            scope.levels(equation.level), [equation.span],
        ),
        confidence="likely" if reduced else "possible",
    )  # fmt: skip


def _names(scope: Scope, equation: Equation, column: int) -> tuple[str, str]:
    """Returns the texts of the column and of the row."""
    left, right = _sides(equation)
    if left == "the column":
        return left, right
    return (left, right) if _left_is_column(scope, equation, column) else (right, left)


def _without_axis(text: str) -> str:
    return f"{text}[..., 0]" if text.isidentifier() else f"({text})[..., 0]"


def _sides(equation: Equation) -> tuple[str, str]:
    """Returns the texts on both sides of the operator, or what stands for them."""
    try:
        tree = ast.parse(equation.source.strip(), mode="eval").body
    except SyntaxError:
        tree = None
    sides: list[ast.expr] = []
    if isinstance(tree, ast.BinOp):
        sides = [tree.left, tree.right]
    elif isinstance(tree, ast.Compare):
        sides = [tree.left, tree.comparators[0]]
    elif isinstance(tree, ast.Call) and len(tree.args) == 2:
        sides = tree.args
    texts = [ast.unparse(side) for side in sides]
    return (texts[0], texts[1]) if len(texts) == 2 else ("the column", "the row")


def _left_is_column(scope: Scope, equation: Equation, column: int) -> bool:
    node = scope.node(equation.id)
    eqn = scope.eqn(equation)
    shapes = [tuple(getattr(atom.aval, "shape", ())) for atom in eqn.invars]
    return node is None or shapes[0][-1:] == (1,) or scope.shape(column) == shapes[0]


def _reduced(scope: Scope, equation: Equation) -> bool:
    """Tells whether both axes of the square are summed, averaged, ... away later on."""
    node = scope.node(equation.id)
    for each in scope.ahead([] if node is None else [node]):
        made_by = scope.equation_of(each)
        if made_by is None or not made_by.primitive.startswith("reduce_") or made_by.backward:
            continue
        eqn = scope.eqn(made_by)
        shape = tuple(eqn.invars[0].aval.shape)
        axes = set(eqn.params.get("axes", ()))
        if shape[-2:] == equation.outputs[0].shape[-2:] and {len(shape) - 1, len(shape) - 2} <= axes:
            return True
    return False


def _dropped(scope: Scope, equation: Equation, column: int) -> Iterator[Fix]:
    """Tries to drop the column's axis of size 1 in the expression itself."""
    span = equation.span
    if span is None or span.source != "code" or not scope.report.stated:
        return
    name = _names(scope, equation, column)[0]
    if equation.source.count(name) != 1:
        return
    text = equation.source.replace(name, _without_axis(name))
    edited = rewrites.code(scope.report.request, span, text)

    def gone(report: Report) -> bool:
        return not any(each.kind == "accidental_broadcast" for each in report.findings)

    yield from rewrites.proven(
        scope, edited, f"Drop the last axis of {name}", "code", "entry meets entry", gone
    )
