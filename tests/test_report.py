"""The Report as bytes: what goes out comes back."""

from __future__ import annotations

import json

import msgspec
import pytest

from explainer import lessons
from explainer.api import explain
from explainer.report import Leaf, Report, from_json, from_msgpack, to_json, to_msgpack
from explainer.spec import Request


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


def test_a_stage_is_found_by_name():
    report = explain(Request(), until="parse")
    assert [stage.name for stage in report.stages][0] == "parse"
    found = report.stage("parse")
    assert found is not None and found.status == "failed"
    assert Report(Request()).stage("run") is None
