"""Misfits: why a level's in_axes do not fit what it is handed, leaf by leaf.

    Program, Nest as far as its trace got ──▶ in_axes ──▶ Told: explanation, blame, kind, mismatch

Told from the specs and the shapes at that level, in the user's names. JAX's own message stands
beside it in the Failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from explainer.analysis import axes
from explainer.analysis.explaining import bundles, specs
from explainer.analysis.explaining.outcomes import out_axes as out_axes
from explainer.analysis.explaining.scene import (
    Handed,
    capped,
    handed_leaves,
    inside,
    known,
    level_title,
    listed,
    of_operands,
)
from explainer.analysis.explaining.scene import Scene as Scene
from explainer.analysis.explaining.scene import Told as Told
from explainer.analysis.explaining.scene import handed as handed
from explainer.analysis.explaining.scene import shape as shape
from explainer.analysis.parsing import Operand, Program
from explainer.report import Blame, Lane, Mismatch


def in_axes(scene: Scene) -> Told | None:
    """Explains why a level could not take its axes, from the leaves it was handed."""
    nest, program = scene.nest, scene.program
    if nest is None or program is None or not 0 < len(nest.avals) <= len(program.levels):
        return None
    k = len(nest.avals) - 1
    explainers: tuple[Callable[[Scene, int], Told | None], ...] = (
        specs.unfit_setting,
        specs.unfit_spec,
        _no_such_axis,
        _unequal_sizes,
        _nothing_mapped,
    )
    return next((told for explain in explainers if (told := explain(scene, k)) is not None), None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A leaf and the axis that a level's in_axes gives it; `here` is None for what is no array."""

    operand: Operand
    here: Handed | None
    axis: Any

    @property
    def mapped(self) -> int | None:
        """The axis, where it is one."""
        fits = self.here is not None and type(self.axis) is int and self.here.has(self.axis)
        return self.axis if fits else None

    @property
    def size(self) -> int | None:
        """How many examples this leaf brings."""
        return None if self.here is None or self.mapped is None else self.here.shape[self.mapped]


def _leaves(scene: Scene, k: int) -> list[_Asked]:
    program, _ = known(scene)
    here = handed_leaves(program, k)
    flat = axes.leaf_axes(program, program.levels[k])
    pairs = zip(program.operands, flat, strict=True)
    return [_Asked(operand, here.get(n), axis) for n, (operand, axis) in enumerate(pairs)]


def _no_such_axis(scene: Scene, k: int) -> Told | None:
    """Explains leaves that do not have the axis they are to be mapped over."""
    program, _ = known(scene)
    leaves = _leaves(scene, k)
    wrong = [leaf for leaf in leaves if leaf.axis is not None and leaf.mapped is None]
    if not wrong:
        return None
    kinds, lines = zip(*(_missing(program, leaf, leaves, k) for leaf in wrong), strict=True)
    bundle = _bundle(program, leaves, wrong)
    if bundle is not None:
        kinds, lines = ("list_of_items",), (bundle,)
    said = f"{level_title(program, k)}: {inside(program, k)}{capped(list(dict.fromkeys(lines)), joint=' ')}"
    notes = {id(leaf): _note(leaf) for leaf in wrong}
    said += _default_inside(program, k, wrong)
    return Told(said, of_operands([leaf.operand for leaf in wrong], k), kinds[0], _mismatch(leaves, k, notes))


def _missing(program: Program, leaf: _Asked, leaves: list[_Asked], k: int) -> tuple[str, str]:
    """Returns the kind and the sentence of one leaf without its axis."""
    operand, here, axis = leaf.operand, leaf.here, leaf.axis
    if here is None:
        return bundles.static_mapped(program, operand)
    if type(axis) is not int:
        what = "True and False are no axes" if isinstance(axis, bool) else "it must be a whole number"
        return "bool_axis" if isinstance(axis, bool) else "in_axes_value", (
            f"{operand.path}: {axis!r} is not an axis ({what}); write 0, 1, ... or None."
        )
    if here.shape == ():
        return _scalar(program, leaf, leaves, k)
    said = f"{operand.path} is {here.type} here, so it has no axis {axis}: write {_legal(here)}."
    return "no_such_axis", said + _where_it_is(program, here, axis)


