"""Frames and messages, honest and hostile."""

from __future__ import annotations

import msgspec
import pytest

from explainer.report import Isolation, Leaf, Report, StageReport
from explainer.sandbox import wire
from explainer.sandbox.settings import Limits
from explainer.spec import Argument, Request, Vmap

REQUEST = Request("f = 1", "f", (Argument("x", "f32[3]"),), (Vmap("(0,)"),))
REPORT = Report(
    REQUEST,
    stages=(StageReport("parse", "done", 0.5),),
    outputs=(Leaf("out", "f", (2, 2), [[1.0, None], ["1+2j", float("inf")]], ((0, 1), (0, 1)), nan_count=1),),
)


def payload(message: msgspec.Struct) -> bytes:
    return wire.pack(message)[wire.HEADER.size :]


def encoded(**fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


def answer(**leaf: object) -> bytes:
    """Returns an answer whose one output has these fields."""
    output = {"path": "out", "dtype": "float32", "shape": [], **leaf}
    return encoded(type="Answer", report={"request": {}, "outputs": [output]})


def returned(**aval: object) -> bytes:
    """Returns an answer with one level and one returned value, mapped by it, which has these fields."""
    level = {"id": 0, "parent": None, "function": "f", "name": "i", "in_axes": "0", "out_axes": "0"}
    level |= {"axis_name": None, "axis_size": 3, "inputs": []}
    value = {"name": "a", "dtype": "f", "shape": [2], "batch_dims": [0], "batched_shape": [3, 2], **aval}
    report = {"request": {}, "levels": [level], "returned": [{"path": "out", "aval": value}]}
    return encoded(type="Answer", report=report)


GOOD = answer(shape=[1, 4], preview=[[1.5, "1+2j", None, True]], kept=[[0], [0, 1, 2, 3]])


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (wire.from_worker, wire.Ready(0.1)),
        (wire.from_worker, wire.Progress(REPORT)),
        (wire.from_worker, wire.Answer(REPORT)),
        (wire.from_worker, wire.Raised("ValueError", "no")),
        (wire.to_worker, wire.Job(REQUEST, "batch")),
        (wire.to_zygote, wire.Spawn(3, Limits())),
        (wire.to_zygote, wire.Start(3)),
        (wire.to_zygote, wire.Kill(3)),
        (wire.from_zygote, wire.Up(1.0)),
        (wire.from_zygote, wire.Broken("no jax")),
        (wire.from_zygote, wire.Spawned(3, 4711)),
        (wire.from_zygote, wire.Dead(3, 9, 0, "memory", 100.0)),
        (wire.to_errand, wire.Errand(REQUEST, "batch", Limits())),
        (wire.to_offer, wire.Offer(2, Isolation("bare", ("why",)), 1)),
    ],
)
def test_a_message_arrives_as_it_was_sent(read, message):
    assert read(payload(message)) == message


@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_frames_arrive_whole_however_the_bytes_are_cut(step):
    sent = [wire.Raised("E", "x" * n) for n in (0, 1, 300)]
    data = b"".join(map(wire.pack, sent))
    frames = wire.Frames(1000)
    pieces = [data[i : i + step] for i in range(0, len(data), step)]
    assert [wire.from_worker(frame) for piece in pieces for frame in frames.feed(piece)] == sent


