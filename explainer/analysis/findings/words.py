"""Words for findings: counts, lists of names, and what a value was in the run.

numbers, Report ──▶ counted, joined, shown ──▶ Finding.explanation
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.report import Equation, Report

_MOST_VALUES = 4


def counted(count: int, noun: str) -> str:
    """Returns a number with its noun: "1 example", "1,000 examples"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def joined(names: Sequence[str]) -> str:
    """Returns "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def listed(texts: Sequence[str], most: int = 2) -> str:
    """Returns the first texts, and how many more there are: "a, b and 3 more"."""
    rest = len(texts) - most
    return joined([*texts[:most], f"{rest:,} more"]) if rest > 0 else joined(texts)


def shortened(text: str, most: int = 60) -> str:
    """Returns an expression cut behind an argument: lax.cond(flag, lambda x: …)."""
    if len(text) <= most:
        return text
    cut = text[: most - 3]
    return (cut[: cut.rfind(", ") + 2] if ", " in cut else cut) + "…" + (")" if text.endswith(")") else "")


def sized(sizes: Sequence[int]) -> str:
    """Returns a shape as it stands in the text of a type: [3,4]."""
    return f"[{','.join(map(str, sizes))}]"


def memory(size: float) -> str:
    """Returns bytes in a unit that leaves few digits: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def number(value: object) -> str:
    """Returns a number with few digits: 0.6217, 12, True."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shown(report: Report, equation: Equation) -> str:
    """Returns the first values of what an equation gave in the run, where they are all one example's."""
    output = equation.outputs[0] if equation.outputs else None
    if output is None or report.values is None or any(dim is not None for dim in output.batch_dims):
        return ""
    seen = next((each for each in report.values.seen if each.equation == equation.id), None)
    if seen is None or seen.output != 0 or seen.value.preview is None:
        return ""
    flat = _flat(seen.value.preview)
    more = ", …" if len(flat) > _MOST_VALUES else ""
    texts = ", ".join(number(value) for value in flat[:_MOST_VALUES])
    return f"[{texts}{more}]" if seen.value.shape else texts


def _flat(nested: object) -> list[object]:
    if isinstance(nested, (list, tuple)):
        return [value for part in nested for value in _flat(part)]
    return [nested]
