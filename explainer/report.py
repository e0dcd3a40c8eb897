"""What came back: one explanation as frozen plain data, JSON- and MessagePack-able.

    analysis/pipeline ─▶ Report ══ bytes ══▶ figures, ui, cli

A Report always comes back. A stage that fails leaves `failure`; all that earlier stages
found stays. Dtypes carry NumPy's names (`float32`), shapes are tuples of ints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from explainer.diagnosis import Blame as Blame
from explainer.diagnosis import Failure as Failure
from explainer.diagnosis import Finding as Finding
from explainer.diagnosis import Fix as Fix
from explainer.diagnosis import Lane as Lane
from explainer.diagnosis import Mismatch as Mismatch
from explainer.diagnosis import Reading as Reading
from explainer.diagnosis import Unspoken as Unspoken
from explainer.diagnosis import Wanted as Wanted
from explainer.intermediates import Bad as Bad
from explainer.intermediates import Disagreement as Disagreement
from explainer.intermediates import Loop as Loop
from explainer.intermediates import Proof as Proof
from explainer.intermediates import Seen as Seen
from explainer.intermediates import Values as Values
from explainer.layers import Layer as Layer
from explainer.spec import Request, Stage
from explainer.xray import AxesTemplate as AxesTemplate
from explainer.xray import BatchedAval as BatchedAval
from explainer.xray import Cause as Cause
from explainer.xray import Change as Change
from explainer.xray import Crossing as Crossing
from explainer.xray import Equation as Equation
from explainer.xray import Jaxprs as Jaxprs
from explainer.xray import JaxprText as JaxprText
from explainer.xray import Leaf as Leaf
from explainer.xray import Level as Level
from explainer.xray import MappedLeaf as MappedLeaf
from explainer.xray import Span as Span

VERSION = 1
PRINTED_CHARACTERS = 20_000  # that print may write in one run


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage of the run. `seconds` is wall time in the worker; `note` says why it was skipped."""

    name: Stage
    status: Literal["running", "done", "failed", "skipped"]
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class ArgumentReport:
    """One argument after evaluation: its array leaves, or the text of a static value."""

    name: str
    keyword: bool
    leaves: tuple[Leaf, ...]
    static: str | None = None  # repr of a Python value that is passed as it is


@dataclass(frozen=True, slots=True)
class Check:
    """The compiled run compared with a plain Python loop over examples.

    `compared` of `examples` were looped; `agrees` is None when no loop is possible (`note` says why).
    """

    agrees: bool | None
    compared: int
    examples: int
    max_abs_error: float | None = None
    max_ulp: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `first_call` follows a finished compilation; the steady runs follow the first call.

    `runs` measurements of `calls_per_run` calls each; median and quartiles are per call.
    """

    trace: float
    lower: float
    compile: float | None = None
    first_call: float | None = None
    median: float | None = None
    q1: float | None = None
    q3: float | None = None
    runs: int = 0
    calls_per_run: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes and FLOPs by XLA's own analysis of the compiled program; None: XLA did not say."""

    argument_bytes: int | None = None
    output_bytes: int | None = None
    temp_bytes: int | None = None
    flops: float | None = None
    bytes_accessed: float | None = None


@dataclass(frozen=True, slots=True)
class Hlo:
    """StableHLO before and HLO after XLA's optimisation, as text, capped."""

    stablehlo: str
    optimized: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """The device of the run as JAX names it."""

    platform: str
    kind: str
    count: int

    @property
    def described(self) -> str:
        """How many there are and of what: several CPU devices are one CPU shown to JAX as that many."""
        if self.platform == "cpu":
            return "one CPU device" if self.count == 1 else f"{self.count} virtual devices of one CPU"
        return f"{self.count} device{'' if self.count == 1 else 's'} ({self.kind})"


@dataclass(frozen=True, slots=True)
class Environment:
    """Versions in the worker."""

    jax: str
    jaxlib: str
    python: str


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the worker is kept apart: "none" in process, else "sealed", "contained" or "bare"."""

    level: Literal["none", "sealed", "contained", "bare"] = "none"
    reasons: tuple[str, ...] = ()


class _Printer(Protocol):
    """What IPython hands to a value that is to be printed."""

    def text(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Report:
    """One explanation. Fields of stages that did not run are empty or None."""

    request: Request
    version: int = VERSION
    stages: tuple[StageReport, ...] = ()
    device: Device | None = None
    environment: Environment | None = None
    isolation: Isolation = Isolation()
    arguments: tuple[ArgumentReport, ...] = ()
    levels: tuple[Level, ...] = ()
    equations: tuple[Equation, ...] = ()
    jaxpr: Jaxprs | None = None
    outputs: tuple[Leaf, ...] = ()
    check: Check | None = None
    printed: str = ""  # at most PRINTED_CHARACTERS by print, and what the sandbox caught beside it
    timing: Timing | None = None
    memory: Memory | None = None
    hlo: Hlo | None = None
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    fixes: tuple[Fix, ...] = ()
    notes: tuple[str, ...] = field(default=())  # what the reader must know: values kept concrete, text cut
    values: Values | None = None  # of the intermediates; None: the check stage did not run
    returned: tuple[Crossing, ...] = ()  # by the stated function, for one example: what becomes the outputs
    layers: tuple[Layer, ...] = ()  # the stack of transformations, the levels among them, in call order
    wanted: Wanted | None = None  # None: the request names no output it wants
    readings: tuple[Reading, ...] = ()  # the stated nest in other words, and the calls that were found
    unspoken: tuple[Unspoken, ...] = ()  # the calls that have no reading

    def stage(self, name: Stage) -> StageReport | None:
        """Returns the record of one stage, None if it was never reached."""
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def waiting(self) -> str:
        """What the run waits for, "waiting: 1 before this one", while no worker has begun it; else ""."""
        first = self.stages[0] if self.stages else None
        return first.note if first is not None and first.status == "running" else ""

    @property
    def stated(self) -> tuple[Level, ...]:
        """Returns the nest that the Request states, without the levels found inside its function."""
        return tuple(level for level in self.levels if not level.captured)

    def __str__(self) -> str:
        """Returns the report in words and tables."""
        from explainer.views import text

        return text.to_text(self).rstrip("\n")

    def _repr_html_(self) -> str:
        """Returns what Jupyter shows below a cell: the report with its animation, in a frame of its own."""
        from explainer import page

        return page.framed(self)

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        """Writes what IPython shows in a terminal."""
        printer.text(str(self))


def to_json(report: Report) -> bytes:
    """Returns the Report as JSON; nan and infinities become null (see nan_count, inf_count)."""
    return _encoded(msgspec.json.encode, report)


def from_json(data: bytes) -> Report:
    """Reads a Report back; raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=Report)


def to_msgpack(report: Report) -> bytes:
    """Returns the Report as MessagePack, lossless."""
    return _encoded(msgspec.msgpack.encode, report)


def from_msgpack(data: bytes) -> Report:
    """Reads a Report back; raises msgspec.ValidationError on anything else."""
    return msgspec.msgpack.decode(data, type=Report)


def _encoded(encode: Callable[[Any], bytes], report: Report) -> bytes:
    try:
        return encode(report)
    except UnicodeEncodeError:  # the user's code printed or raised half a surrogate pair
        return encode(clean(msgspec.to_builtins(report)))


def clean(value: object) -> object:
    """Returns plain data, nested as it is, with every string fit for UTF-8: "a\\ud800" -> "a?"."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value
