"""Why is it batched? The way from a value back to the leaf of the input that a level maps.

Report ──▶ path, path_of_output ──▶ Steps ──▶ sentence

Pure: each value of a report knows the step before it (`BatchedAval.because`); here the steps are put
together, and said in the words of the user's code.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from explainer.report import BatchedAval, Cause, Crossing, Equation, Level, Report, Span

_LONGEST = 48  # characters of an expression
_MOST = 7  # steps that a sentence names


@dataclass(frozen=True, slots=True)
class Step:
    """One value on the way. `kind` tells how it made the one before it mapped, see `Cause`.

    An output of `equation`, if that is not None; else the leaf `path` of the level's inputs, or, as a first
    step, of the outputs; else nothing but the reason `kind`: "outside" stands for all that the report leaves
    out. `text` is the user's expression for it, "" for JAX's own code.
    """

    equation: int | None
    output: int
    path: str
    kind: str
    text: str
    span: Span | None = None


def path(report: Report, equation: int, output: int, level: int) -> tuple[Step, ...]:
    """Returns the way from an equation's output to what made `level` map it; () where it does not.

    The value itself comes first, the leaf last.
    """
    begin = Cause(equation, output)
    return tuple(_steps(report, begin, level)) if _dim(_aval(report, begin), level) is not None else ()


def path_of_output(report: Report, path: str, level: int) -> tuple[Step, ...]:
    """Returns the way from an output of the function that `level` maps; the output itself comes first."""
    found = next((value.aval for value in results(report, level) if value.path == path), None)
    cause = None if found is None else _cause(found, level)
    if cause is None:
        return ()
    return (Step(None, 0, path, "", path), *_steps(report, cause, level))


def results(report: Report, level: int) -> tuple[Crossing, ...]:
    """Returns what the function that a level maps returns for one example."""
    one = next(one for one in report.levels if one.id == level)
    return one.leaves if one.captured else report.returned


def sentence(report: Report, steps: Sequence[Step], level: int) -> str:
    """Says a way in one sentence; "" for none.

    out is mapped by i because jnp.sqrt(s) (line 4) is, because x - y (line 2) is, because x is mapped
    over its axis 0.
    """
    if not steps:
        return ""
    one = next(one for one in report.levels if one.id == level)
    told = _told(report, steps)
    parts = [_because(step, one) for step in told[1:]]
    if len(parts) > _MOST:
        left = len(parts) - _MOST
        parts[_MOST // 2 : _MOST // 2 + left] = [f" and so on through {left} more"]
    return f"{_name(told[0])} is mapped by {one.name}{','.join(parts)}."


def told(report: Report) -> list[str]:
    """Returns a line per output: out: i because X, j because Y."""
    paths = [value.path for value in report.returned if report.stated and value.aval.tracked]
    return [f"{path}: {brief(report, path) or 'none, one for all examples'}" for path in paths]


def brief(report: Report, path: str) -> str:
    """Says which leaf made which stated level map an output: "i because x, j because y"; "" for none."""
    ways = ((level, path_of_output(report, path, level.id)) for level in report.stated)
    return ", ".join(f"{level.name} because {_end(steps[-1])}" for level, steps in ways if steps)


def sentences(report: Report, equation: int, output: int) -> tuple[str, ...]:
    """Says of every level that maps an equation's output why it does."""
    ways = ((level.id, path(report, equation, output, level.id)) for level in report.levels)
    return tuple(sentence(report, steps, level) for level, steps in ways if steps)


def sentences_of_output(report: Report, path: str) -> tuple[str, ...]:
    """Says of every stated level that maps an output why it does."""
    ways = ((level.id, path_of_output(report, path, level.id)) for level in report.stated)
    return tuple(sentence(report, steps, level) for level, steps in ways if steps)


def _end(step: Step) -> str:
    ends = {
        "axis_index": "each example has its own axis_index",
        "rule": "JAX's rule makes it so",
        "outside": "of what is outside of this call",
    }
    return step.path or ends.get(step.kind, "of a way that could not be followed")


def _steps(report: Report, begin: Cause, level: int) -> Iterator[Step]:
    cause: Cause | None = begin
    seen: set[tuple[int | None, int]] = set()
    while cause is not None and (cause.equation, cause.output) not in seen:  # a lie can lead in a circle
        seen.add((cause.equation, cause.output))
        yield _step(report, cause)
        cause = _cause(_aval(report, cause), level)


def _step(report: Report, cause: Cause) -> Step:
    if cause.equation is None:
        return Step(None, 0, cause.path, cause.kind, cause.path)
    equation = _equation(report, cause.equation)
    if equation is None:
        return Step(None, 0, "", "outside", "")
    text = " ".join(equation.source.split())
    return Step(cause.equation, cause.output, "", cause.kind, text, equation.span)


def _aval(report: Report, cause: Cause) -> BatchedAval | None:
    equation = _equation(report, cause.equation)
    return None if equation is None else _output(equation, cause.output)


def _equation(report: Report, number: int | None) -> Equation | None:
    """Returns an equation by its id; None where the report leaves it out, as one about a single call does."""
    if number is None:
        return None
    at = bisect.bisect_left(report.equations, number, key=lambda equation: equation.id)
    found = report.equations[at : at + 1]
    return found[0] if found and found[0].id == number else None


def _output(equation: Equation, output: int) -> BatchedAval | None:
    return equation.outputs[output] if output < len(equation.outputs) else None


def _dim(aval: BatchedAval | None, level: int) -> int | None:
    return None if aval is None or level >= len(aval.batch_dims) else aval.batch_dims[level]


def _cause(aval: BatchedAval | None, level: int) -> Cause | None:
    return None if aval is None or level >= len(aval.because) else aval.because[level]


def _told(report: Report, steps: Sequence[Step]) -> list[Step]:
    """Leaves out what was said before, JAX's own code between the user's, and conversions.

    How a step that is left out makes the one before it mapped is said of the next one.
    """
    told, kind, said = [steps[0]], "", {(steps[0].text, steps[0].span)}
    for step in steps[1:]:
        kind = step.kind or kind
        if step.equation is not None and (not step.text or (step.text, step.span) in said):
            continue
        equation = _equation(report, step.equation)
        if equation is None or equation.primitive != "convert_element_type":
            told.append(replace(step, kind=kind) if kind else step)
            said.add((step.text, step.span))
            kind = ""
    return told


def _name(step: Step) -> str:
    if step.path:
        return step.path
    if not step.text:
        return "a value of JAX's own code"
    text = step.text if len(step.text) <= _LONGEST else f"{step.text[: _LONGEST - 1]}…"
    return text if step.span is None else f"{text} (line {step.span.line})"


def _because(step: Step, level: Level) -> str:
    if step.equation is None and not step.path:
        return {
            "axis_index": f" because every example of {level.name} has its own index",
            "rule": " because JAX's rule for it makes it so, though nothing that it is given is mapped",
            "outside": " because of what is computed outside of this call",
        }.get(step.kind, " but the way there could not be followed")
    link = {"predicate": " because it is decided by ", "carry": " because the loop hands on "}
    said = link.get(step.kind, " because ") + _name(step)
    which = " which" if step.kind in ("predicate", "carry") else ""
    comma = "," if which else ""
    if step.equation is not None:
        return f"{said}{comma}{which} is"
    leaf = next((leaf for leaf in level.inputs if leaf.path == step.path), None)
    axis = "" if leaf is None or leaf.axis is None else f" over its axis {leaf.axis}"
    return f"{said}{comma}{which} is mapped{axis}"
