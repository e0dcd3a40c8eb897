"""The Lens tab: an example is picked, its part is lit in every value, the first nan is one click away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from tests.ui.test_playground import fake as fake
from tests.ui.test_playground import html, opened, run

Open = Callable[..., Page]


def lens(example: str) -> AppTest:
    page = opened(example=example)
    page.session_state["tabs"] = "Lens"
    return run(page)


def lit(page: AppTest) -> list[str]:
    """Returns the lit values of every row, in full."""
    rows = html(page).split('<div class="pg-lens-row')[1:]
    return [" ".join(re.findall(r'<td class="[^"]*pg-lit[^"]*" title="([^"]*)"', row)) for row in rows]


def pick(page: AppTest, level: int, index: int) -> AppTest:
    found = next(each for each in page.number_input if str(each.key).startswith(f"lens-level-{level}"))
    found.set_value(index)
    return run(page)


def test_the_first_example_is_lit_in_every_value(fake):
    page = lens("euclid-pairwise")
    assert "every claimed axis holds" in html(page)
    assert lit(page)[1:] == ["0 0", "0 0", "0 0", "0 0", "0", "0", "0"]


def test_another_example_is_picked_without_running_anything_again(fake):
    page = pick(pick(lens("euclid-pairwise"), 0, 1), 1, 1)
    assert lit(page)[1:] == ["1 0", "1 1", "0 −1", "0 1", "1", "1", "1"]
    assert len(fake.requests) == 1


def test_a_clicked_cell_of_the_picture_sets_the_example(fake, monkeypatch):
    page = lens("euclid-pairwise")
    monkeypatch.setattr("explainer.ui.player.show", lambda animation, key: "2,1")
    assert lit(run(page))[1] == "0 1"
    assert [each.value for each in page.number_input if str(each.key).startswith("lens-level")] == [2, 1]


def test_the_first_nan_is_named_and_shown(fake):
    page = pick(lens("euclid-gradient"), 0, 2)
    assert "First nan at i = 0, j = 0: made by mul" in html(page)
    next(each for each in page.button if each.key == "lens-show-nan").click()
    page = run(page)
    assert lit(page)[-1] == "nan nan"
    assert "pg-odd pg-lit" in html(page)


def test_an_iteration_of_a_loop_is_picked(fake):
    page = pick(lens("while-slowest"), 0, 2)
    assert "50" in lit(page)
    slider = next(each for each in page.select_slider if str(each.key).startswith("lens-loop"))
    slider.set_value(1)
    page = run(page)
    assert "25" in lit(page)
    assert "thrown away" not in html(page)
    assert "finished before: thrown away" in html(pick(page, 0, 0))


def test_only_the_first_steps_are_shown_when_asked(fake):
    page = lens("euclid-pairwise")
    slider = next(each for each in page.slider if str(each.key).startswith("lens-steps"))
    slider.set_value(3)
    assert len(lit(run(page))) == 1 + 3


def test_names_of_values_are_shown_as_text(fake):
    page = lens("params-tree-axes")
    assert "[&#x27;w&#x27;]: f32" in html(page)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height", "dark"), [(1440, 1000, False), (390, 844, True)])
def test_the_lens_follows_an_example_in_the_browser(
    app_url: str, open_page: Open, screenshots: Path, width: int, height: int, dark: bool
):
    page = open_page(f"{app_url}/?example=euclid-pairwise", width=width, height=height, dark=dark)
    page.get_by_role("tab", name="Lens").click(timeout=30_000)
    page.get_by_label("i of 3").fill("1")
    page.get_by_label("i of 3").press("Enter")
    expect(page.locator(".pg-lens-head")).to_contain_text("example i = 1, j = 0")
    expect(page.locator(".pg-lens-row").nth(1).locator("td.pg-lit").first).to_have_text("1")
    assert page.evaluate(
        "() => (m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    )
    page.locator(".pg-lens").scroll_into_view_if_needed()
    page.screenshot(path=screenshots / f"lens-{width}-{'dark' if dark else 'light'}.png")
