"""An edit outlives the processes behind the page: what was typed stays, and its result comes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.sandbox.conftest import wait_for_death

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes by what /proc says"),
]

SLOW = "import time\ntime.sleep(2)\ndef dist(x, y):\n    return jnp.sum((x - y) ** 3) * 7\n"


def maker(url: str) -> int:
    """Returns what the app at this address has started: the zygote, or bubblewrap round it."""
    port = f"--server.port={url.rpartition(':')[2]}"
    servers = [p for p in psutil.Process().children(recursive=True) if port in p.cmdline()]
    (found,) = [p.pid for p in servers[0].children() if "explainer.sandbox" in " ".join(p.cmdline())]
    return found


def test_an_edit_whose_zygote_is_killed_stays_and_is_answered(app_url: str, open_page: Callable[..., Page]):
    page = open_page(app_url)
    status = page.locator(".pg-status")
    expect(status).to_contain_text("same as a Python loop", timeout=30_000)
    killed = maker(app_url)
    page.locator("[data-editor=code] .cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(SLOW)
    expect(page.locator(".pg-step.running")).to_contain_text("parse")
    os.kill(killed, signal.SIGKILL)
    assert wait_for_death(killed)
    page.get_by_label("out_axes").first.fill("1")  # typed while nothing is there to run it
    page.get_by_label("out_axes").first.press("Enter")
    expect(page.locator("[data-k]")).to_contain_text("(2, 3)", timeout=30_000)
    expect(status).to_contain_text("same as a Python loop")
    expect(page.locator(".cm-content").first).to_contain_text("jnp.sum((x - y) ** 3) * 7")
    expect(page.get_by_label("out_axes").first).to_have_value("1")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert maker(app_url) != killed
