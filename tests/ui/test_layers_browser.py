"""The sandwich of layers in Chromium: box in box, readable on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height", "dark"), [(1440, 1300, False), (390, 844, True)])
def test_the_layers_stand_in_each_other_and_fit(
    app_url: str, open_page: Callable[..., Page], screenshots: Path, width: int, height: int, dark: bool
):
    page = open_page(f"{app_url}/?example=per-example-grad", width=width, height=height, dark=dark)
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop", timeout=30_000)
    page.get_by_role("tab", name="Layers", exact=True).click()
    inner = page.locator(".pg-slice .pg-slice").first
    expect(inner.locator(".pg-slice-head").first).to_contain_text("grad")
    expect(inner).to_contain_text("Gives back")
    inner.scroll_into_view_if_needed()
    for box in (each.bounding_box() for each in page.locator(".pg-slice-io code").all()):
        assert box is not None
        assert box["x"] + box["width"] <= width
    page.screenshot(path=screenshots / f"layers-{width}-{'dark' if dark else 'light'}.png")
