"""pmap and shard_map on virtual devices: plain JAX's results, here and in a worker; whence the devices."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import explainer
from explainer import Argument, Request, Vmap, lessons
from explainer.report import Device, Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from tests import oracle

MESH = "from jax.sharding import Mesh, PartitionSpec as P\nmesh = Mesh(jax.devices()[:4], ('i',))\n"
SQUARE_MESH = (
    "from jax.sharding import Mesh, PartitionSpec as P\n"
    "mesh = Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ('i', 'j'))\n"
)
RING = "[(0, 1), (1, 2), (2, 3), (3, 0)]"


def request(code: str, *values: str, levels: tuple[Vmap, ...] = ()) -> Request:
    arguments = tuple(Argument(name, value) for name, value in zip("xyz", values))
    return Request(code, "f", arguments, levels)


def pmapped(body: str, *values: str, axes: str = "", levels: tuple[Vmap, ...] = ()) -> Request:
    """Returns a request for f = jax.pmap(lambda ...: body, axis_name='i')."""
    names = ", ".join("xyz"[: len(values)])
    return request(f"f = jax.pmap(lambda {names}: {body}, axis_name='i'{axes})", *values, levels=levels)


def sharded(body: str, value: str, specs: str = "P('i'), out_specs=P('i')") -> Request:
    code = f"{MESH}f = jax.shard_map(lambda x: {body}, mesh=mesh, in_specs={specs})"
    return request(code, value)


PROGRAMS = {
    "psum": pmapped("x / lax.psum(x, 'i')", "jnp.arange(1., 5.)"),
    "pmean": pmapped("x - lax.pmean(x, 'i')", "f32[8,3]"),
    "pmax and pmin": pmapped("(lax.pmax(x, 'i'), lax.pmin(x, 'i'))", "f32[4,3]"),
    "all_gather": pmapped("jnp.sum(lax.all_gather(x, 'i') > x)", "f32[4]"),
    "all_to_all": pmapped("lax.all_to_all(x, 'i', 0, 0)", "f32[4,4,2]"),
    "ppermute": pmapped(f"lax.ppermute(x, 'i', {RING})", "f32[4,2]"),
    "axis_index": pmapped("lax.axis_index('i') * 10 + x", "i32[4]"),
    "in_axes and out_axes": pmapped(
        "(x @ y, x.T)", "f32[2,4,3]", "f32[3,5]", axes=", in_axes=(1, None), out_axes=(1, 2)"
    ),
    "an unmapped output": pmapped(
        "(x, y.sum())", "f32[4]", "f32[3]", axes=", in_axes=(0, None), out_axes=(0, None)"
    ),
    "a tree of axes": pmapped(
        "x['w'] * x['b'] + y",
        "{'w': f32[4,2], 'b': f32[]}",
        "f32[4]",
        axes=", in_axes=({'w': 0, 'b': None}, 0)",
    ),
    "keys": pmapped("jax.random.normal(x, (3,))", "key[4]"),
    "a static argument": request(
        "g = jax.pmap(lambda x, n: x * n, static_broadcasted_argnums=1)\ndef f(x): return g(x, 3)", "f32[4]"
    ),
    "pmap of vmap": request(
        "f = jax.pmap(jax.vmap(lambda x: x / lax.psum(x, ('i', 'j')), axis_name='j'), axis_name='i')",
        "f32[4,3]",
    ),
    "vmap of pmap": pmapped("x / lax.psum(x, 'i')", "jnp.arange(1., 13.).reshape(3, 4)", levels=(Vmap(),)),
    "vmap of pmap, inner axis first": pmapped(
        "x / lax.psum(x, 'i')", "jnp.arange(1., 13.).reshape(4, 3)", levels=(Vmap("1", "1"),)
    ),
    "jit of pmap": request("f = jax.jit(jax.pmap(lambda x: jnp.sin(x)))", "f32[4]"),
    "pmap in a scan": request(
        "g = jax.pmap(lambda x: lax.pmean(x, 'i'), axis_name='i')\n"
        "def f(x): return lax.scan(lambda total, row: (total + g(row), row.sum()), jnp.zeros(4), x)",
        "f32[3,4]",
    ),
    "gradients in a pmap": request(
        "def loss(w, x): return jnp.sum((x @ w) ** 2)\n"
        "f = jax.pmap(lambda w, x: lax.pmean(jax.grad(loss)(w, x), 'i'), 'i', in_axes=(None, 0))",
        "f32[3]",
        "f32[4,5,3]",
    ),
    "gradient of a pmap": request(
        "g = jax.pmap(lambda x: x / lax.psum(x, 'i'), axis_name='i')\nf = jax.grad(lambda x: g(x)[0])",
        "jnp.arange(1., 5.)",
    ),
    "a decorated pmap in the function": request(
        "@partial(jax.pmap, axis_name='i')\ndef g(x): return x - lax.pmean(x, 'i')\ndef f(x): return -g(x)",
        "f32[4,2]",
    ),
    "shard_map with psum": sharded("x / lax.psum(jnp.sum(x), 'i')", "jnp.arange(1., 9.)"),
    "shard_map to one value": sharded("lax.pmean(x, 'i')", "f32[8]", "P('i'), out_specs=P()"),
    "shard_map, other axis": sharded("x * 2", "f32[3,8]", "P(None, 'i'), out_specs=P(None, 'i')"),
    "shard_map with ppermute": sharded(f"lax.ppermute(x, 'i', {RING})", "f32[8]"),
    "shard_map with all_gather": sharded("lax.all_gather(x, 'i', tiled=True).sum() + x", "f32[8]"),
    "shard_map of vmap": request(
        f"{MESH}f = jax.shard_map(jax.vmap(lambda x: x.sum() / lax.psum(x.sum(), 'i')), mesh=mesh, "
        "in_specs=P('i'), out_specs=P('i'))",
        "jnp.arange(1., 25.).reshape(8, 3)",
    ),
    "vmap of shard_map": request(
        f"{MESH}f = jax.shard_map(lambda x: x / lax.psum(jnp.sum(x), 'i'), mesh=mesh, in_specs=P('i'), "
        "out_specs=P('i'))",
        "jnp.arange(1., 25.).reshape(8, 3)",
        levels=(Vmap("1"),),
    ),
    "spmd_axis_name": request(
        f"{SQUARE_MESH}f = jax.shard_map(lambda x: x - lax.pmean(x, 'j'), mesh=mesh, in_specs=P('j'), "
        "out_specs=P('j'))",
        "f32[6,4]",
        levels=(Vmap(spmd_axis_name="'i'"),),
    ),
    "shard_map over two mesh axes": request(
        f"{SQUARE_MESH}f = jax.shard_map(lambda x: lax.psum(x, 'i'), mesh=mesh, in_specs=P('i', 'j'), "
        "out_specs=P(None, 'j'))",
        "f32[4,6]",
    ),
    "an argument on a device of the user's choice": request(
        "f = jnp.sin", "jax.device_put(jnp.arange(4.), jax.devices()[3])", levels=(Vmap(),)
    ),
    "an argument that lies on all devices": request(
        "f = jax.pmap(jnp.sin)", "jax.pmap(jnp.cos)(jnp.ones(4))"
    ),
    "a mesh of explicit axes": request(
        "mesh = jax.make_mesh((4,), ('i',))\n"
        "f = jax.shard_map(lambda x: lax.psum(x, 'i'), mesh=mesh, in_specs=jax.P('i'), out_specs=jax.P())",
        "jax.device_put(jnp.arange(8.), jax.NamedSharding(mesh, jax.P('i')))",
    ),
    "gradient of a shard_map": request(
        f"{MESH}g = jax.shard_map(lambda x: jnp.sin(x) * lax.pmean(x, 'i'), mesh=mesh, in_specs=P('i'), "
        "out_specs=P('i'))\nf = jax.grad(lambda x: g(x).sum())",
        "f32[8]",
    ),
}

programs = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)

# What JAX 0.9 itself refuses, however it is run.
REFUSED = [PROGRAMS["spmd_axis_name"]] if jax.__version_info__ < (0, 10) else []


def outputs(report: Report) -> list[Any]:
    assert report.failure is None, report.failure
    return [np.asarray(leaf.preview, leaf.dtype) for leaf in report.outputs]


@programs
def test_the_results_are_those_of_plain_jax(program: Request):
    report = explainer.explain(program, until="check")
    if program in REFUSED:
        with pytest.raises(ValueError) as refused:
            oracle.read(program).outputs()
        assert report.failure is not None and report.failure.message == str(refused.value)
        return
    expected = [np.asarray(leaf) for leaf in jax.tree.leaves(oracle.read(program).outputs())]
    found = outputs(report)
    assert [(leaf.shape, leaf.dtype) for leaf in found] == [(leaf.shape, leaf.dtype) for leaf in expected]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-6, atol=1e-7), found, expected)
    assert report.check is not None and report.check.agrees is not False
    assert report.device is not None and report.device.count == jax.device_count()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(Settings(jobs=1, spares=1))
    yield pool
    pool.close()


def in_worker(pool: Pool, program: Request) -> Report:
    return list(stream_from(pool, program, "check", Limits(deadline_s=60)))[-1]


@pytest.mark.parametrize(
    "name", ["psum", "pmap of vmap", "vmap of pmap", "shard_map with psum", "gradients in a pmap"]
)
def test_a_worker_has_devices_and_gives_the_same(name: str, pool: Pool):
    report = in_worker(pool, PROGRAMS[name])
    here = explainer.explain(PROGRAMS[name], until="run")
    assert report.device == Device("cpu", "cpu", 8)
    jax.tree.map(np.testing.assert_array_equal, outputs(report), outputs(here))


def test_the_number_of_devices_of_a_worker_is_a_setting(monkeypatch):
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES")
    monkeypatch.setenv("EXPLAINER_DEVICES", "3")
    pool = Pool(Settings(jobs=1, spares=0))
    try:
        report = in_worker(pool, PROGRAMS["psum"])
        few = in_worker(pool, pmapped("x + 1", "f32[3]"))
    finally:
        pool.close()
    assert report.failure is not None
    assert "needs 4 devices. JAX has 3 virtual devices of one CPU here" in report.failure.explanation
    assert few.failure is None and few.device == Device("cpu", "cpu", 3)


def test_a_script_may_ask_for_the_devices_there_are_and_others_are_explained(pool: Pool):
    ask = "jax.config.update('jax_num_cpu_devices', {})\nf = jax.pmap(lambda x: x + 1)"
    assert in_worker(pool, request(ask.format(8), "f32[4]")).failure is None
    failure = in_worker(pool, request(ask.format(4), "f32[4]")).failure
    assert failure is not None and failure.error_type == "RuntimeError"
    assert "JAX has 8 virtual devices of one CPU here: remove the line" in failure.explanation


def told(code: str, **variables: str) -> str:
    """Returns what a fresh process prints that was told nothing of devices but `variables`."""
    environment = {k: v for k, v in os.environ.items() if k not in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | variables, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


PROVIDE = (
    "import jax; from explainer.analysis import devices; {}; devices.provide(); print(jax.device_count())"
)


@pytest.mark.parametrize(
    ("before", "variables", "count"),
    [
        ("pass", {}, "8"),
        ("pass", {"JAX_NUM_CPU_DEVICES": "3"}, "3"),
        ("pass", {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}, "2"),
        ("jax.config.update('jax_num_cpu_devices', 5)", {}, "5"),
        ("jax.devices()", {}, "1"),
        ("import explainer; explainer.explain(explainer.Request('x = 1'), until='parse')", {}, "8"),
    ],
)
def test_virtual_devices_are_provided_unless_the_process_has_its_own_number(before, variables, count):
    assert told(PROVIDE.format(before), JAX_PLATFORMS="cpu", **variables) == count


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (Device("cpu", "cpu", 1), "one CPU device"),
        (Device("cpu", "cpu", 8), "8 virtual devices of one CPU"),
        (Device("gpu", "NVIDIA H200", 1), "1 device (NVIDIA H200)"),
        (Device("tpu", "TPU v4", 4), "4 devices (TPU v4)"),
    ],
)
def test_devices_are_described_for_what_they_are(device: Device, words: str):
    assert device.described == words


def test_every_lesson_on_devices_runs_in_a_worker(pool: Pool):
    found = [lesson for lesson in lessons.LESSONS if lesson.topic == "Several devices"]
    failed = [lesson.id for lesson in found if in_worker(pool, lesson.request).failure is not None]
    assert failed == [lesson.id for lesson in found if lesson.fails]


def test_plain_jax_agrees_that_pmean_of_gradients_is_the_gradient_of_the_mean():
    lesson = lessons.find("pmap-pmean-gradient")
    assert lesson is not None
    w, x, y = jnp.array([1.0, -1.0]), jnp.arange(24.0).reshape(12, 2) / 10, jnp.ones(12)
    whole = jax.grad(lambda w: jnp.mean((x @ w - y) ** 2))(w)
    for row in outputs(explainer.explain(lesson.request, until="run"))[0]:
        np.testing.assert_allclose(row, whole, rtol=1e-5)
