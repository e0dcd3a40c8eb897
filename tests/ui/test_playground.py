"""The playground page as a whole, with a sandbox that runs in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import explainer
from explainer import links, sandbox
from explainer.lessons import LESSONS
from explainer.report import Report
from explainer.spec import STAGES, Argument, Request, Stage, Vmap
from explainer.ui import keeping

EUCLID = LESSONS[0].request
PLAYER, EDITOR = "vmap_player", "vmap_explainer_editor"


class Sandbox:
    """Explains in this process, up to the check unless told; a partial Report first, like the real one."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.printed = ""
        self.until: Stage = "check"

    def stream(self, request: Request, **_: object) -> Generator[Report]:
        self.requests.append(request)
        report = replace(explainer.explain(request, until=self.until), printed=self.printed)
        yield replace(report, outputs=(), check=None, failure=None, stages=report.stages[:2])
        yield report


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    fake = Sandbox()
    monkeypatch.setattr(sandbox, "stream", fake.stream)
    monkeypatch.setattr(sandbox, "warm_up", lambda: None)
    yield fake


@pytest.fixture
def page(fake: Sandbox) -> AppTest:
    return opened()


def opened(**query: str) -> AppTest:
    page = AppTest.from_file("../../app.py", default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception
    return page


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.html if "<style>" not in element.proto.body)


def components(page: AppTest, name: str) -> list[str]:
    found = [each.proto for each in page.get("bidi_component")]
    return [proto.json for proto in found if proto.component_name.endswith(name)]


def address(page: AppTest) -> dict[str, str]:
    """Returns the query that the page puts into the address bar."""
    return json.loads(components(page, "vmap_explainer_address")[-1])


def axis(page: AppTest, name: str):
    """Returns the segmented control of one leaf: "in:2:0" is leaf 0 of in_axes in the row with uid 2."""
    return next(control for control in page.button_group if control.key == f"axis:{name}")


def axes(page: AppTest) -> list[str]:
    return [field.value or "" for field in page.text_input if (field.key or "").startswith("in-text:")]


def click(page: AppTest, key: str) -> None:
    next(button for button in page.button if button.key == key).click()
    run(page)


