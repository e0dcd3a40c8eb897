"""Verdict: how a worker's end becomes a Report, whatever that end was.

    job ── last partial Report, Ending ──▶ verdict ──▶ final Report

All that the worker found before its end is kept; the stage that ran is marked failed.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import Literal

from explainer.report import Failure, Report, StageReport
from explainer.sandbox.settings import VARIABLES, Limits
from explainer.spec import SCRIPT_STAGES, STAGES, Stage

Kind = Literal[
    "answer", "raised", "crash", "lost", "unavailable", "bad_answer",
    "deadline", "memory", "threads", "output", "answer_size", "source_size",
    "no_host", "host_lost", "bad_host", "busy", "replaced",
]  # fmt: skip

DOING: dict[Stage, str] = {
    "parse": "your code was being read",
    "trace": "JAX was tracing your function",
    "batch": "the batch axes were being followed",
    "lower": "JAX was lowering to StableHLO",
    "compile": "XLA was compiling",
    "run": "the compiled function was running",
    "check": "the Python loop over examples was running",
    "time": "the compiled function was being timed",
}
DOING_A_SCRIPT: dict[Stage, str] = {
    **DOING,
    "run": "your script was running",
    "trace": "your script was run again, to follow its calls",
    "check": "the calls of your script were run once more",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended. `report` is its answer; `detail` is text for the reader, cleaned."""

    kind: Kind
    report: Report | None = None
    error_type: str = ""
    detail: str = ""
    signal: int = 0
    code: int = 0
    peak_mb: float = 0.0


Outcome = tuple[Report, Ending, str]  # the last partial Report, how the worker ended, what it printed


@dataclass(frozen=True, slots=True)
class Text:
    """What a Failure says: `what` happened, as a sentence without its stop, and `advice`."""

    error_type: str
    what: str
    advice: str
    limit: str = ""
    field: str = ""  # of Limits


TEXTS: dict[Kind, Text] = {
    "answer": Text("BadAnswer", "The worker sent an empty answer", ""),
    "raised": Text("", "{error_type} ended the explanation while {doing}", ""),
    "crash": Text(
        "WorkerCrashed",
        "{how} while {doing}",
        "This is no Python exception: look for code that ends the process, for ctypes or other native code, "
        "or for a bug in XLA.",
    ),
    "lost": Text(
        "WorkerCrashed",
        "The process that makes workers ended twice while {doing}",
        "If your code sends signals to other processes, remove that part; else try again.",
    ),
    "unavailable": Text(
        "WorkerUnavailable",
        "No worker could be started, so nothing was run: {detail}",
        "If a package is missing or of another version, install those of requirements.txt; then try again.",
    ),
    "bad_answer": Text(
        "BadAnswer",
        "The worker sent something that is not an explanation while {doing}, so it was stopped",
        "Code that forks, or that closes or writes to open descriptors, does this; remove that part.",
    ),
    "deadline": Text(
        "DeadlineExceeded",
        "Stopped after {deadline_s:g} s while {doing}",
        "One explanation may take {deadline_s:g} s. Look for a loop without an end, or use smaller arrays.",
        "deadline",
        "deadline_s",
    ),
    "memory": Text(
        "MemoryLimitExceeded",
        "Stopped at {peak_mb:,.0f} MiB of memory while {doing}",
        "One explanation may hold {memory_mb:,} MiB. Use smaller arrays: the axes stay the same.",
        "memory",
        "memory_mb",
    ),
    "threads": Text(
        "ThreadLimitExceeded",
        "Stopped for starting too many threads while {doing}",
        "One explanation may hold {threads:,} threads. JAX needs none of yours: remove what starts them.",
        "threads",
        "threads",
    ),
    "output": Text(
        "OutputLimitExceeded",
        "Stopped for printing too much while {doing}",
        "Past Python's own print, as native code does, one explanation may write {output_kb:,} KiB. Print "
        "less, or fewer times.",
        "output",
        "output_kb",
    ),
    "answer_size": Text(
        "AnswerLimitExceeded",
        "The explanation itself grew too large: {detail}",
        "One explanation may hold {answer_mb:,} MiB. Explain a smaller function, or one part of it.",
        "answer",
        "answer_mb",
    ),
    "source_size": Text(
        "SourceLimitExceeded",
        "The request is too long: {detail}",
        "Code, arguments and axes together may hold {source_kb:,} KiB. Paste only the function and what it "
        "needs, and give big arrays by shape: f32[1000,1000].",
        "source",
        "source_kb",
    ),
    "no_host": Text(
        "WorkerUnavailable",
        "No worker host could take this: {detail}",
        "If you run this app yourself, start the scheduler and its workers as deploy/cluster.md says, "
        "or unset EXPLAINER_CLUSTER. The app goes on trying: try again in a moment.",
    ),
    "host_lost": Text(
        "WorkerHostLost",
        "Two worker hosts went away, one after the other, while {doing}: {detail}",
        "A request is sent to another host once, not twice. If it works for others, use smaller arrays; "
        "else try again.",
    ),
    "bad_host": Text(
        "BadAnswer",
        "A worker host sent something that is not an explanation: {detail}",
        "If you run this app yourself, see that every host has the same version of it.",
    ),
    "busy": Text(
        "QueueFull",
        "Nothing was run, since too many others ask at this moment: {detail}",
        "Try again then, or run the app on a machine of your own: make run.",
        "queue",
    ),
    "replaced": Text(
        "Replaced",
        "Nothing was run, since a newer request of yours took this one's place in the line",
        "Press Run again if you still want this one.",
        "replaced",
    ),
}


