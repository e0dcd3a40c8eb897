"""Reading aloud: a nest of levels as plain loops, as a call of jnp.vectorize, in named axes.

    Spoken: the call, who maps what ──▶ formula, loops, vectorize, named ──▶ Reading, Wanted

Pure text. The loops are Python that runs with NumPy's arrays; analysis/readings runs them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from explainer.axes import holes

Axes = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class SpokenLeaf:
    """One array: its path, its whole shape, and per level, outermost first, the axis that it is mapped over.

    X f32[3,4,2], which level i maps over axis 1: path "X", shape (3, 4, 2), axes (1,)
    """

    path: str
    shape: tuple[int, ...]
    axes: Axes
    dtype: str = ""

    @property
    def core(self) -> tuple[int, ...]:
        """Its shape for one example."""
        return tuple(size for axis, size in enumerate(self.shape) if axis not in self.axes)


@dataclass(frozen=True, slots=True)
class SpokenArgument:
    """One argument: its leaves, and its tree as Python with a hole per leaf, "" if it cannot be written."""

    name: str
    keyword: bool
    leaves: tuple[SpokenLeaf, ...]
    template: str = ""
    first: int = 0  # number of its first leaf
    static: bool = False  # there are leaves in it that are no arrays

    @property
    def shared(self) -> bool:
        """Tells that no level maps any of it."""
        return all(axis is None for leaf in self.leaves for axis in leaf.axes)

    @property
    def uniform(self) -> bool:
        """Tells that all its leaves are indexed alike."""
        return len({leaf.axes for leaf in self.leaves}) == 1


@dataclass(frozen=True, slots=True)
class Spoken:
    """A nest to be read aloud: function, arguments, outputs, and each level's name and size."""

    function: str
    arguments: tuple[SpokenArgument, ...]
    outputs: tuple[SpokenLeaf, ...]
    out_template: str
    names: tuple[str, ...]  # of the levels, outermost first; no two alike
    sizes: tuple[int, ...]


def indexed(leaf: SpokenLeaf, names: Sequence[str], text: str | None = None) -> str:
    """Returns an array with its mapped axes indexed: X[i], X[:, j], X[j, i]; X where it is shared."""
    text = leaf.path if text is None else text
    by_axis = {axis: names[level] for level, axis in enumerate(leaf.axes) if axis is not None}
    if not by_axis:
        return text
    return f"{text}[{', '.join(by_axis.get(axis, ':') for axis in range(max(by_axis) + 1))}]"


def formula(spoken: Spoken) -> str:
    """Returns what the innermost loop does, in short: out[i, j] = dist(X[i], Y[j])."""
    result = f"{called(spoken)}({', '.join(_short(argument, spoken.names) for argument in spoken.arguments)})"
    if len(spoken.outputs) == 1:
        return f"{indexed(spoken.outputs[0], spoken.names)} = {result}"
    shown = ", ".join(indexed(leaf, spoken.names) for leaf in spoken.outputs[:4])
    return f"{shown}{', ...' if len(spoken.outputs) > 4 else ''} = {result}"


def sayable(spoken: Spoken) -> bool:
    """Tells whether loops can be written: not where a tree has static leaves and arrays mapped unlike."""
    return all(a.shared or a.uniform or (a.template and not a.static) for a in spoken.arguments)


def loops(spoken: Spoken) -> str:
    """Returns the nest as Python loops that fill NumPy arrays.

    out = np.zeros((3, 4), 'float32')
    for i in range(3):  # vmap i
        for j in range(4):  # vmap j
            out[i, j] = dist(X[i], Y[j])
    """
    lines = [definition(spoken)] if definition(spoken) else []
    lines.append(f"out = {_outputs(spoken)}")
    for depth, (name, size) in enumerate(zip(spoken.names, spoken.sizes, strict=True)):
        lines.append(f"{'    ' * depth}for {name} in range({size}):  # vmap {name}")
    lines += ["    " * len(spoken.names) + line for line in _body(spoken)]
    return "\n".join(lines)


