"""Named axes: collectives along a name that no level binds, mesh axes that are used twice.

Scene ──▶ unbound_axis_name, sharded_twice ──▶ Told
"""

from __future__ import annotations

import ast

from explainer.analysis import devices
from explainer.analysis.explaining.operands import site
from explainer.analysis.explaining.scene import Scene, Told
from explainer.report import Blame


def unbound_axis_name(scene: Scene) -> Told | None:
    """Explains a collective along an axis name that no level has."""
    if not isinstance(scene.error, NameError) or scene.error.name is not None:
        return None  # Python says which name it misses, JAX does not
    if scene.program is None:
        return _outside_of_levels(scene)
    program = scene.program
    named = [f"{level.name}: axis_name={level.axis_name!r}" for level in program.levels if level.axis_name]
    named += devices.bound_names(scene)
    have = f"The levels here are named {', '.join(named)}." if named else "No level here has an axis_name."
    asked = _axis_names(scene)
    name = repr(asked[0]) if asked else "..."
    span = scene.sources.of_error(scene.error)
    what = f" in `{scene.sources.text(span)}`" if span is not None else ""
    called = f"axis name {name}" if asked else "an axis name"
    return Told(
        f"{program.name} uses a collective (psum, pmean, axis_index, ...){what} along {called}, which no "
        "level "
        f"binds. {have} "
        f"Set it on the level whose examples should communicate: jax.vmap(..., axis_name={name}).",
        Blame(levels=tuple(range(len(program.levels)))),
        kind="unbound_axis_name",
    )


def _outside_of_levels(scene: Scene) -> Told | None:
    """Explains a collective of a script that stands in no vmap: under pmap or shard_map, or under nothing."""
    asked = _axis_names(scene)
    span = scene.sources.of_error(scene.error)
    if not asked or span is None:
        return None
    bound, name = devices.bound_names(scene), repr(asked[0])
    have = f"Bound there: {', '.join(bound)}." if bound else "Nothing around it binds an axis name."
    return Told(
        f"`{scene.sources.text(span)}` communicates along axis name {name}, which is not bound where it "
        f"stands. {have} Name the axis where the function is mapped: jax.pmap(..., axis_name={name}) or "
        f"jax.vmap(..., axis_name={name}).",
        Blame(spans=(span,)),
        kind="unbound_axis_name",
    )


def _axis_names(scene: Scene) -> list[str]:
    """Lists the texts among the arguments of the failing call: the name that it asks for."""
    here = site(scene)
    node = here.node if here is not None else None
    parts = [*node.args, *(word.value for word in node.keywords)] if isinstance(node, ast.Call) else []
    named = [value for part in parts if here is not None and isinstance(value := here.value(part), str)]
    return named or names_in_libraries(scene.error)


def names_in_libraries(error: BaseException) -> list[str]:
    """Lists what the library code that failed calls its axis: `axis_name`, of its own or of its object."""
    found: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        values = traceback.tb_frame.f_locals
        own = getattr(values.get("self"), "__dict__", {})
        found += [name for name in (values.get("axis_name"), own.get("axis_name")) if isinstance(name, str)]
        traceback = traceback.tb_next
    return found[::-1]


def sharded_twice(scene: Scene) -> Told | None:
    """Explains a mesh axis that both spmd_axis_name and a constraint inside the function use."""
    program, here = scene.program, site(scene)
    named = [] if program is None else [level for level in program.levels if level.spmd_axis_name is not None]
    if not named or here is None or "with_sharding_constraint" not in here.text_of(here.node, 200):
        return None
    level = named[0]
    return Told(
        f"`{here.text}`: vmap over {level.name} spreads its examples over mesh axis {level.spmd_axis_name!r} "
        "(spmd_axis_name), and a mesh axis can shard one axis of an array only. Use another mesh axis "
        "inside the "
        "function, or leave spmd_axis_name out.",
        kind="mesh_axis_twice",
    )
