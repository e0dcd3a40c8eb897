"""Random keys: one key for all examples, and a key that is used twice.

    Scope ──▶ shared, reused ──▶ Finding

A draw is an equation that makes random bits of a key. That all examples share it is read from where
JAX's batching put the levels' axes; whether it is meant is not known, so it is "likely" at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Input, Scope, blame
from explainer.analysis.findings.words import counted, joined, listed, shown
from explainer.edits import called
from explainer.report import Equation, Finding, Fix, Level

_DRAWS = ("random_bits", "random_gamma", "threefry2x32", "rng_bit_generator", "rng_uniform")
_CONSUMERS = (*_DRAWS, "random_split")
_MIXED = ("dot_general", "conv_general_dilated")  # random weights or directions, often meant to be shared
_SAME_KEY = ("random_wrap", "random_unwrap", "jit", "pjit", "convert_element_type", "copy")


@dataclass(frozen=True, slots=True)
class _Draw:
    """Random bits, the user's call that asked for them, and the levels whose examples share them."""

    bits: Equation
    call: Equation
    shared: tuple[Level, ...]


def shared(scope: Scope) -> Iterator[Finding]:
    """Finds draws that all examples of a level share, though something of each example meets them."""
    groups: dict[tuple[Any, ...], list[_Draw]] = {}
    for draw in _draws(scope):
        used = [level for level in draw.shared if _used(scope, draw, level)]
        if used:
            names = tuple(each.path for each in _keys(scope, draw.bits))
            group = tuple(level.id for level in used), names
            groups.setdefault(group, []).append(_Draw(draw.bits, draw.call, tuple(used)))
    for draws in groups.values():
        yield _shared(scope, draws)


def _draws(scope: Scope) -> Iterator[_Draw]:
    for equation in scope.report.equations:
        node = scope.node(equation.id) if equation.primitive in _DRAWS else None
        if node is None or node not in scope.graph.known:
            continue
        levels = scope.levels(equation.level)
        sharing = tuple(level for level in levels if node not in scope.graph.mapped[level.id])
        if sharing:
            yield _Draw(equation, scope.outermost(equation), sharing)


def _used(scope: Scope, draw: _Draw, level: Level) -> bool:
    """Tells whether a shared draw meets values that a level maps, or is itself a result of each example."""
    return bool(_meets(scope, draw, level)) or bool(_returned(scope, draw, level))


def _meets(scope: Scope, draw: _Draw, level: Level) -> list[Equation]:
    """Lists the equations in which a draw first meets what a level maps."""
    node = scope.node(draw.bits.id)
    mapped = scope.graph.mapped[level.id]

    def met(node: int) -> bool:
        return node in mapped and scope.equation_of(node) is not None

    reached = scope.ahead([] if node is None else [node], met)
    found = (scope.equation_of(node) for node in reached if node in mapped)
    return [each for each in found if each is not None]


def _returned(scope: Scope, draw: _Draw, level: Level) -> list[str]:
    """Lists the results that are made of the draw alone, and that a level copies for each example."""
    node = scope.node(draw.bits.id)
    mapped = scope.graph.mapped[level.id]
    reached = scope.ahead([] if node is None else [node], lambda node: node in mapped)
    for unit, captured in scope.units():
        if captured is None and level.captured or captured is not None and captured.number != level.id:
            continue
        outputs = scope.outputs(unit)
        if len(outputs) == len(level.outputs):
            return [
                leaf.path
                for node, leaf in zip(outputs, level.outputs, strict=True)
                if node in reached and node not in mapped and leaf.axis is not None
            ]
    return []


def _shared(scope: Scope, draws: list[_Draw]) -> Finding:
    first = draws[0]
    calls = list(dict.fromkeys(scope.expression(draw.call) for draw in draws))
    keys = _keys(scope, first.bits)
    names = [each.path for each in keys]
    elsewhere = len(scope.levels(first.bits.level)) > len(first.shared)  # another level has its own
    calm = elsewhere or (_meant(scope, draws) and not _idle(scope, first.shared[-1]))
    said = _said(scope, first, calls, names)
    fixes = () if calm else tuple(_split(scope, first, keys))
    return Finding(
        kind="shared_key",
        severity="info" if calm else "warning",
        explanation=said,
        blame=blame(names, first.shared, [draw.call.span for draw in draws]),
        confidence="possible" if calm else "likely",
        fixes=fixes,
    )


