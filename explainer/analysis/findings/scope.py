"""The scope of a search for silent bugs: one run, its equations, how values flow, and their names.

    Run ──▶ scope ──▶ Scope ──▶ keys, broadcasts, branches, ... ──▶ Finding

Values are the nodes of `why.Graph`: outputs of equations, and what crosses the bodies that hold them.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from explainer.analysis import closures
from explainer.analysis.batching import Description
from explainer.analysis.capturing import Capture, Captured
from explainer.analysis.findings import words
from explainer.analysis.internals import INPUTS, OUTPUTS, Instrumented, Key
from explainer.analysis.run import Run
from explainer.analysis.why import Graph
from explainer.report import Blame, Equation, Level, Report, Span

_OWN = ("equinox", "flax")  # libraries whose levels are the user's own choice, as filter_vmap's are


@dataclass(frozen=True, slots=True)
class Input:
    """A value that enters a mapped function from outside: an argument's leaf, or one it closes over.

    `position` is the place of a stated argument's leaf among the array leaves, None for any other.
    """

    node: int
    path: str
    closed: bool
    value: Any = None  # of a closed-over array
    position: int | None = None
    level: int | None = None  # the captured level that it enters


@dataclass(slots=True)
class Scope:
    """One run as the finders look at it; `end` is when they stop."""

    run: Run
    found: Description
    capture: Capture
    end: float
    graph: Graph
    before: list[list[int]]  # of each node, those it is made of
    inputs: tuple[Input, ...]
    ids: dict[Key, int]
    chains: dict[int | None, tuple[Level, ...]] = field(default_factory=dict)

    @property
    def report(self) -> Report:
        return self.run.report

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() > self.end

    def node(self, equation: int, output: int = 0) -> int | None:
        """Returns the node of an equation's output."""
        return self.graph.numbers.get((self.found.keys[equation], output))

    def equation_of(self, node: int) -> Equation | None:
        """Returns the equation that gives a node, None for what enters or leaves a body."""
        key, _ = self.graph.values[node]
        number = self.ids.get(key)
        return None if number is None else self.report.equations[number]

    def eqn(self, equation: Equation) -> Any:
        """Returns the jaxpr's equation, for one example."""
        body, index = self.found.keys[equation.id][-1]
        return self.capture.bodies.jaxprs[body].eqns[index]

    def shape(self, node: int) -> tuple[int, ...]:
        """Returns the shape that one example has of a value; () where it is not known."""
        made_by, (key, output) = self.equation_of(node), self.graph.values[node]
        if made_by is not None:
            return made_by.outputs[output].shape
        body, index = key[-1] if key else (0, 0)
        if index != INPUTS:
            return ()
        jaxpr = self.capture.bodies.jaxprs[body]
        return tuple(getattr((*jaxpr.constvars, *jaxpr.invars)[output].aval, "shape", ()))

    def units(self) -> Iterator[tuple[Instrumented, Captured | None]]:
        """Lists the functions that were followed: the stated one (None), and those of captured levels."""
        nest = self.run.nest
        if nest is not None and nest.source is not None:
            yield nest.source, None
        for each in self.capture.found:
            if each.unit is not None:
                yield each.unit, each

    def outputs(self, unit: Instrumented) -> list[int]:
        """Returns the nodes of what a unit returns."""
        key = ((unit.root, OUTPUTS),)
        count = len(unit.closed.jaxpr.outvars)
        nodes = (self.graph.numbers.get((key, n)) for n in range(count))
        return [node for node in nodes if node is not None]

    def chain(self, level: int | None) -> tuple[Level, ...]:
        """Returns the levels around an equation that stands in `level`, outermost first."""
        if level not in self.chains:
            self.chains[level] = tuple(self.report.levels[n] for n in self.capture.chain(level))
        return self.chains[level]

    def levels(self, level: int | None) -> tuple[Level, ...]:
        """Returns, of these, the ones the user asked for that have more than one example."""
        return tuple(one for one in self.chain(level) if (one.axis_size or 0) > 1 and asked_for(one))

    def ahead(self, starts: Iterable[int], stop: Callable[[int], bool] = lambda _: False) -> set[int]:
        """Returns all nodes made of these, themselves included; what `stop` holds for is not gone past."""
        return _walk(starts, lambda node: (target for target, _, _ in self.graph.after[node]), stop)

    def behind(self, starts: Iterable[int], stop: Callable[[int], bool] = lambda _: False) -> set[int]:
        """Returns all nodes that these are made of, themselves included."""
        return _walk(starts, lambda node: self.before[node], stop)

    def sources_of(self, nodes: Iterable[int]) -> list[Input]:
        """Returns the inputs from outside that values are made of: of names for one value the outermost."""
        behind = self.behind(nodes)
        first = [each for each in self.inputs if each.node in behind and not self._handed_on(each)]
        return [each for each in first if each.path]

    def parameter(self, each: Input) -> str:
        """Returns the name that the function has for an argument's leaf: X is x in it."""
        program = self.run.program
        if each.position is None or program is None:
            return each.path
        names = [argument.name for argument in program.arguments if not argument.keyword]
        own = each.path.split("[")[0].split(".")[0]
        try:
            parameters = list(inspect.signature(program.function).parameters.values())
        except (TypeError, ValueError):  # a function without a signature
            return each.path
        plain = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        if own not in names or names.index(own) >= len(plain):
            return each.path
        return plain[names.index(own)].name + each.path.removeprefix(own)

    def _handed_on(self, each: Input) -> bool:
        return bool(self.before[each.node])

    def expression(self, equation: Equation) -> str:
        """Returns the user's text of an equation, shortened; its primitive where there is none."""
        return words.shortened(equation.source or equation.primitive)

    def outermost(self, equation: Equation) -> Equation:
        """Returns the equation around it that the same expression of the user's made."""
        parent = None if equation.parent is None else self.report.equations[equation.parent]
        if parent is None or parent.span != equation.span or parent.level != equation.level:
            return equation
        return self.outermost(parent)


