"""Random requests: a per-example function built step by step, arguments, and one to three levels.

Every step is a line of Python whose result shape is known beforehand, so that all programs are legal and
out_axes can be drawn from the axes that exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from explainer.spec import Argument, Request, Vmap

Shape = tuple[int, ...]

PRELUDE = """\
def cumulate(carry, row):
    carry = jnp.tanh(carry + row)
    return carry, carry * row

def double_until(limit, x):
    def go_on(state):
        return (state[0] < 4) & (jnp.sum(jnp.abs(state[1])) < limit)
    return lax.while_loop(go_on, lambda state: (state[0] + 1, state[1] * 2 + 1), (0, x))[1]

@jax.jit
def squash(x):
    return x / (1 + jnp.abs(x))

def pick(which, x):
    return lax.switch(which, [jnp.sin, jnp.cos, squash], x)
"""


@dataclass(frozen=True)
class Name:
    """A value of the function being built: an expression for it and its shape."""

    text: str
    shape: Shape


@dataclass(frozen=True)
class Leaf:
    """One input array: its value for one example, the shape that is handed in, and its axis per level.

    `axes` stand outermost level first; None: that level shares it.
    """

    example: Name
    full: Shape
    axes: tuple[int | None, ...]


@dataclass(frozen=True)
class Input:
    """One argument: a single array, or a dict of arrays by `keys`."""

    name: str
    keys: tuple[str, ...]
    leaves: tuple[Leaf, ...]

    @property
    def value(self) -> str:
        """The argument's text: normal(f32[3,2]), or a dict of such."""
        return self._written([f"normal(f32[{','.join(map(str, leaf.full))}])" for leaf in self.leaves])

    def axes(self, level: int) -> str:
        """The axes of one level as text: an int, None, or a dict of them."""
        return self._written([str(leaf.axes[level]) for leaf in self.leaves])

    def _written(self, parts: list[str]) -> str:
        if not self.keys:
            return parts[0]
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(self.keys, parts)) + "}"


ELEMENTWISE = (
    "jnp.sin({0})", "jnp.tanh({0})", "-{0}", "{0} * {0}", "jnp.sqrt(jnp.abs({0}) + 1)", "jax.nn.relu({0})",
    "squash({0})", "jax.grad(lambda v: jnp.sum(jnp.sin(v) * v))({0})", "double_until(9., {0})",
    "lax.fori_loop(0, 3, lambda i, v: v / 2 + i, {0})", "jnp.where({0} > 1, {0}, 0)",
    "lax.cond(jnp.sum({0}) > 1, jnp.sin, jnp.cos, {0})", "pick(jnp.sum({0} > 1), {0})",
    "jax.checkpoint(jnp.cos)({0})", "{0}.astype(jnp.int32).astype(jnp.float32)",
)  # fmt: skip
REDUCTIONS = ("jnp.sum", "jnp.max", "jnp.mean", "jnp.prod", "jax.nn.logsumexp")
ALONG_AXIS = ("jnp.cumsum", "jnp.sort", "jnp.flip", "jax.nn.softmax", "lax.cummax")
BINARY = ("{0} + {1}", "{0} * {1}", "jnp.maximum({0}, {1})", "jnp.where({0} > {1}, {0}, {1})")
SCALAR_AND_ARRAY = (
    "double_until({0}, {1})", "lax.cond({0} > 1, jnp.sin, jnp.cos, {1})", "pick({0}.astype(jnp.int32), {1})",
    "{0} * {1}", "jnp.where({0} > 1, {1}, -{1})",
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn, max_levels: int = 3) -> Request:
    """Draws a request that JAX accepts, every level mapping at least one leaf."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=max_levels))
    inputs = _inputs(draw, sizes)
    lines, names = _body(draw, [leaf.example for one in inputs for leaf in one.leaves])
    template, results = _result(draw, names)
    code = f"{PRELUDE}\ndef example({', '.join(one.name for one in inputs)}):\n"
    code += "".join(f"    {line}\n" for line in lines)
    code += f"    return {template.format(*(name.text for name in results))}\n"
    levels = [
        Vmap(_in_axes(draw, inputs, number), _out_axes(draw, template, results, len(sizes) - number))
        for number in range(len(sizes))
    ]
    return Request(code, "example", tuple(Argument(one.name, one.value) for one in inputs), tuple(levels))


def _inputs(draw: st.DrawFn, sizes: list[int]) -> list[Input]:
    """Draws one to three arguments and, for each level, which leaves it maps and along which axis."""
    trees = [draw(st.sampled_from([(), (), ("b", "w")])) for _ in range(draw(st.integers(1, 3)))]
    count = sum(max(1, len(keys)) for keys in trees)
    rows = st.lists(st.booleans(), min_size=count, max_size=count).filter(any)
    mapped = [draw(rows) for _ in sizes]
    column = iter(range(count))
    inputs = []
    for name, keys in zip("xyz", trees):
        texts = [f"{name}[{key!r}]" for key in keys] or [name]
        leaves = [_leaf(draw, text, sizes, [row[n] for row in mapped]) for text, n in zip(texts, column)]
        inputs.append(Input(name, keys, tuple(leaves)))
    return inputs


def _leaf(draw: st.DrawFn, text: str, sizes: list[int], mapped: list[bool]) -> Leaf:
    """Inserts the mapped axes from the innermost level outwards, each at any place, told from either end."""
    example = Name(text, tuple(draw(st.lists(st.integers(1, 3), max_size=2))))
    shape = list(example.shape)
    axes: list[int | None] = []
    for size, is_mapped in reversed(list(zip(sizes, mapped))):
        if not is_mapped:
            axes.insert(0, None)
            continue
        axis = draw(st.integers(0, len(shape)))
        shape.insert(axis, size)
        axes.insert(0, draw(st.sampled_from([axis, axis - len(shape)])))
    return Leaf(example, tuple(shape), tuple(axes))


def _in_axes(draw: st.DrawFn, inputs: list[Input], level: int) -> str:
    """Writes a level's axes leaf by leaf, or shorter where one axis holds for a whole argument."""
    texts = []
    for one in inputs:
        axes = {leaf.axes[level] for leaf in one.leaves}
        short = len(axes) == 1 and draw(st.booleans())
        texts.append(str(axes.pop()) if short else one.axes(level))
    if len(set(texts)) == 1 and texts[0] != "None" and draw(st.booleans()):
        return texts[0] if texts[0].lstrip("-").isdigit() else f"({', '.join(texts)},)"
    return f"({', '.join(texts)},)"