def definition(spoken: Spoken) -> str:
    """Returns the line that names a function given as an expression: f = jax.grad(loss); "" for a name."""
    return "" if _is_name(spoken.function) else f"f = {spoken.function}"


def called(spoken: Spoken) -> str:
    """Returns the name that the function is called by."""
    return spoken.function if _is_name(spoken.function) else "f"


def named(spoken: Spoken) -> str:
    """Returns the nest in named axes, what the function takes whole in brackets: i [2], j [2] -> i j."""
    entries = [_axes(leaf, spoken.names) for argument in spoken.arguments for leaf in argument.leaves]
    outputs = [_axes(leaf, spoken.names) for leaf in spoken.outputs]
    return f"{', '.join(entries)} -> {', '.join(outputs)}"


def _axes(leaf: SpokenLeaf, names: Sequence[str]) -> str:
    by_axis = {axis: names[level] for level, axis in enumerate(leaf.axes) if axis is not None}
    return " ".join(by_axis.get(axis, f"[{size}]") for axis, size in enumerate(leaf.shape))


def _is_name(function: str) -> bool:
    return re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", function.strip()) is not None


def _outputs(spoken: Spoken) -> str:
    """Returns the arrays that the loops fill, before they are filled."""
    empty = [f"np.zeros({_tuple(leaf.shape)}, {leaf.dtype!r})" for leaf in spoken.outputs]
    return _filled(spoken.out_template, empty) if spoken.out_template else f"[{', '.join(empty)}]"


def _tuple(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _body(spoken: Spoken) -> list[str]:
    """Returns the lines of the innermost loop."""
    if len(spoken.outputs) == 1 and spoken.out_template == "{0}":
        return [f"{_target(spoken.outputs[0], 'out', spoken.names)} = {_call(spoken)}"]
    result = _call(spoken)
    paths = [leaf.path.removeprefix("out") for leaf in spoken.outputs]
    if not spoken.out_template:
        result, paths = f"jax.tree.leaves({result})", [f"[{n}]" for n in range(len(paths))]
    lines = [f"result = {result}"]
    for leaf, path in zip(spoken.outputs, paths, strict=True):
        lines.append(f"{_target(leaf, f'out{path}', spoken.names)} = result{path}")
    return lines


def _target(leaf: SpokenLeaf, text: str, names: Sequence[str]) -> str:
    shown = indexed(leaf, names, text)
    return f"{text}[...]" if shown == text else shown


def _call(spoken: Spoken) -> str:
    parts = [_operand(argument, spoken.names) for argument in spoken.arguments]
    return f"{called(spoken)}({', '.join(parts)})"


def _operand(argument: SpokenArgument, names: Sequence[str]) -> str:
    """Returns what one example is handed of an argument: X[i], {'w': params['w'][:, i], 'b': params['b']}."""
    text = _value(argument, names)
    return f"{argument.name}={text}" if argument.keyword else text


def _value(argument: SpokenArgument, names: Sequence[str]) -> str:
    if argument.shared:
        return argument.name
    if argument.template == f"{{{argument.first}}}":
        return indexed(argument.leaves[0], names)
    if argument.uniform:
        one = indexed(argument.leaves[0], names, "leaf")
        one += ' if hasattr(leaf, "shape") else leaf' if argument.static else ""
        return f"jax.tree.map(lambda leaf: {one}, {argument.name})"
    return _filled(argument.template, [indexed(leaf, names) for leaf in argument.leaves], argument.first)


def _short(argument: SpokenArgument, names: Sequence[str]) -> str:
    """Returns the same for a reader, not for Python: params[i] for a tree of arrays."""
    if argument.shared or not argument.uniform:
        text = _value(argument, names)
    else:
        text = indexed(argument.leaves[0], names, argument.name)
    return f"{argument.name}={text}" if argument.keyword else text


def _filled(template: str, texts: Sequence[str], first: int = 0) -> str:
    """Fills the holes of a template, counted from `first`."""
    pieces = re.compile(r"\{\{|\}\}|\{(\d+)\}")

    def piece(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else texts[int(found[1]) - first]

    return pieces.sub(piece, template) if holes(template) else template
