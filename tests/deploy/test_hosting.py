"""The hosted page without a browser: seats, limits, headers, what is let through and what is written down."""

from __future__ import annotations

import http.client
import json
import re
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.browser import free_port
from tests.deploy.conftest import Client, logged, wait_for_lines
from tests.nginx import NAME, Site, proxy

PAGE_FILES = 120  # that a browser asks for on a first visit, at most; a test of the page counts them


HEALTH, STREAM = "/_stcore/health", "/_stcore/stream"


def test_a_seat_leads_every_request_to_one_process_and_all_processes_have_seats(site, dial):
    used = []
    for _ in range(12):
        client = dial()
        cookie = client.ask("/").cookies
        assert re.fullmatch(r"explainer_seat=[0-9a-f]{32}", cookie)
        since = len(logged(site, HEALTH))
        for _ in range(5):
            assert client.ask(HEALTH, cookie).status == 200
        (app,) = {line["app"] for line in wait_for_lines(site, HEALTH, since + 5)[since:]}
        used.append(app)
    assert len(set(used)) == len(site.apps)


def test_the_seat_is_given_once_and_kept_from_scripts_and_from_plain_http(client):
    first = client.ask("/")
    attributes = first.headers["Set-Cookie"]
    for each in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"):
        assert each in attributes
    assert "explainer_seat" not in client.ask("/", first.cookies).cookies
    assert "explainer_seat" not in client.ask("/_stcore/health").cookies


def test_a_cookie_that_is_no_seat_gets_a_new_one(client):
    assert client.ask("/", "explainer_seat=mine").cookies.startswith("explainer_seat=")


def test_a_websocket_goes_to_the_seat_of_its_page(site, dial):
    client = dial()
    cookie = client.ask("/").cookies
    health, streams = len(logged(site, HEALTH)), len(logged(site, STREAM))
    client.ask(HEALTH, cookie)
    with connect(
        f"ws://{NAME}:{site.port}/_stcore/stream",  # TLS is there already
        sock=dial().socket,
        additional_headers={"Cookie": cookie, "Origin": site.url},
        subprotocols=[Subprotocol("streamlit")],
    ) as socket:
        assert socket.subprotocol == "streamlit"
    stream = wait_for_lines(site, STREAM, streams + 1)[streams]
    assert stream["status"] == 101
    assert stream["app"] == wait_for_lines(site, HEALTH, health + 1)[health]["app"]


def test_a_websocket_from_another_site_is_refused(site, dial):
    with pytest.raises(Exception, match="403"):
        connect(
            f"ws://{NAME}:{site.port}/_stcore/stream",  # TLS is there already
            sock=dial().socket,
            additional_headers={"Origin": "https://elsewhere.example"},
        )


@pytest.mark.parametrize(
    "path", ["/", "/debugger", "/app/static/editor.js", "/_stcore/health", "/nothing/here"]
)
def test_every_answer_has_the_headers_that_guard_it(client, path):
    headers = client.ask(path).headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert policy["connect-src"] == "'self'"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize(
    "path",
    [
        *("/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp", "/auth/login"),
        *(
            "/_stcore/upload_file/a/b",
            "/_stcore/script-health-check",
            "/component/x/index.html",
            "/health/deep",
        ),
        *("/.streamlit/config.toml", "/static/../app.py", "/app.py", "//etc/passwd"),
    ],
)
def test_what_the_page_does_not_need_is_not_there(client, path):
    answer = client.ask(path)
    assert answer.status in (400, 404)
    assert b"explainer_requests" not in answer.body


def test_the_keepers_figures_are_no_page(client):
    assert b"explainer_requests" not in client.ask("/metrics").body


def test_a_body_or_an_address_that_is_too_large_is_refused(client, site, dial):
    assert client.ask("/?r=" + "x" * 30_000).status == 414
    assert dial().ask("/", method="POST", body=b"x" * 100_000).status == 413
    assert dial().ask("/_stcore/stream", method="PUT", body=b"x" * 100_000).status == 413


def test_plain_http_leads_to_tls(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.plain_port, timeout=10)
    connection.request("GET", "/debugger?example=a", headers={"Host": NAME})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{NAME}/debugger?example=a"


