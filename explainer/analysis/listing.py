"""Listing: the equations of a program in order, those of captured levels in their places.

units, what was read of them ──▶ Listing ──▶ Equations, the texts of the jaxprs
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from explainer.analysis import internals
from explainer.analysis.capturing import Capture
from explainer.analysis.internals import Instrumented, Key, Printed
from explainer.analysis.reading import Place, Seen
from explainer.analysis.spans import Sources, Trail
from explainer.analysis.values import dtype_name
from explainer.report import BatchedAval, Cause, Equation, JaxprText, Leaf


@dataclass(slots=True)
class Listing:
    """Walks tagged units and makes the report's equations; `ids` is the first equation of each tag."""

    capture: Capture
    levels: int
    sources: Sources
    seen: dict[Key, Seen]
    found: list[Equation] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)  # of the equations found
    ids: dict[tuple[int, int], int] = field(default_factory=dict)
    printed: dict[int, Printed] = field(default_factory=dict)  # by unit
    begun: set[int] = field(default_factory=set)  # units, each listed where it first stands
    values: dict[tuple[Key, int], Leaf] = field(default_factory=dict)  # of what crosses units, if known
    because: dict[tuple[Key, int], tuple[Cause | None, ...]] = field(default_factory=dict)  # by output

    def unit(self, unit: Instrumented, level: int | None) -> Printed:
        """Lists a unit that stands under no equation; returns it as printed."""
        _Walk(self, unit, level).visit(unit.closed.jaxpr, (), None, None, "")
        return self.printed[unit.root]

    def print(self, unit: Instrumented) -> Printed:
        """Returns a unit as JAX prints it, probes left out."""
        if unit.root not in self.printed:
            clean = internals.without_probes(unit.closed)
            self.printed[unit.root] = internals.print_jaxpr(clean)
        return self.printed[unit.root]

    def value(self, unit: Instrumented, key: Key, output: int, var: Any) -> BatchedAval:
        """Describes an output of an equation, or what crosses a body (its INPUTS, OUTPUTS)."""
        seen = self.seen.get(key)
        return self.explained(
            key, output, self.described(unit, var, seen.places.get(output) if seen else None)
        )

    def explained(self, key: Key, output: int, aval: BatchedAval) -> BatchedAval:
        """Adds to a value why each level maps it, once that is known."""
        because = self.because.get((key, output))
        return aval if because is None else replace(aval, because=because)

    def described(self, unit: Instrumented, var: Any, place: Place | None) -> BatchedAval:
        """Describes a value; without a place nothing is claimed of its axes."""
        shape = tuple(getattr(var.aval, "shape", ()))
        dtype = dtype_name(var.aval.dtype) if hasattr(var.aval, "dtype") else str(var.aval)
        name = self.print(unit).name(var)
        if place is None and isinstance(var, internals.Literal):
            return BatchedAval(name, dtype, shape, (None,) * self.levels, shape)
        if place is None:
            return BatchedAval(name, dtype, shape, (None,) * self.levels, shape, tracked=False)
        return BatchedAval(name, dtype, shape, *place)


@dataclass(slots=True)
class _Walk:
    """The walk through one unit."""

    listing: Listing
    of: Instrumented
    level: int | None
    printed: Printed = field(init=False)

    def __post_init__(self) -> None:
        self.printed = self.listing.print(self.of)

    def visit(self, jaxpr: Any, inside: Key, parent: Equation | None, outer: Trail | None, body: str) -> None:
        listing, bodies = self.listing, self.listing.capture.bodies
        for eqn in jaxpr.eqns:
            if eqn.primitive is internals.probe_p:
                continue
            tag = internals.tag(eqn)
            unit = bodies.units[bodies.owner[tag[0]]]
            if unit is not self.of:
                if unit.root not in listing.begun | listing.capture.repeats:
                    listing.begun.add(unit.root)
                    self._other(unit, parent, outer, body)
            else:
                key = (*inside, tag)
                trail = self._trail(eqn, jaxpr, outer)
                made = self._equation(eqn, key, parent, trail, body)
                listing.ids.setdefault(key[-1], made.id)
                listing.found.append(made)
                listing.keys.append(key)
                for sub in internals.sub_jaxprs(eqn):
                    self.visit(sub.jaxpr, key, made, trail, f"{made.primitive}[{made.id}].{sub.label}")

    def _other(self, unit: Instrumented, parent: Equation | None, outer: Trail | None, body: str) -> None:
        """Lists a unit that was mapped inside this one, where its first equation stands."""
        walk = _Walk(self.listing, unit, self.listing.capture.levels[unit.root])
        walk.visit(unit.closed.jaxpr, (), parent, outer, body)

    def _trail(self, eqn: Any, jaxpr: Any, outer: Trail | None) -> Trail:
        sources = self.listing.sources
        return sources.of_equation(eqn) if outer is None else sources.of_body(eqn, jaxpr, outer)

    def _equation(self, eqn: Any, key: Key, parent: Equation | None, trail: Trail, body: str) -> Equation:
        listing = self.listing
        seen = listing.seen.get(key, Seen())
        name, places = self.printed.name, seen.places
        outputs = [listing.described(self.of, var, places.get(n)) for n, var in enumerate(eqn.outvars)]
        return Equation(
            id=len(listing.found),
            primitive=eqn.primitive.name,
            inputs=tuple([name(atom) for atom in eqn.invars]),
            outputs=tuple(outputs),
            depth=0 if parent is None else parent.depth + 1,
            body=body,
            parent=None if parent is None else parent.id,
            source=listing.sources.text(trail.span),
            span=trail.span,
            rewrite=tuple(seen.emitted),
            changed=seen.changed or (),
            callers=trail.calls[1:],
            backward=internals.transposed(eqn) or (parent is not None and parent.backward),
            differentiated=internals.differentiated(eqn) or (parent is not None and parent.differentiated),
            level=self.level,
        )


def jaxpr_text(printed: Printed, ids: dict[tuple[int, int], int], level: int | None) -> JaxprText:
    """Returns a printed jaxpr with the id of the equation that stands on each line."""
    lines = tuple(None if tag is None else ids.get(tag) for tag in printed.tags)
    return JaxprText(printed.text, lines, level)
