"""The Report as bytes, where what goes out comes back, and as words."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from explainer import lessons
from explainer.api import explain
from explainer.report import (
    BatchedAval,
    Crossing,
    Leaf,
    Level,
    MappedLeaf,
    Report,
    Span,
    from_json,
    from_msgpack,
    to_json,
    to_msgpack,
)
from explainer.spec import Argument, Request, Vmap


@pytest.mark.parametrize("lesson", ["euclid-pairwise", "params-tree-axes", "cond-mapped", "list-for-tuple"])
def test_a_report_survives_messagepack_and_json(lesson):
    found = lessons.find(lesson)
    assert found is not None
    report = explain(found.request)
    assert from_msgpack(to_msgpack(report)) == report
    assert from_json(to_json(report)) == report
    assert json.loads(to_json(report))["version"] == report.version


def test_values_that_json_lacks_become_null_and_stay_in_messagepack():
    report = Report(Request(), outputs=(Leaf("out", "float32", (2,), [1.0, float("inf")], ((0, 1),)),))
    assert json.loads(to_json(report))["outputs"][0]["preview"] == [1.0, None]
    assert from_msgpack(to_msgpack(report)).outputs[0].preview == [1.0, float("inf")]


@pytest.mark.parametrize("encode", [to_json, to_msgpack])
def test_half_a_surrogate_pair_is_replaced(encode):
    decode = from_json if encode is to_json else from_msgpack
    assert decode(encode(Report(Request(code="ok"), printed="a\ud800b"))).printed == "a?b"


@pytest.mark.parametrize("data", [b"", b"{}", b"[1, 2", b'{"request": 3}', b"null"])
def test_anything_else_is_refused(data):
    with pytest.raises(msgspec.DecodeError):
        from_json(data)


CALLS = """\
script of 2 lines, 2 vmap calls, 3 pmap calls

Levels, outermost first
  i: 3 examples, vmap(model, in_axes=0, out_axes=0)
     in   X    f32[3, 2]  axis 0
     out  out  f32[3, 2]  axis 0
    j: 2 examples, vmap(pullback, in_axes=0, out_axes=0), line 2, by jax.jacrev
       in  g  f32[2, 2]  axis 0
       in  x  f32[2]     from level i
       in  w  f32[2]     closed over, shared
  k: unknown size, pmap(step, in_axes=0, out_axes=0), 3 calls from one place
     its equations are not known: JAX had compiled it before"""


def test_a_report_of_captured_calls_prints_as_a_tree():
    x, out = MappedLeaf("X", "float32", (3, 2), 0, 0), MappedLeaf("out", "float32", (3, 2), 0, 0)
    outer = Level(0, None, "model", "i", "0", "0", None, 3, (x,), (out,), captured=True)
    other = replace(
        outer,
        id=1,
        function="step",
        name="k",
        axis_size=None,
        inputs=(),
        outputs=(),
        transform="pmap",
        count=3,
        note="its equations are not known: JAX had compiled it before",
    )
    inner = replace(
        outer,
        id=2,
        parent=0,
        function="pullback",
        name="j",
        axis_size=2,
        inputs=(MappedLeaf("g", "float32", (2, 2), 0, 0),),
        outputs=(),
        span=Span(2, 4, 2, 9),
        made_by="jax.jacrev",
        enters=(
            Crossing("g", BatchedAval("a", "float32", (2,), (None, None, 0), (2, 2))),
            Crossing("x", BatchedAval("b", "float32", (2,), (0, None, None), (3, 2)), shared=True),
            Crossing("w", BatchedAval("c", "float32", (2,), (None, None, None), (2,)), shared=True),
        ),
    )
    report = Report(Request(code="import jax\njax.jacrev(f)(x)\n"), levels=(outer, other, inner))
    assert str(report) == CALLS


def test_a_failure_prints_with_what_worked_before_it():
    code = "def f(x):\n    print('seen')\n    return x @ jnp.ones(3)\n"
    printed = str(explain(Request(code, "f", (Argument("X", "f32[4,2]"),), (Vmap(),))))
    assert printed.startswith("vmap(f)(X)\n")
    for words in ("X  f32[4, 2]", "i: 4 examples", "seen", "Failed\n", "return x @ jnp.ones(3)", "^^^"):
        assert words in printed
    assert not printed.endswith("\n")


def test_ipython_prints_what_print_does():
    class Printer:
        said = ""

        def text(self, text: str) -> None:
            self.said += text

    printer, report = Printer(), Report(Request(function="f"))
    report._repr_pretty_(printer, cycle=False)
    assert printer.said == str(report) == "f()"


def test_a_stage_is_found_by_name():
    report = explain(Request(), until="parse")
    assert [stage.name for stage in report.stages][0] == "parse"
    found = report.stage("parse")
    assert found is not None and found.status == "failed"
    assert Report(Request()).stage("run") is None
