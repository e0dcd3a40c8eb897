"""Why: for every value and each level that maps it, the value just before it that made it so.

Listing: units, where each level's axis is ──▶ give ──▶ BatchedAval.because

Where the axes are was read from what JAX did; only the way there is found here: from the leaves that a
level maps, along the wires of the equations, through nothing but what that level maps. Every value is
given the neighbour on its shortest way. What no way leads to says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from explainer.analysis import internals
from explainer.analysis.internals import INPUTS, OUTPUTS, Instrumented, Key, Literal
from explainer.analysis.listing import Listing
from explainer.report import Cause

Value = tuple[Key, int]
"""An output of an equation, or what enters a body (INPUTS) or leaves a unit (OUTPUTS)."""

NOWHERE: Value = ((), 0)

_ALIAS = "alias"  # the kind of an edge between two names of one value


def give(listing: Listing, stated: Instrumented | None = None, paths: Sequence[str] = ()) -> None:
    """Adds to every value of a listing why each level maps it.

    `stated` is the unit under the levels that the Request states, `paths` name its arguments.
    """
    graph = Graph(listing)
    for unit in listing.capture.bodies.units.values():
        graph.unit(unit)
    rows: dict[int, list[Cause | None]] = {}
    for level, starts in _starts(listing, graph, stated, paths).items():
        for node, cause in _Spread(graph, level).causes(starts).items():
            row = rows.get(node)
            if row is None:
                row = rows[node] = [None] * listing.levels
            row[level] = cause
    listing.because = {graph.values[node]: tuple(row) for node, row in rows.items()}
    for equation, key in zip(listing.found, listing.keys, strict=True):
        for n, aval in enumerate(equation.outputs):
            because = listing.because.get((key, n))
            if because is not None:  # nobody has seen the value yet; new ones would take half of all the time
                object.__setattr__(aval, "because", because)


def _starts(
    listing: Listing, graph: Graph, stated: Instrumented | None, paths: Sequence[str]
) -> dict[int, list[tuple[int, Cause]]]:
    """Returns for every level that maps anything the leaves it maps, as they enter its function."""
    capture = listing.capture
    starts: dict[int, list[tuple[int, Cause]]] = {n: [] for n, nodes in enumerate(graph.mapped) if nodes}

    def enter(unit: Instrumented, names: Sequence[str], levels: Sequence[int]) -> None:
        first = len(unit.closed.consts)
        for n, path in enumerate(names):
            node = graph.numbers.get((((unit.root, INPUTS),), first + n))
            for level in levels:
                if node is not None and node in graph.mapped[level]:
                    starts[level].append((node, Cause(path=path)))

    if stated is not None:
        enter(stated, paths, range(capture.first))
    for root, level in capture.levels.items():
        captured = capture.found[level - capture.first]
        names = [captured.call.paths[leaf] for leaf in captured.inputs]
        unit = capture.bodies.units[root]
        if len(names) == len(unit.closed.jaxpr.invars):  # not for an equal call that was followed otherwise
            enter(unit, names, [level])
    return starts


@dataclass(slots=True)
class Graph:
    """All values of all units as nodes; an edge leads from a value to one that is made of it.

    A node without a value of its own (`NOWHERE`) is batched code of a unit mapped inside: where its
    axes are is not known, and the way leads through it.
    """

    listing: Listing
    values: list[Value] = field(default_factory=list)
    numbers: dict[Value, int] = field(default_factory=dict)
    after: list[list[tuple[int, str, int | None]]] = field(default_factory=list)  # target, kind, unless
    equations: dict[Key, int] = field(default_factory=dict)  # ids
    named: dict[int, Cause] = field(default_factory=dict)  # by node, what it is to those made of it
    mapped: list[set[int]] = field(default_factory=list)  # nodes, by level
    known: set[int] = field(default_factory=set)  # nodes of which it is known where their axes are
    plain: set[int] = field(default_factory=set)  # results of equations without bodies
    indices: list[int] = field(default_factory=list)  # results of axis_index
    aliased: set[int] = field(default_factory=set)
    crossed: set[int] = field(default_factory=set)  # units connected with the one they were mapped in

    def __post_init__(self) -> None:
        self.equations = {key: n for n, key in enumerate(self.listing.keys)}
        self.mapped = [set() for _ in range(self.listing.levels)]

    @property
    def owner(self) -> dict[int, int]:
        return self.listing.capture.bodies.owner

    def unit(self, unit: Instrumented) -> None:
        """Adds a unit's values and edges, bodies included."""
        jaxpr = unit.closed.jaxpr
        results = self.body(jaxpr, (), unit)[1]
        for n, source in enumerate(results):
            if source is not None:
                self.edge(source, self.node((((unit.root, OUTPUTS),), n)))

    def node(self, value: Value = NOWHERE) -> int:
        node = self.numbers.get(value)
        if node is not None:
            return node
        node = len(self.values)
        self.values.append(value)
        self.after.append([])
        if value is not NOWHERE:
            self.numbers[value] = node
            self._place(node, *value)
        return node

    def _place(self, node: int, key: Key, output: int) -> None:
        seen = self.listing.seen.get(key)
        place = None if seen is None else seen.places.get(output)
        if place is None:
            return
        self.known.add(node)
        for mapped, dim in zip(self.mapped, place[0], strict=True):
            if dim is not None:
                mapped.add(node)
        number = self.equations.get(key)
        if number is not None:
            self.named[node] = Cause(number, output)

    def edge(self, source: int, target: int, kind: str = "", unless: int | None = None) -> None:
        self.after[source].append((target, kind, unless))

    def body(self, jaxpr: Any, inside: Key, of: Instrumented | None) -> tuple[list[int], list[int | None]]:
        """Adds a body's values; returns the nodes of what enters it and of what leaves it."""
        number = None if of is None else _number(jaxpr, of, self.listing)
        key = None if number is None else (*inside, (number, INPUTS))
        env: dict[Any, int] = {}
        for n, var in enumerate((*jaxpr.constvars, *jaxpr.invars)):
            env[var] = self.node(NOWHERE if key is None else (key, n))
        for eqn in jaxpr.eqns:
            if eqn.primitive is internals.probe_p:
                self._crossing(eqn, env, of)
            else:
                self._equation(eqn, env, inside, of)
        leaves = [_known(env, atom) for atom in jaxpr.outvars]
        return [env[var] for var in jaxpr.invars], leaves

    def _equation(self, eqn: Any, env: dict[Any, int], inside: Key, of: Instrumented | None) -> None:
        key, own = (), None
        if of is not None:
            tag = internals.tag(eqn)
            if self.owner[tag[0]] == of.root:
                key, own = (*inside, tag), of
        operands = [None if isinstance(atom, Literal) else env.get(atom) for atom in eqn.invars]
        results = [self.node(NOWHERE if own is None else (key, n)) for n in range(len(eqn.outvars))]
        env.update(zip(eqn.outvars, results, strict=True))
        bodies = internals.sub_jaxprs(eqn)
        if bodies or len(results) != 1:
            self._wire(eqn, operands, results, [self.body(body.jaxpr, key, own) for body in bodies])
        else:  # most are so: wired from every operand to the one result
            to_result = (results[0], "", None)
            for source in operands:
                if source is not None:
                    self.after[source].append(to_result)
        if not bodies:
            self.plain.update(results)
        if eqn.primitive.name == "axis_index":
            self.indices += results

    def _wire(
        self,
        eqn: Any,
        operands: list[int | None],
        results: list[int],
        inner: list[tuple[list[int], list[int | None]]],
    ) -> None:
        """Adds the edges of an equation; `inner` are the nodes of what enters and leaves its bodies."""

        def at(end: internals.End) -> int | None:
            if end.place == "operand":
                return operands[end.number]
            if end.place == "result":
                return results[end.number]
            return inner[end.body][end.place == "leaves"][end.number]

        for wire in internals.wires(eqn, internals.sub_jaxprs(eqn)):
            source, target = at(wire.source), at(wire.target)
            if source is not None and target is not None:
                self.edge(source, target, wire.kind, None if wire.unless is None else operands[wire.unless])

    def _crossing(self, probe: Any, env: dict[Any, int], of: Instrumented | None) -> None:
        """Connects a unit that was mapped here: its inputs to what they are here, its values to theirs."""
        everything = self.listing.capture.bodies
        body = probe.params["body"]
        if of is None or body == of.root or body not in everything.units or body in self.crossed:
            return  # the units around this one come later, and hold it once more
        self.crossed.add(body)
        for var, (index, output) in zip(probe.invars, everything.probed[body], strict=True):
            outside = _known(env, var)
            if outside is None:
                continue
            inside = self.node((((body, index),), output))
            if index == INPUTS:
                self.edge(outside, inside)
            elif self.values[outside] is NOWHERE and outside not in self.aliased:
                self.aliased.add(outside)
                self.edge(inside, outside, _ALIAS)


