"""The player in a browser: it plays, steps, follows the page, and never gets stuck."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import ROOT, Watch, streamlit_server

pytestmark = pytest.mark.browser
Open = Callable[..., Page]

DRAWN = """root => [...root.querySelectorAll('.scatterlayer .trace path, .scatterlayer .trace text')].map(
  piece => [
    piece.getAttribute('transform') || '', piece.getAttribute('d') || '', piece.getAttribute('x') || '',
    piece.getAttribute('y') || '', piece.style.opacity, piece.style.fill, piece.style.stroke,
    piece.textContent,
  ].join('|').replace(/-?[0-9.]+/g, number => Math.round(number)))"""
PLACE = """(root, example) => {
  const figure = root.querySelector('.vp-fig');
  const trace = figure.data.find(trace => trace.customdata);
  const at = trace.customdata.indexOf(example);
  const box = figure.getBoundingClientRect();
  const scale = figure.layout.width / figure.layout.xaxis.range[1];
  return [box.x + trace.x[at] * scale, box.y + trace.y[at] * scale];
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("player")
    for name in ("static", ".streamlit"):
        (folder / name).symlink_to(ROOT / name)
    script = folder / "player_page.py"
    script.write_text(
        Path(__file__).with_name("player_page.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with streamlit_server(script, folder / "log.txt", {"PYTHONPATH": str(ROOT)}) as address:
        yield address


def ready(page: Page) -> Locator:
    player = page.locator(".vp[data-ready=true]")
    player.wait_for()
    return player


def frame(player: Locator) -> int:
    return int(player.get_attribute("data-k") or -1)


def jump(player: Locator, to: int) -> None:
    player.locator(".vp-range").evaluate(
        "(range, to) => { range.value = to; range.dispatchEvent(new Event('input')); }", to
    )


def test_play_runs_to_the_end_and_pause_stops_it(url: str, open_page: Open):
    player = ready(open_page(f"{url}/?scene=params"))
    player.get_by_label("Speed 4×").click()
    player.get_by_label("Play").click()
    expect(player).to_have_attribute("data-playing", "true")
    player.get_by_label("Pause").click()
    expect(player).to_have_attribute("data-playing", "false")
    player.get_by_label("Play").click()
    expect(player).to_have_attribute("data-k", "11", timeout=15_000)
    expect(player).to_have_attribute("data-playing", "false")
    expect(player.locator(".vp-cap")).to_have_text("done: 3 calls of predict in one program")


def test_keys_step_jump_and_play(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    player = ready(page)
    player.focus()
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 45), ("Home", 0)):
        page.keyboard.press(key)
        assert frame(player) == at
    page.keyboard.press(" ")
    expect(player).to_have_attribute("data-playing", "true")
    page.keyboard.press(" ")
    expect(player).to_have_attribute("data-playing", "false")


def test_a_click_on_a_result_shows_its_call_and_tells_python(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    player = ready(page)
    x, y = player.evaluate(PLACE, "1,2")
    page.mouse.click(x, y)
    expect(page.get_by_text("clicked 1,2")).to_be_visible()
    expect(player.locator(".vp-cap")).to_contain_text("i = 1, j = 2 · call dist(X[1], Y[2])")


def test_interrupted_jumps_settle_to_a_fresh_drawing(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    player = ready(page)
    source = random.Random(3)
    for _ in range(14):
        jump(player, source.randrange(46))
        page.wait_for_timeout(source.choice((10, 40, 90)))
    jump(player, 17)
    page.wait_for_timeout(1000)
    settled = player.evaluate(DRAWN)
    fresh_page = open_page(f"{url}/?scene=pairwise")
    fresh = ready(fresh_page)
    jump(fresh, 17)
    fresh_page.wait_for_timeout(1000)
    assert settled == fresh.evaluate(DRAWN)


def test_new_values_keep_the_frame_and_new_sizes_start_anew(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    player = ready(page)
    jump(player, 5)
    before = player.locator(".vp-cap").inner_text()
    page.get_by_text("other values").click()
    expect(player.locator(".vp-cap")).not_to_have_text(before)
    assert frame(player) == 5
    page.get_by_text("other sizes").click()
    expect(player).to_have_attribute("data-k", "0")


def test_the_theme_is_followed_while_the_page_stays(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    player = ready(page)
    jump(player, 5)
    light = player.locator(".vp-fig .annotation-text").first.evaluate("text => getComputedStyle(text).fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.vp-fig .annotation-text')).fill !== before",
        arg=light,
    )
    assert frame(player) == 5


def test_reduced_motion_jumps_without_gliding(url: str, open_page: Open):
    page = open_page(f"{url}/?scene=pairwise")
    page.emulate_media(reduced_motion="reduce")
    player = ready(page)
    jump(player, 5)
    first = player.evaluate(DRAWN)
    page.wait_for_timeout(700)
    assert player.evaluate(DRAWN) == first


@pytest.mark.parametrize("missing", ["plotly-basic.min.js", "player.js"])
def test_without_the_player_plotlys_own_controls_stand_in(
    url: str, open_page: Open, watch: Watch, missing: str
):
    page = open_page("about:blank")
    page.route(f"**/{missing}*", lambda route: route.abort())
    page.goto(f"{url}/?scene=params")
    expect(page.get_by_text("Plotly's own controls stand in")).to_be_visible()
    expect(page.locator(".slider-container")).to_be_visible()
    expect(page.locator(".updatemenu-button").first).to_be_visible()
    watch.errors.clear()  # the file that is missing, and what the player said about it


@pytest.mark.parametrize(
    ("scene", "width", "dark"),
    [("pairwise", 1440, False), ("pairwise", 390, True), ("three", 1440, True), ("mixed", 390, False)],
)
def test_a_scene_fits_its_page(
    url: str, open_page: Open, screenshots: Path, scene: str, width: int, dark: bool
):
    page = open_page(f"{url}/?scene={scene}", width=width, dark=dark)
    player = ready(page)
    jump(player, 4)
    page.wait_for_timeout(700)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = player.locator(".vp-fig text").evaluate_all(
        "all => all.filter(text => text.textContent).map(text => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert min(sizes) >= 8.5
    theme = "dark" if dark else "light"
    player.screenshot(path=screenshots / f"player-{scene}-{width}-{theme}.png")