def _legal(here: Handed) -> str:
    ndim = len(here.shape)
    if ndim == 1:
        return "0, -1, or None to share it"
    return f"0 to {ndim - 1}, {-ndim} to -1, or None to share it"


def _where_it_is(program: Program, here: Handed, axis: int) -> str:
    """Says which axis here is the one that the number names in the whole array."""
    if here.type == here.full_type:
        return ""
    gone = ", ".join(
        f"{program.levels[level].name} takes axis {n}"
        for n, level in enumerate(here.taken)
        if level is not None
    )
    said = f" {here.path} is {here.full_type} in full ({gone})"
    whole = axis % len(here.full) if -len(here.full) <= axis < len(here.full) else None
    if whole is None:
        return f"{said}."
    if whole in here.left:
        return f"{said}; axis {axis} of that is axis {here.left.index(whole)} here."
    return f"{said}."


def _scalar(program: Program, leaf: _Asked, leaves: list[_Asked], k: int) -> tuple[str, str]:
    """Says why a scalar cannot be mapped: it is one, a level outside took its axes, or it is one key."""
    here = leaf.here
    if here is None:
        raise TypeError("a scalar here is an array leaf")
    path = here.path
    if here.full != ():
        return "no_such_axis", (
            f"{path} is a scalar here, {here.type}, so it has no axis {leaf.axis}: it can only be shared, "
            "None." + _where_it_is(program, here, leaf.axis)
        )
    count = next((other.size for other in leaves if other.size is not None), None)
    if here.dtype.startswith("key"):
        n = "n" if count is None else str(count)
        return "key_not_split", (
            f"{path} is one random key, {here.type}, so it has no axis to map. Give every example a key of "
            "its "
            f"own, jax.random.split({path}, {n}); None would give all of them the same numbers."
        )
    return "scalar_mapped", (
        f"{path} is a scalar, {here.type}, so it has no axis {leaf.axis}: it can only be shared, None in "
        "in_axes."
    )


def _default_inside(program: Program, k: int, wrong: list[_Asked]) -> str:
    """Says that an inner level has in_axes of its own, where one number stands for all of its arguments."""
    if k == 0 or program.levels[k].in_axes != 0 or isinstance(program.levels[k - 1].in_axes, int):
        return ""
    outer, own = program.levels[k - 1], program.levels[k]
    return (
        f" The in_axes={outer.text.in_axes} of vmap over {outer.name} count for that level only; vmap over "
        f"{own.name} inside has in_axes=0 (the default), for every argument. Give it in_axes of its own."
    )


def _note(leaf: _Asked) -> str:
    if leaf.here is not None and leaf.here.shape == ():
        return "a scalar"
    return f"has no axis {leaf.axis}"


def _mismatch(
    leaves: list[_Asked],
    k: int,
    notes: dict[int, str],
    odd: frozenset[int] = frozenset(),
    given: int | None = None,
) -> Mismatch:
    """Returns arrays and what is noted as lanes; `notes` and `odd` go by the id of a leaf."""
    lanes: list[Lane] = []
    for leaf in leaves:
        if leaf.here is not None:
            bad = [leaf.mapped % len(leaf.here.shape)] if leaf.mapped is not None and id(leaf) in odd else []
            lanes.append(leaf.here.lane(leaf.mapped, bad, notes.get(id(leaf), "")))
        elif id(leaf) in notes:
            value = str(leaf.operand.value)
            lanes.append(Lane(leaf.operand.path, "", (), note=f"no array: {value[:40]}"))
    if given is not None:
        lanes.append(Lane("axis_size", "", (given,), 0))
    return Mismatch(tuple(lanes), level=k)


