"""The playground in Chromium with the real sandbox: what a reader sees, does and survives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
ENDLESS = "def dist(x, y):\n    return lax.while_loop(lambda v: v < 1, lambda v: v * 0, jnp.sum(x - y) * 0)\n"
CUBED = "def dist(x, y):\n    return jnp.sum((x - y) ** 3)\n"


def loaded(page: Page) -> Page:
    expect(page.locator("[data-k]")).to_be_visible(timeout=30_000)  # the first worker starts with the app
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop")
    return page


def status(page: Page) -> Locator:
    return page.locator(".pg-status")


def axis(page: Page, level: int, leaf: int) -> Locator:
    """Returns the control of one leaf of one level, in_axes first, then out_axes."""
    return page.locator("[class*=st-key-axes-]").nth(level).get_by_role("radiogroup").nth(leaf)


def write_code(page: Page, code: str) -> None:
    page.locator("[data-editor=code] .cm-content").focus()  # a click may meet what moves
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)


def in_axes(page: Page, level: int) -> Locator:
    return page.locator("[class*=st-key-spec-]").nth(level).get_by_label("in_axes")


def no_sideways_scroll(page: Page) -> bool:
    return page.evaluate(
        "() => (m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    )


@pytest.mark.parametrize(("width", "height", "dark"), [(1440, 900, True), (390, 844, False)])
def test_the_page_opens_with_a_picture_at_every_width(
    app_url: str, open_page: Open, screenshots: Path, width: int, height: int, dark: bool
):
    page = loaded(open_page(app_url, width=width, height=height, dark=dark))
    assert no_sideways_scroll(page)
    top = page.locator("[data-k]").bounding_box()
    assert top is not None
    assert top["y"] < height / 2
    page.screenshot(path=screenshots / f"playground-{width}-{'dark' if dark else 'light'}.png")


def test_an_axis_chosen_is_written_and_an_axis_written_is_chosen(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    axis(page, 0, 2).get_by_role("radio", name="1", exact=True).click()
    expect(page.get_by_label("out_axes").first).to_have_value("1")
    expect(page.locator("[data-k]")).to_contain_text("(2, 3)")
    in_axes(page, 1).fill("(None, 1)")
    in_axes(page, 1).press("Enter")
    chosen = axis(page, 1, 1).get_by_role("radio", name="1", exact=True)
    expect(chosen).to_have_attribute("aria-checked", "true")
    expect(chosen).to_be_enabled()


def test_an_error_is_said_in_words_and_leaves_the_picture_until_it_is_mended(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    write_code(page, "def dist(x, y):\n    return jnp.sum(x - y\n")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("Picture from before the error")).to_be_visible()
    expect(page.locator("[data-k]")).to_be_visible()
    write_code(page, CUBED)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(status(page)).to_contain_text("same as a Python loop")


def test_many_quick_edits_end_in_the_last_one(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    page.get_by_role("tab", name="Output").click()
    for n in range(10):
        write_code(page, f"def dist(x, y):\n    return jnp.sum((x - y) ** 2) * 0 + {n}\n")
    expect(page.locator(".pg-facts").first).to_contain_text("mean 9")
    expect(status(page)).to_contain_text("same as a Python loop")


def test_an_endless_loop_can_be_watched_and_cancelled(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    write_code(page, ENDLESS)
    expect(page.locator(".pg-step.running")).to_contain_text("run 1")
    expect(page.get_by_role("button", name="Undo all edits")).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)  # no ghost of the last pass
    expect(page.locator(".st-key-fields [data-stale=true]:visible")).to_have_count(0)
    page.get_by_role("tab", name="X-ray").click()
    expect(page.locator(".pg-xray")).to_contain_text("while")
    page.get_by_role("button", name="Cancel").click()
    expect(status(page)).to_contain_text("cancelled after")
    expect(page.locator(".pg-step.running")).to_have_count(0)
    page.get_by_role("button", name="Undo all edits").click()
    expect(status(page)).to_contain_text("same as a Python loop")


def test_a_shared_link_opens_what_was_shared(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    in_axes(page, 0).fill("(0, 0)")
    in_axes(page, 0).press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Share").click()
    link = page.get_by_test_id("stPopoverBody").locator("code").inner_text()
    other = open_page(link)
    expect(in_axes(other, 0)).to_have_value("(0, 0)")
    expect(other.get_by_role("alert")).to_be_visible()


def test_a_reload_loses_no_edit_and_adds_no_step_to_the_history(app_url: str, open_page: Open):
    page = loaded(open_page(app_url))
    before = page.evaluate("() => history.length")
    in_axes(page, 0).fill("(0, 0)")
    in_axes(page, 0).press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_url("**r=*")
    assert page.evaluate("() => history.length") == before
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(in_axes(page, 0)).to_have_value("(0, 0)")
    page.get_by_role("button", name="Undo all edits").click()
    page.wait_for_url(lambda url: "r=" not in url)
    loaded(page)


def test_every_tab_opens_without_an_error(app_url: str, open_page: Open, screenshots: Path):
    page = loaded(open_page(f"{app_url}/?example=rnn-scan", height=1200))
    shown = {
        "X-ray": "scan",
        "Jaxpr": "For one example",
        "Output": "nan",
        "Timing": "Measured on",
        "HLO": "StableHLO",
    }
    for tab, text in shown.items():
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel")).to_contain_text(text)
        if tab in ("Output", "Timing"):
            expect(page.get_by_role("tabpanel").locator(".js-plotly-plot .main-svg").first).to_be_visible()
        page.screenshot(path=screenshots / f"tab-{tab}.png")
