"""Calls of pmap and shard_map as levels over devices: what they map, which values differ between devices."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import explainer
from explainer import Argument, Request, Vmap, lessons
from explainer.report import Equation, Level, Report
from explainer.views import level_text, text
from explainer.views.focus import focus
from tests.analysis.test_devices import MESH, PROGRAMS, REFUSED, SQUARE_MESH, pmapped, request, sharded

RING = "[(0, 1), (1, 2), (2, 3), (3, 0)]"
RUN = [name for name, program in PROGRAMS.items() if program not in REFUSED]
GROUPS = "lax.psum(x, 'i', axis_index_groups=[[0, 1], [2, 3]])"


def explained(program: Request) -> Report:
    report = explainer.explain(program, until="check")
    assert report.failure is None, report.failure
    return report


def over_devices(report: Report) -> list[Level]:
    return [level for level in report.levels if level.transform != "vmap"]


def last(report: Report, primitive: str) -> Equation:
    return [equation for equation in report.equations if equation.primitive == primitive][-1]


@pytest.mark.parametrize("name", [name for name in RUN if "device" not in name])
def test_every_call_is_a_level_over_devices_with_its_equations_inside(name: str):
    report = explained(PROGRAMS[name])
    found = over_devices(report)
    assert found and all(level.captured for level in found)
    innermost = report.levels[-1]  # a vmap inside, or the call itself
    assert innermost.id in {equation.level for equation in report.equations}
    transform = "shard_map" if "Mesh" in PROGRAMS[name].code or "mesh" in PROGRAMS[name].code else "pmap"
    assert {level.transform for level in found} == {transform}


@pytest.mark.parametrize("name", RUN)
def test_shapes_and_axes_of_every_claim_fit_together(name: str):
    report = explained(PROGRAMS[name])
    crossings = [value.aval for level in report.levels for value in (*level.enters, *level.leaves)]
    for aval in (*crossings, *(aval for equation in report.equations for aval in equation.outputs)):
        if not aval.tracked:
            continue
        placed = {dim: report.levels[n] for n, dim in enumerate(aval.batch_dims) if dim is not None}
        rest = tuple(size for dim, size in enumerate(aval.batched_shape) if dim not in placed)
        assert rest == aval.shape
        for dim, level in placed.items():
            assert aval.batched_shape[dim] == level.axis_size


@pytest.mark.parametrize(
    ("body", "dim"),
    [
        ("x * 2", 0),
        ("lax.psum(x, 'i')", None),
        ("lax.pmean(x, 'i')", None),
        ("lax.pmax(x, 'i')", None),
        ("lax.all_gather(x, 'i')", None),
        (f"lax.ppermute(x, 'i', {RING})", 0),
        ("lax.all_to_all(x, 'i', 0, 0)", 0),
        ("lax.axis_index('i')", 0),
        ("x / lax.psum(x, 'i')", 0),
        ("lax.scan(lambda c, t: (c + t, c), lax.psum(x[0], 'i'), jnp.arange(3.))[0]", None),
        ("lax.cond(x.sum() > 0, jnp.sin, jnp.cos, lax.psum(x, 'i'))", 0),
    ],
)
def test_a_value_has_an_axis_of_devices_where_it_differs_between_them(body: str, dim: int | None):
    report = explained(pmapped(body, "f32[4,4]"))
    (level,) = over_devices(report)
    (out,) = level.leaves
    assert (out.aval.batch_dims, out.aval.tracked) == ((dim,), True)
    assert out.aval.batched_shape == (*([] if dim is None else [4]), *out.aval.shape)
    assert level.note == ""


@pytest.mark.parametrize(
    ("program", "taken", "made"),
    [
        (
            PROGRAMS["in_axes and out_axes"],
            [((2, 4, 3), 1), ((3, 5), None)],
            [((2, 4, 5), 1), ((3, 2, 4), 2)],
        ),
        (PROGRAMS["an unmapped output"], [((4,), 0), ((3,), None)], [((4,), 0), ((), None)]),
        (PROGRAMS["a tree of axes"], [((), None), ((4, 2), 0), ((4,), 0)], [((4, 2), 0)]),
        (PROGRAMS["shard_map, other axis"], [((3, 8), 1)], [((3, 8), 1)]),
        (PROGRAMS["shard_map to one value"], [((8,), 0)], [((2,), None)]),
    ],
)
def test_a_level_takes_and_returns_whole_arrays(program: Request, taken: Any, made: Any):
    (level,) = over_devices(explained(program))
    assert [(leaf.shape, leaf.axis) for leaf in level.inputs] == taken
    assert [(leaf.shape, leaf.axis) for leaf in level.outputs] == made


def test_a_device_of_pmap_is_handed_the_array_without_its_axis_one_of_shard_map_a_piece():
    (pmap,) = over_devices(explained(pmapped("x * 2", "f32[4,2]")))
    (shard_map,) = over_devices(explained(sharded("x * 2", "f32[8,2]")))
    assert [(v.aval.shape, v.aval.batched_shape) for v in pmap.enters] == [((2,), (4, 2))]
    assert [(v.aval.shape, v.aval.batched_shape) for v in shard_map.enters] == [((2, 2), (4, 2, 2))]


@pytest.mark.parametrize(
    ("program", "levels", "dims", "shape"),
    [
        (PROGRAMS["pmap of vmap"], [("pmap", None), ("vmap", 0)], (0, 1), (4, 3)),
        (PROGRAMS["vmap of pmap"], [("vmap", None), ("pmap", 0)], (1, 0), (4, 3)),
        (PROGRAMS["vmap of pmap, inner axis first"], [("vmap", None), ("pmap", 0)], (1, 0), (4, 3)),
        (PROGRAMS["shard_map of vmap"], [("shard_map", None), ("vmap", 0)], (0, 1), (4, 2)),
        (PROGRAMS["vmap of shard_map"], [("vmap", None), ("shard_map", 0)], (1, 0), (4, 3, 2)),
        (
            request("f = jax.pmap(jax.vmap(lambda x: x / 3, in_axes=1))", "f32[4,2,3]"),
            [("pmap", None), ("vmap", 0)],
            (0, 2),
            (4, 2, 3),
        ),
    ],
)
def test_levels_over_devices_combine_with_vmap(program: Request, levels: Any, dims: Any, shape: Any):
    report = explained(program)
    assert [(level.transform, level.parent) for level in report.levels] == levels
    (out,) = last(report, "div").outputs
    assert (out.batch_dims, out.batched_shape) == (dims, shape)


def test_a_shard_map_over_two_axes_is_a_level_for_each():
    report = explained(PROGRAMS["shard_map over two mesh axes"])
    outer, inner = report.levels
    assert (outer.name, outer.axis_size, inner.name, inner.parent) == ("i", 2, "j", 0)
    assert (outer.inputs[0].shape, outer.inputs[0].axis) == ((4, 6), 0)
    assert (inner.inputs[0].shape, inner.inputs[0].axis) == ((2, 6), 1)
    assert (inner.enters[0].aval.batch_dims, inner.enters[0].aval.batched_shape) == ((0, 1), (2, 2, 2, 3))
    (summed,) = last(report, "psum_invariant").outputs
    assert (summed.batch_dims, summed.batched_shape) == ((None, 0), (2, 2, 3))
    assert level_text.calls_text(report.levels) == "1 shard_map call"


@pytest.mark.parametrize("axis", ["i", "j"])
def test_without_checked_types_vmaps_rules_tell_of_each_axis_of_the_mesh(axis: str):
    code = (
        f"{SQUARE_MESH}f = jax.shard_map(lambda x: x - lax.psum(x, '{axis}'), mesh=mesh, "
        "in_specs=P('i', 'j'), out_specs=P('i', 'j'), check_vma=False)"
    )
    report = explained(request(code, "f32[4,6]"))
    expected = (None, 0) if axis == "i" else (0, None)
    assert last(report, "psum").outputs[0].batch_dims == expected
    assert last(report, "sub").outputs[0].batch_dims == (0, 1)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (pmapped(GROUPS, "f32[4]"), "axis_index_groups"),
        *(
            (PROGRAMS[name], "spmd_axis_name of a vmap around it spreads examples over i, too")
            for name in RUN
            if name == "spmd_axis_name"
        ),
    ],
)
def test_what_cannot_be_asked_is_not_claimed(program: Request, words: str):
    report = explained(program)
    level = over_devices(report)[-1]
    assert words in level.note
    inside = [aval for each in report.equations if each.level == level.id for aval in each.outputs]
    assert inside and not any(aval.tracked for aval in inside)


@pytest.mark.parametrize("name", RUN)
def test_the_values_on_the_devices_are_where_the_claims_say(name: str):
    values = explained(PROGRAMS[name]).values
    assert values is not None and not values.note
    assert values.proof.wrong is None
    assert values.proof.agreed == values.proof.values


@pytest.mark.parametrize("name", ["keys", "jit of pmap", "in_axes and out_axes", "a static argument"])
def test_a_device_that_talks_to_no_other_is_proven_by_its_own_run(name: str):
    values = explained(PROGRAMS[name]).values
    assert values is not None
    assert values.proof.examples == values.proof.of == 4
    assert values.proof.agreed == values.proof.values > 0


def test_the_values_of_a_pmap_are_those_of_the_same_vmap():
    report = explained(pmapped("jnp.sin(x) / lax.psum(x, 'i')", "jnp.arange(1., 9.).reshape(4, 2)"))
    x = jnp.arange(1.0, 9.0).reshape(4, 2)
    both = jax.vmap(lambda x: (jnp.sin(x), lax.psum(x, "i")), axis_name="i", out_axes=(0, None))(x)
    values = report.values
    assert values is not None
    found = {report.equations[seen.equation].primitive: seen.value for seen in values.seen}
    for primitive, expected in zip(("sin", "psum"), both, strict=True):
        np.testing.assert_allclose(found[primitive].preview, expected, rtol=2e-6)


def test_a_value_that_differs_where_none_is_claimed_to_is_found(monkeypatch):
    from explainer.analysis.internals.spreads import Spread

    told = Spread.dims
    monkeypatch.setattr(Spread, "dims", lambda *args: [None for _ in told(*args) or ()])
    values = explained(pmapped("x * 2", "jnp.arange(4.)")).values
    assert values is not None
    assert values.proof.wrong is not None


SCRIPT = """\
from jax import pmap
from jax.sharding import Mesh, PartitionSpec as P

