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
from explainer.spec import STAGES, Stage

Kind = Literal[
    "answer", "raised", "crash", "deadline", "memory", "output", "answer_size", "source_size", "bad_answer", "lost",
    "unavailable",
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


def final(partial: Report, ending: Ending, limits: Limits, printed: str = "") -> Report:
    """Returns the last Report of a request: the answer, or the partial one with a Failure."""
    if ending.kind == "answer" and ending.report is not None:
        report = ending.report
    else:
        report = _failed(partial, _failure(partial, ending, limits, printed))
    if printed and printed not in report.printed:
        report = replace(report, printed=report.printed + printed)
    return replace(report, request=partial.request, isolation=partial.isolation)


def running_stage(report: Report) -> Stage:
    """Returns the stage that a partial Report stopped in."""
    for stage in report.stages:
        if stage.status == "running":
            return stage.name
    reached = [STAGES.index(stage.name) for stage in report.stages]
    return STAGES[min(max(reached, default=-1) + 1, len(STAGES) - 1)]


def _failed(partial: Report, failure: Failure) -> Report:
    stages = tuple(
        replace(stage, status="failed") if stage.status == "running" else stage for stage in partial.stages
    )
    if not any(stage.name == failure.stage for stage in stages):
        stages += (StageReport(failure.stage, "failed"),)
    return replace(partial, stages=stages, failure=failure)


def _failure(partial: Report, ending: Ending, limits: Limits, printed: str) -> Failure:
    stage = running_stage(partial)
    doing = DOING[stage]
    match ending.kind:
        case "deadline":
            return _limited(
                stage, "DeadlineExceeded", "deadline", f"Stopped after {limits.deadline_s:g} s while {doing}.",
                f"One explanation may take {limits.deadline_s:g} s. Look for a loop that does not end, or use "
                f"smaller arrays. {_yourself('deadline_s', 'seconds')}",
            )  # fmt: skip
        case "memory":
            return _limited(
                stage, "MemoryLimitExceeded", "memory",
                f"Stopped at {ending.peak_mb:,.0f} MiB of memory while {doing}.",
                f"One explanation may hold {limits.memory_mb:,} MiB. Use smaller arrays: the axes stay the same. "
                f"{_yourself('memory_mb', 'MiB')}",
            )  # fmt: skip
        case "output":
            return _limited(
                stage, "OutputLimitExceeded", "output", f"Stopped for printing too much while {doing}.",
                f"One explanation may print {limits.output_kb:,} KiB. Print less, or fewer times. "
                f"{_yourself('output_kb', 'KiB')}",
            )  # fmt: skip
        case "answer_size":
            return _limited(
                stage, "AnswerLimitExceeded", "answer", f"The explanation itself grew too large: {ending.detail}.",
                f"One explanation may hold {limits.answer_mb:,} MiB. Explain a smaller function, or one part of it. "
                f"{_yourself('answer_mb', 'MiB')}",
            )  # fmt: skip
        case "source_size":
            return _limited(
                "parse", "SourceLimitExceeded", "source", f"The request is too long: {ending.detail}.",
                f"Code, arguments and axes together may hold {limits.source_kb:,} KiB. Paste only the function and "
                f"what it needs; give big arrays by shape, f32[1000,1000]. {_yourself('source_kb', 'KiB')}",
            )  # fmt: skip
    return _unlimited(stage, ending, printed)


def _limited(stage: Stage, error_type: str, limit: str, message: str, advice: str) -> Failure:
    return Failure(stage, error_type, message, f"{message} {advice}", limit=limit)


def _yourself(field: str, unit: str) -> str:
    return f"If you run this app yourself, set {VARIABLES[field]} to more {unit}."


def _unlimited(stage: Stage, ending: Ending, printed: str) -> Failure:
    doing = DOING[stage]
    match ending.kind:
        case "raised":
            return Failure(
                stage, ending.error_type, ending.detail,
                f"{ending.error_type} ended the explanation while {doing}.",
            )  # fmt: skip
        case "bad_answer":
            return Failure(
                stage, "BadAnswer", ending.detail,
                f"The worker sent something that is not an explanation while {doing}, so it was stopped. Code "
                "that forks or writes to open descriptors does this; remove that part.",
            )  # fmt: skip
        case "unavailable":
            return Failure(
                stage, "WorkerUnavailable", ending.detail,
                f"No worker could be started, so nothing was run: {ending.detail}. Check that the packages of "
                "requirements.txt are installed, then try again.",
            )  # fmt: skip
        case "lost":
            return Failure(
                stage, "WorkerCrashed", "The process that makes workers ended, twice.",
                f"The process that makes workers ended while {doing}, twice. If your code sends signals to other "
                "processes, remove that part; else try again.",
            )  # fmt: skip
    how = _manner(ending)
    return Failure(
        stage, "WorkerCrashed", printed[-2000:].strip() or how,
        f"{how} while {doing}. This is no Python exception: look for code that ends the process, for ctypes or "
        "other native code, or for a bug in XLA.",
    )  # fmt: skip


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
