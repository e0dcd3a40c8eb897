"""The hosted page in a browser: it works under the headers, and nothing typed is lost with a process."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from explainer import links
from explainer.spec import Request
from explainer.ui import keeping, privacy
from tests.browser import Watch
from tests.deploy.conftest import logged, wait_for_lines
from tests.deploy.test_hosting import HEALTH, PAGE_FILES, STREAM
from tests.nginx import App, Site

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
LOST = (
    "WebSocket",
    "Cannot send rerun backMessage when disconnected",
)  # what Streamlit logs without a server
LONG = "def dist(x, y):\n    return jnp.sum(x * y)\n" + "".join(
    f"# {n}: {n**9 % 99991}\n" for n in range(600)
)


def loaded(page: Page) -> Page:
    expect(page.locator("[data-k]")).to_be_visible(timeout=30_000)
    expect(page.locator(".pg-status")).to_contain_text("same as a Python loop", timeout=30_000)
    return page


def code(page: Page) -> Locator:
    return page.locator("[data-editor=code] .cm-content")


def write_code(page: Page, text: str) -> None:
    code(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def append(page: Page, text: str) -> None:
    code(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)


def request_of(page: Page) -> Request:
    """Returns what stands in the fields by the address, or by the tab's storage that it names."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))
    if "d" in query:
        return keeping.unpack(query["d"]).request()
    if "r" in query:
        return links.decode(query["r"])
    kept = json.loads(page.evaluate("sessionStorage.getItem('explainer-draft')") or "{}")
    return keeping.unpack(kept["word"]).request() if kept.get("name") == query.get("kept", "") else Request()


def wait_for_request(page: Page, fact: Callable[[Request], bool]) -> None:
    """Waits until a fact is true of what stands in the fields, as Python knows them."""
    deadline = time.monotonic() + 40
    while not fact(request := request_of(page)):
        assert time.monotonic() < deadline, request
        page.wait_for_timeout(50)


def serving(site: Site, page: Page) -> App:
    """Returns the process that a page's seat leads to, by what it answers."""
    since = len(logged(site, HEALTH))
    page.evaluate(f"fetch('{HEALTH}').then((answer) => answer.text())")
    line = wait_for_lines(site, HEALTH, since + 1)[since]
    return next(app for app in site.apps if str(line["app"]).endswith(f":{app.port}"))


def connection(page: Page) -> Locator:
    return page.locator("[data-test-connection-state]")


def wait_until(page: Page, state: str) -> None:
    expect(connection(page)).to_have_attribute("data-test-connection-state", state, timeout=20_000)


@pytest.fixture
def crash(site: Site, watch: Watch):
    """Kills the process that serves a page, and brings it back when the test is over."""
    dead: list[App] = []

    def kill(page: Page) -> None:
        app = serving(site, page)
        app.kill()
        dead.append(app)

    yield kill
    watch.errors[:] = [error for error in watch.errors if not any(each in error for each in LOST)]
    for app in dead:
        site.revive(app)


