"""The animation of every kind of report: complete, inside the canvas, within limits, and true."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from explainer.figures import style, text
from explainer.figures.animation import MAX_BYTES, MAX_FRAMES, MAX_MOVERS, Animation, animation
from explainer.figures.captions import plain
from explainer.figures.native import native
from explainer.figures.plan import Drawn
from explainer.report import Failure, Report
from explainer.spec import Request
from tests.figures import reports
from tests.figures.reports import Given, make

FAILURE = Failure("run", "FloatingPointError", "message", "explanation")
SCENES = list(reports.SCENES)


def build(name: str) -> Animation:
    built = animation(reports.SCENES[name]())
    assert built is not None
    return built


def random_report(seed: int) -> Report:
    """Returns a nest of 0 to 3 levels over 1 to 3 arrays of rank 0 to 5, some of them big."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(0, 4))
    sizes = [int(rng.choice([1, 2, 3, 5, 40])) for _ in range(depth)]

    def given(path: str, must: bool) -> Given:
        shape = [int(rng.choice([1, 2, 3, 4, 30])) for _ in range(rng.integers(0, 3 if depth else 5))]
        axes: list[int | None] = []
        for level in reversed(range(depth)):
            if must or rng.random() < 0.7:
                axis = int(rng.integers(0, len(shape) + 1))
                shape.insert(axis, sizes[level])
                axes.insert(0, axis - len(shape) if rng.random() < 0.3 else axis)
            else:
                axes.insert(0, None)
        return Given(path, rng.normal(size=shape), tuple(axes))

    inputs = [given(f"x{at}", at == 0) for at in range(rng.integers(1, 4))]
    outputs = [given("out" if at == 0 else f"out[{at}]", False) for at in range(rng.integers(1, 3))]
    return make("f", "ijk"[:depth], inputs, outputs)


RANDOM = [pytest.param(seed, id=str(seed)) for seed in range(60)]


def check_frames(built: Animation) -> None:
    figure: Any = built.figure
    frames = figure["frames"]
    dynamic = frames[0]["traces"]
    first = frames[0]["data"]
    meta: Any = built.meta
    width, height = meta["W"], meta["H"]
    for frame in frames:
        assert frame["traces"] == dynamic
        assert len(frame["data"]) == len(dynamic)
        movers, *windows = frame["data"]
        count = len(first[0]["x"])
        assert len(figure["data"][dynamic[0]]["ids"]) == count
        for states in (movers["x"], movers["y"], movers["marker"]["opacity"], movers["textfont"]["color"]):
            assert len(states) == count
        assert len(movers.get("text", figure["data"][dynamic[0]].get("text"))) == count
        for window, start in zip(windows, first[1:], strict=True):
            assert set(window) == {"x", "y", "line"}
            assert [x is None for x in window["x"]] == [x is None for x in start["x"]]
            assert len(window["x"]) == len(window["y"])
        for trace in [*figure["data"], *frame["data"]]:
            assert all(x is None or 0 <= x <= width for x in trace["x"])
            assert all(y is None or 0 <= y <= height for y in trace["y"])
        half = style.CELL / 2
        for trace in [*figure["data"][: dynamic[0]], movers]:
            assert all(half <= x <= width - half for x in trace["x"])
            assert all(half <= y <= height - half for y in trace["y"])


def check_limits(built: Animation) -> None:
    figure: Any = built.figure
    meta: Any = built.meta
    assert len(figure["frames"]) <= MAX_FRAMES
    assert len(figure["frames"][0]["data"][0]["x"]) <= MAX_MOVERS
    assert len(built.payload.encode()) <= MAX_BYTES
    assert len(meta["phases"]) == len(meta["captions"]) == len(meta["focus"]) == len(figure["frames"])
    assert all(0 <= frame < len(figure["frames"]) for frame in meta["jump"].values())
    assert all(plain(caption).strip() for caption in meta["captions"])


def check_texts(built: Animation) -> None:
    """Every cell text is short, and every label stays on the canvas."""
    figure: Any = built.figure
    for trace in figure["data"]:
        assert all(len(re.sub(r"&[#\w]+;", "x", words)) <= 4 for words in trace.get("text", ()))
    meta: Any = built.meta
    width = meta["W"]
    for note in figure["layout"]["annotations"]:
        words = re.sub(r"<[^>]*>|&[#\w]+;", "", note["text"])
        half = style.text_width(words, note["font"]["size"], note["font"]["family"]) / 2
        if note["xanchor"] == "center":
            assert half <= note["x"] <= width - half, note["text"]


