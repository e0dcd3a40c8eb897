"""A trial: one attack on one pool, what came of it, and all that must be so afterwards.

Attack, Bait ──▶ attempt() ──▶ Outcome ──▶ breaches(), presentable(), honest()
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import psutil

from explainer import page, report
from explainer.figures.animation import animation
from explainer.report import Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits
from explainer.spec import Argument, Request, Vmap
from explainer.views import fix_text, jaxpr_diff, lens, why
from explainer.views.focus import focus
from tests.attacks.attack import Attack, Mark, prelude
from tests.attacks.bait import Bait

HONEST = Request(
    "def f(x, y):\n    return x @ y", "f", (Argument("x", "jnp.eye(3)"), Argument("y", "jnp.arange(3.)")),
    (Vmap("(0, None)"),),
)  # fmt: skip
SECONDS_TO_SHOW = 5  # a report of what the worker sent, however large
PATIENCE_S = 10.0
PART = 1 << 20  # characters of a page
ELEMENTS = {
    "html", "head", "body", "meta", "title", "style", "script", "main", "header", "footer", "section",
    "h1", "h2", "h3", "p", "pre", "code", "span", "small", "b", "br", "div", "table", "thead", "tbody",
    "tr", "th", "td", "ul", "ol", "li", "details", "summary", "figure", "figcaption", "a", "dl", "dt", "dd",
    "noscript", "i", "em", "strong", "mark", "del", "ins",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attack left: the last Report, and what was seen from outside."""

    mark: Mark
    report: Report
    seconds: float
    effects: tuple[str, ...]  # outside of the worker, in words
    neighbour: Report | None = None

    @property
    def ending(self) -> str:
        """How the Report ends: "answer", the limit that was hit, or the type of the failure."""
        failure = self.report.failure
        if failure is None:
            return "answer"
        return "answer_size" if failure.limit == "answer" else failure.limit or failure.error_type


def attempt(pool: Pool, attack: Attack, bait: Bait) -> Outcome:
    """Runs an attack and those whom it concerns; looks at the bait afterwards."""
    _settle(pool)
    mark, zygote = Mark(), pool.pids()[:1]
    state = _state(zygote)
    if attack.before:
        _answer(pool, _script(attack.before, mark, bait))
    with _neighbour(pool, attack, bait, mark) as (others, found):
        script = _script(attack.code, mark, bait, others)
        script = replace(script, code=attack.code) if attack.plain else script
        limits = Limits() if attack.deadline_s is None else Limits(deadline_s=attack.deadline_s)
        began, served, last = time.monotonic(), False, Report(Request())
        for last in stream_from(pool, script, "time", limits):  # noqa: B007  # the last one is kept
            served = served or bait.serves()
        seconds = time.monotonic() - began
    effects = bait.disturbances()
    effects += ["a port was opened"] if served else []
    if _state(zygote) != state:
        effects.append("the zygote was ended or changed")
        _end(zygote)
    if attack.after:
        later = _answer(pool, _script(attack.after, mark, bait))
        effects += ["a later visitor was met"] if mark.text in later.printed else []
    return Outcome(mark, last, seconds, tuple(effects), found[0] if found else None)


def breaches(outcome: Outcome, bait: Bait) -> list[str]:
    """Says in words what the attack got: what it claims, what it learnt, what it did outside."""
    text = report.to_json(replace(outcome.report, request=Request())).decode()
    claimed = [text[text.index(outcome.mark.text) :][:200]] if outcome.mark.text in text else []
    learnt = [f"a secret: {token}" for token in bait.tokens if token in text]
    return claimed + learnt + list(outcome.effects)


def require_presentable(shown: Report) -> None:
    """Fails unless the Report can be shown, in time, without any markup of its own."""
    with _time_limit(SECONDS_TO_SHOW * crowding()):
        json.loads(report.to_json(shown).decode("utf-8"))
        str(shown).encode("utf-8", "replace")
        text = page.html(shown)
        text.encode("utf-8")
        for level in shown.levels[:20]:  # what the app shows beside that
            animation(focus(shown, level.id))
        for one in shown.returned[:20]:
            why.sentences_of_output(shown, one.path)
        for fix in shown.fixes[:20]:
            fix_text.diff(fix)
        lens.rows(shown)
        if shown.jaxpr is not None:
            jaxpr_diff.diff(shown.jaxpr.example, shown.jaxpr.final, most=300)
    # this reader takes a minute for what a browser takes in at once
    whole = len(text) < 2 * PART
    _Reader().feed(text if whole else text[:PART].rpartition("<")[0] + text[-PART:].partition(">")[2])


