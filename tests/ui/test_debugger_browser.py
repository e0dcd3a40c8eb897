"""The debugger in Chromium with the real sandbox: paste, read, apply a fix, by pointer and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explainer import links
from explainer.spec import Argument, Request, Vmap

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
SLOW = 30_000  # ms, for a worker that starts, a run and the search for fixes
SCRIPT = """\
import jax, jax.numpy as jnp

def dist(x, y):
    return jnp.sum((x - y) ** 2)

print(jax.vmap(dist)(jnp.ones((3, 2)), jnp.ones((4, 2))))
"""
NOISE = Request(
    "def noisy(key, x):\n    return x + jax.random.normal(key, x.shape)\n",
    "noisy",
    (Argument("key", "jax.random.key(0)"), Argument("X", "zeros(f32[3,4])")),
    (Vmap("(None, 0)"),),
)


def debugger(page: Page) -> Page:
    """Goes to the debugger by its link.

    Opened at /debugger, Streamlit's own client, which cannot know whether the app lives below that path,
    first asks for /debugger/_stcore/health and /debugger/_stcore/host-config: two 404s on the console, before
    it finds both at the root. No setting of the server spares it that.
    """
    expect(page.locator("[data-k]")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Debugger").click()
    expect(page.get_by_text("Paste code into the editor")).to_be_visible()
    return page


def paste(page: Page, text: str) -> None:
    page.locator("[data-editor=code] .cm-content").focus()
    page.keyboard.insert_text(text)


def test_a_pasted_script_is_explained_and_runs_with_a_fix(app_url: str, open_page: Open, screenshots: Path):
    page = debugger(open_page(app_url))
    paste(page, SCRIPT)
    expect(page.get_by_role("alert").filter(has_text="3 examples")).to_be_visible(timeout=SLOW)
    expect(page.locator(".pg-ruler")).to_contain_text("does not fit")
    expect(page.locator(".cm-lintRange-error").first).to_contain_text("jax.vmap")
    apply = page.get_by_role("button", name="Apply 1")
    expect(apply).to_be_visible(timeout=SLOW)
    page.screenshot(path=screenshots / "debugger-1440-light.png")
    apply.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pg-fine")).to_contain_text("It runs", timeout=SLOW)
    expect(page.locator(".cm-content").first).to_contain_text("in_axes")
    expect(page.locator(".cm-content").first).to_be_focused()  # the button that had it is gone
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo the fix").click()
    expect(page.get_by_role("alert").filter(has_text="3 examples")).to_be_visible()
    expect(page.locator(".cm-content").first).not_to_be_focused()  # a phone would open its keyboard
    page.get_by_role("link", name="Playground").click()
    expect(page.locator(".cm-content").first).to_contain_text("jax.vmap(dist)(")
    expect(page.get_by_role("alert").filter(has_text="3 examples")).to_be_visible()


@pytest.mark.parametrize("way", ["pointer", "keyboard"])
def test_a_silent_bug_lights_the_words_it_comes_from(app_url: str, open_page: Open, way: str):
    page = open_page(f"{app_url}/?r={links.encode(NOISE)}")
    told = page.locator(".pg-finding").first
    expect(told).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()  # nothing moves under the pointer
    expect(page.locator(".vx-from-outside")).to_have_count(0)
    told.hover() if way == "pointer" else told.focus()
    expect(page.locator(".vx-from-outside").first).to_contain_text("jax.random.normal")


def test_a_mistake_to_try_fits_a_narrow_dark_page(app_url: str, open_page: Open, screenshots: Path):
    page = open_page(app_url, width=390, height=844, dark=True)
    expect(page.locator("[data-k]")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Debugger").click()
    page.get_by_role("button", name="All pairs asked for with one vmap").click()
    expect(page.get_by_role("button", name="Apply 1")).to_be_visible(timeout=SLOW)
    main = "() => (m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    assert page.evaluate(main)
    page.screenshot(path=screenshots / "debugger-390-dark.png")
