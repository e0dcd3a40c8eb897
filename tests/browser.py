"""A Chromium for the tests, and a Streamlit server for it to look at.

`python -m tests.browser` finds a Chromium, installs Debian's when it may, and else says what to do.
`make test` runs it first, so that no browser test is ever skipped in silence.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request

ROOT = Path(__file__).resolve().parent.parent
FLAGS = (
    "--no-sandbox",  # a container's root may not make Chromium's own sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADVICE = """\
No Chromium found for the browser tests. Do one of these, then run `make test` again:
  - install your system's package (Debian: apt-get install chromium)
  - let Playwright fetch its own: .venv/bin/python -m playwright install chromium
  - name one you have: CHROMIUM=/path/to/chromium make test"""


def find_chromium() -> Path | None:
    """Returns CHROMIUM from the environment, one on PATH, or Playwright's own; None without any."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return Path(found)
    return _playwrights_own()


def _playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def install_chromium() -> Path | None:
    """Installs Debian's package when this is Debian and we are root; returns what is then found."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("No Chromium found: installing Debian's package", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        subprocess.run(command, env=environment, check=False)
    return find_chromium()


def main() -> int:
    """Prints the Chromium that the tests will use; 1 and advice when there is none."""
    named = os.environ.get("CHROMIUM")
    found = find_chromium() or (None if named else install_chromium())
    if found is None:
        print(f"CHROMIUM={named} is not a program.\n{ADVICE}" if named else ADVICE, file=sys.stderr)
        return 1
    print(f"Browser tests use {found}")
    return 0


@contextmanager
def streamlit_server(script: Path, log: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Serves `script` on a free port while the block runs; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--server.headless=true"],
            cwd=script.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(url, server, log)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_port() -> int:
    """Returns a port of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once a Streamlit server answers; raises RuntimeError with its log if it does not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"Streamlit ended with code {server.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"Streamlit did not answer within 60 s:\n{log.read_text()}")


@dataclass  # without slots: Playwright keeps a note on the object whose method listens
class Watch:
    """What a page did that it should not: errors on the console, requests to other hosts."""

    local: tuple[str, ...] = ("http://127.0.0.1:", "ws://127.0.0.1:")
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Starts to note what `page` does."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((*self.local, "data:", "blob:", "about:")):
            self.foreign.append(request.url)


if __name__ == "__main__":
    sys.exit(main())
