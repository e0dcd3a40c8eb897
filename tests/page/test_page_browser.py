"""The page in a browser: offline, from a file and below a notebook's cell, in both colour schemes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from explainer import page
from explainer.figures import style
from explainer.report import Report
from tests.browser import Watch
from tests.figures import reports
from tests.page.hostile import PAYLOADS, hostile

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


@pytest.fixture
def show(open_page: Open, watch: Watch, tmp_path: Path) -> Callable[..., Page]:
    """Opens a text as a file, offline; fails the test when anything else is asked for."""

    def shown(text: str, prepare: str = "", **options) -> Page:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        opened = open_page("about:blank", **options)
        opened.context.set_offline(True)
        if prepare:
            opened.add_init_script(prepare)
        opened.goto(file.as_uri())
        opened.wait_for_load_state("networkidle")
        assert watch.foreign == [file.as_uri()]
        watch.foreign.clear()
        return opened

    return shown


def notebook(report: Report, body: str = "") -> str:
    """Returns a page that shows a report as a notebook does: as HTML put below a cell."""
    output = json.dumps(report._repr_html_()).replace("<", "\\u003c")
    fill = f"document.getElementById('output').innerHTML = {output}"
    return f"<!DOCTYPE html><body {body}><h1>cell</h1><div id=output></div><script>{fill}</script>"


def plays(place: Page | FrameLocator) -> None:
    player = place.locator(".vp[data-ready=true]")
    player.get_by_label("Speed 4×").click()
    player.get_by_label("Play").click()
    expect(player).to_have_attribute("data-playing", "true")
    expect(player).to_have_attribute("data-k", "11", timeout=15_000)
    expect(player.locator(".vp-cap")).to_have_text("done: 3 calls of predict in one program")


def test_the_animation_plays_from_a_file_offline(show):
    plays(show(page.html(reports.params())))


def test_the_animation_plays_below_a_cell(show):
    opened = show(notebook(reports.params()))
    plays(opened.frame_locator("iframe"))
    assert opened.evaluate("[typeof Plotly, document.styleSheets.length]") == ["undefined", 0]
    assert opened.locator("h1").evaluate("title => getComputedStyle(title).fontFamily") != ""


def test_a_frame_is_as_high_as_its_page(show):
    opened = show(notebook(reports.pairwise()))
    body = opened.frame_locator("iframe").locator("body")
    expect(body.locator(".vp[data-ready=true]")).to_be_visible()

    for fold in (False, True):
        if fold:
            body.locator("summary").first.click()
        opened.wait_for_timeout(300)
        inner = body.evaluate("body => body.getBoundingClientRect().height")
        assert opened.locator("iframe").evaluate("frame => frame.clientHeight") == math.ceil(inner)


@pytest.mark.parametrize(
    ("body", "dark", "expected"),
    [
        ("", False, "rgb(255, 255, 255)"),
        ("", True, "rgb(14, 17, 23)"),
        ("data-jp-theme-light=true", True, "rgb(255, 255, 255)"),
        ("data-jp-theme-light=false", False, "rgb(14, 17, 23)"),
        ("class=vscode-dark", False, "rgb(14, 17, 23)"),
    ],
)
def test_a_frame_takes_the_notebooks_theme_else_the_readers(show, body, dark, expected):
    opened = show(notebook(reports.params(), body), dark=dark)
    expect(opened.frame_locator("iframe").locator("html")).to_have_css("background-color", expected)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("form", [page.html, notebook])
def test_hostile_text_is_shown_as_text(show, form, payload):
    opened = show(form(hostile(payload)))
    frames = [frame for frame in opened.frames if frame.locator("h1").first.inner_text() != "cell"]
    expect(frames[-1].locator(".vp[data-ready=true]")).to_be_visible()
    assert [frame.evaluate("typeof pwned") for frame in opened.frames] == ["undefined"] * len(opened.frames)
    expect(frames[-1].locator("h1")).to_contain_text(payload)


def test_a_browser_that_cannot_unpack_says_so_and_shows_the_rest(show, watch: Watch):
    opened = show(page.html(reports.pairwise()), prepare="delete window.DecompressionStream")
    expect(opened.locator("#player")).to_contain_text("The animation could not be started")
    expect(opened.get_by_role("heading", name="Levels and shapes")).to_be_visible()
    assert len(watch.errors) == 1
    watch.errors.clear()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=str)
@pytest.mark.parametrize("scene", ["pairwise", "awkward", "misfit inside", "hostile"])
def test_a_page_fits_its_width(show, screenshots: Path, scene, width, dark):
    report = hostile(PAYLOADS[1]) if scene == "hostile" else reports.SCENES[scene]()
    opened = show(page.html(report), width=width, dark=dark)
    expect(opened.locator(".vp[data-ready=true]")).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    name = f"page-{scene.replace(' ', '-')}-{width}-{'dark' if dark else 'light'}.png"
    opened.screenshot(path=screenshots / name, full_page=True)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_bars_of_a_ruler_are_to_scale_and_inside_it(show, width):
    opened = show(page.html(reports.misfit_inside()), width=width)
    bars = opened.locator(".pg-bar").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect().width)"
    )
    longest = max(bars)
    assert longest > 100
    assert bars == pytest.approx([size / 5 * longest for size in (3, 5, 2, 4, 2)], abs=1)
    edges = opened.locator(".pg-axis, .pg-axis *").evaluate_all(
        "parts => parts.map(part => part.getBoundingClientRect().right)"
    )
    assert max(edges) <= opened.locator(".pg-ruler").evaluate("all => all.getBoundingClientRect().right")


def test_a_bar_that_does_not_fit_is_hatched_in_both_themes(show):
    for dark in (False, True):
        opened = show(page.html(reports.misfit()), dark=dark)
        bar = opened.locator(".pg-bar-bad").first
        expect(bar).to_have_css("background-image", re.compile("repeating-linear-gradient"))
        red = style.PALETTES["dark" if dark else "light"]["bad"]
        wanted = ", ".join(str(int(red[at : at + 2], 16)) for at in (1, 3, 5))
        expect(bar).to_have_css("border-left-color", f"rgb({wanted})")