def check_room(built: Animation) -> None:
    """No cell lies on another, no label on another label or on a cell."""
    figure: Any = built.figure
    static = figure["data"][: figure["frames"][0]["traces"][0]]
    cells = [(x, y) for trace in static for x, y in zip(trace["x"], trace["y"], strict=True)]
    boxes = [(x - 14, y - 14, x + 14, y + 14, "cell") for x, y in cells]
    for note in figure["layout"]["annotations"]:
        words = re.sub(r"<[^>]*>", "", re.sub(r"&[#\w]+;", "x", note["text"]))
        size = note["font"]["size"]
        width = style.text_width(words, size, note["font"]["family"]) * 0.94
        left = note["x"] - {"left": 0.0, "center": width / 2, "right": width}[note["xanchor"]]
        boxes.append((left, note["y"] - size * 0.4, left + width, note["y"] + size * 0.4, words))
    for at, (left, top, right, bottom, words) in enumerate(boxes):
        for x0, y0, x1, y1, other in boxes[at + 1 :]:
            apart = x1 <= left or right <= x0 or y1 <= top or bottom <= y0
            assert apart, f"{words} and {other} overlap"


@pytest.mark.parametrize("name", SCENES)
def test_every_frame_is_complete_and_on_the_canvas(name):
    built = build(name)
    check_frames(built)
    check_limits(built)
    check_texts(built)
    check_room(built)


@pytest.mark.parametrize("seed", RANDOM)
def test_random_nests_are_complete_on_the_canvas_and_within_limits(seed):
    built = animation(random_report(seed))
    assert built is not None
    check_frames(built)
    check_limits(built)
    check_texts(built)
    check_room(built)


@pytest.mark.parametrize("seed", RANDOM)
def test_at_the_end_every_output_cell_shows_its_own_value(seed):
    check_end(animation(random_report(seed)))


@pytest.mark.parametrize(
    "name", [name for name, made in reports.SCENES.items() if name != "running" and not made().failure]
)
def test_at_the_end_of_a_scene_every_output_cell_shows_its_own_value(name):
    check_end(build(name))


def check_end(built: Animation | None) -> None:
    """The visible movers of the last frame lie exactly on the output slots, with the value in the tooltip."""
    assert built is not None
    figure: Any = built.figure
    slots = {
        (x, y): hover
        for trace in figure["data"]
        if "customdata" in trace
        for x, y, hover in zip(trace["x"], trace["y"], trace["hovertext"], strict=True)
    }
    dynamic = figure["data"][figure["frames"][0]["traces"][0]]
    last = figure["frames"][-1]["data"][0]
    words = last.get("text", dynamic["text"])
    landed = {
        (x, y): word
        for x, y, word, seen in zip(last["x"], last["y"], words, last["marker"]["opacity"], strict=True)
        if seen
    }
    assert landed.keys() == slots.keys()
    for at, word in landed.items():
        value = slots[at].rpartition(" = ")[2].replace("−", "-")
        try:
            number = float(value)
        except ValueError:
            continue
        assert abs(number) >= 0.01 or word in (text.cell(number), text.cell(int(number)), "≈0", "F")
        if abs(number) >= 0.01 and "e" not in word and word not in ("T",):
            assert float(word.replace("−", "-")) == pytest.approx(number, rel=0.06, abs=0.06)


def test_a_shared_argument_flies_in_once_and_stays():
    figure: Any = build("params").figure
    trace = figure["data"][figure["frames"][0]["traces"][0]]
    shared = [at for at, name in enumerate(trace["ids"]) if name.startswith(("in0", "in1"))]
    for at in shared:
        seen = [frame["data"][0]["marker"]["opacity"][at] for frame in figure["frames"]]
        assert seen == sorted(seen[:-1]) + [0]
        places = [
            frame["data"][0]["x"][at]
            for frame, visible in zip(figure["frames"], seen, strict=True)
            if visible
        ]
        assert len(set(places)) == 2


def test_slices_pass_calls_and_restacks_come_in_order():
    meta: Any = build("params").meta
    assert [phase for phase, _ in meta["phases"]] == (
        ["start", "slice", "pass", "call", "restack"] + ["pass", "call", "restack"] * 2 + ["end"]
    )


