"""Reading aloud: a nest of levels as plain loops, as a call of jnp.vectorize, in named axes.

    Spoken: the call, who maps what ──▶ formula, loops, vectorize, named ──▶ Reading, Wanted

Pure text. The loops are Python that runs with NumPy's arrays; analysis/readings runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explainer.axes import holes

Axes = tuple[int | None, ...]

_CORE = "defghabcpqrstuvwxyzklmnoij"  # letters of a function's own axes, after what is usual


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
    lines.append(f"{variable(spoken, 'out')} = {_outputs(spoken)}")
    for depth, (name, size) in enumerate(zip(spoken.names, spoken.sizes, strict=True)):
        lines.append(f"{'    ' * depth}for {name} in range({size}):  # vmap {name}")
    lines += ["    " * len(spoken.names) + line for line in _body(spoken)]
    return "\n".join(lines)


def definition(spoken: Spoken) -> str:
    """Returns the line that names a function given as an expression: f = jax.grad(loss); "" for a name."""
    return "" if _is_name(spoken.function) else f"{variable(spoken, 'f')} = {spoken.function}"


def called(spoken: Spoken) -> str:
    """Returns the name that the function is called by."""
    return spoken.function if _is_name(spoken.function) else variable(spoken, "f")


def variable(spoken: Spoken, name: str) -> str:
    """Returns a name for a variable of the loops that the user's names leave free: out, or out_."""
    taken = {argument.name for argument in spoken.arguments} | {spoken.function, *spoken.names}
    while name in taken:
        name += "_"
    return name


def named(spoken: Spoken) -> str:
    """Returns the nest in named axes, what the function takes whole in brackets: i [2], j [2] -> i j."""
    per_argument = all(len(a.leaves) == 1 or a.shared for a in spoken.arguments)
    entries = [
        "..." if per_argument and len(argument.leaves) != 1 else _axes(leaf, spoken.names)
        for argument in spoken.arguments
        for leaf in argument.leaves[: 1 if per_argument else None] or (SpokenLeaf("", (), ()),)
        if per_argument or argument.leaves
    ]
    outputs = [_axes(leaf, spoken.names) for leaf in spoken.outputs]
    return f"{', '.join(entries)} -> {', '.join(outputs)}"


def _axes(leaf: SpokenLeaf, names: Sequence[str]) -> str:
    by_axis = {axis: names[level] for level, axis in enumerate(leaf.axes) if axis is not None}
    entry = " ".join(by_axis.get(axis, f"[{size}]") for axis, size in enumerate(leaf.shape))
    return entry.replace("] [", " ") or "[]"


def einsum(spoken: Spoken, factors: Sequence[tuple[int, Sequence[int]]], out: Sequence[int]) -> str:
    """Returns the nest as one einsum: jnp.einsum("id,jd->ij", X, Y).

    `factors` are numbers of leaves with a label per axis of one example, `out` the labels of its output;
    "" where there are too few letters.
    """
    leaves = {a.first + n: leaf for a in spoken.arguments for n, leaf in enumerate(a.leaves)}
    letters = _letters(spoken, [label for _, labels in factors for label in labels])
    if letters is None:
        return ""
    by_label, by_level = letters
    texts = []
    for number, labels in factors:
        own = iter([by_label[label] for label in labels])
        texts.append(_subscripts(leaves[number], own, by_level))
    result = _subscripts(spoken.outputs[0], iter([by_label[label] for label in out]), by_level)
    operands = ", ".join(leaves[number].path for number, _ in factors)
    return f'jnp.einsum("{",".join(texts)}->{result}", {operands})'


def _subscripts(leaf: SpokenLeaf, own: Iterator[str], by_level: Sequence[str]) -> str:
    at = {axis: by_level[level] for level, axis in enumerate(leaf.axes) if axis is not None}
    return "".join(at[axis] if axis in at else next(own) for axis in range(len(leaf.shape)))


def _letters(spoken: Spoken, labels: Sequence[int]) -> tuple[dict[int, str], list[str]] | None:
    """Returns a letter for each label and each level; None where there are too few."""
    free = [letter for letter in "ijklmnopqrstuvwxyzdefghabc" if letter not in spoken.names]
    by_level = [
        name if len(name) == 1 and name.isascii() and name.isalpha() else free.pop(0) for name in spoken.names
    ]
    own = [letter for letter in _CORE if letter not in by_level]
    distinct = list(dict.fromkeys(labels))
    return None if len(distinct) > len(own) else (dict(zip(distinct, own, strict=False)), by_level)


