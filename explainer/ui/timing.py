"""Timing: what each step cost, the steady call, memory and work, on which device."""

from __future__ import annotations

from explainer.report import Device, Memory, Report, Timing
from explainer.ui import markup, words
from explainer.ui.markup import Html, escape, join, tag

_NOT_MEASURED = "not measured"


def timing(report: Report) -> None:
    """Shows bars for the steps, the steady median with its spread, and XLA's own estimates."""
    if report.timing is None:
        return
    markup.show(_device(report.device))
    markup.show(_bars(report.timing))
    markup.show(_spread(report.timing))
    markup.show(_facts(report.memory, report.timing))


def _device(device: Device | None) -> Html:
    if device is None:
        return tag("p", "The device is not known.", "pg-note")
    name = f"{device.kind} ({device.platform}, {device.count} device{'s' if device.count != 1 else ''})"
    return tag("p", join((Html("Measured on "), tag("b", escape(name)))), "pg-note")


def _bars(timing: Timing) -> Html:
    rows = [
        ("trace", timing.trace),
        ("lower", timing.lower),
        ("compile", timing.compile),
        ("first call", timing.first_call),
        ("steady call, median", timing.median),
    ]
    longest = max(value or 0.0 for _, value in rows) or 1.0
    return tag("div", join(_bar(name, value, longest) for name, value in rows), "pg-bars")


def _bar(name: str, value: float | None, longest: float) -> Html:
    if value is None:
        return join((tag("b", escape(name)), tag("div", ""), tag("em", _NOT_MEASURED)))
    bar = f'<div><span style="width:{100 * value / longest:.2f}%"></span></div>'
    return join((tag("b", escape(name)), Html(bar), tag("em", escape(words.seconds(value)))))


def _spread(timing: Timing) -> Html:
    if timing.median is None or timing.q1 is None or timing.q3 is None:
        return tag("p", escape(f"The steady call was {_NOT_MEASURED}. {timing.note}".strip()), "pg-note")
    text = (
        f"Steady call: median {words.seconds(timing.median)}, middle half {words.seconds(timing.q1)} to "
        f"{words.seconds(timing.q3)}, n = {timing.runs:,} runs of {timing.calls_per_run:,} "
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