@partial(pmap, axis_name='i', in_axes=(None, 0))
def step(w, x):
    return jax.vmap(lambda row: row @ w)(x) - lax.pmean(x.sum(), 'i')

for n in range(3):
    print(step(jnp.arange(3.), jnp.ones((4, 2, 3)) * n))
mesh = Mesh(jax.devices()[:4], ('d',))
print(jax.shard_map(lambda x: lax.psum(x, 'd'), mesh=mesh, in_specs=P('d'), out_specs=P())(jnp.arange(8.)))
"""


def test_calls_of_a_script_are_observed_as_plain_jax_runs_them(capsys):
    report = explained(Request(SCRIPT))
    names = {"jax": jax, "jnp": jnp, "lax": lax, "np": np, "partial": partial}
    exec(SCRIPT, names)
    assert report.printed == capsys.readouterr().out
    assert [(level.transform, level.function, level.count) for level in report.levels] == [
        ("pmap", "step", 3),
        ("vmap", "<lambda>", 1),
        ("shard_map", "<lambda>", 1),
    ]
    assert [level.span and level.span.line for level in report.levels] == [9, 6, 11]
    (product,) = last(report, "dot_general").outputs
    assert (product.batch_dims, product.batched_shape) == ((0, 1, None), (4, 2))
    (total,) = last(report, "psum_invariant").outputs
    assert (total.batch_dims, total.batched_shape) == ((None, None, None), (2,))
    assert level_text.calls_text(report.levels) == "1 vmap call, 3 pmap calls, 1 shard_map call"


def test_a_live_function_has_levels_over_devices():
    shares = jax.pmap(lambda x: x / lax.psum(x, "i"), axis_name="i")
    (level,) = explainer.explain(shares, jnp.arange(1.0, 5.0)).levels
    assert (level.transform, level.name, level.axis_size) == ("pmap", "i", 4)


@pytest.mark.parametrize("levels", [(), (Vmap(),)], ids=["alone", "under a stated level"])
@pytest.mark.parametrize(
    "code",
    [
        "f = jax.pmap(lambda x: x @ x @ x)",
        "f = jax.pmap(lambda x: x, in_axes=3)",
        "f = jax.pmap(lambda x: lax.psum(x, 'j'), 'i')",
        f"{MESH}f = jax.shard_map(lambda x: x, mesh=mesh, in_specs=P('i'), out_specs=P())",
        f"{MESH}f = jax.shard_map(lambda x: x.sum(), mesh=mesh, in_specs=P('i'), out_specs=P('i'))",
    ],
)
def test_errors_are_those_of_plain_jax(code: str, levels: tuple[Vmap, ...]):
    value = jnp.ones((3, 4, 2)) if levels else jnp.ones((4, 2))
    names: dict[str, Any] = {"jax": jax, "jnp": jnp, "lax": lax, "np": np}
    exec(code, names)
    call = jax.vmap(names["f"]) if levels else names["f"]
    with pytest.raises(Exception) as raised:
        call(value)
    report = explainer.explain(Request(code, "f", (Argument("x", f"jnp.ones({value.shape})"),), levels))
    assert report.failure is not None
    assert report.failure.error_type == type(raised.value).__name__
    assert report.failure.message.split("\n")[0] == str(raised.value).split("\n")[0]


def test_the_hooks_are_gone_after_an_explanation():
    from jax._src import pmap, shard_map

    explained(PROGRAMS["psum"])
    assert "bind" not in vars(shard_map.shard_map_p)
    assert pmap._cached_shard_map.__module__ != "explainer.analysis.internals.mesh_calls"


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("pmap-psum", ["i: 4 devices, pmap(share, in_axes=0, out_axes=0, axis_name='i')"]),
        (
            "pmap-pmean-gradient",
            ["i: 4 devices, pmap(gradients, in_axes=(None, 0, 0), out_axes=0, axis_name='i')"],
        ),
        (
            "pmap-of-vmap",
            [
                "device: 4 devices, pmap(share, in_axes=0, out_axes=0, axis_name='device')",
                "row: 3 examples, vmap(share, in_axes=0, out_axes=0, axis_name='row')",
            ],
        ),
        (
            "shard-map-psum",
            ["i: 4 devices, shard_map(shares, in_specs=P('i',), out_specs=P('i',), axis_name='i')"],
        ),
    ],
)
def test_lessons_on_devices_show_their_levels(name: str, levels: list[str]):
    lesson = lessons.find(name)
    assert lesson is not None
    report = explained(lesson.request)
    assert [f"{level.name}: {level_text.level_text(level)}" for level in report.levels] == levels
    told = text.to_text(report)
    assert all(line in told for line in levels)


def test_a_pmap_shown_alone_keeps_the_axes_of_its_call():
    report = explained(PROGRAMS["in_axes and out_axes"])
    shown = focus(report, 0)
    (level,) = shown.stated
    assert [(leaf.shape, leaf.index) for leaf in level.inputs] == [((2, 4, 3), 1), ((3, 5), None)]
    assert [(leaf.shape, leaf.index) for leaf in level.outputs] == [((2, 4, 5), 1), ((3, 2, 4), 2)]
    assert [leaf.shape for leaf in shown.outputs] == [leaf.shape for leaf in report.outputs]
    np.testing.assert_allclose(shown.outputs[0].preview, report.outputs[0].preview, rtol=2e-6)


def test_a_shard_map_shown_alone_has_its_pieces_side_by_side():
    report = explained(PROGRAMS["shard_map with psum"])
    shown = focus(report, 0)
    (level,) = shown.stated
    assert [(leaf.shape, leaf.index) for leaf in (*level.inputs, *level.outputs)] == [((4, 2), 0)] * 2
    np.testing.assert_allclose(np.ravel(shown.outputs[0].preview), report.outputs[0].preview, rtol=2e-6)
    assert any("cuts an axis into 4 pieces" in note for note in shown.notes)
