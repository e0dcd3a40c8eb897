"""The question beside a mapped value, in Chromium: it opens to a sentence that fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height", "dark"), [(1440, 1300, False), (390, 844, True)])
def test_a_question_opens_to_a_sentence_that_can_be_read(
    app_url: str, open_page: Callable[..., Page], screenshots: Path, width: int, height: int, dark: bool
):
    page = open_page(f"{app_url}/?example=distance-pairwise", width=width, height=height, dark=dark)
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop", timeout=30_000)
    page.get_by_role("tab", name="X-ray", exact=True).click()
    asked = page.locator(".pg-way").last
    sentence = asked.locator("p").first
    expect(sentence).to_be_hidden()
    asked.get_by_text("why?").click()
    expect(sentence).to_be_visible()
    expect(sentence).to_contain_text("is mapped over its axis 0.")
    sentence.scroll_into_view_if_needed()
    box = sentence.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
    page.screenshot(path=screenshots / f"why-{width}-{'dark' if dark else 'light'}.png")