def _body(draw: st.DrawFn, names: list[Name]) -> tuple[list[str], list[Name]]:
    """Draws the lines of the function; each may use every value before it."""
    names = list(names)
    lines = []
    for number in range(draw(st.integers(1, 5))):
        text, shape = draw(st.sampled_from(legal_steps(names)))
        lines.append(f"v{number} = {text}")
        names.append(Name(f"v{number}", shape))
    return lines, names


def legal_steps(names: Sequence[Name]) -> list[tuple[str, Shape]]:
    """Returns every (expression, result shape) that can follow, the newest values last."""
    steps = [step for name in names for step in (*_unary(name), *_on_axes(name), *_structural(name))]
    return steps + [step for first in names for second in names for step in _binary(first, second)]


def _unary(name: Name) -> list[tuple[str, Shape]]:
    return [(form.format(name.text), name.shape) for form in ELEMENTWISE]


def _on_axes(name: Name) -> list[tuple[str, Shape]]:
    steps = []
    for axis in range(len(name.shape)):
        rest = name.shape[:axis] + name.shape[axis + 1 :]
        steps += [(f"{function}({name.text}, axis={axis})", rest) for function in REDUCTIONS]
        steps += [(f"{function}({name.text}, axis={axis})", name.shape) for function in ALONG_AXIS]
        steps.append((f"jnp.argsort({name.text}, axis={axis}).astype(jnp.float32)", name.shape))
        steps.append((f"jnp.take({name.text}, 0, axis={axis})", rest))
    return steps


def _structural(name: Name) -> list[tuple[str, Shape]]:
    text, shape = name.text, name.shape
    if not shape:
        return [(f"jnp.full((2,), {text})", (2,)), (f"jnp.broadcast_to({text}, (2, 3))", (2, 3))]
    size = shape[0] if len(shape) == 1 else shape[0] * shape[1]
    rows = f"lax.scan(cumulate, jnp.zeros({shape[1:]}), {text})"
    return [
        (f"{text}.T", shape[::-1]),
        (f"{text}.reshape(-1)", (size,)),
        (f"{text}[jnp.argmax({text}.reshape(-1)) % {shape[0]}]", shape[1:]),
        (f"{text}.at[0].set(7.)", shape),
        (f"{text}[::-1]", shape),
        (
            f"lax.dynamic_slice_in_dim({text}, jnp.argmin({text}.reshape(-1)) % {shape[0]}, 1)",
            (1, *shape[1:]),
        ),
        (f"{rows}[0]", shape[1:]),
        (f"{rows}[1]", shape),
        (f"lax.map(lambda row: jnp.sin(row) + jnp.sum({text}), {text})", shape),
        (f"lax.map(lambda row: lax.cond(jnp.sum(row) > 0, jnp.sin, jnp.cos, row), {text})", shape),
        (f"jnp.concatenate([{text}, {text} + 1])", (2 * shape[0], *shape[1:])),
    ]


def _binary(first: Name, second: Name) -> list[tuple[str, Shape]]:
    """Returns the steps that join two values: a scalar with anything, equal shapes, matching products."""
    pair = (first.text, second.text)
    steps: list[tuple[str, Shape]] = []
    if not first.shape:
        steps += [(form.format(*pair), second.shape) for form in SCALAR_AND_ARRAY]
    if first.shape == second.shape:
        steps += [(form.format(*pair), first.shape) for form in BINARY]
        steps.append((f"jnp.stack([{first.text}, {second.text}])", (2, *first.shape)))
    if first.shape and second.shape and first.shape[-1] == second.shape[0]:
        steps.append((f"jnp.dot({first.text}, {second.text})", first.shape[:-1] + second.shape[1:]))
    if len(first.shape) == len(second.shape) == 1:
        steps.append((f"jnp.outer({first.text}, {second.text})", first.shape + second.shape))
    return steps


def _result(draw: st.DrawFn, names: list[Name]) -> tuple[str, list[Name]]:
    """Draws what is returned: the last value, alone or in a tuple or dict beside another one."""
    last, other = names[-1], draw(st.sampled_from(names))
    template = draw(st.sampled_from(["{0}", "({0}, {1})", "{{'p': {0}, 'q': {1}}}"]))
    return template, [last] if template == "{0}" else [last, other]


def _out_axes(draw: st.DrawFn, template: str, results: list[Name], levels_from_here: int) -> str:
    """Draws an axis per result, legal at this level: its rank plus the axes of the levels within it."""
    if draw(st.booleans()):
        return draw(st.sampled_from(["0", "-1"]))
    axes = []
    for result in results:
        rank = len(result.shape) + levels_from_here
        axes.append(draw(st.integers(-rank, rank - 1)))
    return template.format(*axes)
