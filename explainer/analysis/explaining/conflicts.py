"""Conflicts inside the function: shapes that an expression cannot bring together, traced to the axes.

    Site ──▶ calls.py: operands, rule ──▶ in_function ──▶ Told

Each operand is named by the user's expression and followed to the mapped inputs that made its shape so;
where another axis of one, or none, would fit, that is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from explainer.analysis import axes
from explainer.analysis.explaining import mistakes
from explainer.analysis.explaining.fitting import Clash, Rule
from explainer.analysis.explaining.operands import Operand, Site, check, site
from explainer.analysis.explaining.operations import Operation, operation
from explainer.analysis.explaining.scene import Handed, Scene, Told, handed_leaves, listed, type_name
from explainer.analysis.parsing import Program
from explainer.report import Blame, Lane, Mismatch

_ERRORS = (TypeError, ValueError, IndexError, AssertionError, ZeroDivisionError)
_HINTED = ("matmul", "dot", "inner", "broadcast", "einsum", "concatenate", "stack", "reshape")
_LONGEST = 600  # characters of JAX's own words
_MOST = 4  # operands that one explanation follows


def in_function(scene: Scene) -> Told | None:
    """Explains an error that JAX raised about the shapes in an expression of the mapped function."""
    nest = scene.nest
    if scene.program is None or nest is None or not nest.entered or nest.returned:
        return None
    if not isinstance(scene.error, _ERRORS):
        return None
    here = site(scene)
    if here is None or (isinstance(scene.error, AssertionError) and _asserts(here)):
        return None
    found = operation(here)
    if found is None or not found.operands:
        return None
    clash = None if found.rule is None else found.rule([one.shape for one in found.operands])
    if clash is None and found.strict:
        return None
    return _told(here, found, clash)


def _asserts(here: Site) -> bool:
    return any(isinstance(parent, ast.Assert) for parent in here.parents)


def _told(here: Site, found: Operation, clash: Clash | None) -> Told:
    program = here.scene.program
    names = [f"`{one.text}`" for one in found.operands]
    why = found.said or _in_jax_words(here, found)
    said = clash.said.format(*names) if clash is not None else why
    origins = list(dict.fromkeys(_origin(program, one) for one in found.operands[:_MOST]))
    hints = (
        []
        if clash is None or found.rule is None or found.kind not in _HINTED
        else _hints(here, found, found.rule)
    )
    cures = [*hints, found.cure] if found.cure and (clash is not None or found.rule is None) else hints
    leaves = tuple({leaf.path: leaf for one in found.operands for leaf in one.leaves}.values())
    return Told(
        " ".join([f"`{_shown(here)}`: {said}.", *filter(None, origins), *cures]),
        Blame(
            tuple(dict.fromkeys(leaf.operand.argument for leaf in leaves)),
            tuple(leaf.path for leaf in leaves),
            tuple(sorted({level for leaf in leaves for level in leaf.taken if level is not None})),
            (here.span,),
        ),
        found.kind if clash is not None or found.rule is None else "inside",
        Mismatch(tuple(_lanes(found.operands, clash))),
    )


def _in_jax_words(here: Site, found: Operation) -> str:
    """Returns what JAX says; of loops and branches all of it, since it alone knows their bodies' types."""
    if found.kind not in ("carry_type", "branch_type"):
        return mistakes.headline(here.scene.error).rstrip(".")
    said = " ".join(mistakes.said_by(here.scene.error).split())
    return (said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…").rstrip(".")


def own_check(scene: Scene) -> Told | None:
    """Explains an assert or a raise of the user's own about shapes: by the shapes that it looked at."""
    nest, program = scene.nest, scene.program
    if program is None or nest is None or not nest.entered or nest.returned:
        return None
    here = check(scene)
    if here is None:
        return None
    operands = {one.text: one for node in ast.walk(here.node) if (one := _array(here, node)) is not None}
    origins = [_origin(program, one) for one in operands.values()][:_MOST]
    if not any(origins):
        return None
    leaves = tuple({leaf.path: leaf for one in operands.values() for leaf in one.leaves}.values())
    words = mistakes.headline(scene.error).rstrip(".")
    if any(isinstance(one, ast.Assert) for one in here.parents):
        said = f"`{here.text}` does not hold: {words}" if str(scene.error) else f"`{here.text}` does not hold"
    else:
        said = f"since `{here.text}`: {words}"
    return Told(
        f"{program.name} raised {type(scene.error).__name__}, {said}. {' '.join(filter(None, origins))} "
        "Inside the function there is no batch axis: it sees one example.",
        Blame(
            tuple(dict.fromkeys(leaf.operand.argument for leaf in leaves)),
            tuple(leaf.path for leaf in leaves),
            tuple(sorted({level for leaf in leaves for level in leaf.taken if level is not None})),
            (here.span,),
        ),
        "own_check",
        Mismatch(tuple(_lanes(tuple(operands.values()), None))),
    )


def _array(here: Site, node: ast.AST) -> Operand | None:
    one = here.operand(node) if isinstance(node, (ast.Name, ast.Subscript)) else None
    return one if one is not None and (one.leaves or one.traced) else None


def _shown(here: Site) -> str:
    """Returns the failing text; of what is only the target of an assignment, all of it."""
    stored = isinstance(getattr(here.node, "ctx", None), ast.Store)
    return here.text_of(here.parents[0]) if stored and here.parents else here.text


def _lanes(operands: Sequence[Operand], clash: Clash | None) -> Iterator[Lane]:
    """Returns the operands as lanes; one that is an input as it is keeps its full shape."""
    for n, one in enumerate(operands):
        bad = clash.axes[n] if clash is not None and n < len(clash.axes) else ()
        full, taken = (one.leaves[0].full, one.leaves[0].taken) if one.whole else ((), ())
        yield Lane(one.text, one.dtype, one.shape, None, bad, full, taken, one.span)


def _origin(program: Program | None, one: Operand) -> str:
    """Says which inputs, mapped how, gave an operand its shape."""
    if program is None:
        return ""
    if one.whole and one.leaves:
        leaf = one.leaves[0]
        same = "" if one.text == leaf.path else f"{leaf.path} "
        if all(level is None for level in leaf.taken):
            return f"`{one.text}` is {same}{one.type}, whole in every example (None)."
        return f"`{one.text}` is {one.type} here because {_takes(program, leaf)}."
    if one.leaves:
        made = listed([_brief(program, leaf) for leaf in one.leaves[:3]])
        more = f" and {len(one.leaves) - 3} more" if len(one.leaves) > 3 else ""
        return f"`{one.text}` is {one.type} here, computed from {made}{more}."
    if one.roots:
        root = one.roots[0]
        where = f" in {root.function}" if root.function else ""
        by = f", which {root.traced_for} traces" if root.traced_for else ""
        return f"`{one.text}` is {one.type}{where}{by}."
    return f"`{one.text}` is {one.type}, the same for every example." if one.shape else ""


def _takes(program: Program, leaf: Handed) -> str:
    """Says which level takes which axis: "vmap over i takes axis 0 of X f32[5,3]"."""
    steps = [
        f"vmap over {program.levels[level].name} takes axis {axis} (size {leaf.full[axis]})"
        for axis, level in sorted(enumerate(leaf.taken), key=lambda pair: -1 if pair[1] is None else pair[1])
        if level is not None
    ]
    return f"{listed(steps)} of {leaf.path} {leaf.full_type}"


def _brief(program: Program, leaf: Handed) -> str:
    if all(level is None for level in leaf.taken):
        return f"{leaf.path} {leaf.full_type} (shared)"
    return f"{leaf.path} {leaf.type} ({_takes(program, leaf)})"


@dataclass(frozen=True, slots=True)
class _Choice:
    """Another axis for one leaf at one level, None to share it, and the shape this leaves."""

    leaf: Handed
    level: int
    axis: int | None  # of the full array
    shape: tuple[int, ...]


def _hints(here: Site, found: Operation, rule: Rule) -> list[str]:
    """Lists one or two other axes of operands that are inputs as they are, with which the rule is kept."""
    program, operands = here.scene.program, found.operands
    if program is None:
        return []
    said = []
    for n, one in enumerate(operands):
        if not one.whole or not one.leaves:
            continue
        for choice in _choices(program, one.leaves[0]):
            shapes = [choice.shape if m == n else other.shape for m, other in enumerate(operands)]
            joined = choice.axis is None and found.kind in ("concatenate", "stack")
            if rule(shapes) is None and choice.shape != one.shape and not joined:
                said.append(_hint(program, choice))
                break
    return said[:2]


def _hint(program: Program, choice: _Choice) -> str:
    leaf, name = choice.leaf, program.levels[choice.level].name
    left = f"leaves {type_name(leaf.dtype, choice.shape)} here, which fits."
    if choice.axis is None:
        return f"Sharing {leaf.path} (None at vmap over {name}) {left}"
    other = "instead " if choice.level in leaf.taken else ""
    at = f" at vmap over {name}" if len(program.levels) > 1 else ""
    return f"Mapping axis {choice.axis} of {leaf.path} {other}{at.strip()}{' ' if at else ''}{left}"


def _choices(program: Program, leaf: Handed) -> Iterator[_Choice]:
    """Lists the other axes of a leaf that have as many examples as the level has, and None."""
    for level in range(len(program.levels)):
        own = leaf.taken.index(level) if level in leaf.taken else None
        size, alone = _size(program, leaf, level)
        for axis, taken in enumerate(leaf.taken):
            if taken is None and (alone or leaf.full[axis] == size):
                gone = {n for n, by in enumerate(leaf.taken) if by is not None and n != own} | {axis}
                yield _Choice(leaf, level, axis, _left(leaf.full, gone))
        if own is not None and not alone:
            gone = {n for n, by in enumerate(leaf.taken) if by is not None and n != own}
            yield _Choice(leaf, level, None, _left(leaf.full, gone))


def _left(full: Sequence[int], gone: set[int]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(full) if axis not in gone)


def _size(program: Program, leaf: Handed, level: int) -> tuple[int | None, bool]:
    """Returns how many examples a level has, and whether only this leaf says so."""
    flat = axes.leaf_axes(program, program.levels[level])
    others = [
        operand
        for operand, axis in zip(program.operands, flat, strict=True)
        if axis is not None and operand.path != leaf.path
    ]
    own = leaf.taken.index(level) if level in leaf.taken else None
    given = program.levels[level].axis_size
    alone = not others and given is None
    if own is not None:
        return leaf.full[own], alone
    return (given if isinstance(given, int) else _size_of_others(program, level)), False


def _size_of_others(program: Program, level: int) -> int | None:
    here = handed_leaves(program, level)
    flat = axes.leaf_axes(program, program.levels[level])
    sizes = (here[n].shape[axis] for n, axis in enumerate(flat) if axis is not None and n in here)
    return next(sizes, None)