def test_captions_can_be_read_by_themselves():
    meta: Any = build("pairwise").meta
    captions = [plain(caption) for caption in meta["captions"]]
    assert captions[1] == "i = 0 · slice X[0]  (Y shared)"
    assert captions[5] == "i = 0, j = 0 · call dist(X[0], Y[0]) = 5"
    assert captions[-1] == "done: 12 calls of dist in one program"


def test_a_click_on_an_output_cell_leads_to_its_call():
    meta: Any = build("pairwise").meta
    assert meta["jump"].keys() == {f"{i},{j}" for i in range(3) for j in range(4)}
    for example, frame in meta["jump"].items():
        i, j = example.split(",")
        assert plain(meta["captions"][frame]).startswith(f"i = {i}, j = {j} · call")


def test_a_long_axis_is_cut_and_says_so():
    built = build("long")
    figure: Any = built.figure
    labels = [note["text"] for note in figure["layout"]["annotations"]]
    assert "axis 0: first 7 … last 1 of 1,024" in labels
    meta: Any = built.meta
    assert plain(meta["captions"][-1]) == "done: 1,024 calls of norm in one program  (8 drawn)"
    assert "1023" in meta["jump"]


def test_a_fourth_level_is_left_out_and_named():
    x = reports.numbers(2, 2, 2, 2)
    report = make("f", "ijkl", [Given("X", x, (0, 0, 0, 0))], [Given("out", x, (0, 0, 0, 0))])
    built = animation(report)
    assert built is not None
    meta: Any = built.meta
    assert meta["notes"] == ["3 levels are animated; those inside (f) run within each call."]
    assert meta["levels"] == ["i", "j", "k"]


def test_an_array_of_rank_five_names_the_axis_it_folds():
    x = reports.numbers(2, 3, 2, 2, 2)
    built = animation(make("f", "i", [Given("X", x, (1,))], [Given("out", x.sum((0, 2, 3, 4)), (0,))]))
    assert built is not None
    meta: Any = built.meta
    assert meta["notes"] == ["X has rank 5: axis 0 is drawn at index 0 only."]


def test_many_nested_calls_are_played_in_one_go_after_the_first_row():
    built = animation(reports.pairwise(8, 8))
    assert built is not None
    meta: Any = built.meta
    phases = [phase for phase, _ in meta["phases"]]
    drawn = phases.count("call")
    assert drawn >= 5
    assert phases.count("calls") == drawn - 1
    assert meta["jump"]["2,0"] == meta["jump"]["2,1"]
    assert meta["jump"]["0,0"] != meta["jump"]["0,1"]


def test_without_values_cells_show_a_dot_and_nothing_is_claimed():
    built = build("running")
    figure: Any = built.figure
    trace = figure["data"][figure["frames"][0]["traces"][0]]
    words = {word for word, name in zip(trace["text"], trace["ids"], strict=True) if name.startswith("out")}
    assert words == {"·"}
    meta: Any = built.meta
    assert plain(meta["captions"][-1]) == "done: the values appear when the run has finished"


def test_a_failed_trace_stops_inside_the_first_call():
    meta: Any = build("failed").meta
    assert [phase for phase, _ in meta["phases"]] == ["start", "slice", "pass", "end"]
    assert plain(meta["captions"][-1]) == "stopped here: trace failed with TypeError"
    assert meta["jump"] == {}


def test_unequal_sizes_are_shown_side_by_side_and_nothing_moves():
    built = build("unequal")
    meta: Any = built.meta
    assert [phase for phase, _ in meta["phases"]] == ["start", "end"]
    assert plain(meta["captions"][0]) == "no examples to slice: i runs over 3 in X, but over 4 in Y"
    figure: Any = built.figure
    assert [note["text"] for note in figure["layout"]["annotations"]].count("<b>3</b>") == 1
    assert not any(any(frame["data"][0]["marker"]["opacity"]) for frame in figure["frames"])


def test_an_inner_level_that_is_not_known_is_left_out_and_named():
    whole = reports.pairwise()
    broken = replace(whole.levels[1], axis_size=None)
    built = animation(replace(whole, levels=(whole.levels[0], broken), outputs=(), failure=FAILURE))
    assert built is not None
    meta: Any = built.meta
    assert meta["levels"] == ["i"]
    assert meta["notes"] == ["Level j is not drawn: its axes could not be resolved."]


