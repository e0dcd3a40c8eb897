"""Nobody beyond this machine is served without isolation, unless whoever runs the app has said so."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from explainer import sandbox
from explainer.sandbox import levels
from explainer.sandbox.settings import NO_ISOLATION_ACCEPTED
from explainer.ui import exposure
from tests.ui.test_playground import Sandbox, opened

BARE = levels.level((), ["network", "read_files"], ())
CONTAINED = levels.level(("landlock", "seccomp"), ["see_outside"], ())


@pytest.fixture
def fake(monkeypatch) -> Sandbox:
    fake = Sandbox()
    monkeypatch.setattr(sandbox, "stream", fake.stream)
    monkeypatch.setattr(sandbox, "warm_up", lambda: None)
    return fake


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("EXPLAINER_PUBLIC", "EXPLAINER_ACCEPT_NO_ISOLATION"):
        monkeypatch.delenv(name, raising=False)


def errors(page: AppTest) -> list[str]:
    return [error.value for error in page.error]


def test_a_public_instance_without_isolation_answers_nobody(fake, monkeypatch):
    monkeypatch.setenv("EXPLAINER_PUBLIC", "1")
    monkeypatch.setattr(sandbox, "isolation", lambda: BARE)
    page = opened()
    assert "answers nobody" in errors(page)[0]
    assert "open network sockets" in errors(page)[0]
    assert (len(page.tabs), fake.requests) == (0, [])


def test_accepted_in_so_many_words_it_serves_below_a_banner_that_names_what_is_open(fake, monkeypatch):
    monkeypatch.setenv("EXPLAINER_PUBLIC", "1")
    monkeypatch.setenv("EXPLAINER_ACCEPT_NO_ISOLATION", NO_ISOLATION_ACCEPTED)
    monkeypatch.setattr(sandbox, "isolation", lambda: BARE)
    page = opened()
    assert errors(page)[0].startswith("Not isolated, and reachable from other machines.")
    assert "read the files" in errors(page)[0]
    assert len(fake.requests) == 1


def test_another_wording_is_no_acceptance(fake, monkeypatch):
    monkeypatch.setenv("EXPLAINER_PUBLIC", "1")
    monkeypatch.setenv("EXPLAINER_ACCEPT_NO_ISOLATION", "yes")
    page = opened()
    assert "set it to 'strangers can read my files" in errors(page)[0]
    assert fake.requests == []


def test_a_public_instance_with_isolation_serves(fake, monkeypatch):
    monkeypatch.setenv("EXPLAINER_PUBLIC", "1")
    monkeypatch.setattr(sandbox, "isolation", lambda: CONTAINED)
    page = opened()
    assert (errors(page), len(fake.requests)) == ([], 1)


def test_on_this_machine_alone_it_serves_without_asking(fake):
    assert errors(opened()) == []


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("demo.example", False),
        ("", False),
        (None, False),
    ],
)
def test_only_loopback_addresses_are_this_machine_alone(address, alone):
    assert exposure.loopback(address) == alone


@pytest.mark.parametrize(
    ("headers", "passed_on"), [({"X-Forwarded-For": "1.2.3.4"}, True), ({"Host": "a"}, False)]
)
def test_a_proxy_is_seen_by_its_headers(headers, passed_on):
    assert exposure.forwarded(headers) == passed_on