def _unequal_sizes(scene: Scene, k: int) -> Told | None:
    """Explains mapped axes of more than one size; those fewer in number are the odd ones."""
    program, _ = known(scene)
    leaves = _leaves(scene, k)
    groups: dict[int, list[_Asked]] = {}
    for leaf in leaves:
        if leaf.size is not None:
            groups.setdefault(leaf.size, []).append(leaf)
    given = program.levels[k].axis_size
    given = given if isinstance(given, int) else None
    if len(groups.keys() | ({given} - {None})) < 2:
        return None
    common = given if given is not None else _majority(groups)
    odd = [leaf for size, group in groups.items() if size != common for leaf in group]
    mapped = [leaf for group in groups.values() for leaf in group]
    bundle = _bundle(program, leaves, mapped)
    kind = "list_of_items" if bundle else "unequal_sizes"
    cure = bundle or _cure(groups, odd, common) + _by_keyword(program, odd)
    where = inside(program, k) or "here "
    said = (
        f"{level_title(program, k)}: one call takes one index of every mapped axis, so all must have one "
        "size. "
        f"{where[0].upper()}{where[1:]}{_grouped(groups, given)}. {cure}"
    )
    notes = {id(leaf): f"{leaf.size} example{'' if leaf.size == 1 else 's'}" for leaf in odd}
    blamed = odd if common is not None else mapped
    conflicts = frozenset(map(id, blamed))
    return Told(
        said,
        of_operands([leaf.operand for leaf in blamed], k),
        kind,
        _mismatch(leaves, k, notes, conflicts, given),
    )


def _bundle(program: Program, leaves: list[_Asked], wrong: list[_Asked]) -> str | None:
    """Explains a list of examples that JAX does not take for one, if the others have as many examples."""
    for argument in dict.fromkeys(leaf.operand.argument for leaf in wrong):
        own = [leaf.operand for leaf in wrong if leaf.operand.argument == argument]
        sizes = {leaf.size for leaf in leaves if leaf.operand.argument != argument} - {None}
        said = bundles.of_items(program, own, next(iter(sizes), None)) if len(sizes) < 2 else None
        if said is not None:
            return said
    return None


def _majority(groups: dict[int, list[_Asked]]) -> int | None:
    """Returns the size that most arguments have; None where two sizes are equally frequent."""
    counts = sorted(
        (
            (len({leaf.operand.argument for leaf in group}), len(group), size)
            for size, group in groups.items()
        ),
        reverse=True,
    )
    return counts[0][2] if counts[0][:2] != counts[1][:2] else None


def _grouped(groups: dict[int, list[_Asked]], given: int | None) -> str:
    """Lists the sizes: "x and y have 5 examples (axis 0 of f32[5,2], axis 0 of f32[5]), m has 3 (...)"."""
    said = [] if given is None else [f"axis_size={given} asks for {given}"]
    trees = _unlike_leaves(groups)
    for name, sizes in trees.items():
        said.append(f"the leaves of {name} have {listed(list(map(str, sizes)))} examples")
    for size, whole in sorted(groups.items(), key=lambda item: -len(item[1])):
        group = [leaf for leaf in whole if leaf.operand.argument not in trees]
        if not group:
            continue
        names = [leaf.operand.path for leaf in group]
        shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]
        places = dict.fromkeys(f"axis {leaf.axis} of {leaf.here.type}" for leaf in group if leaf.here)
        examples = (" example" if size == 1 else " examples") if not said[given is not None :] else ""
        verb = "has" if len(group) == 1 else "have"
        said.append(f"{listed(shown)} {verb} {size}{examples} ({capped(list(places), 4)})")
    return ", but ".join(part for part in (said[0], ", ".join(said[1:])) if part)


def _unlike_leaves(groups: dict[int, list[_Asked]]) -> dict[str, list[int]]:
    """Returns the trees of many leaves of many sizes, which hold no examples: the parameters of a model."""
    every: dict[str, list[_Asked]] = {}
    for group in groups.values():
        for leaf in group:
            every.setdefault(leaf.operand.argument, []).append(leaf)
    sizes = {name: sorted({leaf.size or 0 for leaf in own}) for name, own in every.items()}
    return {
        name: sizes[name]
        for name, own in every.items()
        if len(own) > 3 and len(sizes[name]) > 2 and not _is_list(name, own)
    }


def _is_list(name: str, leaves: list[_Asked]) -> bool:
    """Tells the leaves of a plain list of arrays: x[0], x[1], x[2]."""
    return {leaf.operand.path for leaf in leaves} == {f"{name}[{n}]" for n in range(len(leaves))}


