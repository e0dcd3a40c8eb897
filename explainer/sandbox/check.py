"""Check: one small request through a real worker, past the visitors' queue: does the sandbox work?

health ── check() ─▶ pool.take ─▶ job.converse ─▶ Checked
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from explainer.report import Report
from explainer.sandbox import client, job, wire
from explainer.sandbox.cluster import Cluster
from explainer.sandbox.pool import Child, Pool, Unavailable
from explainer.sandbox.settings import Limits, SettingError
from explainer.sandbox.verdict import Ending
from explainer.spec import Argument, Request, Vmap

REQUEST = Request("def double(x):\n    return x + x\n", "double", (Argument("x", "f32[3]"),), (Vmap(),))


@dataclass(frozen=True, slots=True)
class Checked:
    """What the sandbox did with a request: `detail` is "answer" or what went wrong."""

    ok: bool
    detail: str
    seconds: float
    isolation: str


def check(deadline_s: float) -> Checked:
    """Runs REQUEST in a worker of this process's pool; takes at most about `deadline_s`.

    It waits for nobody's turn, so a full queue does not make it fail; one at a time costs visitors little.
    """
    began = time.monotonic()
    try:
        pool = client.shared()
    except SettingError as error:
        return Checked(False, str(error), 0.0, "bare")
    deadline = began + deadline_s
    if isinstance(pool, Cluster):
        detail = _elsewhere(pool, deadline)
    else:
        detail = _detail(pool, deadline, spare=True)
        if detail in ("lost", "unavailable"):  # a visitor's request gets another worker, too
            detail = _detail(pool, deadline, spare=False)
    pool.refill()
    return Checked(detail == "answer", detail, time.monotonic() - began, pool.isolation.level)


def _elsewhere(cluster: Cluster, deadline: float) -> str:
    """Asks a worker host."""
    work = cluster.work(Report(REQUEST), "run", Limits())
    try:
        while time.monotonic() < deadline:
            next(work)
    except StopIteration as end:
        _, ending, _ = end.value
        return _word(ending)
    finally:
        work.close()
    return "no answer in time"


def _detail(pool: Pool, deadline: float, spare: bool) -> str:
    """Asks a worker of this process's pool."""
    child: Child | None = None
    try:
        while child is None:
            if time.monotonic() > deadline:
                return "no worker came up in time"
            child = pool.take(Limits(), job.BEAT_S, spare)
        return _ask(pool, child, deadline)
    except Unavailable:
        return "unavailable"
    finally:
        if child is not None:
            pool.release(child)


def _ask(pool: Pool, child: Child, deadline: float) -> str:
    talk = job.Talk(child, wire.Frames(child.limits.answer_mb * wire.MB))
    for news in job.converse(pool, talk, wire.packed(REQUEST, "run")[1]):
        if isinstance(news, Ending):
            return _word(news)
        if time.monotonic() > deadline:
            return "no answer in time"
    return "no answer"


def _word(ending: Ending) -> str:
    failed = ending.report is not None and ending.report.failure is not None
    return "a wrong answer" if failed else ending.kind
