"""What every line makes: the value it assigns or returns, for one example and with all batch axes.

    Report ─▶ Lines ─▶ Hint at a line's end, the value of an expression

An equation knows its expression. A line is taken apart by Python's own parser, and the value of a
statement is looked up where its expression stands; a call of the user's own function gives what the
`return` in it gave for that call. What cannot be found out this way gets no hint.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import groupby

from explainer.lines import lines_of
from explainer.report import BatchedAval, Equation, Level, Report, Span
from explainer.source import short_dtype
from explainer.ui.editor import Hint, HintPart

Place = tuple[int, int, int, int]
"""Line, column, end line, end column, as in a Span."""

_MOST_VALUES = 3  # of one line; beyond that only their number is shown
_MOST_CALLS = 12  # one inside the other
_MOST_STEPS = 200_000  # from equation to equation, for one report
_LONGEST_NAME, _LONGEST_NARROW = 18, 12  # characters, in a wide and in a narrow editor
_DROPPED = "_"  # the name of what nobody uses, in Python as in a jaxpr
_Assignment = ast.Assign | ast.AnnAssign | ast.AugAssign
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def hints(report: Report, lines: Lines) -> tuple[Hint, ...]:
    """Returns one hint per line of code that makes a value: `d: f32[2] in f32[i:3,j:4,2]`."""
    return tuple(_hint(line, values, report.levels) for line, values in lines.values())


def typed(value: BatchedAval, levels: Sequence[Level]) -> list[HintPart]:
    """Returns a value's type for one example and in the batch: f32[2] in f32[i:3,j:4,2].

    Where there is little room, only the second: the axes with a name are those that an example lacks.
    """
    one = f"{short_dtype(value.dtype)}[{','.join(map(str, value.shape))}]"
    if not levels or not value.tracked:
        return [HintPart(one)]
    if all(axis is None for axis in value.batch_dims):
        return [HintPart(f"{one} shared")]
    return [HintPart(f"{one} in ", room="wide"), *_batched(value, levels)]


def place(span: Span) -> Place:
    """Returns where a span stands, whatever the text."""
    return span.line, span.column, span.end_line, span.end_column


class Lines:
    """The equations of a report by the expressions of its code."""

    def __init__(self, report: Report) -> None:
        self._text = lines_of(report.request.code)
        self._tree = _parsed(report.request.code)
        self._nodes: dict[Place, ast.expr] = {}
        self._owner: dict[ast.AST, _Function | None] = {}
        self._made: dict[Place, list[Equation]] = {}
        self._called: dict[Place, list[Equation]] = {}
        self._users: dict[tuple[str, str], list[Equation]] = {}
        self._steps = 0
        self._index(self._tree, None)
        for equation in report.equations:
            self._add(equation)

    def values(self) -> Iterator[tuple[int, list[tuple[str, BatchedAval | None]]]]:
        """Lists the lines that make values, and these with the names they get; None: not known."""
        found: list[tuple[int, list[tuple[str, BatchedAval | None]]]] = []
        for node in ast.walk(self._tree):
            values = self._statement(node)
            if any(value is not None for _, value in values):
                found.append((getattr(node, "end_lineno", 0), values))
        found.sort(key=lambda each: each[0])
        for line, group in groupby(found, key=lambda each: each[0]):
            yield line, [value for _, values in group for value in values]

    def value(self, where: Place) -> tuple[BatchedAval, ...]:
        """Returns what the expression at a place gives; nothing when that cannot be told."""
        if where in self._nodes:
            return self._value(self._nodes[where], ())
        return self._chosen(where, ())

    def _index(self, node: ast.AST, owner: _Function | None) -> None:
        pending = [(node, owner)]
        while pending:
            node, owner = pending.pop()
            self._owner[node] = owner
            if isinstance(node, ast.expr):
                self._nodes.setdefault(self._place(node), node)
            inner = node if isinstance(node, _Function) else owner
            pending += [(child, inner) for child in ast.iter_child_nodes(node)]

    def _add(self, equation: Equation) -> None:
        span = equation.span
        where = place(span) if span is not None and span.source == "code" else None
        if not equation.backward:
            for name in equation.inputs:
                self._users.setdefault((equation.body, name), []).append(equation)
            if where is not None:
                self._made.setdefault(where, []).append(equation)
        if where is not None and equation.callers and equation.callers[0].source == "code":
            self._called.setdefault(place(equation.callers[0]), []).append(equation)

    def _statement(self, node: ast.AST) -> list[tuple[str, BatchedAval | None]]:
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                return self._bound(node, ())
            case ast.Return(value=ast.expr() as value) | ast.Expr(value=value):
                return self._several(value)
            case ast.Lambda(body=value) if not self._inside_of_line(node):
                return self._several(value)
        return []

    def _bound(self, node: _Assignment, calls: tuple[Place, ...]) -> list[tuple[str, BatchedAval | None]]:
        """Returns the names that an assignment binds, each with its value; "" for a part of a tree."""
        match node:
            case (
                ast.Assign(targets=[*_, target], value=value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                return self._assigned(target, value, calls)
            case ast.AugAssign(target=target):
                return [(ast.unparse(target), value) for value in self._chosen(self._place(node), calls)[:1]]
        return []

    def _assigned(
        self, target: ast.expr, value: ast.expr, calls: tuple[Place, ...]
    ) -> list[tuple[str, BatchedAval | None]]:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                pairs = zip(target.elts, value.elts, strict=True)
                return [each for to, item in pairs for each in self._assigned(to, item, calls)]
            made = self._value(value, calls)
            if len(made) != len(target.elts):  # some of them are trees, or were known before
                return []
            named = [(ast.unparse(to), each) for to, each in zip(target.elts, made, strict=True)]
            return [(name, each) for name, each in named if name != _DROPPED]
        made = self._value(value, calls)
        if len(made) == 1:
            return [(ast.unparse(target), made[0])]
        return [("", each) for each in made if each.name != _DROPPED]  # a tree, or a loop's counter

    def _several(self, value: ast.expr) -> list[tuple[str, BatchedAval | None]]:
        if not isinstance(value, (ast.Tuple, ast.List)):
            made = self._value(value, ())
            return [("", each) for each in made if len(made) == 1 or each.name != _DROPPED]
        found: list[tuple[str, BatchedAval | None]] = []
        for item in value.elts:
            found += self._several(item) or [("", None)]
        return found

    def _inside_of_line(self, node: ast.Lambda) -> bool:
        """Tells whether a lambda ends where its statement ends, or another one does: one hint a line."""
        ends = [
            other
            for other in ast.walk(self._tree)
            if other is not node
            and isinstance(
                other, (ast.Return, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Lambda)
            )
            and other.end_lineno == node.end_lineno
            and getattr(other, "value", None) is not node
        ]
        return bool(ends)

    def _value(self, node: ast.expr, calls: tuple[Place, ...]) -> tuple[BatchedAval, ...]:
        """Returns the values of an expression, in the function that `calls` led to, innermost first."""
        where = self._place(node)
        made = self._chosen(where, calls)
        if made or len(calls) > _MOST_CALLS:
            return made
        match node:
            case ast.Name(id=name):
                return self._variable(node, name, calls)
            case ast.NamedExpr(value=value):
                return self._value(value, calls)
            case ast.IfExp(body=body, orelse=orelse):
                return self._value(body, calls) or self._value(orelse, calls)
            case ast.Call():
                return self._returned(where, calls)
        return ()

    def _variable(self, node: ast.expr, name: str, calls: tuple[Place, ...]) -> tuple[BatchedAval, ...]:
        """Returns what was assigned to a name last, above in the same function."""
        owner, found = self._owner[node], None
        for other, its_owner in self._owner.items():
            if its_owner is not owner or not isinstance(other, _Assignment) or other.lineno >= node.lineno:
                continue
            if name in _targets(other) and (found is None or found.lineno < other.lineno):
                found = other
        bound = [] if found is None else self._bound(found, calls)
        return tuple(value for its_name, value in bound if its_name == name and value is not None)

    def _returned(self, where: Place, calls: tuple[Place, ...]) -> tuple[BatchedAval, ...]:
        """Returns what the user's function gave that was called at a place."""
        if where in calls:  # a call of itself, or a span that lies
            return ()
        inside = (where, *calls)
        for equation in self._called.get(where, ()):
            if self._spent():
                return ()
            if equation.span is None or not _led(equation, inside):
                continue
            node = self._nodes.get(place(equation.span))
            owner = None if node is None else self._owner[node]
            for value in _returns(owner, self._owner):
                made = self._value(value, inside)
                if made:
                    return made
        return ()

    def _chosen(self, where: Place, calls: tuple[Place, ...]) -> tuple[BatchedAval, ...]:
        """Returns the outputs of the equation whose value the expression has.

        One expression may make several equations: the first one that others go on with is its value.
        Under grad, one with several outputs holds what the user never sees, too: nothing is claimed.
        """
        made = [equation for equation in self._made.get(where, ()) if _led(equation, calls)]
        if not made:
            return ()
        depth = min(equation.depth for equation in made)
        made = [equation for equation in made if equation.depth == depth]
        chosen = next((each for each in made if self._goes_on(each, where)), made[-1])
        return () if chosen.differentiated and len(chosen.outputs) > 1 else chosen.outputs

    def _goes_on(self, equation: Equation, where: Place) -> bool:
        users = (user for out in equation.outputs for user in self._users.get((equation.body, out.name), ()))
        return any(
            self._spent()
            or where not in [place(span) for span in (user.span, *user.callers) if span is not None]
            for user in users
        )

    def _spent(self) -> bool:
        """Counts a step; tells whether there were too many: spans that lie lead round in ever more ways."""
        self._steps += 1
        return self._steps > _MOST_STEPS

    def _place(self, node: ast.expr | ast.stmt) -> Place:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return (
            node.lineno,
            self._character(node.lineno, node.col_offset),
            end_line,
            self._character(end_line, end_column),
        )

    def _character(self, line: int, column: int) -> int:
        """Turns a column in UTF-8 bytes into one in characters."""
        text = self._text[line - 1] if line <= len(self._text) else ""
        return column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # then there are no equations either
        return ast.Module(body=[], type_ignores=[])


