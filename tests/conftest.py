"""Fixtures every folder of tests shares: a browser, and the app it looks at."""

from __future__ import annotations

import atexit
import gc
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import ADVICE, FLAGS, ROOT, Watch, find_chromium, streamlit_server

# Before any test imports jax: some tests start a backend while they are collected, and pmap needs devices.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
# XLA compiles thousands of tiny programs here, each run once: plainer machine code takes a third of the time.
# `XLA_FLAGS= make test` has XLA as it is; so has the app that the browser looks at.
XLA_AS_GIVEN = os.environ.get("XLA_FLAGS", "")
PLAIN_XLA = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
)
os.environ.setdefault("XLA_FLAGS", " ".join(PLAIN_XLA))
gc.set_threshold(5000, 20, 40)  # to look for garbage among JAX's caches took a twentieth of the time
# What the analysis may take to search and to try; a busy machine must not end that early.
PATIENCE_S = 30.0
BOUNDS = (
    ("explainer.analysis.findings", "SECONDS"),
    ("explainer.analysis.fixing.search", "SECONDS"),
    ("explainer.analysis.reciting.calls", "SECONDS"),
    ("explainer.analysis.reciting.calls", "_EACH"),
    ("explainer.analysis.reciting.readings", "_SECONDS"),
    ("explainer.analysis.reciting.readings", "SLOW"),
    ("explainer.analysis.wanting.trying", "_SLOW"),
    ("explainer.analysis.wanting.wanted", "SECONDS"),
)

expect.set_options(timeout=15_000)  # ms; two cores run the app, its workers, Chromium and other tests at once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts all browser tests on one worker: two Chromiums at a time would only slow each other."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


class _Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@pytest.fixture(autouse=True)
def no_explainer_fails() -> Iterator[None]:
    """Fails the test when one of the explainers of a failure raised: a user only sees plainer words then."""
    logger, kept = logging.getLogger("explainer.analysis"), _Kept()
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    yield
    logger.removeHandler(kept)
    assert kept.said == []


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every search of the analysis come to its end; a test may set a bound of its own."""
    if "explainer.analysis.pipeline" in sys.modules:
        for module, bound in BOUNDS:
            monkeypatch.setattr(importlib.import_module(module), bound, PATIENCE_S)


@pytest.fixture(autouse=True, scope="module")
def nothing_old_is_searched() -> Iterator[None]:
    """Takes what a module's tests leave out of the collector's sight: JAX's caches hold gigabytes of it."""
    yield
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Ends without JAX's own clean-up, which takes those caches apart piece by piece."""
    if "jax" in sys.modules:
        atexit.unregister(sys.modules["jax._src.api"].clean_up)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, one a module: Playwright's event loop must not outlive the tests that need it."""
    path = find_chromium()
    if path is None:
        pytest.fail(ADVICE, pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test when a page logged an error or asked another host; a test may clear what it caused."""
    watch = Watch()
    yield watch
    assert watch.foreign == []
    assert watch.errors == []


@pytest.fixture
def open_page(browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a context of its own, under `watch`.

    open_page(url, width=1440, height=900, dark=False)
    """
    contexts = []

    def opened(url: str, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        watch.listen(page)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real app, served for the whole session."""
    log = tmp_path_factory.mktemp("app") / "log.txt"
    with streamlit_server(ROOT / "app.py", log, {"XLA_FLAGS": XLA_AS_GIVEN}) as url:
        yield url


@pytest.fixture
def screenshots() -> Path:
    """The folder where browser tests leave pictures to look at (not under version control)."""
    folder = ROOT / "tests" / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