def _known(env: dict[Any, int], atom: Any) -> int | None:
    return None if isinstance(atom, Literal) else env.get(atom)


def _number(jaxpr: Any, of: Instrumented, listing: Listing) -> int | None:
    """Returns the number of a body of a unit, which its probe knows; None for one without equations."""
    owner = listing.capture.bodies.owner
    probes = (eqn.params["body"] for eqn in reversed(jaxpr.eqns) if eqn.primitive is internals.probe_p)
    return next((body for body in probes if owner[body] == of.root), None)


class _Spread:
    """One level's axis, followed from where it enters through all that it maps."""

    def __init__(self, graph: Graph, level: int) -> None:
        self.graph = graph
        self.mapped = graph.mapped[level]
        self.found: dict[int, Cause] = {}
        self.steps: dict[int, int] = {}  # equations on the shortest way to a node, its own included

    def causes(self, starts: Iterable[tuple[int, Cause]]) -> dict[int, Cause]:
        """Returns the cause of every node that the level maps."""
        graph = self.graph
        indices = [(node, Cause(kind="axis_index")) for node in graph.indices if node in self.mapped]
        self._follow([*starts, *indices])
        if not self.mapped <= self.found.keys():
            self._follow([(node, Cause(kind="rule")) for node in self._by_rule()])
        for node in sorted(self.mapped - self.found.keys()):
            if node not in self.found:
                self._follow([(node, Cause(kind="unknown"))])
        return {node: cause for node, cause in self.found.items() if node in self.mapped}

    def _follow(self, starts: Sequence[tuple[int, Cause]]) -> None:
        """Walks on from nodes in the order of their distance, past nothing that was reached before."""
        named, after = self.graph.named, self.graph.after
        found, steps, queue = self.found, self.steps, deque[int]()
        before, done = set(found), set[int]()
        for node, cause in starts:
            found[node], steps[node] = cause, int(node in named)
            queue.append(node)
        while queue:
            node = queue.popleft()
            if node in done:
                continue
            done.add(node)
            offer = named.get(node) or found[node]
            for target, kind, unless in after[node]:
                way = steps[node] + (target in named)
                if target in before or way >= steps.get(target, way + 1):
                    continue
                if not self._leads(target, kind, unless):
                    continue
                steps[target] = way
                found[target] = replace(offer, kind=kind) if kind not in ("", _ALIAS) else offer
                (queue.append if target in named else queue.appendleft)(target)

    def _leads(self, target: int, kind: str, unless: int | None) -> bool:
        """Tells whether the level's axis can have gone along an edge."""
        known = self.graph.known
        if target in known and target not in self.mapped:
            return False
        if target in self.graph.aliased and kind != _ALIAS:
            return False
        return unless is None or (unless in known and unless not in self.mapped)

    def _by_rule(self) -> list[int]:
        """Lists results that are mapped though nothing their equation is given is: by JAX's rule."""
        graph = self.graph
        fed = {
            target
            for node, edges in enumerate(graph.after)
            if node in self.mapped or node not in graph.known
            for target, _, _ in edges
        }
        rest = sorted(self.mapped - self.found.keys())
        return [node for node in rest if node in graph.plain and node not in fed]