def scope(run: Run, end: float) -> Scope | None:
    """Returns what the finders look into; None where no function was followed."""
    found = run.found
    capture = run.capture if run.nest is None else run.nest.capture
    if found is None or capture is None:
        return None
    graph = Graph(found.listing)
    for unit in capture.bodies.units.values():
        graph.unit(unit)
    before: list[list[int]] = [[] for _ in graph.after]
    for node, edges in enumerate(graph.after):
        for target, _, _ in edges:
            before[target].append(node)
    ids = {key: n for n, key in reversed(list(enumerate(found.keys)))}
    made = Scope(run, found, capture, end, graph, before, (), ids)
    made.inputs = tuple(_inputs(made))
    return made


def asked_for(level: Level) -> bool:
    """Tells a level that the user asked for from one that JAX made for purposes of its own."""
    return not level.made_by or level.made_by.startswith(_OWN)


def blame(
    arguments: Iterable[str] = (), levels: Iterable[Level] = (), spans: Iterable[Span | None] = ()
) -> Blame:
    """Returns the blame of a finding; `arguments` are paths: "params['w']" is of argument params."""
    paths = tuple(dict.fromkeys(arguments))
    names = tuple(dict.fromkeys(path.split("[")[0] for path in paths))
    known = tuple(dict.fromkeys(span for span in spans if span is not None))
    return Blame(names, paths, tuple(level.id for level in levels), known)


def _walk(
    starts: Iterable[int], neighbours: Callable[[int], Iterable[int]], stop: Callable[[int], bool]
) -> set[int]:
    reached = set(starts)
    waiting = [node for node in reached if not stop(node)]
    while waiting:
        for node in neighbours(waiting.pop()):
            if node not in reached:
                reached.add(node)
                if not stop(node):
                    waiting.append(node)
    return reached


def _inputs(scope: Scope) -> Iterator[Input]:
    """Lists what enters the units: closed-over values first, then arguments."""
    for unit, captured in scope.units():
        key = ((unit.root, INPUTS),)
        consts = unit.closed.consts
        names = _closed_names(scope, unit) if captured is None else captured.names
        level = None if captured is None else captured.number
        for n, const in enumerate(consts):
            node = scope.graph.numbers.get((key, n))
            if node is not None:
                yield Input(node, names[n] if n < len(names) else "", True, const, level=level)
        for n, (path, position) in enumerate(_arguments(scope, captured)):
            node = scope.graph.numbers.get((key, len(consts) + n))
            if node is not None:
                yield Input(node, path, False, position=position, level=level)


def _arguments(scope: Scope, captured: Captured | None) -> list[tuple[str, int | None]]:
    """Names the leaves that a unit is handed, and their places among the stated ones."""
    if captured is not None:
        return [(captured.call.paths[n], None) for n in captured.inputs]
    program, nest = scope.run.program, scope.run.nest
    if program is None or nest is None:
        return []
    arrays = [n for n, operand in enumerate(program.operands) if operand.is_array]
    return [(program.operands[position].path, arrays.index(position)) for position in nest.traced]


def _closed_names(scope: Scope, unit: Instrumented) -> list[str]:
    """Names what the stated function takes from around it, "" where it has no name."""
    program = scope.run.program
    if program is None:
        return []
    known: dict[int, str] = {}
    for path, leaf in closures.leaves(program.function):
        known.setdefault(id(leaf), path)
    return [known.get(id(const), "") for const in unit.closed.consts]
