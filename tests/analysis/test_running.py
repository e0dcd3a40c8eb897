"""Running: what the compiled program says of itself."""

from __future__ import annotations

from explainer import Argument, Request, Vmap, explain

REPORT = explain(
    Request("def f(x):\n    return jnp.sum(x * 2)\n", "f", (Argument("x", "f32[4,3]"),), (Vmap(),))
)


def test_hlo_names_no_file_of_this_host():
    assert REPORT.hlo is not None
    assert "stablehlo" in REPORT.hlo.stablehlo and "HloModule" in REPORT.hlo.optimized
    for text in (REPORT.hlo.stablehlo, REPORT.hlo.optimized):
        assert ".py" not in text and "stack_frame" not in text and "FileNames" not in text


def test_the_steady_runs_have_a_median_between_their_quartiles():
    timing = REPORT.timing
    assert timing is not None
    assert timing.q1 is not None and timing.median is not None and timing.q3 is not None
    assert 0 < timing.q1 <= timing.median <= timing.q3
    assert timing.runs >= 3 and timing.calls_per_run >= 1


def test_memory_is_xlas_own_account():
    memory = REPORT.memory
    assert memory is not None
    assert (memory.argument_bytes, memory.output_bytes) == (4 * 3 * 4, 4 * 4)
    assert memory.flops is not None and memory.flops > 0


def test_the_device_is_the_one_jax_names():
    import jax

    assert REPORT.device is not None
    assert REPORT.device.platform == jax.devices()[0].platform
    assert REPORT.device.count == jax.device_count()
