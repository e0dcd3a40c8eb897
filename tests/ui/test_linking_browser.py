"""The editor and the views below the picture in Chromium: pointing at one side lights the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
HELPED = "def unit(v):\n    return v / jnp.sqrt(v @ v)\n\ndef dist(x, y):\n    return jnp.sum(unit(x) - y)\n"
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


def opened(page: Page, tab: str) -> Page:
    expect(page.locator(".pg-status")).to_contain_text(
        "same as a Python loop", timeout=30_000
    )  # the first worker starts with the app
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("tabpanel").locator("[class~=pg-e0]").first).to_be_attached()
    return page


def code(page: Page) -> Locator:
    return page.locator("[data-editor=code]")


def rest_on(page: Page, line: int, text: str) -> None:
    found = code(page).locator(".cm-line").nth(line - 1)
    found.scroll_into_view_if_needed()
    x, y = found.evaluate(_PLACE_OF, text)
    page.mouse.move(x, y)


def write_code(page: Page, text: str) -> None:
    code(page).locator(".cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


@pytest.mark.parametrize(("tab", "width", "dark"), [("X-ray", 1440, False), ("Jaxpr", 390, True)])
def test_an_expression_lights_its_equations_and_an_equation_its_expression(
    app_url: str, open_page: Open, screenshots, tab: str, width: int, dark: bool
):
    page = opened(open_page(app_url, width=width, height=1200, dark=dark), tab)
    name = f"linked-{tab}-{width}-{'dark' if dark else 'light'}"
    rows = page.get_by_role("tabpanel")
    rest_on(page, 2, "-")
    expect(rows.locator(".pg-e0").first).not_to_have_css("box-shadow", "none")
    expect(rows.locator(".pg-e1").first).to_have_css("box-shadow", "none")
    tip = page.locator(".vx-tip")
    expect(tip).to_contain_text("f32[2] in f32[i:3,j:2,2]")
    box = tip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.screenshot(path=screenshots / f"{name}.png")
    page.mouse.move(2, 2)
    expect(rows.locator(".pg-e0").first).to_have_css("box-shadow", "none")
    rows.locator(".pg-e1").first.hover()
    expect(page.locator(".vx-from-outside")).to_have_text("(x - y) ** 2")
    page.screenshot(path=screenshots / f"{name}-back.png")


def test_an_equation_of_a_helper_marks_the_call_too(app_url: str, open_page: Open):
    page = opened(open_page(app_url), "X-ray")
    write_code(page, HELPED)
    rows = page.get_by_role("tabpanel")
    expect(rows).to_contain_text("v / jnp.sqrt(v @ v)")
    rest_on(page, 5, "unit")
    for number, lit in enumerate([True, True, True, False, False]):
        row = expect(rows.locator(f".pg-e{number}").first)
        (row.not_to_have_css if lit else row.to_have_css)("box-shadow", "none")
    rows.locator(".pg-e0").first.hover()
    expect(page.locator(".vx-from-outside")).to_have_text("v @ v")
    expect(page.locator(".vx-call")).to_have_text("unit(x)")


def test_hints_fit_a_narrow_page(app_url: str, open_page: Open):
    page = open_page(app_url, width=390, height=844)
    write_code(
        page,
        "def dist(x, y):\n    a_rather_long_name = jnp.outer(x, jnp.outer(x, y))\n    return x - y, x + y\n",
    )
    pills = code(page).locator(".vx-hint")
    expect(pills.first).to_have_text("a_rather_lo…: f32[i:3,j:2,2,4]", use_inner_text=True)
    for pill in pills.all():
        assert pill.evaluate(
            "pill => pill.scrollWidth <= pill.clientWidth + 1 && pill.getClientRects().length === 1"
        )
        box = pill.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
