"""Measures the real app in headless Chromium: how long a reader waits after an edit.

    edit ── t0 in the page ─▶ rerun, sandbox, figure ─▶ player draws ── next paint: t1

Both ends are taken by the page's own clock: t0 when the browser hears the key or the click, t1 in
the first animation frame in which the player holds the picture of this very edit. Every edit writes a
constant that was never there before, so nothing comes from a cache, and the picture is told by that
constant standing in its result cells. "any new picture" is the same up to the first changed
picture, which may come without values. The code edit includes the editor's pause of 300 ms.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench import measure
from tests.browser import ADVICE, FLAGS, ROOT, find_chromium, streamlit_server

EDITS = 16  # of each kind, fewer where the budget ends first
BUDGET = 110  # seconds for all edits
LOADS = 8
TIMEOUT = 30_000
CODE = "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2)) * 0 + {constant}\n"

WATCH = """
() => {
  const watch = window.__bench = { t0: null, wanted: null };
  const start = event => { if (watch.armed?.(event)) { watch.t0 = performance.now(); watch.armed = null; } };
  for (const name of ['keydown', 'beforeinput', 'pointerdown']) addEventListener(name, start, true);
  const player = () => document.querySelector('.vp-fig');
  const traces = () => player()?.data ?? [];
  const texts = () => JSON.stringify(traces().map(trace => [trace.text ?? null, trace.x.length]));
  const labels = () => JSON.stringify((player()?.layout?.annotations ?? []).map(note => note.text));
  const starts = {
    type: event => event.type === 'beforeinput',
    run: event => event.type === 'keydown' && event.key === 'Enter' && event.ctrlKey,
    click: event => event.type === 'pointerdown',
  };
  watch.arm = (kind, constant) => {
    const before = texts() + labels();
    Object.assign(watch, { t0: null, any: null, full: null, armed: starts[kind] });
    const look = () => {
      const now = performance.now();
      if (watch.t0 !== null) {
        const changed = texts() + labels() !== before;
        if (changed && watch.any === null) watch.any = now - watch.t0;
        if (changed && texts().includes(`"${constant}"`)) { watch.full = now - watch.t0; return; }
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
}
"""


@dataclass(slots=True)
class Waits:
    """The waits of one kind of edit, in seconds: to any new picture, to the one with this edit's values."""

    any: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)


def edits(page: Page, count: int) -> dict[str, Waits]:
    """Makes each kind of edit `count` times, in turn; none while an earlier run goes on."""
    kinds = {"Ctrl-Enter": Waits(), "code edit (300 ms pause)": Waits(), "axis edit": Waits()}
    run, typed, axis = kinds.values()
    end = time.monotonic() + BUDGET
    for n in range(-1, count):  # the first round warms up
        if time.monotonic() > end:
            break
        constant = 100 + 2 * (n + 1)
        _take(page, run if n >= 0 else Waits(), "run", constant, lambda c=constant: _write(page, c, run=True))
        constant += 1
        _take(page, typed if n >= 0 else Waits(), "type", constant, lambda c=constant: _write(page, c))
        _take(page, axis if n >= 0 else Waits(), "click", constant, lambda to=n % 2: _turn_axis(page, to))
    return kinds


def _take(page: Page, waits: Waits, kind: str, constant: int, edit: measure.Call) -> None:
    page.evaluate("([kind, constant]) => window.__bench.arm(kind, constant)", [kind, constant])
    edit()
    page.wait_for_function("() => window.__bench.full !== null", timeout=TIMEOUT)
    found = page.evaluate("() => [window.__bench.any, window.__bench.full]")
    waits.any.append(found[0] / 1e3)
    waits.full.append(found[1] / 1e3)
    _settle(page)


def _settle(page: Page) -> None:
    """Waits until the run has ended and the page shows its end."""
    expect(page.locator(".pg-step.running")).to_have_count(0)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=TIMEOUT)
    time.sleep(0.6)  # a reader looks at the picture; a new standby child comes up meanwhile


def _write(page: Page, constant: int, run: bool = False) -> None:
    page.locator(".cm-content").first.focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(CODE.format(constant=constant))
    if run:
        page.keyboard.press("Control+Enter")


def _turn_axis(page: Page, to: int) -> None:
    """Sets out_axes of the outer level: a (3, 2) result becomes (2, 3), or is turned back."""
    output = page.locator("[class*=st-key-axes-]").first.get_by_role("radiogroup").nth(2)
    output.get_by_role("radio", name=str(to), exact=True).click()


def loads(browser: Browser, url: str, count: int) -> tuple[list[float], list[float]]:
    """Opens the page in one context again and again; returns seconds until its picture stands.

    The first opening of a context fetches every script (first), later ones have them (warm).
    """
    first: list[float] = []
    warm: list[float] = []
    for _ in range(2):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        for n in range(1 + count // 2):
            page = context.new_page()
            (warm if n else first).append(_load(page, url))
            page.close()
            time.sleep(0.6)
        context.close()
    return first, warm


def _load(page: Page, url: str) -> float:
    """Returns seconds from the navigation to a picture with values."""
    page.goto(url, wait_until="commit")
    page.wait_for_function(
        """() => document.querySelector('.vp[data-ready=true]')
            && document.querySelector('.vp-fig')?.data?.some(trace => trace.text?.includes('1.4'))""",
        timeout=TIMEOUT,
        polling="raf",
    )
    return page.evaluate("() => performance.now()") / 1e3


def rows(browser: Browser, url: str) -> Iterator[tuple[object, ...]]:
    _load(browser.new_page(), url)  # the app's own first answer, not measured
    first, warm = loads(browser, url, measure.repeats(LOADS))
    yield "page load, first in a browser", len(first), "", measure.ms(first), *_range(first)
    yield "page load, warm", len(warm), "", measure.ms(warm), *_range(warm)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    _load(page, url)
    _settle(page)
    page.evaluate(WATCH)
    for kind, waits in edits(page, measure.repeats(EDITS)).items():
        yield kind, len(waits.full), measure.ms(waits.any), measure.ms(waits.full), *_range(waits.full)


def _range(values: list[float]) -> tuple[str, str]:
    """Returns the upper quartile and the longest."""
    return measure.ms([statistics.quantiles(values, n=4, method="inclusive")[2]]), measure.ms([max(values)])


def main() -> None:
    """Prints the table."""
    path = find_chromium()
    if path is None:
        sys.exit(ADVICE)
    columns = ("wait", "n", "any new picture ms", "picture ms (median)", "upper quartile ms", "longest ms")
    with (
        tempfile.TemporaryDirectory() as folder,
        streamlit_server(ROOT / "app.py", Path(folder) / "log.txt") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        measure.table("From an edit to the picture drawn, in headless Chromium", columns, rows(browser, url))
        browser.close()


if __name__ == "__main__":
    main()
