"""The editor: what Python holds of it, the built script, and how it behaves in a browser."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from explainer.ui import editor as editor_module
from tests.browser import ROOT, Watch, streamlit_server

PAGE = Path(__file__).with_name("editor_page.py")
SOURCES = ("src.js", "package-lock.json")


def test_the_script_is_built_from_the_committed_sources():
    digest = hashlib.sha256(b"".join((ROOT / "static" / "editor" / name).read_bytes() for name in SOURCES))
    with (ROOT / "static" / "editor.js").open() as script:
        assert script.readline().rstrip().endswith(f"sources-sha256: {digest.hexdigest()}")


def test_the_script_asks_no_other_host():
    script = (ROOT / "static" / "editor.js").read_text()
    assert "http://" not in script.replace("http://www.w3.org", "")
    assert "https://" not in script


def test_every_bundled_package_is_named_with_its_licence():
    lock = json.loads((ROOT / "static" / "editor" / "package-lock.json").read_text())
    bundled = {
        path.removeprefix("node_modules/"): item["license"]
        for path, item in lock["packages"].items()
        if path and not item.get("dev") and not item.get("optional")
    }
    notes = (ROOT / "static" / "README.md").read_text()
    assert "@codemirror/view" in bundled
    assert set(bundled.values()) == {"MIT"}
    assert [name for name in bundled if f"`{name}`" not in notes] == []


def test_the_editor_holds_the_code_until_the_user_types():
    app = _app()
    assert _held(app)["code"].startswith("def dist(x, y)")
    _type(app, "code", "lambda x: x", version=0)
    assert _held(app)["code"] == "lambda x: x"


def test_a_new_version_replaces_what_was_typed():
    app = _app()
    _type(app, "code", "lambda x: x", version=0)
    app.button[0].click().run()
    assert _held(app)["code"].startswith("def f(x)")


def test_text_of_an_older_version_is_not_taken_for_the_new_code():
    app = _app()
    app.button[0].click().run()
    _type(app, "code", "lambda x: x", version=0)
    assert _held(app)["code"].startswith("def f(x)")


def test_hint_levels_wrap_round_with_the_hues():
    hint = editor_module.Hint(1, (editor_module.HintPart("3", level=5), editor_module.HintPart("]")))
    assert editor_module._hint_data(hint) == {
        "line": 1,
        "parts": [{"text": "3", "level": 1, "room": ""}, {"text": "]", "level": None, "room": ""}],
    }


def test_a_browser_that_cannot_load_the_script_gets_a_plain_field():
    app = _app()
    _type(app, "code", "lambda x: x", version=0)
    app.session_state["editor-broken"] = True
    app.run()
    assert [field.value for field in app.text_area] == ["lambda x: x"]
    assert [field.value for field in app.text_input] == ["(0, None)"]
    app.text_area[0].set_value("lambda y: y").run()
    assert _held(app)["code"] == "lambda y: y"


def test_a_missing_script_gives_a_plain_field(monkeypatch, tmp_path):
    monkeypatch.setattr(editor_module, "_SCRIPT", tmp_path / "editor.js")
    assert len(_app().text_area) == 1


@pytest.mark.browser
def test_typed_text_reaches_python_and_the_cursor_stays(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=code] .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("rc = 1")  # r and c are hotkeys of Streamlit outside a field
    _expect_held(page, "rc = 1")
    page.keyboard.type("23")
    _expect_held(page, "rc = 123")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator("[data-editor=code] .cm-content")).not_to_contain_text("rc = 1")


@pytest.mark.browser
def test_ctrl_enter_and_enter_in_a_single_line_run(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=code] .cm-content").click()
    page.keyboard.press("Control+Enter")
    _expect_held(page, '"runs": [1, 0]')
    page.locator("[data-editor=axes] .cm-content").click()
    page.keyboard.press("End")
    page.keyboard.type("  # all")
    page.keyboard.press("Enter")
    _expect_held(page, "(0, None)  # all", '"runs": [1, 1]')


@pytest.mark.browser
def test_text_typed_just_before_leaving_the_field_is_not_lost(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=axes] .cm-content").click()
    page.keyboard.press("End")
    page.keyboard.type("  # kept")
    page.get_by_role("button", name="Load").click()
    _expect_held(page, "(0, None)  # kept", "undefined")


@pytest.mark.browser
def test_text_typed_just_before_another_page_opens_is_not_lost(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=axes] .cm-content").click()
    page.keyboard.press("End")
    page.keyboard.type("  # kept")
    page.get_by_role("link", name="other").click(delay=60)  # as long as a finger takes
    expect(page.get_by_test_id("stCode")).to_contain_text("kept: ")
    page.get_by_role("link", name="edit").click()
    _expect_held(page, "(0, None)  # kept")
    expect(page.locator("[data-editor=axes] .cm-content")).to_have_text("(0, None)  # kept")


@pytest.mark.browser
def test_escape_leaves_the_field_and_tab_indents_in_it(url, open_page):
    page = _open(url, open_page)
    code = page.locator("[data-editor=code] .cm-content")
    code.click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Tab")
    page.keyboard.type("pass")
    _expect_held(page, "    pass")
    page.keyboard.press("Escape")
    expect(code).not_to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="in_axes")).to_be_focused()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_hints_and_marks_stand_where_they_belong(url, open_page, screenshots, width, dark):
    page = _open(url, open_page, width=width, dark=dark)
    name = f"editor-{width}-{'dark' if dark else 'light'}"
    hint = page.locator("[data-editor=code] .vx-hint")
    expect(hint).to_have_text("d: f32[2] in f32[i:3,2]")
    expect(hint.locator(".vx-wide")).to_be_visible(visible=width == 1440)
    assert hint.evaluate("pill => pill.scrollWidth <= pill.clientWidth + 1")
    expect(hint).to_be_in_viewport()
    colour = "rgb(86, 180, 233)" if dark else "rgb(0, 114, 178)"
    expect(hint.locator(".vx-level")).to_have_css("color", colour)
    page.screenshot(path=screenshots / f"{name}-hint.png")
    page.get_by_role("button", name="Load").click()
    mark = page.locator("[data-editor=code] .cm-lintRange-error")
    expect(mark).to_have_text("undefined")
    expect(page.locator("[data-editor=code] .cm-lint-marker-error")).to_be_visible()
    expect(hint).to_have_count(0)
    mark.hover()
    expect(page.locator(".cm-tooltip")).to_contain_text("is not defined")
    page.screenshot(path=screenshots / f"{name}-mark.png")


@pytest.mark.browser
def test_a_hint_goes_when_its_line_is_edited_and_returns_with_the_text(url, open_page):
    page = _open(url, open_page)
    hint = page.locator("[data-editor=code] .vx-hint")
    expect(hint).to_have_count(1)
    page.locator("[data-editor=code] .cm-line").nth(1).click()
    page.keyboard.press("End")
    page.keyboard.type("1")
    expect(hint).to_have_count(0)
    page.keyboard.press("Backspace")
    expect(hint).to_have_count(1)


@pytest.mark.browser
def test_resting_on_an_expression_lights_its_equations_and_leaving_puts_them_out(url, open_page):
    page = _open(url, open_page)
    _rest_on(page, 1, "-")
    _expect_lit(page, [0])
    expect(page.locator(".vx-tip")).to_have_text("f32[2]sub")
    expect(page.locator(".vx-linked")).to_have_text("x - y")
    _rest_on(page, 2, "sum")  # what the call came to, and what it called
    _expect_lit(page, [1, 2])
    _rest_on(page, 2, "d)")  # the smallest expression there
    _expect_lit(page, [2])
    page.mouse.move(5, 5)
    _expect_lit(page, [])
    expect(page.locator(".vx-tip")).to_have_count(0)


@pytest.mark.browser
def test_the_room_behind_a_line_is_no_expression(url, open_page):
    page = _open(url, open_page)
    _rest_on(page, 2, "sum")
    _expect_lit(page, [1, 2])
    line = page.locator("[data-editor=code] .cm-line").nth(2).bounding_box()
    assert line is not None
    page.mouse.move(line["x"] + line["width"] - 12, line["y"] + 10)
    _expect_lit(page, [])


@pytest.mark.browser
def test_the_caret_lights_what_the_pointer_would_and_says_it(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=code] .cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    _expect_lit(page, [0])
    expect(page.locator("[data-editor=code] [role=status]")).to_have_text("f32[2]: sub")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    _expect_lit(page, [])
    page.keyboard.press("End")
    _expect_lit(page, [1, 2])
    page.keyboard.press("Escape")
    _expect_lit(page, [])


@pytest.mark.browser
def test_pointing_at_an_equation_marks_its_expression_and_the_call_that_led_there(url, open_page):
    page = _open(url, open_page)
    page.locator(".pg-e0").hover()
    expect(page.locator(".vx-from-outside")).to_have_text("x - y")
    expect(page.locator(".vx-call")).to_have_count(0)
    page.locator(".pg-e2").focus()
    expect(page.locator(".vx-from-outside")).to_have_text("d")
    expect(page.locator(".vx-call").first).to_be_visible()
    assert "".join(page.locator(".vx-call").all_inner_texts()) == "jnp.sum(d)"
    page.locator(".pg-e3").hover()
    expect(page.locator(".vx-from-outside")).to_have_count(0)


@pytest.mark.browser
def test_what_was_pointed_at_before_its_links_came_is_marked_when_they_come(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=code] .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("1")  # the links are of another text now
    page.locator(".pg-e0").hover()
    expect(page.locator(".vx-from-outside")).to_have_count(0)
    page.keyboard.press("Backspace")
    expect(page.locator(".vx-from-outside")).to_have_text("x - y")


@pytest.mark.browser
def test_nothing_is_linked_to_text_that_has_changed_until_it_is_back(url, open_page):
    page = _open(url, open_page)
    page.locator("[data-editor=code] .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("1")
    _rest_on(page, 1, "-")
    page.wait_for_timeout(150)
    _expect_lit(page, [])
    page.keyboard.press("Backspace")
    _rest_on(page, 2, "sum")
    _expect_lit(page, [1, 2])


@pytest.mark.browser
def test_without_its_script_the_editor_is_a_plain_field(url, open_page, watch: Watch):
    page = open_page("about:blank")
    page.route("**/editor.js*", lambda route: route.abort())
    page.goto(url)
    field = page.get_by_role("textbox", name="Function")
    field.fill("lambda x: x")
    field.press("Control+Enter")
    _expect_held(page, "lambda x: x")
    assert all("editor.js" in error or "ERR_FAILED" in error for error in watch.errors), watch.errors
    watch.errors.clear()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of editor_page.py, served beside links to the app's static files and settings."""
    folder = tmp_path_factory.mktemp("editor")
    for name in ("static", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    script = folder / "page.py"
    script.write_bytes(PAGE.read_bytes())
    with streamlit_server(script, folder / "log.txt", {"PYTHONPATH": str(ROOT)}) as address:
        yield address


def _open(url: str, open_page: Callable[..., Page], **options: Any) -> Page:
    page = open_page(url, **options)
    page.locator("[data-editor=axes] .cm-content").wait_for()
    page.locator("[data-editor=code] .cm-content").wait_for()
    return page


def _expect_held(page: Page, *parts: str) -> None:
    for part in parts:
        expect(page.get_by_test_id("stCode")).to_contain_text(part)


def _rest_on(page: Page, line: int, text: str) -> None:
    """Moves the pointer onto the first character of a text in a line (0-based)."""
    x, y = page.locator("[data-editor=code] .cm-line").nth(line).evaluate(_PLACE_OF, text)
    page.mouse.move(x, y)


_PLACE_OF = """(line, text) => {
  const nodes = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  let at = line.textContent.indexOf(text);
  while (nodes.nextNode() && at >= nodes.currentNode.length) at -= nodes.currentNode.length;
  const range = document.createRange();
  range.setStart(nodes.currentNode, at);
  range.setEnd(nodes.currentNode, at + 1);
  const { x, y, width, height } = range.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}"""


def _expect_lit(page: Page, ids: list[int]) -> None:
    for number in range(4):
        row = page.locator(f".pg-e{number}")
        if number in ids:
            expect(row).not_to_have_css("box-shadow", "none")
        else:
            expect(row).to_have_css("box-shadow", "none")


def _app() -> AppTest:
    app = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not app.exception
    return app


def _type(app: AppTest, key: str, text: str, version: int) -> None:
    value = {"text": text, "version": version, "runs": 0}
    app.session_state[key] = {"typed": value}
    app.run()
    assert not app.exception


def _held(app: AppTest) -> dict[str, Any]:
    return json.loads(app.code[0].value)