def test_a_class_of_thirty_behind_one_address_opens_the_page_at_once(site, dial):
    def pupil(_: int) -> set[int]:
        client = dial("127.0.0.3")
        cookie = client.ask("/").cookies
        asked = [HEALTH, "/_stcore/host-config", *["/app/static/player.css"] * PAGE_FILES]
        return {client.ask(path, cookie).status for path in asked}

    with ThreadPoolExecutor(30) as pool:
        assert set.union(*pool.map(pupil, range(30))) == {200}


def test_hammering_is_turned_away_and_another_visitor_is_not(site, dial):
    def hammer(_: int) -> list[int]:
        client = dial("127.0.0.4")
        return [client.ask("/").status for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(hammer, n) for n in range(8)]
        other = dial("127.0.0.5")
        assert {other.ask("/").status for _ in range(20)} == {200}
        statuses = [status for each in running for status in each.result()]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) < 300  # a burst of 200, and 20 a second


def test_more_streams_than_a_school_has_are_turned_away_from_one_address(site, dial):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": site.url}
    key = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    statuses = [dial("127.0.0.6").ask(STREAM, **upgrade, **key).status for _ in range(152)]
    assert statuses == [101] * 150 + [429] * 2


def test_an_app_that_has_died_is_passed_over_and_taken_up_again(site, dial):
    app = site.apps[0]
    cookies = [dial().ask("/").cookies for _ in range(8)]
    app.kill()
    since = len(logged(site, HEALTH))
    assert {dial().ask(HEALTH, cookie).status for cookie in cookies} == {200}
    lines = wait_for_lines(site, HEALTH, since + 8)[since:]
    assert any(str(line["app"]).startswith(f"127.0.0.1:{app.port}, ") for line in lines)
    site.revive(app)
    since = len(logged(site, HEALTH))
    assert {dial().ask(HEALTH, cookie).status for cookie in cookies} == {200}
    assert f"127.0.0.1:{app.port}" in {
        line["app"] for line in wait_for_lines(site, HEALTH, since + 8)[since:]
    }


def test_an_app_is_told_the_address_of_a_visitor_and_not_what_the_visitor_claims(tmp_path):
    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(self.headers.items()).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    (tmp_path / "logs").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site = Site(free_port(), free_port(), tmp_path / "logs", tmp_path, {}, [])
    with proxy(site, [server.server_address[1]]):
        client = Client(site, "127.0.0.9")
        told = json.loads(client.ask("/", X_Forwarded_For="8.8.8.8").body)
        client.close()
    server.shutdown()
    server.server_close()
    thread.join()
    assert [value for name, value in told if name.lower() == "x-forwarded-for"] == ["127.0.0.9"]
    assert dict(told)["Host"] == f"{NAME}:{site.port}"


def test_figures_and_health_answer_on_a_port_of_their_own(site):
    for app in site.apps:
        with urllib.request.urlopen(f"http://127.0.0.1:{app.ops}/health/deep", timeout=60) as answer:
            assert json.loads(answer.read())["ok"] is True
        with urllib.request.urlopen(f"http://127.0.0.1:{app.ops}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        assert "explainer_check_ok 1.0" in text
        assert re.search(r"^explainer_spares [01]\.0$", text, re.MULTILINE)


def test_nothing_that_is_written_down_holds_a_query_or_an_address(site, dial):
    marker = "zanzibar"
    client = dial("127.0.0.77")
    client.ask(f"/?r={marker}")
    client.ask(f"/debugger?example={marker}&r={marker}")
    client.ask(f"/nothing?{marker}")
    client.ask(f"/?r={marker}{'x' * 30_000}")
    for app in site.apps:
        app.kill()
    assert dial("127.0.0.77").ask(f"/?r={marker}", f"explainer_seat={'a' * 32}").status == 502
    for app in site.apps:
        site.revive(app)
    with ThreadPoolExecutor(8) as pool:
        hammers = [dial("127.0.0.77") for _ in range(8)]
        list(pool.map(lambda each: [each.ask(f"/?r={marker}") for _ in range(40)], hammers))
    written = site.written()
    assert '"status":429' in written
    assert '"status":502' in written
    assert marker not in written
    assert "127.0.0.77" not in written
    assert '"network":"127.0.0.0"' in written
