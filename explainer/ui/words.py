"""Numbers and stages in words, as people read them."""

from __future__ import annotations

from explainer.report import Check, Failure, Span
from explainer.spec import Stage

_FAILED: dict[Stage, str] = {
    "parse": "This can't be read yet",
    "trace": "The function fails for one example",
    "batch": "The axes don't fit",
    "lower": "Lowering failed",
    "compile": "Compiling failed",
    "run": "Running failed",
    "check": "The comparison with a Python loop failed",
    "time": "Timing failed",
}


_STOPPED = {
    "deadline": "It took too long and was stopped",
    "memory": "It needed too much memory and was stopped",
    "output": "It wrote too much and was stopped",
}


def failed(failure: Failure) -> str:
    """Returns the headline of a failure."""
    if failure.limit in _STOPPED:
        return _STOPPED[failure.limit]
    if failure.stage in ("trace", "batch") and failure.blame.levels:
        return "The axes don't fit"
    return _FAILED[failure.stage]


def seconds(value: float) -> str:
    """Returns a time with its unit: 0.00123 -> 1.23 ms, 4.2e-6 -> 4.2 µs."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def size(value: float) -> str:
    """Returns bytes with their unit: 2048 -> 2 KiB."""
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} GiB"


def count(value: float, unit: str) -> str:
    """Returns a large number by thousands: 1.2e6 FLOP -> 1.2 MFLOP."""
    for prefix in ("", "k", "M", "G"):
        if abs(value) < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} T{unit}"


def number(value: float) -> str:
    """Returns a value with six significant digits."""
    return f"{value:.6g}"


def verdict(check: Check) -> str:
    """Returns in words what the comparison with a Python loop found."""
    looped = f"{check.compared:,} of {check.examples:,} examples"
    if check.agrees is None:
        return (
            f"Not compared with a Python loop: {check.note}"
            if check.note
            else "Not compared with a Python loop"
        )
    gap = "" if check.max_abs_error is None else f", largest difference {number(check.max_abs_error)}"
    ulp = "" if not check.max_ulp else f" ({number(check.max_ulp)} ulp)"
    if check.agrees:
        return f"Same as a Python loop over {looped}{gap}{ulp}"
    return f"Differs from a Python loop over {looped}{gap}{ulp}"


def place(span: Span) -> str:
    """Returns where a span lies: "line 2 of the code", "argument X"."""
    return f"line {span.line} of the code" if span.source == "code" else span.source
