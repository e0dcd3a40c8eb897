"""A Report as readable text: for a terminal, a log or a notebook.

    Report ─▶ to_text ─▶ str

Pure: the same report gives the same text. Each level has a name (i, j, or the user's axis_name) and
every array is written with those names where its batch axes sit: f32[i:3, j:4, 2].
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from explainer.report import (
    ArgumentReport,
    BatchedAval,
    Check,
    Device,
    Equation,
    Leaf,
    Level,
    MappedLeaf,
    Memory,
    Report,
    Timing,
)
from explainer.source import short_dtype
from explainer.views import diagnosis_text, lens, sandwich, why
from explainer.views.array_text import array_text
from explainer.views.level_text import call_text, closed_over, level_text, level_tree
from explainer.views.rewrites import rewrite

_WIDTH = 96  # of sentences that are not the user's


def to_text(report: Report, colour: bool = False) -> str:
    """Returns the report in words and tables, with ANSI colours if asked for."""
    blocks = [_block(title, lines, colour) for title, lines in sections(report)]
    return "\n\n".join(blocks) + "\n"


def sections(report: Report) -> list[tuple[str, list[str]]]:
    """Returns title and lines of everything the report knows; the headline has no title."""
    found = (
        ("", _headline(report)),
        ("Arguments", _arguments(report.arguments)),
        ("Levels, outermost first", _levels(report.levels)),
        ("Equations", _equations(report.equations, report.levels)),
        ("What batching made of them", _rewrites(report.equations, report.levels)),
        ("Layers", sandwich.told(report)),
        ("Outputs", [line for leaf in report.outputs for line in _leaf(leaf)]),
        ("What the outputs are mapped by", why.told(report)),
        ("Check", [*_check(report.check), *lens.told(report)]),
        ("Printed by your code", report.printed.rstrip("\n").split("\n") if report.printed else []),
        ("Time", _timing(report.timing)),
        ("Memory", _memory(report.memory)),
        ("Notes", _notes(report.notes)),
        ("Read aloud", diagnosis_text.read_aloud(report)),
        ("Findings", diagnosis_text.found(report)),
        ("Failed", diagnosis_text.failed(report)),
        ("Fixes that were tried and work", diagnosis_text.fixes(report)),
        ("Wanted", diagnosis_text.wanted(report)),
    )
    return [(title, lines) for title, lines in found if lines]


def aval_text(aval: BatchedAval, names: Sequence[str]) -> str:
    """Returns an array with its batch axes by level name.

    f32[2], batch_dims=(0, 1), batched_shape=(3, 4, 2), names=("i", "j")  ->  f32[i:3, j:4, 2]
    """
    if not aval.tracked:
        return "not tracked"
    labels = {dim: name for dim, name in zip(aval.batch_dims, names, strict=False) if dim is not None}
    sizes = [
        f"{labels[axis]}:{size}" if axis in labels else str(size)
        for axis, size in enumerate(aval.batched_shape)
    ]
    return f"{short_dtype(aval.dtype)}[{', '.join(sizes)}]"


def table(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Returns rows as lines with aligned columns, two spaces between them."""
    rows = [tuple(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _block(title: str, lines: list[str], colour: bool) -> str:
    if not title:
        return "\n".join(lines)
    code = "1;31" if title == "Failed" else "1"
    head = f"\x1b[{code}m{title}\x1b[0m" if colour else title
    return "\n".join([head, *(f"  {line}".rstrip() for line in lines)])


def _headline(report: Report) -> list[str]:
    where = [_device(report.device)] if report.device else []
    if report.environment:
        where.append(f"jax {report.environment.jax}, Python {report.environment.python}")
    if report.isolation.level != "none":
        where.append(f"isolation: {report.isolation.level}")
    return [call_text(report), *([", ".join(where)] if where else [])]


def _device(device: Device) -> str:
    many = device.count > 1
    return f"on {device.platform} ({device.described if many else device.kind})"


def _arguments(arguments: tuple[ArgumentReport, ...]) -> list[str]:
    rows = []
    for argument in arguments:
        if argument.static is not None:
            rows.append((argument.name, "Python value", argument.static))
        rows.extend((leaf.path, _shape(leaf.dtype, leaf.shape), _range(leaf)) for leaf in argument.leaves)
    return table(rows)


def _levels(levels: tuple[Level, ...]) -> list[str]:
    lines = []
    for level, depth in level_tree(levels):
        pad = "  " * depth
        lines.append(f"{pad}{level.name}: {level_text(level)}")
        lines += table(_crossed(level, levels), indent=f"{pad}   ")
        lines += [f"{pad}   {level.note}"] if level.note else []
    return lines


def _crossed(level: Level, levels: Sequence[Level]) -> list[tuple[str, str, str, str]]:
    """Returns the arrays that go into a level and come out, those it closes over included."""
    rows = [("in", *_mapped(leaf, "shared", level)) for leaf in level.inputs]
    rows += [
        ("in", value.path, _shape(value.aval.dtype, value.aval.shape), closed_over(value, levels))
        for value in level.enters
        if value.shared
    ]
    return rows + [("out", *_mapped(leaf, "one copy", level)) for leaf in level.outputs]


def _mapped(leaf: MappedLeaf, unmapped: str, level: Level) -> tuple[str, str, str]:
    axis = unmapped if leaf.axis is None else f"axis {leaf.axis}"
    if leaf.index not in (None, leaf.axis):
        axis += f" (that is {leaf.index})"
    if level.transform == "shard_map" and leaf.index is not None:
        axis += f", in {level.axis_size} pieces"
    return leaf.path, _shape(leaf.dtype, leaf.shape), axis


def _equations(equations: tuple[Equation, ...], levels: tuple[Level, ...]) -> list[str]:
    if not equations:
        return []
    names = [level.name for level in levels]
    rows = [("primitive", "one example", "all examples", "your expression")]
    rows += [row for equation in equations for row in _equation(equation, names)]
    return table(rows)


def _equation(equation: Equation, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    primitive = "  " * equation.depth + equation.primitive
    emitted = list(dict.fromkeys(equation.rewrite))
    if emitted and emitted != [equation.primitive]:
        primitive += f" → {', '.join(emitted)}"
    source = " ".join(equation.source.split())
    rows = [
        (
            primitive if index == 0 else "",
            _shape(aval.dtype, aval.shape),
            aval_text(aval, names),
            source if index == 0 else "",
        )
        for index, aval in enumerate(equation.outputs)
    ]
    return rows or [(primitive, "", "", source)]


def _rewrites(equations: tuple[Equation, ...], levels: tuple[Level, ...]) -> list[str]:
    """Returns why each kind of rewrite matters, once, with the primitives it befell; surprises come first."""
    names = [level.name for level in levels]
    befallen: dict[tuple[str, str, str, bool], dict[str, None]] = {}
    for equation in equations:
        said = rewrite(equation, names)
        if said is not None:
            key = said.title, said.sentence, said.url, said.loud
            befallen.setdefault(key, {})[equation.primitive] = None
    lines = []
    for (title, sentence, url, _), primitives in sorted(befallen.items(), key=lambda item: not item[0][3]):
        lines.append(f"{', '.join(primitives)}: {title}")
        lines += [f"  {line}" for line in textwrap.wrap(sentence, _WIDTH)]
        lines.append(f"  {url}")
    return lines


def _leaf(leaf: Leaf) -> list[str]:
    head = f"{leaf.path}  {_shape(leaf.dtype, leaf.shape)}"
    words = _range(leaf)
    lines = [f"{head}  {words}".rstrip()]
    if leaf.preview is not None:
        lines += [f"  {line}" for line in array_text(leaf)]
    return lines


def _range(leaf: Leaf) -> str:
    words = []
    if leaf.min is not None and leaf.max is not None:
        words.append(f"{leaf.min:.4g} … {leaf.max:.4g}" if leaf.min != leaf.max else f"all {leaf.min:.4g}")
    words += [
        f"{count} {word}" for count, word in ((leaf.nan_count, "nan"), (leaf.inf_count, "inf")) if count
    ]
    return ", ".join(words)


def _check(check: Check | None) -> list[str]:
    if check is None:
        return []
    if check.agrees is None:
        return [f"Not compared with a Python loop: {check.note}"]
    share = f"{check.compared} of {check.examples} examples"
    words = "The same as" if check.agrees else "DIFFERENT from"
    error = "" if check.max_abs_error is None else f", largest difference {check.max_abs_error:.3g}"
    note = [check.note] if check.note else []
    return [f"{words} a plain Python loop over {share}{error}.", *note]


def _timing(timing: Timing | None) -> list[str]:
    if timing is None:
        return []
    stages = (
        ("trace", timing.trace),
        ("lower", timing.lower),
        ("compile", timing.compile),
        ("first call", timing.first_call),
    )
    rows = [(name, seconds_text(seconds)) for name, seconds in stages if seconds is not None]
    if timing.median is not None:
        rows.append(("each call after it", _steady(timing)))
    return table(rows) + ([timing.note] if timing.note else [])


def _steady(timing: Timing) -> str:
    text = "" if timing.median is None else seconds_text(timing.median)
    if timing.q1 is not None and timing.q3 is not None:
        text += f" (half of the runs {seconds_text(timing.q1)} to {seconds_text(timing.q3)}"
        text += f", {timing.runs} runs of {timing.calls_per_run} calls)"
    return text


def seconds_text(seconds: float) -> str:
    """Returns a duration with a fitting unit: 0.00123 -> 1.23 ms."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def bytes_text(count: float) -> str:
    """Returns a number of bytes with a fitting unit: 2048 -> 2 KiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def _memory(memory: Memory | None) -> list[str]:
    if memory is None:
        return []
    sizes = (
        ("arguments", memory.argument_bytes),
        ("outputs", memory.output_bytes),
        ("temporaries", memory.temp_bytes),
        ("bytes moved", memory.bytes_accessed),
    )
    rows = [(word, bytes_text(size)) for word, size in sizes if size is not None]
    if memory.flops is not None:
        rows.append(("operations", f"{memory.flops:,.0f} FLOPs"))
    return table(rows)


def _notes(notes: Iterable[str]) -> list[str]:
    return [part for line in notes for part in line.split("\n")]


def _shape(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{short_dtype(dtype)}[{', '.join(map(str, shape))}]"