DENIED = ("PermissionError", "gaierror", "URLError", "HTTPError", "ConnectError")
WALLS = (
    "Code that is typed in here runs shut in: it can read Python, its packages and what they need, and "
    "nothing else; it can write no file, start no process and reach no network. To run code that you trust "
    "without that, on a machine of your own: EXPLAINER_WALLS=none make run."
)


def final(partial: Report, ending: Ending, limits: Limits, printed: str = "") -> Report:
    """Returns the last Report of a request: the answer, or the partial one with a Failure."""
    if ending.kind == "answer" and ending.report is not None:
        report = ending.report
    else:
        report = _failed(partial, _failure(partial, ending, limits, printed))
    if printed and printed not in report.printed:
        report = replace(report, printed=report.printed + printed)
    if report.failure is not None and partial.isolation.level in ("sealed", "contained"):
        report = replace(report, failure=_told_of_walls(report.failure))
    return replace(report, request=partial.request, isolation=partial.isolation)


def _told_of_walls(failure: Failure) -> Failure:
    """Returns a failure of the user's code with the walls named, where it is they that it ran into."""
    if failure.error_type not in DENIED:
        return failure
    return replace(failure, explanation=f"{failure.explanation} {WALLS}".strip())


def lasting(report: Report) -> bool:
    """Returns whether an answer may be given to whoever asks the same.

    It may if nothing failed, or a mistake that is known did: all else may be the host's doing.
    """
    failure = report.failure
    return failure is None or (failure.kind not in ("", "raised") and not failure.limit)


def running_stage(report: Report) -> Stage:
    """Returns the stage that a partial Report stopped in."""
    for stage in report.stages:
        if stage.status == "running":
            return stage.name
    stages = SCRIPT_STAGES if report.request.is_script else STAGES
    reached = [stages.index(stage.name) for stage in report.stages if stage.name in stages]
    return stages[min(max(reached, default=-1) + 1, len(stages) - 1)]


def _kept(partial: Report) -> str:
    """Returns what there is to see of a request that was stopped: "Kept: 12,000 equations, and ..."."""
    kept = []
    if partial.equations:
        one = len(partial.equations) == 1
        kept.append("its one equation" if one else f"all {len(partial.equations):,} equations")
        kept.append("where each batch axis sits")
    if partial.outputs:
        kept.append("the outputs")
    return f"What was found before is kept: {', '.join(kept)}." if kept else ""


def _doing(partial: Report, stage: Stage) -> str:
    doing = (DOING_A_SCRIPT if partial.request.is_script else DOING)[stage]
    if stage == "compile" and partial.equations:
        return f"{doing} {len(partial.equations):,} equation{'s' if len(partial.equations) > 1 else ''}"
    return doing


def _failed(partial: Report, failure: Failure) -> Report:
    stages = tuple(
        replace(stage, status="failed") if stage.status == "running" else stage for stage in partial.stages
    )
    if not any(stage.name == failure.stage for stage in stages):
        stages += (StageReport(failure.stage, "failed"),)
    return replace(partial, stages=stages, failure=failure)


def _failure(partial: Report, ending: Ending, limits: Limits, printed: str) -> Failure:
    stage = "parse" if ending.kind == "source_size" else running_stage(partial)
    text = TEXTS[ending.kind]
    words = {
        "doing": _doing(partial, stage),
        "how": _manner(ending),
        "detail": ending.detail,
        "peak_mb": ending.peak_mb,
        "error_type": ending.error_type,
    } | {name: getattr(limits, name) for name in VARIABLES}
    what = text.what.format(**words)
    explanation = " ".join(filter(None, (f"{what}.", _kept(partial), text.advice.format(**words))))
    if text.field:
        explanation += (
            f" If you run this app yourself, raise {VARIABLES[text.field]} (it is {words[text.field]:g})."
        )
    own_words = printed[-2000:].strip() if ending.kind == "crash" else ending.detail
    return Failure(
        stage, ending.error_type or text.error_type, own_words or f"{what}.", explanation, limit=text.limit
    )


def _manner(ending: Ending) -> str:
    if ending.signal:
        return f"The worker was killed by {_signal_name(ending.signal)}"
    return f"The worker ended itself with exit code {ending.code}"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    text = signal.strsignal(number)
    return f"{name} ({text.lower()})" if text else name
