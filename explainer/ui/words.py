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

_FIELDS = {"code": "line {line} of the code", "function": "What is mapped"}
"""What the page calls the texts that an error can lie in."""

LEVELS = "ijklmnopqrstuvwxyz"
"""Names of the levels that have none of their own, outermost first."""

_STOPPED = {
    "deadline": "It took too long and was stopped",
    "memory": "It needed too much memory and was stopped",
    "output": "It wrote too much and was stopped",
    "threads": "It started too many threads and was stopped",
    "answer": "The explanation grew too large",
    "source": "The request is too long",
    "queue": "Too many ask at this moment",
    "replaced": "A newer request of yours took its turn",
}


def failed(failure: Failure) -> str:
    """Returns the headline of a failure."""
    if failure.limit in _STOPPED:
        return _STOPPED[failure.limit]
    misfit = failure.mismatch
    if misfit is not None and misfit.level is None and failure.blame.levels:
        return "The function can't be mapped like this"
    if misfit is not None and misfit.level is not None:
        return "The axes don't fit"
    if failure.stage in ("trace", "batch") and failure.blame.levels:
        return "The axes don't fit"
    return _FAILED[failure.stage]


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
    few = f"{check.compared} of {check.examples:,} examples"
    looped = f"{check.compared:,} of {check.examples:,} examples"
    rest = check.note.removeprefix(few).removeprefix(",").strip()
    if check.agrees is None:
        return (
            f"Not compared with a Python loop: {check.note}"
            if check.note
            else "Not compared with a Python loop"
        )
    gap = "" if check.max_abs_error is None else f", largest difference {number(check.max_abs_error)}"
    ulp = "" if not check.max_ulp else f" ({check.max_ulp:.3g} ulp)"
    found = "Same as" if check.agrees else "Differs from"
    return "; ".join(filter(None, (f"{found} a Python loop over {looped}{gap}{ulp}", rest)))


def place(span: Span) -> str:
    """Returns where a span lies, as the page calls it.

    "code" -> line 2 of the code    "axis_name of level 0" -> axis_name of vmap i
    """
    if span.source in _FIELDS:
        return _FIELDS[span.source].format(line=span.line)
    field, of, level = span.source.rpartition(" of level ")
    return f"{field} of {level_name(int(level))}" if of and level.isdecimal() else span.source


def level_name(number: int, own: str | None = None, transform: str = "vmap") -> str:
    """Returns what the page calls a level, counted from outside: vmap i, vmap j, or by its own name."""
    return f"{transform} {own or LEVELS[number % len(LEVELS)]}"
