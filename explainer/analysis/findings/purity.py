"""Functions that are not pure: random numbers of Python or NumPy, callbacks that mix examples.

Scope, Report.check ──▶ drawn_in_python, unlike_a_loop ──▶ Finding

jax.vmap calls the function once for all examples; what Python does in it happens once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from explainer.analysis import closures
from explainer.analysis.closures import Place
from explainer.analysis.findings.scope import Scope, asked_for, blame
from explainer.analysis.findings.words import counted, joined, number, shortened
from explainer.report import Equation, Finding, Level, Span

_MODULES = ("np.random.", "numpy.random.")
_GENERATORS = ("np.random.default_rng", "numpy.random.default_rng", "np.random.RandomState", "random.Random")
_PYTHONS = re.compile(r"^\s*import\s+random\b", re.MULTILINE)
_CALLBACKS = ("pure_callback", "io_callback")
_SEQUENTIAL = ("sequential", "sequential_unrolled")
_NOT_DRAWS = ("seed", "default_rng", "RandomState")


def drawn_in_python(scope: Scope) -> Iterator[Finding]:
    """Finds calls of numpy.random or random in a mapped function: all examples get what one call gave."""
    try:
        tree = ast.parse(scope.report.request.code)
    except SyntaxError:
        return
    told: set[tuple[int, int]] = set()
    for place, levels in _functions(scope):
        many = [level for level in levels if (level.axis_size or 0) > 1 and asked_for(level)]
        for call in _draws(scope, tree, place) if many else ():
            at = call.lineno, call.col_offset
            if at not in told:
                told.add(at)
                yield _drawn(call, many)


def _functions(scope: Scope) -> Iterator[tuple[Place, tuple[Level, ...]]]:
    """Lists where the mapped functions are written, with the levels around each."""
    program = scope.run.program
    if program is not None and scope.report.stated:
        place = closures.place(program.function)
        if place is not None:
            yield place, scope.report.stated
    for each in scope.capture.found:
        if each.place is not None:
            yield each.place, (scope.report.levels[each.number],)


def _draws(scope: Scope, tree: ast.Module, place: Place) -> Iterator[ast.Call]:
    file, line, _ = place
    modules = (*_MODULES, *_generators(tree))
    if _PYTHONS.search(scope.report.request.code):
        modules = (*modules, "random.")
    for function in ast.walk(tree):
        if file != "<code>" or not isinstance(function, (ast.FunctionDef, ast.Lambda)):
            continue
        first = min([function.lineno, *(each.lineno for each in getattr(function, "decorator_list", ()))])
        for node in ast.walk(function) if first == line else ():
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name.startswith(modules) and not name.endswith(_NOT_DRAWS):
                yield node


def _generators(tree: ast.Module) -> Iterator[str]:
    """Lists what the methods of generators begin with: "rng." of rng = np.random.default_rng(0)."""
    for node in ast.walk(tree):
        made = node.value if isinstance(node, ast.Assign) else None
        if (
            isinstance(node, ast.Assign)
            and isinstance(made, ast.Call)
            and ast.unparse(made.func) in _GENERATORS
        ):
            yield from (f"{each.id}." for each in node.targets if isinstance(each, ast.Name))


def _drawn(call: ast.Call, levels: list[Level]) -> Finding:
    text = shortened(ast.unparse(call))
    span = Span(call.lineno, call.col_offset, call.end_lineno or call.lineno, call.end_col_offset or 0)
    many = joined([f"{counted(one.axis_size or 0, 'example')} of vmap {one.name}" for one in levels])
    return Finding(
        kind="python_random",
        severity="warning",
        explanation=(
            f"{text} runs in Python, once for all: the {many} get the same numbers, and under jax.jit every "
            "later call gets them again. Use jax.random, with a key for each example: "
            "jax.random.split(key, n) mapped over axis 0."
        ),
        blame=blame((), levels, [span]),
        confidence="likely",
    )


def unlike_a_loop(scope: Scope) -> Iterator[Finding]:
    """Finds a nest whose results are not those of a Python loop over the examples."""
    check = scope.report.check
    if check is None or check.agrees is not False:
        return
    callbacks = [each for each in scope.report.equations if _mixing(scope, each)]
    most = "" if check.max_abs_error is None else f", by up to {number(check.max_abs_error)}"
    text = f"The results differ from those of a Python loop over the examples{most}"
    if callbacks:
        methods = {scope.eqn(each).params.get("vmap_method") for each in callbacks}
        names = joined(list(dict.fromkeys(scope.expression(each) for each in callbacks)))
        text += (
            f". {names} hands all examples at once to a function of NumPy's kind "
            f"(vmap_method={', '.join(map(repr, methods))}), which has to treat the axis in front as "
            "examples: let it work along axis=-1 and the like, or say vmap_method='sequential'."
        )
    elif check.note:
        text += f". {check.note}"
    yield Finding(
        kind="unlike_a_loop",
        severity="error",
        explanation=text,
        blame=blame((), scope.report.stated, [each.span for each in callbacks]),
        confidence="certain",
    )


def _mixing(scope: Scope, equation: Equation) -> bool:
    """Tells a callback that is handed all examples at once."""
    if equation.primitive not in _CALLBACKS:
        return False
    return scope.eqn(equation).params.get("vmap_method") not in (*_SEQUENTIAL, None)
