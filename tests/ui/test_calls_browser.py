"""Scripts in Chromium with the real sandbox: the list of calls, choosing one, values, every width."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from explainer import links
from explainer.spec import Request

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
SCRIPT = """\
X = jnp.array([[0., 0.], [1., 0.], [0., 1.]])
Y = jnp.array([[2., 2.], [-2., 2.], [2., -2.], [-2., -2.]])
D = jax.vmap(lambda x: jax.vmap(lambda y: jnp.sum((x - y) ** 2))(Y), out_axes=1)(X)
E = jax.vmap(jnp.cos)(jnp.ones(5))
print("all done")
"""
MANY = "\n".join(f"jax.vmap(jnp.sin)(jnp.ones({n}))" for n in range(1, 17))


def opened(app_url: str, open_page: Open, code: str, **size: object) -> Page:
    page = open_page(f"{app_url}/?r={links.encode(Request(code=code))}", **size)
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-k]")).to_be_visible()
    return page


def calls(page: Page) -> Locator:
    return page.get_by_role("radiogroup", name="Call to show").get_by_role("radio")


def choose(page: Page, words: str) -> None:
    page.locator(".st-key-calls label", has_text=words).last.click()


@pytest.mark.parametrize(("width", "height", "dark"), [(1440, 900, False), (390, 844, True)])
def test_a_script_opens_with_its_calls_and_a_picture_at_every_width(
    app_url: str, open_page: Open, screenshots: Path, width: int, height: int, dark: bool
):
    page = opened(app_url, open_page, SCRIPT, width=width, height=height, dark=dark)
    expect(calls(page)).to_have_count(3)
    expect(page.locator("[data-k]")).to_contain_text("vmap over")  # the nest i, j
    expect(page.locator(".pg-printed")).to_have_text("all done")
    main = "() => (m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    assert page.evaluate(main)
    page.screenshot(path=screenshots / f"calls-{width}-{'dark' if dark else 'light'}.png")


def test_a_chosen_call_is_drawn_and_told_with_its_values(app_url: str, open_page: Open):
    page = opened(app_url, open_page, SCRIPT)
    expect(page.locator(".pg-table").first).to_contain_text("(4, i:3)")
    page.get_by_role("tab", name="Output").click()
    expect(page.locator(".pg-values")).to_contain_text("13")
    choose(page, "cos")
    expect(page.locator("[data-k]")).to_contain_text("cos")
    expect(page.locator("[data-k]")).not_to_contain_text("vmap over")
    page.get_by_role("tab", name="Shapes").click()
    expect(page.locator(".pg-table").first).to_contain_text("(i:5,)")
    page.get_by_role("tab", name="Jaxpr").click()
    expect(page.locator(".pg-diff")).to_contain_text("After vmap i")


def test_a_request_becomes_a_script_by_one_click_and_comes_back_by_another(app_url: str, open_page: Open):
    page = open_page(app_url)
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop", timeout=30_000)
    page.get_by_role("button", name="Run as a script").click()
    expect(calls(page)).to_have_count(2)
    expect(page.locator(".cm-content").first).to_contain_text("jax.vmap(jax.vmap(dist")
    page.get_by_role("button", name="Back to my text").click()
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop")
    expect(calls(page)).to_have_count(0)


def test_a_long_list_scrolls_in_its_place(app_url: str, open_page: Open):
    page = opened(app_url, open_page, MANY, width=390, height=844)
    expect(calls(page)).to_have_count(16)
    box = page.get_by_role("radiogroup", name="Call to show").bounding_box()
    assert box is not None
    assert box["height"] < 200