def vectorize(spoken: Spoken, own: Sequence[Sequence[int]] = (), out: Sequence[int] | None = None) -> str:
    """Returns the nest as a call of jnp.vectorize, "" where it is none.

    jnp.vectorize(dist, signature="(d),(d)->()")(X[:, None], Y)

    `own[n]` are labels of the axes of one example of leaf n, `out` those of its output; without them, axes
    of one size share a letter.
    """
    flat = spoken.out_template in ("{0}", _tuple_template(len(spoken.outputs)))
    leading = all(leaf.axes == tuple(range(len(leaf.axes))) for leaf in spoken.outputs)
    if not flat or not leading or any(argument.keyword for argument in spoken.arguments):
        return ""
    used = {level for a in spoken.arguments for leaf in a.leaves for level in _mapped(leaf)}
    if len(used) < len(spoken.names):
        return ""
    operands, entries, excluded = [], [], []
    sizes: dict[tuple[int, int], str] = {}
    for number, argument in enumerate(spoken.arguments):
        plain = argument.template == f"{{{argument.first}}}" and not argument.static
        if not plain and not argument.shared:
            return ""
        if plain:
            leaf = argument.leaves[0]
            entries.append(_core(leaf.core, own[argument.first] if own else None, sizes))
            operands.append(_aligned(leaf))
        else:
            excluded.append(str(number))
            operands.append(argument.name)
    results = ",".join(_core(leaf.core, out, sizes) for leaf in spoken.outputs)
    if "" in operands or any("?" in entry for entry in (*entries, results)):
        return ""
    aside = f", excluded={{{', '.join(excluded)}}}" if excluded else ""
    signature = f"{','.join(entries)}->{results}"
    return f'jnp.vectorize({spoken.function}, signature="{signature}"{aside})({", ".join(operands)})'


def _tuple_template(count: int) -> str:
    inside = ", ".join(f"{{{n}}}" for n in range(count))
    return f"({inside}{',' if count == 1 else ''})"


def _mapped(leaf: SpokenLeaf) -> list[int]:
    return [level for level, axis in enumerate(leaf.axes) if axis is not None]


def _core(shape: tuple[int, ...], labels: Sequence[int] | None, letters: dict[tuple[int, int], str]) -> str:
    """Returns an entry of a signature, (d,e); the letters that are given away are noted in `letters`."""
    seen: dict[int, int] = {}
    names = []
    for axis, size in enumerate(shape):
        again = seen.get(size, 0)  # two axes of one size in one array have two letters
        seen[size] = again + 1
        key = (-1, labels[axis]) if labels is not None else (size, again)
        names.append(letters.setdefault(key, _CORE[len(letters)] if len(letters) < len(_CORE) else "?"))
    return f"({','.join(names)})"


def _aligned(leaf: SpokenLeaf) -> str:
    """Returns an array with its mapped axes in front, in the order of the levels, so that they broadcast."""
    levels = _mapped(leaf)
    if not levels:
        return leaf.path
    axes = [leaf.axes[level] for level in levels]
    text = leaf.path
    if axes != list(range(len(axes))):
        if len(axes) > 1:
            return ""
        text = f"jnp.moveaxis({text}, {axes[0]}, 0)"
    index = [":" if level in levels else "None" for level in range(levels[0], len(leaf.axes))]
    while index and index[-1] == ":":
        index.pop()
    return f"{text}[{', '.join(index)}]" if index else text


def _is_name(function: str) -> bool:
    return re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", function.strip()) is not None


def _outputs(spoken: Spoken) -> str:
    """Returns the arrays that the loops fill, before they are filled."""
    empty = [f"np.zeros({_tuple(leaf.shape)}, {_dtype(leaf.dtype)})" for leaf in spoken.outputs]
    return _filled(spoken.out_template, empty) if spoken.out_template else f"[{', '.join(empty)}]"


def _dtype(name: str) -> str:
    """Returns a dtype of NumPy's that holds these values: bfloat16 and the like are JAX's alone."""
    own = re.fullmatch(r"bool|(u?int|float|complex)(8|16|32|64|128)", name)
    return repr(name if own else "int8" if "int" in name else "float32")


def _tuple(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _body(spoken: Spoken) -> list[str]:
    """Returns the lines of the innermost loop."""
    if len(spoken.outputs) == 1 and spoken.out_template == "{0}":
        return [f"{_target(spoken.outputs[0], variable(spoken, 'out'), spoken.names)} = {_call(spoken)}"]
    out, one, result = variable(spoken, "out"), variable(spoken, "result"), _call(spoken)
    paths = [leaf.path.removeprefix("out") for leaf in spoken.outputs]
    if not spoken.out_template:
        result, paths = f"jax.tree.leaves({result})", [f"[{n}]" for n in range(len(paths))]
    lines = [f"{one} = {result}"]
    for leaf, path in zip(spoken.outputs, paths, strict=True):
        lines.append(f"{_target(leaf, f'{out}{path}', spoken.names)} = {one}{path}")
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
