"""Random programs that call vmap themselves: closures in closures, loops and derivatives in between.

Every function closes over all that stands around it. What is worth looking at goes through `keep`, which
does nothing to it: in the program as JAX runs it an equation by that name, in the plain Python loops of
`looped` a note of the value and of the examples it was computed for.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from hypothesis import strategies as st

from explainer.spec import Argument, Request, Vmap
from tests import oracle
from tests.analysis.programs import PRELUDE, Name, Shape, legal_steps

HEAD = f"from jax import vmap\nfrom jax.ad_checkpoint import checkpoint_name as keep\n\n{PRELUDE}\n"
MOST_LEVELS = 4
MOST_CALLS = 4
SIZES = st.integers(1, 3)

CALLS = (
    "vmap({g}, {axes}, {out})({args})",
    "jax.jit(vmap({g}, {axes}, {out}))({args})",
    "vmap(jax.jit({g}), {axes}, {out})({args})",
    "jax.checkpoint(vmap({g}, {axes}, {out}))({args})",
    "lax.cond(jnp.sum({first}) > 0, lambda: vmap({g}, {axes}, {out})({args}), lambda: jnp.zeros({shape}))",
    "lax.scan(lambda c, _: (jnp.tanh(c + vmap({g}, {axes}, {out})({args})), c), "
    "jnp.zeros({shape}), None, 2)[0]",
    "lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, s[1] / 2 + vmap({g}, {axes}, {out})({args})), "
    "(0, jnp.zeros({shape})))[1]",
    "lax.fori_loop(0, 2, lambda n, s: s / 2 + n + vmap({g}, {axes}, {out})({args}), "
    "jnp.full({shape}, 0))",  # which becomes a float: JAX traces the body twice
)
MAPPED = "lax.map(lambda {first}: vmap({g}, {axes}, {out})({args}), {first})"
GRADIENT = "jax.grad(lambda {first}: jnp.sum(vmap({g}, {axes}, {out})({args})))({first})"
WHILE = re.compile("while_loop|double_until")
KEPT_OUT = ("lax.cond(", "jax.grad(")  # inside, not every example computes every value once


@dataclass(frozen=True)
class _Place:
    """Where a function is written: how many levels may follow, what it may do there."""

    depth: int
    kept: bool = True  # its values go through `keep`
    smooth: bool = False  # inside grad, which no while has a rule for


@dataclass
class _Writer:
    """Lines under way, and how many functions and calls there are."""

    draw: st.DrawFn
    functions: int = 0
    calls: int = 0

    def function(self, around: list[Name], shapes: list[Shape], place: _Place) -> tuple[str, str, Shape]:
        """Writes a function of arrays of these shapes; returns its text, its name and its result's shape."""
        number = self.functions
        self.functions += 1
        parameters = [Name(f"a{number}{letter}", shape) for letter, shape in zip("xyz", shapes)]
        names = [*around, *parameters]
        lines: list[str] = []
        own: list[Name] = []
        inner = self.draw(st.integers(0, 2))
        for step in range(3):
            wanted = step == inner or (step == 1 and self.draw(st.booleans()))
            if place.depth and wanted and self.calls < MOST_CALLS and self._mappable(names):
                text, expression, shape = self.mapped(names, place)
                lines.append(text)
            else:
                expression, shape = self.draw(st.sampled_from(self._steps(names, place)))
            name = Name(f"v{number}_{step}", shape)
            kept = f"keep({expression}, '{name.text}')" if place.kept else expression
            lines.append(f"{name.text} = {kept}")
            names.append(name)
            own.append(name)
        head = f"def f{number}({', '.join(one.text for one in parameters)}):\n"
        body = textwrap.indent("\n".join([*lines, f"return {own[-1].text}"]), "    ")
        return head + body, f"f{number}", own[-1].shape

    def mapped(self, names: list[Name], place: _Place) -> tuple[str, str, Shape]:
        """Writes an inner function, and a call of it mapped; returns both texts and the result's shape."""
        self.calls += 1
        first = self.draw(st.sampled_from(self._mappable(names)[-4:]))
        rows = len(first.shape) > 1 and self.draw(st.integers(0, 3)) == 0
        seen = first.shape[1:] if rows else first.shape  # lax.map hands out its rows
        gradient = not rows and self.draw(st.integers(0, 4)) == 0
        fitting = [call for call in CALLS if not (place.smooth and WHILE.search(call))]
        call = MAPPED if rows else GRADIENT if gradient else self.draw(st.sampled_from(fitting))
        axis = self.draw(st.integers(0, len(seen) - 1))
        size = seen[axis]
        arguments, axes, shapes = [first], [axis], [_without(seen, axis)]
        if self.draw(st.booleans()):
            other = self.draw(st.sampled_from([name for name in names if name.text != first.text] or [first]))
            sized = [None, *(n for n, length in enumerate(other.shape) if length == size)]
            if other.text != first.text:
                chosen = self.draw(st.sampled_from(sized[-1:] + sized))
                arguments.append(other)
                axes.append(chosen)
                shapes.append(other.shape if chosen is None else _without(other.shape, chosen))
        kept = place.kept and not call.startswith(KEPT_OUT)
        inside = _Place(place.depth - 1, kept, place.smooth or gradient)
        text, function, result = self.function(names, shapes, inside)
        out = self.draw(st.integers(-len(result) - 1, len(result)))
        at = out % (len(result) + 1)
        shape = (*result[:at], size, *result[at:])
        filled = call.format(
            g=function,
            axes=f"({', '.join(map(str, axes))},)",
            out=out,
            args=", ".join(one.text for one in arguments),
            first=first.text,
            shape=shape,
        )
        return text, filled, first.shape if gradient else first.shape[:1] + shape if rows else shape

    @staticmethod
    def _steps(names: list[Name], place: _Place) -> list[tuple[str, Shape]]:
        steps = legal_steps(names[-4:])
        return [step for step in steps if not (place.smooth and WHILE.search(step[0]))]

    @staticmethod
    def _mappable(names: list[Name]) -> list[Name]:
        return [name for name in names if name.shape and 0 not in name.shape]


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


