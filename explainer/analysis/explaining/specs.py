"""Specs: in_axes that are no axes at all, or no prefix of the arguments' tree.

Program, level ──▶ unfit_setting, unfit_spec ──▶ Told
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any

import jax

from explainer.analysis import axes
from explainer.analysis.explaining import prefixes
from explainer.analysis.explaining.prefixes import Difference
from explainer.analysis.explaining.scene import Scene, Told, handed_leaves, known, level_title, listed
from explainer.analysis.parsing import ParsedLevel, Program
from explainer.report import Blame, Lane, Mismatch

_MOST = 3  # differences that one explanation tells


def unfit_setting(scene: Scene, k: int) -> Told | None:
    """Explains an out_axes, axis_size or axis_name that is none, whatever the arguments are."""
    program, _ = known(scene)
    level = program.levels[k]
    if any(type(axis) is not int for axis in jax.tree.leaves(level.out_axes)):
        what = f"out_axes={level.text.out_axes} must be an int, None, or a tree of them"
        kind = "out_axes_value"
    elif level.axis_size is not None and type(level.axis_size) is not int:
        given = type(level.axis_size).__name__
        what = f"axis_size={level.text.axis_size} must be a whole number, not {given}"
        kind = "axis_size_value"
    elif not isinstance(level.axis_name, Hashable):
        what = f"axis_name={level.text.axis_name} must be a name, such as {level.name!r}"
        kind = "axis_name_value"
    else:
        return None
    return Told(f"{level_title(program, k)}: {what}.", Blame(levels=(k,)), kind)


def unfit_spec(scene: Scene, k: int) -> Told | None:
    """Explains an in_axes that is no prefix of the arguments' tree, or no spec at all."""
    program, _ = known(scene)
    level = program.levels[k]
    if axes.fits(program, level):
        return None
    takes = tuple(a.name for a in program.arguments if not a.keyword)
    for explain in (_no_spec, _other_length):
        if (found := explain(program, level, takes)) is not None:
            kind, said = found
            named = tuple(a.name for a in program.arguments if a.keyword) if kind == "keyword_entry" else ()
            blame = Blame(named or takes, levels=(k,))
            return Told(f"{level_title(program, k)}: {said}", blame, kind, _lanes(program, k))
    return _unlike_trees(program, k, takes)


def _no_spec(program: Program, level: ParsedLevel, takes: tuple[str, ...]) -> tuple[str, str] | None:
    """Explains an in_axes that is neither an int nor a tuple: a dict, a float, True."""
    given, text = level.in_axes, level.text.in_axes
    if isinstance(given, (tuple, list)) or type(given) is int or given is None:
        return None
    rule = "It must be an int, None, or a tuple with one entry per positional argument"
    if isinstance(given, (bool, float, str)):
        return "in_axes_value", f"in_axes={text} is no axis. {rule}: write 0, 1, ... or None."
    said = f"in_axes={text} does not fit the arguments ({', '.join(takes) or 'none'}). {rule}"
    if len(takes) == 1:
        return "spec_not_wrapped", f"{said}: wrap the tree of {takes[0]} in a tuple, in_axes=({text},)."
    return "spec_not_wrapped", f"{said}: ({', '.join(f'<axes of {name}>' for name in takes)})."


def _other_length(program: Program, level: ParsedLevel, takes: tuple[str, ...]) -> tuple[str, str] | None:
    """Explains an in_axes with another number of entries than there are positional arguments."""
    given = level.in_axes
    if not isinstance(given, (tuple, list)) or len(given) == len(takes):
        return None
    named = [argument.name for argument in program.arguments if argument.keyword]
    count = f"{len(given)} {'entry' if len(given) == 1 else 'entries'}"
    passed = f"{len(takes)} positional argument{'' if len(takes) == 1 else 's'}"
    said = (
        f"in_axes={level.text.in_axes} does not fit the arguments ({', '.join(takes) or 'none'}). It has "
        f"{count}, "
        f"but {passed} {'is' if len(takes) == 1 else 'are'} passed: one entry for each, an int to map or "
        "None "
        "to share"
    )
    if named:
        what = "a keyword argument has" if len(named) == 1 else "keyword arguments have"
        said += (
            f". {listed(named)} {'is' if len(named) == 1 else 'are'} passed by name, and {what} no entry: "
            "jax.vmap "
            "maps each over axis 0. Pass by position what needs another axis or None, or bind it with partial"
        )
        return "keyword_entry", f"{said}."
    if len(takes) < len(given) and (left := _left_out(program, takes)):
        what = "is" if len(left) == 1 else "are"
        return "spec_length", (
            f"{said}. But {program.name} needs {listed(left)}, too, which {what} not passed: pass "
            f"{'it' if len(left) == 1 else 'them'} in the call."
        )
    if len(takes) < len(given):
        defaults = _not_passed(program, takes)
        left = f" ({listed(defaults)} is not passed, so its default needs no entry)" if defaults else ""
        return "spec_length", f"{said}. Drop {len(given) - len(takes)}{left}."
    missing = takes[len(given) :]
    return "spec_length", f"{said}. Add one for {listed(missing)}."