def _meant(scope: Scope, draws: list[_Draw]) -> bool:
    """Tells draws that examples share on purpose as a rule: random weights, and draws that are averaged over,
    each of them met by one number of an example."""
    places = [(draw, level) for draw in draws for level in draw.shared]
    if any(_returned(scope, draw, level) for draw, level in places):
        return False
    met = [(each, level) for draw, level in places for each in _meets(scope, draw, level)]
    weights = any(each.primitive in _MIXED for each, _ in met)
    return weights or all(_by_one_number(scope, each, level) for each, level in met)


def _by_one_number(scope: Scope, equation: Equation, level: Level) -> bool:
    """Tells whether what a level maps is a single number in an equation, and the shared draw is many."""
    node, mapped = scope.node(equation.id), scope.graph.mapped[level.id]
    size = int(np.prod(equation.outputs[0].shape)) if equation.outputs else 1
    handed = [each for each in scope.before[node or 0] if each in mapped]
    return size > 1 and bool(handed) and all(_size(scope, each) == 1 for each in handed)


def _size(scope: Scope, node: int) -> int:
    """Returns the entries of a value, before it was broadcast."""
    made_by = scope.equation_of(node)
    while made_by is not None and made_by.primitive == "broadcast_in_dim" and scope.before[node]:
        node = scope.before[node][0]
        made_by = scope.equation_of(node)
    return int(np.prod(scope.shape(node)))


def _said(scope: Scope, draw: _Draw, calls: list[str], names: list[str]) -> str:
    sizes = [level.axis_size or 0 for level in draw.shared]
    levels = joined([level.name for level in draw.shared])
    many = counted(int(np.prod(sizes)), "example")
    values = shown(scope.report, draw.call)
    drawn = f": {values} in each of them" if values else ""
    text = f"All {many} of vmap {levels} draw the same random numbers in {listed(calls)}{drawn}"
    idle = _idle(scope, draw.shared[-1])
    if idle:
        instead = f"instead of {names[0]}" if names else "there"
        return (
            f"{text}, though {idle} is mapped: no result depends on it. Use {idle} {instead}, if each "
            "example should have its own."
        )
    split = ", ".join(map(str, sizes))
    count = split if len(sizes) == 1 else f"({split})"
    if not names:
        where = "the key is made inside the function, the same each time"
        cure = f"Make the key outside, jax.random.split(key, {count}), and map its axis 0"
    else:
        where = f"{joined(names)} is not mapped there"
        cure = f"Map jax.random.split({names[0]}, {count}) over axis 0"
    return f"{text}, since {where}. {cure}, if each example should have its own."


def _idle(scope: Scope, level: Level) -> str:
    """Returns a key that a level maps, and that no result depends on; "" where there is none."""
    for unit, captured in scope.units():
        if (captured is None) is level.captured or (captured is not None and captured.number != level.id):
            continue
        used = scope.behind(scope.outputs(unit))
        keys = {leaf.path for leaf in level.inputs if leaf.index is not None and leaf.dtype.startswith("key")}
        number = None if captured is None else captured.number
        own = (each for each in scope.inputs if each.level == number and not each.closed)
        return next((each.path for each in own if each.path in keys and each.node not in used), "")
    return ""


def _keys(scope: Scope, bits: Equation) -> list[Input]:
    """Returns the inputs that the key of a draw is made of."""
    key = _operands(scope, bits)[:1]
    made_of = scope.sources_of(key)
    typed = [each for each in made_of if is_key(scope, each.node)]
    return typed or made_of


def is_key(scope: Scope, node: int) -> bool:
    """Tells a value that is a random key, typed or not."""
    reached = scope.ahead([node], lambda each: scope.equation_of(each) is not None)
    found = (scope.equation_of(each) for each in reached)
    direct = {each.primitive for each in found if each is not None}
    return bool(direct & {"random_wrap", "random_split", "random_fold_in", "random_unwrap", *_DRAWS})


def _operands(scope: Scope, equation: Equation) -> list[int]:
    """Returns the nodes of what an equation is handed, literals left out, in their order."""
    node = scope.node(equation.id)
    return [] if node is None else list(dict.fromkeys(scope.before[node]))


