"""Timing: what each step cost, the steady call, memory and work, on which device."""

from __future__ import annotations

from explainer.figures import style
from explainer.figures.timing import duration, steps, timing_figure
from explainer.report import Device, Memory, Report, Timing
from explainer.ui import markup, player, words
from explainer.ui.markup import Html, escape, join, tag

_NOT_MEASURED = "not measured"


def timing(report: Report) -> None:
    """Shows bars for the steps, the steady median with its spread, and XLA's own estimates."""
    if report.timing is None:
        return
    markup.show(_device(report.device))
    player.chart(style.resolve(timing_figure(report.timing), player.theme()), "timing-bars")
    markup.show(_steps(report.timing))
    markup.show(_spread(report.timing))
    markup.show(_facts(report.memory, report.timing))


def _device(device: Device | None) -> Html:
    if device is None:
        return tag("p", "The device is not known.", "pg-note")
    name = f"{device.kind} ({device.described})"
    return tag("p", join((Html("Measured on "), tag("b", escape(name)))), "pg-note")


def _steps(timing: Timing) -> Html:
    """Says the bars in words: on a phone they reach past the edge, and some may be missing."""
    said = ((name, _NOT_MEASURED if s is None else duration(s)) for name, s in steps(timing))
    return tag("div", join(_fact(name, value) for name, value in said), "pg-facts")


def _spread(timing: Timing) -> Html:
    if timing.median is None or timing.q1 is None or timing.q3 is None:
        return tag("p", escape(f"The steady call was {_NOT_MEASURED}. {timing.note}".strip()), "pg-note")
    text = (
        f"Steady call: median {duration(timing.median)}, middle half {duration(timing.q1)} to "
        f"{duration(timing.q3)}, n = {timing.runs:,} runs of {timing.calls_per_run:,} "
        f"call{'s' if timing.calls_per_run != 1 else ''} each. {timing.note}"
    )
    return tag("p", escape(text.strip()), "pg-note")


def _facts(memory: Memory | None, timing: Timing) -> Html:
    memory = memory or Memory()
    facts = [
        ("arguments", _size(memory.argument_bytes)),
        ("outputs", _size(memory.output_bytes)),
        ("temporaries", _size(memory.temp_bytes)),
        ("work", "XLA did not say" if memory.flops is None else words.count(memory.flops, "FLOP")),
        ("memory traffic", _size(memory.bytes_accessed)),
    ]
    if memory.flops and timing.median:
        facts.append(("rate", words.count(memory.flops / timing.median, "FLOP/s")))
    return tag("div", join(_fact(name, value) for name, value in facts), "pg-facts")


def _fact(name: str, value: str) -> Html:
    return tag("span", join((escape(f"{name} "), tag("b", escape(value)))))


def _size(value: float | None) -> str:
    return "XLA did not say" if value is None else words.size(value)