def _led(equation: Equation, calls: tuple[Place, ...]) -> bool:
    """Tells whether an equation was made in the call at the end of `calls`."""
    return tuple(place(span) for span in equation.callers[: len(calls)]) == calls


def _returns(owner: _Function | None, owners: dict[ast.AST, _Function | None]) -> Iterator[ast.expr]:
    if isinstance(owner, ast.Lambda):
        yield owner.body
    elif owner is not None:
        for node, its_owner in owners.items():
            if its_owner is owner and isinstance(node, ast.Return) and node.value is not None:
                yield node.value


def _targets(node: _Assignment) -> Iterator[str]:
    """Lists the names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _hint(line: int, values: Sequence[tuple[str, BatchedAval | None]], levels: Sequence[Level]) -> Hint:
    first, value = values[0]
    if len(values) == 1 and value is not None:
        return Hint(line, (*_named(first), *typed(value, levels)))
    parts: list[HintPart] = []
    for n, (name, value) in enumerate(values[:_MOST_VALUES]):
        shown = [HintPart("…")] if value is None else _short(value, levels)
        if n:
            found = [HintPart(" · "), *_named(name), *shown]
            parts += [HintPart(part.text, part.level, "wide") for part in found if part.room != "narrow"]
        else:
            parts += [*_named(name), *shown]
    if len(values) > _MOST_VALUES:
        parts.append(HintPart(f" · +{len(values) - _MOST_VALUES}", room="wide"))
    parts.append(HintPart(f" · +{len(values) - 1}", room="narrow"))
    return Hint(line, tuple(parts))


def _named(name: str) -> list[HintPart]:
    if len(name) <= _LONGEST_NARROW:
        return [HintPart(f"{name}: ")] if name else []
    return [
        HintPart(f"{_cut(name, _LONGEST_NAME)}: ", room="wide"),
        HintPart(f"{_cut(name, _LONGEST_NARROW)}: ", room="narrow"),
    ]


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _short(value: BatchedAval, levels: Sequence[Level]) -> list[HintPart]:
    """Returns one of several values: with its batch axes only."""
    return [part for part in typed(value, levels) if part.room != "wide"]


def _batched(value: BatchedAval, levels: Sequence[Level]) -> list[HintPart]:
    """Returns f32[i:3,j:4,2], each level's axis in its colour and with its name."""
    named = {axis: level for level, axis in zip(levels, value.batch_dims, strict=False) if axis is not None}
    parts = [HintPart(f"{short_dtype(value.dtype)}[")]
    for axis, size in enumerate(value.batched_shape):
        if axis:
            parts.append(HintPart(","))
        level = named.get(axis)
        parts.append(
            HintPart(str(size)) if level is None else HintPart(f"{level.name}:{size}", _depth(level, levels))
        )
    return [*parts, HintPart("]")]


def _depth(level: Level, levels: Sequence[Level]) -> int:
    """Returns how many levels stand around one: the number of its colour, as its name is i, j, k."""
    depth = 0
    while level.parent is not None:
        level, depth = levels[level.parent], depth + 1
    return depth