def require_honest_answer(pool: Pool, within: float) -> None:
    """Fails unless an honest request is answered, rightly and soon."""
    began = time.monotonic()
    answer = _answer(pool, HONEST, Limits(deadline_s=30))
    seconds = time.monotonic() - began
    assert answer.failure is None, answer.failure
    assert answer.outputs[0].preview == [0.0, 1.0, 2.0]
    assert seconds < within * crowding()


def crowding() -> float:
    """Returns how many others want each core: the times that are promised are those of a machine of its own."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def require_nothing_left(pool: Pool) -> None:
    """Fails unless the spares are soon all that runs below the process that the pool started."""
    supervisors = 1 if "bwrap" in pool.walls else 0  # bubblewrap, below which stands the zygote
    expected = pool.settings.spares + supervisors
    end = time.monotonic() + PATIENCE_S
    while len(left := _below(pool)) != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert len(left) == expected, left


def _settle(pool: Pool) -> None:
    """Waits for the zygote and a worker: the attack before may have been on them."""
    end = time.monotonic() + PATIENCE_S
    while len(pool.pids()) < 2 and time.monotonic() < end:
        time.sleep(0.02)


def _below(pool: Pool) -> list[psutil.Process]:
    try:
        below = psutil.Process(pool.pids()[0]).children(recursive=True)
    except (psutil.NoSuchProcess, IndexError):  # the zygote has died and another is on its way
        return []
    return [each for each in below if _runs(each)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _state(pids: tuple[int, ...]) -> object:
    """Returns what a worker might change of the process that makes the others."""
    if not pids:
        return None
    try:
        zygote = psutil.Process(pids[0])
        return (
            pids,
            zygote.create_time(),
            zygote.status() == psutil.STATUS_STOPPED,
            zygote.nice(),
            zygote.cpu_affinity(),
            zygote.rlimit(psutil.RLIMIT_NOFILE),
        )
    except psutil.NoSuchProcess:
        return "gone"


def _end(zygote: tuple[int, ...]) -> None:
    """Ends a zygote that is no longer as it was, so that the pool makes another."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(*zygote).kill()


def _script(code: str, mark: Mark, bait: Bait, others: tuple[int, ...] = ()) -> Request:
    return Request(code=prelude(mark, bait.names | {"OTHERS": others}) + code)


def _answer(pool: Pool, request: Request, limits: Limits | None = None) -> Report:
    return list(stream_from(pool, request, "run", limits or Limits()))[-1]


@contextmanager
def _neighbour(
    pool: Pool, attack: Attack, bait: Bait, mark: Mark
) -> Iterator[tuple[tuple[int, ...], list[Report]]]:
    """Lets another visitor's script run beside the attack, until both have ended."""
    found: list[Report] = []
    if not attack.beside:
        yield (), found
        return
    script = _script(attack.beside.replace("TOKEN", bait.token()), mark, bait)
    runs = threading.Event()

    def follow() -> None:
        last = Report(script)
        for last in stream_from(pool, script, "time", Limits()):
            if any(stage.name == "run" for stage in last.stages):
                runs.set()
        found.append(last)

    thread = threading.Thread(target=follow)
    thread.start()
    assert runs.wait(PATIENCE_S)
    try:
        yield pool.pids()[1:], found
    finally:
        thread.join()


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises in the main thread once the time is over: a loop over hostile numbers never ends by itself."""

    def over(*_: object) -> None:
        raise TimeoutError(f"a report took more than {seconds} s to be shown")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Reader(HTMLParser):
    """Fails on an element or attribute that the page's own code does not make."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, tag
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("href", "src") or (value or "").startswith(("https://", "#")), (name, value)