def test_an_axis_out_of_range_stops_before_anything_moves():
    whole = reports.pairwise()
    leaf = replace(whole.levels[0].inputs[0], axis=5, index=None)
    top = replace(whole.levels[0], inputs=(leaf, whole.levels[0].inputs[1]), axis_size=None)
    built = animation(replace(whole, levels=(top,), outputs=(), failure=FAILURE))
    assert built is not None
    meta: Any = built.meta
    assert plain(meta["captions"][0]) == "no examples to slice: X has no axis 5"
    figure: Any = built.figure
    assert not any(any(frame["data"][0]["marker"]["opacity"]) for frame in figure["frames"])


def test_a_failed_run_keeps_the_play_and_says_there_are_no_values():
    built = animation(replace(reports.running(), failure=FAILURE))
    assert built is not None
    meta: Any = built.meta
    assert plain(meta["captions"][-1]) == "no values: run failed with FloatingPointError"


def test_a_late_failure_does_not_hide_that_values_are_known():
    late = replace(FAILURE, stage="time")
    built = animation(replace(reports.params(), failure=late))
    assert built is not None
    meta: Any = built.meta
    assert plain(meta["captions"][-1]) == "done: 3 calls of predict in one program"


def test_a_vmap_inside_the_function_is_not_given_the_arguments_values():
    whole = reports.columns()
    renamed = replace(whole.levels[0], inputs=(replace(whole.levels[0].inputs[0], path="basis"),))
    built = animation(replace(whole, levels=(renamed,)))
    assert built is not None
    figure: Any = built.figure
    assert set(figure["data"][0]["text"]) == {"·"}


def test_a_mapped_axis_of_size_zero_is_said_and_drawn_empty():
    report = make("f", "i", [Given("X", np.zeros((0, 2)), (0,))], [Given("out", np.zeros((0,)), (0,))])
    built = animation(report)
    assert built is not None
    meta: Any = built.meta
    assert plain(meta["captions"][-1]) == "no examples: a mapped axis has size 0"


def test_without_levels_one_call_is_drawn_and_nothing_is_sliced():
    meta: Any = build("no levels").meta
    assert [phase for phase, _ in meta["phases"]] == ["start", "pass", "call", "restack", "end"]
    assert plain(meta["captions"][2]) == "call dot(M, v) → shape (2,)"


@pytest.mark.parametrize(
    "report",
    [
        Report(Request()),
        Report(Request(levels=(), function="f")),
    ],
)
def test_a_report_without_arrays_has_no_animation(report):
    assert animation(report) is None


def test_names_from_the_user_are_shown_literally():
    evil = "<b>$L0</b>&amp;"
    x = reports.numbers(2)
    built = animation(
        make(evil, ["<i>"], [Given(f"X['{evil}']", x, (0,)), Given("Y", x, (0,))], [Given("out", x, (0,))])
    )
    assert built is not None
    assert "<b>$L0</b>" not in built.payload
    assert "<i>" not in built.payload
    assert "&lt;i&gt;" in built.payload
    assert json.loads(built.payload) == built.figure


def test_new_values_keep_the_structure_id_and_another_shape_changes_it():
    one, other = animation(reports.running()), animation(reports.pairwise())
    again = animation(reports.running())
    assert one and other and again
    assert one.meta["sid"] == again.meta["sid"] != other.meta["sid"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", SCENES)
def test_the_native_figure_has_every_frame_and_no_token_left(name, theme):
    built = build(name)
    figure: Any = native(built, theme)
    frames: Any = built.figure["frames"]
    assert len(figure["frames"]) == len(figure["layout"]["sliders"][0]["steps"]) == len(frames)
    assert not style.TOKEN.search(json.dumps(figure))


@pytest.mark.parametrize(
    ("group", "path", "label"),
    [
        ("params", "params['w']", "w"),
        ("params", "params['a'][0]['b']", "a.0.b"),
        ("args", "args[0].layers[1].weight", "0.layers.1.weight"),
        ("model", "model.layers[0].bias", "layers.0.bias"),
        ("out", "out[1]", "1"),
    ],
)
def test_an_array_of_a_group_is_named_by_its_keys(group, path, label):
    assert Drawn("in0", path, group, output=False, shape=(), mapped=(), leaf=None).label == label
