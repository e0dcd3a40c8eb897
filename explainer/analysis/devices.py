"""Devices: how many this process has, and why jax.pmap, jax.shard_map or a mesh could not use them.

    provide ── before a backend starts ──▶ virtual CPU devices
    Scene ── the failing call made again, watched ──▶ explanation and blame

One CPU is one device to JAX, unless it is told to show it as several: then pmap and shard_map run on
it as they would on that many real ones. Accelerators of the host are used as they are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import jax

from explainer.analysis import axes, parsing, printed
from explainer.analysis.explaining.scene import Scene, Told
from explainer.analysis.internals import meshes
from explainer.analysis.internals.meshes import Part, Spread
from explainer.analysis.parsing import Program
from explainer.analysis.running import device
from explainer.report import Blame

VIRTUAL = 8  # devices that one CPU is shown as, where nobody says otherwise
_FLAG = "xla_force_host_platform_device_count"  # the older way to say how many
_MORE = (
    "EXPLAINER_DEVICES says how many virtual ones the app has; in your own program, "
    "jax.config.update('jax_num_cpu_devices', ...) does before JAX is first used"
)
_COLLECTIVES = ("psum", "pmean", "pmax", "pmin", "all_gather", "all_to_all", "ppermute", "axis_index")
_MESHES = ("make_mesh", "Mesh(", "create_device_mesh", "devices(")


def provide(count: int = VIRTUAL) -> None:
    """Shows the CPU as several devices, unless a backend runs already or the process was told a number."""
    if not meshes.settled() and _FLAG not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", count)


def unfit_call(scene: Scene) -> Told | None:
    """Explains a call of pmap or shard_map whose axes do not fit the devices it runs on."""
    if not isinstance(scene.error, (ValueError, IndexError)):
        return None
    with _called_again(scene) as calls:
        call = calls[-1] if calls else None
    if call is None:
        return None
    told = next((told for explain in _MISFITS[call.transform] if (told := explain(call)) is not None), None)
    return None if told is None else Told(told, _blame(scene, call.parts), "unfit_devices")


def no_mesh(scene: Scene) -> Told | None:
    """Explains a mesh that could not be made of the devices there are."""
    span = scene.sources.of_error(scene.error)
    text = scene.sources.text(span)
    if not isinstance(scene.error, ValueError) or not any(word in text for word in _MESHES):
        return None
    said = str(scene.error).split("\n")[0].rstrip(".")
    return Told(
        f"`{text}` failed: {said}. {_here()}; make the mesh of at most that many. {_MORE}.", kind="no_mesh"
    )


def too_late(scene: Scene) -> Told | None:
    """Explains a script that sets the number of devices when JAX is at work already."""
    text = scene.sources.text(scene.sources.of_error(scene.error))
    if not isinstance(scene.error, RuntimeError) or "jax_num_cpu_devices" not in text:
        return None
    return Told(
        "JAX is at work before this line is reached, so the number of devices cannot change any more. "
        f"{_here()}: remove the line, or ask for that many. EXPLAINER_DEVICES says how many the app has.",
        kind="devices_too_late",
    )


def no_such_axis(scene: Scene) -> Told | None:
    """Explains a collective in a shard_map along an axis that its mesh does not have: JAX only asserts."""
    text = scene.sources.text(scene.sources.of_error(scene.error))
    if not isinstance(scene.error, AssertionError) or not any(word in text for word in _COLLECTIVES):
        return None
    with _called_again(scene) as calls:
        names = sorted({repr(name) for call in calls for name in call.axis_names})
    if not names:
        return None
    return Told(
        f"`{text}` must go along an axis that is bound where it stands. Bound here: {', '.join(names)}.",
        kind="unbound_axis_name",
    )


def bound_names(scene: Scene) -> list[str]:
    """Lists the axis names that pmap and shard_map bind on the way to a failure: "pmap: axis_name='i'"."""
    with _called_again(scene) as calls:
        found = [f"{call.transform}: axis_name={name!r}" for call in calls for name in call.axis_names]
    return list(dict.fromkeys(found))


@contextlib.contextmanager
def _called_again(scene: Scene) -> Iterator[list[Spread]]:
    """Makes the failing call again, by shapes only, and hands out what was spread over devices on its way."""
    with meshes.watched() as calls, printed.dropped(), contextlib.suppress(Exception):  # it fails as before
        if scene.program is None:
            parsing.run_code(scene.request)
        else:
            _traced(scene.program)
    yield calls


def _traced(program: Program) -> None:
    arrays = axes.array_operands(program)
    others = [None if operand.is_array else operand.value for operand in program.operands]

    def call(*leaves: object) -> object:
        args, kwargs = axes.rebuild(program, arrays, leaves, others)
        return program.mapped(program.function)(*args, **kwargs)

    jax.eval_shape(call, *(program.operands[position].aval for position in arrays))


def _missing(call: Spread) -> str | None:
    lost = [part for part in call.parts if not -len(part.shape) <= part.axis < len(part.shape)]
    if not lost:
        return None
    listed = "; ".join(f"{part.path} {part.shape} has no axis {part.axis}" for part in lost)
    return f"{call.transform} is told to map an axis that is not there: {listed}. None shares a value whole."


def _too_many(call: Spread) -> str | None:
    part = call.parts[0] if call.parts else None
    size = _size(part) if part is not None else 0
    if part is None or size <= call.devices:
        return None
    place = f"pmap gives every entry of axis {part.axis} of {part.path} (size {size}) a device of its own, so"
    if call.devices < jax.device_count():
        return (
            f"{place} it needs {size}, but it was given {call.devices}. Give it as many devices as entries."
        )
    rows = next((n for n in range(call.devices, 1, -1) if size % n == 0), None)
    split = (
        f"reshape axis {part.axis} to ({rows}, {size // rows}) and"
        if rows
        else "pad and reshape that axis, and"
    )
    return (
        f"{place} it needs {size} devices. {_here()}. Let each device take several entries: {split} pmap the "
        f"first part of it over jax.vmap(f); or take jax.vmap alone, which needs one device. {_MORE}."
    )


def _unlike_sizes(call: Spread) -> str | None:
    if len({_size(part) for part in call.parts}) < 2:
        return None
    listed = "; ".join(f"{_place(part)} has size {_size(part)}" for part in call.parts)
    return (
        f"The axes that one pmap maps must have one common size, but: {listed}. Set in_axes to None for an "
        "argument that every device shares."
    )


def _uneven(call: Spread) -> str | None:
    bad = [part for part in call.parts if _size(part) % part.devices]
    if not bad:
        return None
    return (
        f"shard_map cuts an axis into equal pieces, one a device, but: {'; '.join(map(_cut, bad))}. Pad the "
        "axis, use a mesh of another size, or leave the axis whole with None in its PartitionSpec."
    )


def _cut(part: Part) -> str:
    names = ", ".join(map(repr, part.names))
    return f"{_place(part)} has size {_size(part)}, and mesh axis {names} has {part.devices} devices"


def _not_laid_out(call: Spread) -> str | None:
    if not call.explicit or not call.parts:
        return None
    part = call.parts[0]
    return (
        "The mesh has explicit axes, as jax.make_mesh makes them, so shard_map takes only arguments that are "
        f"laid out over it already. Put {part.path} there with jax.device_put, or make the mesh of automatic "
        "axes: jax.sharding.Mesh(jax.devices()[:n], names)."
    )


def _place(part: Part) -> str:
    return f"axis {part.axis} of {part.path} {part.shape}"


def _size(part: Part) -> int:
    return part.shape[part.axis]


def _here() -> str:
    return f"JAX has {device().described} here"


def _blame(scene: Scene, parts: tuple[Part, ...]) -> Blame:
    """Blames the parts that are the user's own arguments."""
    known = {operand.path: operand.argument for operand in scene.program.operands} if scene.program else {}
    paths = tuple(part.path for part in parts if part.path in known)
    return Blame(arguments=tuple(dict.fromkeys(known[path] for path in paths)), paths=paths)


_MISFITS: dict[str, tuple[Callable[[Spread], str | None], ...]] = {
    "pmap": (_missing, _unlike_sizes, _too_many),
    "shard_map": (_missing, _uneven, _not_laid_out),
}