def test_a_frame_past_the_cap_is_refused_by_its_header_alone():
    with pytest.raises(wire.FrameTooLarge, match="1,001 bytes; at most 1,000"):
        list(wire.Frames(1000).feed(wire.HEADER.pack(1001)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x91" * 100_000,  # arrays in arrays
        b"\x81\xa1a" * 100_000,  # maps in maps
        b"\xdd\xff\xff\xff\xff",  # an array that announces 4 G entries
        encoded(),
        encoded(type="Answer"),
        encoded(type="Spawn", job=1, limits={}),
        encoded(type="Answer", report={"request": {"code": 7}}),
        encoded(type="Raised", error_type="E", message=7),
        encoded(type="Raised", error_type="E", message=b"bytes"),
        encoded(type="Raised", error_type="E", message="@@").replace(b"@@", b"\xed\xa0"),  # not UTF-8
        answer(shape=["1"]),
        answer(shape=[-1]),
        answer(shape=[2**63]),
        answer(shape=[1] * 65),
        answer(preview={}),
        answer(shape=[1], preview=[b"x"], kept=[[0]]),
        answer(shape=[2], preview=[1.5], kept=[[0, 1]]),  # of another shape than its indices
        answer(preview=[1.5]),
        answer(shape=[1], preview=[[1.5]], kept=[[0]]),
        answer(preview=[1.5], kept=[[0]]),  # of another rank than the array
        encoded(
            type="Progress",
            report={
                "request": {},
                "values": {
                    "seen": [
                        {
                            "equation": 0,
                            "output": 0,
                            "iterations": [],
                            "value": {"path": "a", "dtype": "f", "shape": [], "preview": b"x"},
                        }
                    ]
                },
            },
        ),
        answer(preview=msgspec.msgpack.Ext(5, b"")),
        answer(min="1"),
        returned(batch_dims=[]),  # no entry for the level
        returned(batch_dims=[None, None]),
        returned(batch_dims=[2]),  # no such axis
        returned(batch_dims=[-1]),
        returned(because=[None, None]),
    ],
)
def test_what_is_no_message_is_a_bad_frame(data):
    with pytest.raises(wire.BadFrame):
        wire.from_worker(data)


def test_an_answer_as_the_cases_above_build_it_is_good():
    assert isinstance(wire.from_worker(GOOD), wire.Answer)
    assert isinstance(wire.from_worker(returned()), wire.Answer)


def test_many_lists_in_few_bytes_are_refused_before_they_unfold():
    many = answer(preview="@").replace(
        msgspec.msgpack.encode("@"), b"\xdd\x00\x3d\x09\x00" + b"\x90" * 4_000_000
    )
    with pytest.raises(wire.BadFrame, match="lists; at most 3,000,000 are taken"):
        wire.from_worker(many)


def test_a_deep_preview_is_a_bad_frame():
    deep = answer(preview="@").replace(msgspec.msgpack.encode("@"), b"\x91" * 50_000 + b"\xc0")
    with pytest.raises(wire.BadFrame, match="RecursionError"):
        wire.from_worker(deep)


def test_lone_surrogates_are_replaced_everywhere_and_nothing_else_changes():
    sent = Report(
        REQUEST, printed="a\ud800b", outputs=(Leaf("\udfff", "f", (3,), ["\ud800", 1.5, None], ((0, 1, 2),)),)
    )
    received = wire.from_worker(payload(wire.Answer(sent)))
    assert isinstance(received, wire.Answer)
    assert received.report == Report(
        REQUEST, printed="a?b", outputs=(Leaf("?", "f", (3,), ["?", 1.5, None], ((0, 1, 2),)),)
    )


def test_a_request_is_cleaned_of_lone_surrogates():
    cleaned, frame = wire.packed(Request("é\ud800", arguments=(Argument("\ud800", "1"),)), "run")
    assert cleaned == Request("é?", arguments=(Argument("?", "1"),))
    assert frame == wire.pack(wire.Job(cleaned, "run"))


def test_no_more_stages_are_taken_than_there_are():
    stages = [{"name": "run", "status": "running"}] * 9
    with pytest.raises(wire.BadFrame, match="9 stages; at most 8"):
        wire.from_worker(encoded(type="Progress", report={"request": {}, "stages": stages}))


def test_fixes_that_would_take_long_to_compare_are_refused():
    fix = {"request": {}, "summary": "s", "outputs": [], "before": "x\n" * 200_000, "after": "y\n" * 200_000}
    with pytest.raises(wire.BadFrame, match="800,000 characters of fixes"):
        wire.from_worker(encoded(type="Answer", report={"request": {}, "fixes": [fix]}))
