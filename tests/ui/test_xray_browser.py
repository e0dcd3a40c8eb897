"""The X-ray and the Jaxpr view in Chromium: what lights up, what opens, what fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def shown(page: Page, tab: str) -> Page:
    status = page.locator(".pg-status")
    expect(status).to_contain_text("same as a Python loop", timeout=30_000)  # the first worker
    expect(page.get_by_role("button", name="Run again")).to_be_visible()  # nothing is drawn anew after it
    page.get_by_role("tab", name=tab, exact=True).click()
    return page


def lit(line: Locator) -> bool:
    return line.evaluate("line => getComputedStyle(line).boxShadow !== 'none'")


def test_resting_on_a_line_lights_its_equation_on_both_sides_and_no_other(app_url: str, open_page: Open):
    page = shown(open_page(f"{app_url}/?example=distance-pairwise", height=1300), "Jaxpr")
    example = page.locator(".pg-diff .pg-was").filter(has_text="= sub")
    batched = page.locator(".pg-diff .pg-now").filter(has_text="= sub")
    added = page.locator(".pg-diff .pg-now").filter(has_text="= broadcast_in_dim").first
    other = page.locator(".pg-diff .pg-now").filter(has_text="integer_pow")
    assert not lit(example)
    batched.hover()
    assert [lit(line) for line in (example, batched, added, other)] == [True, True, True, False]


def test_counterparts_stand_at_one_height(app_url: str, open_page: Open):
    page = shown(open_page(f"{app_url}/?example=rnn-scan", height=1300), "Jaxpr")
    sides = [page.locator(f".pg-diff .pg-{side}").filter(has_text="= tanh") for side in ("was", "now")]
    left, right = (side.bounding_box() for side in sides)
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"] + 1


def test_a_surprise_is_open_and_the_rest_opens_on_a_click(app_url: str, open_page: Open):
    page = shown(open_page(f"{app_url}/?example=cond-mapped"), "X-ray")
    expect(page.get_by_text("a costly branch is always paid for")).to_be_visible()
    docs = page.get_by_role("link", name="JAX docs: lax.cond")
    expect(docs).to_have_attribute("target", "_blank")
    page = shown(open_page(f"{app_url}/?example=rnn-scan"), "X-ray")
    sentence = page.get_by_text("Still one loop with as many steps")
    expect(sentence).to_be_hidden()
    page.get_by_text("one loop, an axis moved").click()
    expect(sentence).to_be_visible()


@pytest.mark.parametrize(
    ("lesson", "width", "height", "dark"),
    [
        ("cond-mapped", 1440, 1300, False),
        ("rnn-scan", 390, 844, True),
        ("distance-pairwise", 1440, 1300, True),
    ],
)
def test_both_views_fit_the_page(
    app_url: str, open_page: Open, screenshots: Path, lesson: str, width: int, height: int, dark: bool
):
    page = open_page(f"{app_url}/?example={lesson}", width=width, height=height, dark=dark)
    for tab, part in (("X-ray", ".pg-aside >> nth=0"), ("Jaxpr", ".pg-diff")):
        box = shown(page, tab).locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        name = f"{tab.lower()}-{lesson}-{width}-{'dark' if dark else 'light'}.png"
        page.locator(".st-key-tabs-box").screenshot(path=screenshots / name)