def _left_out(program: Program, takes: tuple[str, ...]) -> list[str]:
    """Lists the parameters that the function cannot be called without, and that are not passed."""
    try:
        parameters = list(inspect.signature(program.function).parameters.values())
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.default is inspect.Parameter.empty and one.kind in kinds]
    named = {argument.name for argument in program.arguments if argument.keyword}
    return [one.name for one in needed[len(takes) :] if one.name not in named]


def _not_passed(program: Program, takes: tuple[str, ...]) -> list[str]:
    """Lists the parameters of the function that are left to their defaults."""
    try:
        parameters = list(inspect.signature(program.function).parameters.values())
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters[len(takes) :] if one.default is not inspect.Parameter.empty]


def _unlike_trees(program: Program, k: int, takes: tuple[str, ...]) -> Told:
    """Explains entries that are no prefix of their arguments: a list for a tuple, a key missed."""
    level = program.levels[k]
    found = _differences(program, level.in_axes)
    rule = (
        "Each entry must be an int, None, or a tree of the same containers, keys and lengths as its argument"
    )
    said = "; ".join(f"{one.said}{_cure(one, level.in_axes)}" for one in found[:_MOST])
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    both = _both_axes(program, level, found)
    kind = "both_axes" if both else _KINDS[found[0].sort] if found else "spec_structure"
    arguments = tuple(dict.fromkeys(_argument(program, one) for one in found)) or takes
    return Told(
        f"{level_title(program, k)}: in_axes={level.text.in_axes} does not fit the arguments. "
        f"{said}{more}. {both or rule + ': one int covers all that is below it.'}",
        Blame(arguments, tuple(one.path for one in found), (k,)),
        kind,
        _lanes(program, k, {n: one for one in found for n in range(one.first, one.first + one.count)}),
    )


_KINDS = {
    "metadata": "static_metadata",
    "keys": "spec_keys",
    "container": "spec_container",
    "length": "spec_structure",
    "leaf": "spec_structure",
}


def _differences(program: Program, in_axes: Any) -> list[Difference]:
    """Lists where the entries of in_axes are no prefixes of the positional arguments."""
    found: list[Difference] = []
    first = 0
    names = (argument.name for argument in program.arguments if not argument.keyword)
    positional = program.tree.children()[0]
    for name, entry, tree in zip(names, in_axes, positional.children(), strict=True):
        found += [_later(one, first) for one in prefixes.differences(entry, tree, name)]
        first += tree.num_leaves
    return found


def _later(one: Difference, first: int) -> Difference:
    return Difference(one.path, one.sort, one.said, one.first + first, one.count)


def _argument(program: Program, one: Difference) -> str:
    """Returns the argument that a difference is in."""
    if one.first < len(program.operands) and one.count:
        return program.operands[one.first].argument
    return next((a.name for a in program.arguments if one.path.startswith(a.name)), one.path)


def _cure(one: Difference, in_axes: Any) -> str:
    if one.sort == "keys":
        return ": give every key an axis, or None"
    if one.sort == "container":
        return ": write the same container"
    if one.sort == "metadata":
        return ": write one int for the whole of it"
    return ""


def _both_axes(program: Program, level: ParsedLevel, found: list[Difference]) -> str:
    """Says how to map two axes of one array, where an entry reads like that: in_axes=((0, 1),)."""
    one = next((one for one in found if one.sort == "leaf"), None)
    if one is None or one.first >= len(program.operands):
        return ""
    operand = program.operands[one.first]
    entry = level.in_axes[[a.name for a in program.arguments].index(operand.argument)]
    pair = isinstance(entry, (tuple, list)) and all(type(axis) is int for axis in entry)
    if not pair or not operand.is_array or len(operand.aval.shape) < len(entry):
        return ""
    return (
        f"One vmap maps one axis of an array. To map {len(entry)} axes of {operand.path}, nest "
        f"{len(entry)} levels, one axis each; an inner level counts axes without those mapped outside of it."
    )


def _lanes(program: Program, k: int, marked: dict[int, Difference] | None = None) -> Mismatch:
    """Returns all array leaves; those at a difference say so."""
    notes = dict.fromkeys(marked or (), "its entry does not fit")
    return Mismatch(
        tuple(_lane(leaf, notes.get(n, "")) for n, leaf in handed_leaves(program, k).items()), level=k
    )


def _lane(leaf: Any, note: str) -> Lane:
    return leaf.lane(None, (), note)
