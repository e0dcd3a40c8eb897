"""The hosted page, once for all tests of this folder, and browsers and clients that look at it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import ADVICE, FLAGS, Watch, find_chromium
from tests.nginx import NAME, Site, hosted

QUIET = {"EXPLAINER_LOG": "json", "EXPLAINER_JOBS": "2", "EXPLAINER_SPARES": "1", "XLA_FLAGS": ""}


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """nginx and two app processes, as deploy/ has them, on loopback."""
    with hosted(tmp_path_factory.mktemp("site"), QUIET) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium that finds the site's name on this machine."""
    path = find_chromium()
    if path is None:
        pytest.fail(ADVICE, pytrace=False)
    with sync_playwright() as playwright:
        rule = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
        chromium = playwright.chromium.launch(executable_path=path, args=[*FLAGS, rule])
        yield chromium
        chromium.close()


@pytest.fixture
def watch(site: Site) -> Iterator[Watch]:
    """Fails the test when a page logged an error or asked another host; a test may clear what it caused."""
    watch = Watch((site.url, site.url.replace("https:", "wss:")))
    yield watch
    assert watch.foreign == []
    assert watch.errors == []


@pytest.fixture
def visit(browser: Browser, watch: Watch, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens a path of the site as a new visitor, or as one who has a seat: visit("/", "0123…")."""
    contexts = []

    def opened(path: str = "/", seat: str = "") -> Page:
        context = browser.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 900})
        if seat:
            context.add_cookies([{"name": "explainer_seat", "value": seat, "url": site.url}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        watch.listen(page)
        page.goto(site.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `cookies` are those that it set."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cookies(self) -> str:
        set_ = self.headers.get_all("Set-Cookie", [])
        return "; ".join(each.partition(";")[0] for each in set_)


class Client:
    """A client without a browser, over TLS, from an address of this machine's own."""

    def __init__(self, site: Site, address: str = "127.0.0.1") -> None:
        context = ssl.create_default_context(cafile=site.folder / "certificate.pem")
        plain = socket.create_connection(("127.0.0.1", site.port), 10, (address, 0))
        self.socket = context.wrap_socket(plain, server_hostname=NAME)
        self._connection = http.client.HTTPSConnection(NAME, site.port)
        self._connection.sock = self.socket

    def ask(
        self, path: str, cookies: str = "", method: str = "GET", body: bytes = b"", **headers: str
    ) -> Answer:
        """Returns the answer to one request; the body of an open stream is left unread."""
        sent = {"Cookie": cookies, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self._connection.request(method, path, body or None, sent)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, b"" if answer.status == 101 else answer.read())

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()
        self.socket.close()


@pytest.fixture
def dial(site: Site) -> Iterator[Callable[..., Client]]:
    """Makes clients that hang up when the test is over: dial(), dial("127.0.0.5")."""
    made: list[Client] = []

    def dialled(address: str = "127.0.0.1") -> Client:
        made.append(Client(site, address))
        return made[-1]

    yield dialled
    for each in made:
        each.close()


@pytest.fixture
def client(dial: Callable[..., Client]) -> Client:
    return dial()


def logged(site: Site, path: str = "") -> list[dict[str, object]]:
    """Returns the lines of the access log, those of one path if it is given."""
    text = Path(site.logs / "explainer-access.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if path in ("", line["path"])]


def wait_for_lines(site: Site, path: str, count: int) -> list[dict[str, object]]:
    """Returns the lines of a path once there are so many: nginx writes one when the answer is out."""
    deadline = time.monotonic() + 10
    while len(lines := logged(site, path)) < count:
        assert time.monotonic() < deadline, f"{len(lines)} lines of {path}, not {count}"
        time.sleep(0.02)
    return lines