def test_the_page_works_under_the_headers(site: Site, visit: Visit):
    since = len(logged(site))
    page = loaded(visit())
    assert len(logged(site)) - since <= PAGE_FILES
    page.locator("[data-a=play]").click()
    expect(page.locator("[data-k]")).to_have_attribute("data-playing", "true")
    for tab in ("X-ray", "Timing", "HLO"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel").locator("visible=true").first).not_to_be_empty()
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_text(f"{site.url}/?r=")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Privacy").click()
    expect(page.get_by_role("heading", name="What is logged")).to_be_visible()
    page.get_by_role("link", name="Debugger").click()
    expect(page.get_by_text("Paste code into the editor")).to_be_visible()


def test_streamlits_own_chart_works_under_the_headers_where_the_player_cannot_load(
    site: Site, visit: Visit, watch: Watch
):
    page = visit("/_stcore/health")
    page.route("**/player.js*", lambda route: route.abort())
    page.goto(site.url)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
    assert [error for error in watch.errors if "player.js" not in error and "ERR_FAILED" not in error] == []
    watch.errors.clear()


def test_two_visitors_keep_to_their_process(site: Site, visit: Visit, dial):
    seats: dict[str, str] = {}  # by the app that each leads to
    for n in range(64):
        before = len(logged(site, HEALTH))
        dial().ask(HEALTH, f"explainer_seat={n:032x}")
        app = str(wait_for_lines(site, HEALTH, before + 1)[before]["app"])
        seats[app] = f"{n:032x}"
        if len(seats) == len(site.apps):
            break
    before = len(logged(site, STREAM))
    pages = [visit("/", seat) for seat in seats.values()]
    for page in pages:
        page.get_by_role("link", name="Privacy").click()
        expect(page.get_by_role("heading", name="What is logged")).to_be_visible()
    assert [f"127.0.0.1:{serving(site, page).port}" for page in pages] == list(seats)
    for page in pages:
        page.context.close()  # a stream is written down when it ends
    streams = wait_for_lines(site, STREAM, before + 2)[before:]
    assert {str(line["app"]) for line in streams} == set(seats)


def test_what_is_typed_before_and_while_a_process_dies_is_run_by_the_next(site: Site, visit: Visit, crash):
    page = loaded(visit())
    write_code(page, "def dist(x, y):\n    return jnp.sum(x * y)\n")
    expect(page).to_have_url(re.compile("r="))
    crash(page)
    expect(connection(page)).not_to_have_attribute("data-test-connection-state", "CONNECTED", timeout=5000)
    append(page, "# while it was gone\n")
    wait_until(page, "CONNECTED")
    text = "def dist(x, y):\n    return jnp.sum(x * y)\n# while it was gone\n"
    wait_for_request(page, lambda request: request.code == text)
    loaded(page)
    page.get_by_label("out_axes").first.fill("1")
    page.get_by_label("out_axes").first.press("Enter")
    wait_for_request(page, lambda request: (request.code, request.levels[0].out_axes) == (text, "1"))
    loaded(page)
    expect(code(page)).to_contain_text("# while it was gone")


def test_rows_that_were_moved_hold_their_own_text_after_their_process_has_died(
    site: Site, visit: Visit, crash
):
    page = loaded(visit())
    page.get_by_role("button", name="Remove this argument").first.click()
    names = page.get_by_label("Name", exact=True)
    values = page.locator("[class*=st-key-argument-] input[aria-label^=Value]")
    expect(names).to_have_count(1)
    page.locator("[class*=st-key-icons-arguments]").get_by_role("button").click()
    expect(names).to_have_count(2)
    values.nth(1).fill("f32[7]")
    values.nth(1).press("Enter")
    texts = [("Y", "jnp.array([[0., 0.], [1., 1.]])"), ("x", "f32[7]")]
    wait_for_request(page, lambda request: [(a.name, a.value) for a in request.arguments] == texts)
    crash(page)
    wait_until(page, "CONNECTED")
    append(page, "# after\n")
    wait_for_request(page, lambda request: "# after" in request.code)
    rows = [(names.nth(n).input_value(), values.nth(n).input_value()) for n in range(2)]
    assert rows == texts
    page.reload()
    expect(code(page)).to_contain_text("# after", timeout=30_000)
    expect(values.nth(1)).to_have_value("f32[7]")


def test_a_text_too_long_for_an_address_outlives_its_process_and_a_reload(site: Site, visit: Visit, crash):
    page = loaded(visit())
    write_code(page, LONG)
    expect(page).to_have_url(re.compile("kept="))
    crash(page)
    wait_until(page, "CONNECTED")
    page.get_by_label("out_axes").first.fill("1")
    page.get_by_label("out_axes").first.press("Enter")
    wait_for_request(page, lambda request: (request.code, request.levels[0].out_axes) == (LONG, "1"))
    loaded(page)
    page.reload()
    loaded(page)
    expect(code(page)).to_contain_text("jnp.sum(x * y)")
    expect(page.get_by_label("out_axes").first).to_have_value("1")
    stored = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    left = {cookie.get("name", "") for cookie in page.context.cookies()} | set(stored)
    said = " ".join(text for _, texts in privacy.SECTIONS for text in texts)
    assert left >= {"explainer_seat", "_streamlit_xsrf", "explainer-draft"}
    assert [name for name in left if name.partition("-/")[0] not in said] == []


def test_an_address_whose_text_another_browser_has_says_so(site: Site, visit: Visit):
    page = visit("/?kept=0badcafe")
    expect(page.get_by_text("Only the browser tab in which it was written has it")).to_be_visible()
    loaded(page)