def _cure(groups: dict[int, list[_Asked]], odd: list[_Asked], common: int | None) -> str:
    """Says what to do: another axis of the odd leaf, None, or two levels for all pairs."""
    every = [leaf for group in groups.values() for leaf in group]
    for leaf in every:
        said = (_legacy_key(leaf, every) if leaf in odd else None) or _too_few_keys(leaf, every)
        if said is not None:
            return said
    own = every[0].operand.argument
    if len(every) > 2 and _is_list(own, every):
        return (
            f"{own} holds arrays of unequal lengths, which make no batch: pad them to one length and stack "
            "them, with a mask for the padding, or loop over them in Python."
        )
    trees = list(_unlike_leaves(groups))
    if trees:
        them = "it" if len(trees) == 1 else "them"
        return f"Such leaves are no examples of one batch: set {listed(trees)} to None to share {them}."
    leaf = odd[0]
    several = len({leaf.operand.argument for leaf in odd}) > 1
    if common is None or several:
        pairs = (
            " For all pairs, use two levels: (0, None) outside and (None, 0) inside."
            if len(groups) == 2 and all(len(group) == 1 for group in groups.values())
            else ""
        )
        fitting = [
            f"axis {n} of {one.operand.path} has size {size}"
            for one in every
            for n, size in enumerate(one.here.shape if one.here else ())
            if size in groups and size != one.size
        ]
        where = f" ({capped(fitting, 3, '; ')})" if fitting else ""
        return f"Map axes of one size{where}, or set None for what every example shares.{pairs}"
    sizes = leaf.here.shape if leaf.here else ()
    axis = next((n for n, size in enumerate(sizes) if size == common), None)
    path = leaf.operand.path
    if axis is not None:
        return f"Axis {axis} of {path} has size {common}: map that, or set {path} to None to share it."
    return f"No axis of {path} has size {common}: set it to None to share it, or pass as many as the others."


def _by_keyword(program: Program, odd: list[_Asked]) -> str:
    """Says that jax.vmap maps what is passed by name, where that is what does not fit."""
    named = {argument.name for argument in program.arguments if argument.keyword}
    found = [leaf.operand.argument for leaf in odd if leaf.operand.argument in named]
    if not found:
        return ""
    return (
        f" {found[0]} is passed by name, and jax.vmap maps every keyword argument over axis 0: pass it by "
        "position, "
        "or bind it with partial, to share it."
    )


def _too_few_keys(leaf: _Asked, every: list[_Asked]) -> str | None:
    """Explains random keys of another number than there are examples."""
    others = {other.size for other in every if other.operand.argument != leaf.operand.argument}
    if leaf.here is None or not leaf.here.dtype.startswith("key") or len(others) != 1:
        return None
    return (
        f"{leaf.operand.path} holds {leaf.size} random keys; every example needs one of its own: "
        f"jax.random.split(key, {next(iter(others))})."
    )


def _legacy_key(leaf: _Asked, every: list[_Asked]) -> str | None:
    """Explains the two words of an old-style random key that are taken for examples."""
    here = leaf.here
    if here is None or here.dtype != "uint32" or leaf.size != 2 or not here.shape or here.shape[-1] != 2:
        return None
    n = next((str(other.size) for other in every if other.operand is not leaf.operand), "n")
    if len(here.shape) == 1:
        return (
            f"{here.path} looks like one old-style random key: its 2 entries are one key, not 2 examples. "
            f"Give every example its own: jax.random.split({here.path}, {n}), mapped over axis 0."
        )
    return (
        f"{here.path} looks like {here.shape[0]} old-style random keys of 2 words each, and this maps the "
        "words. "
        "Map axis 0, one key per example."
    )


def _nothing_mapped(scene: Scene, k: int) -> Told | None:
    """Explains a level that maps nothing: how many examples there are is not said."""
    program, _ = known(scene)
    leaves = _leaves(scene, k)
    if any(leaf.axis is not None for leaf in leaves) or isinstance(program.levels[k].axis_size, int):
        return None
    what = "every argument is None" if leaves else "the arguments have no leaves"
    return Told(
        f"{level_title(program, k)}: {what}, so nothing says how many examples there are. "
        "Map at least one axis, or set axis_size.",
        Blame(levels=(k,)),
        "nothing_mapped",
        _mismatch(leaves, k, {}),
    )