@st.composite
def programs(draw: st.DrawFn) -> Request:
    """Draws a function that maps others inside, and a stated level around it or none; 1 to 4 deep."""
    stated = draw(st.integers(0, 1))
    depth = draw(st.integers(1, MOST_LEVELS - stated))
    writer = _Writer(draw)
    shapes = [tuple(draw(st.lists(SIZES, min_size=2, max_size=2))), tuple(draw(st.lists(SIZES, max_size=2)))]
    text, name, _ = writer.function([], shapes, _Place(depth))
    size = draw(SIZES)
    full = [(size, *shapes[0]), shapes[1]] if stated else shapes
    values = [f"normal(f32[{','.join(map(str, shape))}])" for shape in full]
    levels = (Vmap("(0, None)"),) * stated
    return Request(HEAD + text + "\n", name, tuple(map(Argument, "xy", values)), levels)


Place = tuple[str, tuple[int, ...]]


@dataclass
class Looped:
    """What plain Python loops computed: per name and examples (one index per level), in order."""

    output: Any = None
    kept: defaultdict[Place, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))


def looped(request: Request) -> Looped:
    """Runs a program with every vmap, the stated ones too, as a Python loop, and nothing compiled."""
    result, inside = Looped(), list[int]()

    def keep(value: Any, name: str) -> Any:
        notes = result.kept[name, tuple(inside)]
        jax.debug.callback(lambda seen: notes.append(np.asarray(seen)), value)
        return value

    def vmap(function: Any, in_axes: Any = 0, out_axes: Any = 0) -> Any:
        def mapped(*args: Any) -> Any:
            numbers = itertools.count()

            def numbered(*example: Any) -> Any:
                inside.append(next(numbers))
                try:
                    return function(*example)
                finally:
                    inside.pop()

            return oracle.loop(numbered, [{"in_axes": in_axes, "out_axes": out_axes}], args, {})

        return mapped

    problem = oracle.read(request)
    function = problem.function
    function.__globals__.update(keep=keep, vmap=vmap)
    for level in reversed(problem.levels):
        function = vmap(function, level["in_axes"], level["out_axes"])
    with jax.disable_jit():
        result.output = function(*problem.args)
    jax.effects_barrier()
    return result
