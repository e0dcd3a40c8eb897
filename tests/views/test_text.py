"""A report as text: axis names in shapes, carets under the user's words, honest previews."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explainer.report import (
    ArgumentReport,
    BatchedAval,
    Blame,
    Check,
    Equation,
    Failure,
    Leaf,
    Level,
    MappedLeaf,
    Memory,
    Report,
    Span,
    Timing,
)
from explainer.spec import Argument, Request, Vmap
from explainer.views import text
from explainer.views.array_text import array_text, scalar_text

REQUEST = Request(
    code="def dist(x, y):\n    return jnp.sum(x - y)\n",
    function="dist",
    arguments=(Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
    levels=(Vmap("(0, None)"), Vmap("(None, -2)")),
)

LEVELS = (
    Level(
        id=0, parent=None, function="vmap(dist)", name="i", in_axes="(0, None)", out_axes="0", axis_name=None,
        axis_size=3,
        inputs=(MappedLeaf("X", "float32", (3, 2), 0, 0), MappedLeaf("Y", "float32", (4, 2), None, None)),
        outputs=(MappedLeaf("out", "float32", (3, 4), 0, 0),),
    ),
    Level(
        id=1, parent=0, function="dist", name="j", in_axes="(None, -2)", out_axes="0", axis_name=None,
        axis_size=4,
        inputs=(MappedLeaf("X", "float32", (2,), None, None), MappedLeaf("Y", "float32", (4, 2), -2, 0)),
        outputs=(MappedLeaf("out", "float32", (4,), 0, 0),),
    ),
)  # fmt: skip

SUB = Equation(
    id=0, primitive="sub", inputs=("a", "b"),
    outputs=(BatchedAval("c", "float32", (2,), (0, 1), (3, 4, 2)),),
    depth=0, body="", parent=None, source="x - y", span=Span(2, 19, 2, 24), rewrite=("sub",),
)  # fmt: skip

REPORT = Report(
    request=REQUEST,
    arguments=(
        ArgumentReport("X", False, (Leaf("X", "float32", (3, 2), min=0.0, max=5.0),)),
        ArgumentReport("n", False, (), static="3"),
    ),
    levels=LEVELS,
    equations=(
        SUB,
        replace(SUB, id=1, primitive="cond", source="", rewrite=("select_n", "select_n")),
        replace(SUB, id=2, depth=1, primitive="exp", rewrite=()),
    ),
    outputs=(Leaf("out", "float32", (3,), [1.0, 2.5, -3.0], ((0, 1, 2),), min=-3.0, max=2.5),),
    check=Check(True, 12, 12, max_abs_error=0.0),
    printed="hello\n",
    timing=Timing(0.0031, 0.01, 0.2, 0.00005, 2.5e-6, 2.4e-6, 2.6e-6, runs=7, calls_per_run=1000),
    memory=Memory(argument_bytes=64, output_bytes=48, temp_bytes=2048, flops=36.0),
)


@pytest.mark.parametrize(
    ("batch_dims", "batched_shape", "expected"),
    [
        ((0, 1), (3, 4, 2), "f32[i:3, j:4, 2]"),
        ((1, 0), (4, 3, 2), "f32[j:4, i:3, 2]"),
        ((None, 1), (2, 4), "f32[2, j:4]"),
        ((None, None), (2,), "f32[2]"),
    ],
)
def test_batch_axes_are_written_by_level_name(batch_dims, batched_shape, expected):
    assert (
        text.aval_text(BatchedAval("c", "float32", (2,), batch_dims, batched_shape), ("i", "j")) == expected
    )


def test_an_untracked_value_claims_no_axes():
    assert text.aval_text(BatchedAval("c", "float32", (2,), (), (), tracked=False), ("i",)) == "not tracked"


@pytest.mark.parametrize(
    "line",
    [
        "vmap(vmap(dist))(X, Y)",
        "  X  f32[3, 2]     0 … 5",
        "  n  Python value  3",
        "  i: 3 examples, vmap(vmap(dist), in_axes=(0, None), out_axes=0)",
        "     in   X    f32[3, 2]  axis 0",
        "     in   Y    f32[4, 2]  shared",
        "    j: 4 examples, vmap(dist, in_axes=(None, -2), out_axes=0)",
        "       in   Y    f32[4, 2]  axis -2 (that is 0)",
        "     out  out  f32[3, 4]  axis 0",
        "  sub              f32[2]       f32[i:3, j:4, 2]  x - y",
        "  cond → select_n  f32[2]       f32[i:3, j:4, 2]",
        "    exp            f32[2]       f32[i:3, j:4, 2]  x - y",
        "  cond: every branch runs",
        "    https://docs.jax.dev/en/latest/_autosummary/jax.lax.cond.html",
        "  out  f32[3]  -3 … 2.5",
        "    [  1  2.5   -3]",
        "  The same as a plain Python loop over 12 of 12 examples, largest difference 0.",
        "  hello",
        "  compile             200 ms",
        "  each call after it  2.5 µs (half of the runs 2.4 µs to 2.6 µs, 7 runs of 1000 calls)",
        "  temporaries  2 KiB",
        "  operations   36 FLOPs",
    ],
)
def test_the_report_holds_the_line(line):
    assert line in text.to_text(REPORT).split("\n")


def test_stages_that_were_not_reached_have_no_time():
    assert text.to_text(Report(REQUEST, timing=Timing(0.5, 0.25))).endswith(
        "Time\n  trace  500 ms\n  lower  250 ms\n"
    )


def test_an_empty_report_is_its_headline():
    assert text.to_text(Report(request=REQUEST)) == "vmap(vmap(dist))(X, Y)\n"


def test_colour_is_asked_for():
    assert "\x1b" not in text.to_text(REPORT)
    assert "\x1b[1mLevels, outermost first\x1b[0m" in text.to_text(REPORT, colour=True)


def test_a_failure_says_where_what_and_how():
    blame = Blame(spans=(Span(2, 19, 2, 24),))
    failure = Failure("trace", "TypeError", "JAX's words", "The shapes do not fit.\nDo this.", blame)
    assert text.to_text(Report(request=REQUEST, failure=failure)).endswith(
        "Failed\n"
        "  while tracing one example: TypeError\n"
        "  The shapes do not fit.\n"
        "  Do this.\n"
        "\n"
        "  code, line 2:\n"
        "        return jnp.sum(x - y)\n"
        "                       ^^^^^\n"
        "\n"
        "  The original message:\n"
        "    JAX's words\n"
    )


def test_the_limit_that_was_hit_is_named():
    failure = Failure("run", "LimitError", "too long", "Stopped after 10 s.", limit="deadline")
    assert "  while running: LimitError (limit: deadline)" in text.to_text(Report(REQUEST, failure=failure))


@pytest.mark.parametrize(
    ("shape", "kept", "preview", "expected"),
    [
        ((), (), 1.5, ["1.5"]),
        ((3,), ((0, 1, 2),), [1.0, 2.0, 3.0], ["[1  2  3]"]),
        ((0,), ((),), [], ["[]"]),
        ((9,), ((0, 1, 8),), [1.0, 2.0, 9.0], ["[1  2  …  9]"]),
        ((9,), ((0, 1),), [1.0, 2.0], ["[1  2  …]"]),
        ((2, 2), ((0, 1), (0, 1)), [[1.0, 2.0], [3.0, 40.0]], ["[[ 1   2]", " [ 3  40]]"]),
        ((9, 1), ((0, 8), (0,)), [[1.0], [9.0]], ["[[1]", " …", " [9]]"]),
    ],
)
def test_a_preview_marks_what_it_leaves_out(shape, kept, preview, expected):
    assert array_text(Leaf("out", "float32", shape, preview, kept)) == expected


def test_a_long_preview_is_cut_with_a_count():
    lines = array_text(Leaf("out", "float32", (60, 1), [[1.0]] * 60, (tuple(range(60)), (0,))))
    assert len(lines) == 24
    assert lines[-1] == "… 37 more lines"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.23456, "1.235"), (float("nan"), "nan"), (None, "nan/inf"), (True, "True"), ("1+2j", "1+2j"),
    ],
)  # fmt: skip
def test_scalars_are_short(value, expected):
    assert scalar_text(value) == expected


def test_whole_numbers_keep_all_their_digits():
    assert array_text(Leaf("out", "int32", (1,), [1234567], ((0,),))) == ["[1234567]"]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(2.0, "2 s"), (0.00123, "1.23 ms"), (2.5e-6, "2.5 µs"), (3e-9, "3 ns")]
)
def test_durations_have_a_fitting_unit(seconds, expected):
    assert text.seconds_text(seconds) == expected


@pytest.mark.parametrize(("count", "expected"), [(12, "12 B"), (2048, "2 KiB"), (3 * 2**30, "3 GiB")])
def test_byte_counts_have_a_fitting_unit(count, expected):
    assert text.bytes_text(count) == expected