def press(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click()
    run(page)


def write(page: AppTest, key: str, value: str) -> None:
    page.text_input(key=key).set_value(value)
    run(page)


def edit_code(page: AppTest, code: str, version: int = 0) -> None:
    page.session_state["code"] = {"typed": {"text": code, "version": version, "runs": 0}}
    run(page)


def test_it_opens_on_the_first_example(page):
    assert axes(page) == ["(0, None)", "(None, 0)"]
    assert page.selectbox(key="lesson").value == LESSONS[0].id
    assert page.code[0].value == "jax.vmap(jax.vmap(dist, in_axes=(None, 0)), in_axes=(0, None))(X, Y)"
    assert len(components(page, PLAYER)) == 1
    assert "same as a Python loop" in html(page)


def test_the_shapes_stand_beside_the_code(page):
    assert '"f32[] in "' in components(page, EDITOR)[0]


def test_an_axis_control_writes_the_text_and_back(page, fake):
    axis(page, "in:2:1").set_value("0")
    run(page)
    assert axes(page) == ["(0, 0)", "(None, 0)"]
    assert fake.requests[-1].levels[0].in_axes == "(0, 0)"
    axis(page, "in:2:1").set_value("None")
    run(page)
    assert axes(page) == ["(0, None)", "(None, 0)"]


def test_typed_axes_move_the_controls(page):
    write(page, "in-text:3", "(None, 1)")
    assert axis(page, "in:3:1").value == "1"
    write(page, "in-text:3", "[None, -1]")
    assert axis(page, "in:3:1").value == "-1"


def test_a_control_that_the_browser_has_not_heard_of_yet_does_not_undo_typed_axes(page, monkeypatch):
    write(page, "in-text:3", "(None, 1)")
    axis(page, "in:3:1").set_value("0")  # as any field's message says it that was sent before the answer came
    run(page)
    assert axes(page) == ["(0, None)", "(None, 1)"]
    assert axis(page, "in:3:1").value == "1"
    monkeypatch.setattr("explainer.ui.levels._UNDER_WAY_S", 0.0)
    axis(page, "in:3:1").set_value("0")  # by hand
    run(page)
    assert axes(page) == ["(0, None)", "(None, 0)"]


def test_out_axes_are_chosen_like_in_axes(page, fake):
    axis(page, "out:2:0").set_value("1")
    run(page)
    assert page.text_input(key="out-text:2").value == "1"
    assert fake.requests[-1].levels[0].out_axes == "1"


def test_axes_nobody_understands_stay_as_typed_and_lock_their_controls(page):
    write(page, "in-text:2", "(0, Nome)")
    assert axes(page) == ["(0, Nome)", "(None, 0)"]
    assert axis(page, "in:2:0").proto.disabled
    write(page, "in-text:2", "(0, None)")
    assert not axis(page, "in:2:0").proto.disabled


def test_levels_are_added_swapped_muted_and_removed(page):
    def asked() -> list[str]:
        return [level.in_axes for level in page.session_state["session"].draft.request().levels]

    click(page, "icon:down:2")
    assert axes(page) == asked() == ["(None, 0)", "(0, None)"]
    click(page, "icon:mute:2")
    assert asked() == ["(None, 0)"]
    assert axes(page) == ["(None, 0)", "(0, None)"]
    click(page, "icon:mute:2")
    assert asked() == ["(None, 0)", "(0, None)"]
    click(page, "add-levels")
    assert axes(page) == asked() == ["(None, 0)", "(0, None)", "0"]
    click(page, "icon:remove:2")
    assert axes(page) == asked() == ["(None, 0)", "0"]


def test_names_and_sizes_of_a_level_reach_the_request(page, fake):
    click(page, "icon:names:2")
    write(page, "axis_name:2", "rows")
    assert fake.requests[-1].levels[0] == Vmap("(0, None)", axis_name="rows")
    click(page, "icon:names:2")
    assert "vmap rows" in html(page)


def test_arguments_are_added_filled_and_removed(page, fake):
    click(page, "add-arguments")
    assert [argument.name for argument in fake.requests[-1].arguments] == ["X", "Y", "x"]
    page.selectbox(key="fill:4").set_value("zeros")
    run(page)
    assert fake.requests[-1].arguments[2] == Argument("x", "zeros(f32[3])")
    page.checkbox(key="keyword:4").check()
    run(page)
    assert fake.requests[-1].arguments[2].keyword
    click(page, "icon:drop:4")
    assert page.session_state["session"].draft.request() == EUCLID


def test_an_error_keeps_the_last_picture_and_says_it_is_old(page):
    before = components(page, PLAYER)
    edit_code(page, "def dist(x, y):\n    return x @ y +\n")
    assert components(page, PLAYER) == before
    assert "Picture from before the error" in html(page)
    assert 'role="alert"' in html(page)
    assert '"severity":"error"' in components(page, EDITOR)[0].replace(" ", "")
    edit_code(page, "def dist(x, y):\n    return x @ y\n")
    assert components(page, PLAYER) != before
    assert "before the error" not in html(page)


def test_what_an_error_comes_from_is_marked_where_it_stands(page):
    write(page, "in-text:3", "(None, 7)")
    assert "see the error" in html(page)
    write(page, "in-text:3", "(None, 0)")
    assert "see the error" not in html(page)


def test_a_tab_a_failed_run_never_reached_shows_the_last_good_one_as_old(page):
    page.session_state["tabs"] = "Output"
    run(page)
    edit_code(page, "def dist(x, y):\n    return jnp.linalg.inv(x)\n")
    assert "From the last run that worked" in html(page)
    assert "1.41421" in html(page)


@pytest.mark.parametrize(
    ("tab", "shows"),
    [("Shapes", "i:3"), ("X-ray", "integer_pow"), ("Jaxpr", "reduce_sum"), ("Output", "1.41421")],
)
def test_a_tab_is_drawn_when_it_is_opened_without_running_anything_again(page, fake, tab, shows):
    page.session_state["tabs"] = tab
    run(page)
    assert shows in html(page)
    assert len(fake.requests) == 1


TABS = ("Shapes", "X-ray", "Lens", "Jaxpr", "Output", "Timing", "HLO")


@pytest.mark.parametrize("until", STAGES)
def test_every_tab_opens_however_far_the_run_got(fake, until):
    fake.until = until
    page = opened()
    for tab in TABS:
        page.session_state["tabs"] = tab
        run(page)


def test_every_tab_opens_after_a_run_that_was_too_large_to_start(fake):
    request = Request("def f(x): return x * 2", "f", (Argument("x", "f32[100000,100000]"),), (Vmap(),))
    page = opened(r=links.encode(request))
    assert "GB" in html(page)
    for tab in TABS:
        page.session_state["tabs"] = tab
        run(page)
    page.session_state["tabs"] = "Timing"
    run(page)
    assert "steady call <b>not measured</b>" in html(page)


def test_going_back_to_a_request_does_not_run_it_again(page, fake):
    write(page, "in-text:2", "(0, 0)")
    write(page, "in-text:2", "(0, None)")
    assert len(fake.requests) == 2
    press(page, "Run again")
    assert len(fake.requests) == 3


@pytest.mark.parametrize("lesson", LESSONS[::2], ids=lambda lesson: lesson.id)  # what they say: tests/facts
def test_every_other_example_opens(fake, lesson):
    page = opened(example=lesson.id)
    assert fake.requests == [lesson.request]
    assert ('role="alert"' in html(page)) == lesson.fails
    assert components(page, PLAYER) or lesson.fails


def test_own_text_can_be_brought_back_after_an_example(page, fake):
    write(page, "in-text:2", "(0, 0)")
    page.selectbox(key="lesson").set_value(LESSONS[1].id)
    run(page)
    assert fake.requests[-1] == LESSONS[1].request
    press(page, "Back to my text")
    assert axes(page) == ["(0, 0)", "(None, 0)"]
    press(page, "Undo all edits")
    assert axes(page) == ["(0, None)", "(None, 0)"]


def test_a_link_opens_what_was_shared(fake):
    request = replace(EUCLID, levels=(Vmap("(None, 0)", axis_name="k"),))
    opened(r=links.encode(request))
    assert fake.requests == [request]


def test_the_share_menu_gives_the_link_of_what_stands_in_the_fields(page):
    write(page, "in-text:2", "(0, 0)")
    page.session_state["share"] = True
    run(page)
    link = next(code.value for code in page.code if "?r=" in code.value)
    assert links.decode(link.partition("?r=")[2]).levels[0].in_axes == "(0, 0)"


def test_the_address_opens_an_edited_example_as_it_stands(page, fake):
    assert address(page) == {"example": "", "r": ""}
    write(page, "in-text:2", "(0, 0)")
    after = opened(**address(page))
    assert axes(after) == ["(0, 0)", "(None, 0)"]
    assert after.selectbox(key="lesson").value == LESSONS[0].id
    press(after, "Undo all edits")
    assert fake.requests[-1] == EUCLID
    assert address(after) == {
        "example": "",
        "r": "",
        "at": "1.4",
    }  # new fields, for old text must not land in them


def test_the_address_names_an_example_and_leaves_what_is_too_long_to_the_browser(fake):
    page = opened(example=LESSONS[1].id)
    assert address(page) == {"example": LESSONS[1].id, "r": ""}
    code = "".join(f"v{n} = {n**9}\n" for n in range(1000))
    edit_code(page, code)
    held = address(page)
    assert (held["example"], held["r"], len(held["kept"])) == (LESSONS[1].id, "", 8)
    assert keeping.unpack(held["word"]).code == code
    edit_code(page, code + "more = 1\n")
    assert address(page)["kept"] == held["kept"]


def test_a_text_that_only_the_browser_has_is_asked_for_before_anything_runs(fake):
    page = opened(kept="0badcafe")
    asked = next(each.proto for each in page.get("bidi_component"))
    assert asked.component_name.endswith("kept")
    assert json.loads(asked.json)["awaited"]
    assert fake.requests == []
    assert not components(page, EDITOR)


@pytest.mark.parametrize("query", [{"r": "garbage"}, {"r": ""}, {"example": "<b>no"}])
def test_a_broken_link_says_so_and_opens_the_first_example(fake, query):
    page = opened(**query)
    assert "first" in page.warning[0].value
    assert fake.requests == [EUCLID]


def test_an_empty_page_says_what_to_do(fake):
    page = opened(r=links.encode(Request()))
    assert 'role="alert"' in html(page)
    assert not components(page, PLAYER)
    assert "No picture yet" in html(page)


@pytest.mark.parametrize(
    ("request_", "tab", "shows"),
    [
        (
            Request("def f(x):\n    return x", "f", (Argument("x", "f32[3]"),), (Vmap(),)),
            "X-ray",
            "No equations",
        ),
        (Request("def f():\n    return jnp.ones(3)", "f", (), (Vmap(axis_size="4"),)), "Shapes", "(i:4"),
        (Request("def f(x):\n    return x", "f", (Argument("x", "c64[3]"),), (Vmap(),)), "Output", "j)"),
    ],
    ids=["no equations", "no arguments", "complex"],
)
def test_a_tab_has_something_to_say_of_an_unusual_run(fake, request_, tab, shows):
    page = opened(r=links.encode(request_))
    page.session_state["tabs"] = tab
    run(page)
    assert shows in re.sub(r"<[^>]*>", "", html(page))
    assert not page.get("plotly_chart")


def test_what_the_code_prints_is_shown_as_text(fake):
    fake.printed = "<img src=x onerror=alert(1)>"
    page = opened()
    assert "&lt;img src=x" in html(page)
    assert "<img" not in html(page)