def _split(scope: Scope, draw: _Draw, keys: list[Input]) -> Iterator[Fix]:
    """Tries to split the key that an argument holds, one for each example."""
    if scope.report.request.is_script:
        yield from _split_in_code(scope, draw, keys)
        return
    positions = [each.position for each in keys if each.position is not None]
    if len(positions) != 1 or any(level.captured for level in draw.shared) or scope.late:
        return
    sizes = [level.axis_size or 0 for level in draw.shared]
    position = positions[0]
    path = keys[0].path
    if path != path.split("[")[0].split(".")[0]:
        return
    many = ", ".join(map(str, sizes)) if len(sizes) == 1 else f"({', '.join(map(str, sizes))})"
    edited = rewrites.argument(
        scope.report.request, path, lambda text: f"jax.random.split({text}, {many})", key=tuple(sizes)
    )
    for level in draw.shared:
        edited = rewrites.in_axes(edited, level, {position: 0})
    yield from rewrites.proven(
        scope, edited, f"Split {path}, and map axis 0 of the result", f"argument {path}",
        f"each of the {counted(int(np.prod(sizes)), 'example')} draws numbers of its own",
        lambda report: not any(each.kind == "shared_key" for each in report.findings),
    )  # fmt: skip


def _split_in_code(scope: Scope, draw: _Draw, keys: list[Input]) -> Iterator[Fix]:
    """Tries to split the key of a script's call; one that the function closes over becomes an argument."""
    level, code = draw.shared[0], scope.report.request.code
    if len(keys) != 1 or len(draw.shared) != 1 or level.span is None or level.span.source != "code":
        return
    name, count = keys[0].path, level.axis_size or 0
    if not name.isidentifier():
        return
    handed = [leaf.path for leaf in level.inputs]
    if name not in handed:
        text = called.with_key(code, level.span, level.function, name, count)
        said = f"Hand {name} over as one more argument, split"
    else:
        text = called.keyed(
            code, level.span, handed.index(name), tuple(leaf.axis for leaf in level.inputs), count
        )
        said = f"Split {name}, and map axis 0 of the result"
    proof = f"the script runs, and each of the {counted(count, 'example')} draws numbers of its own"
    yield from rewrites.in_code(scope, text, said, proof, "shared_key")


def reused(scope: Scope) -> Iterator[Finding]:
    """Finds two draws of the user's that consume one and the same key."""
    uses: dict[int, dict[Any, Equation]] = {}
    for equation in scope.report.equations:
        if equation.primitive not in _CONSUMERS or equation.differentiated and equation.backward:
            continue
        call = scope.outermost(equation)
        if call.span is None:
            continue
        for origin in _origins(scope, equation):
            uses.setdefault(origin, {}).setdefault((call.span, call.callers), equation)
    told: set[tuple[str, ...]] = set()
    for calls in uses.values():
        drawn = [each for each in calls.values() if each.primitive != "random_split"]
        spans = {scope.outermost(each).span for each in calls.values()}
        texts = tuple(dict.fromkeys(scope.expression(scope.outermost(each)) for each in calls.values()))
        if len(spans) < 2 or not drawn or texts in told:
            continue
        told.add(texts)
        names = [each.path for each in _keys(scope, drawn[0])]
        one = joined(names) if names else "One key"
        yield Finding(
            kind="reused_key",
            severity="warning",
            explanation=(
                f"{one} is used by {joined(list(texts))}: the random numbers that come of one key are not "
                f"independent of each other, within each example. Make one key for each use: "
                f"k1, k2 = jax.random.split({names[0] if names else 'key'})."
            ),
            blame=blame(names, scope.levels(drawn[0].level), [each.span for each in calls.values()]),
            confidence="likely",
        )


def _origins(scope: Scope, consumer: Equation) -> set[int]:
    """Returns the value that a consumer's key is, found through nothing but other names for it."""
    found: set[int] = set()
    waiting, seen = _operands(scope, consumer)[:1], set[int]()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        made_by = scope.equation_of(node)
        before = scope.before[node]
        if not before or (made_by is not None and made_by.primitive not in _SAME_KEY):
            found.add(node)
        else:
            waiting += before
    return found if len(found) == 1 else set()
