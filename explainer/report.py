"""What came back: one explanation as frozen plain data, JSON- and MessagePack-able.

    analysis/pipeline ─▶ Report ══ bytes ══▶ figures, ui, cli

A Report always comes back. A stage that fails leaves `failure`; all that earlier stages
found stays. Dtypes carry NumPy's names (`float32`), shapes are tuples of ints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from explainer.spec import Request, Stage

VERSION = 1


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage of the run. `seconds` is wall time in the worker; `note` says why it was skipped."""

    name: Stage
    status: Literal["running", "done", "failed", "skipped"]
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the user's text: 1-based lines, 0-based columns in characters, end exclusive.

    `source` says which text: "code", "function", "argument X", "in_axes of level 0", ...
    """

    line: int
    column: int
    end_line: int
    end_column: int
    source: str = "code"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array of a tree, with a capped preview of its values.

    `preview` is nested lists (a bare number for a scalar) holding the entries at
    `kept[0] x kept[1] x ...`, the indices kept along each axis: all of them, or the first
    ones and the last. None where no values exist (nothing ran yet). Complex numbers and
    random keys are text. Statistics are over the finite values of the whole array.
    """

    path: str  # "X", "params['w']", for outputs "out" or "out['w']"
    dtype: str
    shape: tuple[int, ...]
    preview: Any = None  # msgspec has no recursive type alias; nested lists of plain scalars
    kept: tuple[tuple[int, ...], ...] = ()
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    nan_count: int = 0
    inf_count: int = 0


@dataclass(frozen=True, slots=True)
class ArgumentReport:
    """One argument after evaluation: its array leaves, or the text of a static value."""

    name: str
    keyword: bool
    leaves: tuple[Leaf, ...]
    static: str | None = None  # repr of a Python value that is passed as it is


@dataclass(frozen=True, slots=True)
class MappedLeaf:
    """A leaf as one level sees it: its shape there and the axis that level maps.

    axis=-1 on (3, 4) -> index=1; axis=None -> index=None, shared by every example.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    axis: int | None
    index: int | None


@dataclass(frozen=True, slots=True)
class AxesTemplate:
    """The spec tree of one level with a hole per leaf, to write it anew from chosen axes.

    `parts` holds one text per argument (per output tree for out_axes) with `{0}`, `{1}`, ... where
    the axis of leaf 0, 1, ... (counted over all arguments) stands; literal braces are doubled.

    predict(params, x):  ("{{'b': {0}, 'w': {1}}}", "{2}")
    """

    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """One vmap of the nest, outermost first: what it maps, and where it puts the results."""

    id: int
    parent: int | None
    function: str  # what this level maps: "dist", or "vmap(dist)"
    name: str  # axis_name if given, else i, j, k, ...
    in_axes: str
    out_axes: str
    axis_name: str | None
    axis_size: int | None  # None when it could not be determined
    inputs: tuple[MappedLeaf, ...]
    outputs: tuple[MappedLeaf, ...] = ()  # shape after this level restacked; axis as given in out_axes
    in_template: AxesTemplate = AxesTemplate()
    out_template: AxesTemplate = AxesTemplate()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class BatchedAval:
    """An intermediate as one example sees it, plus where each level's axis sits in it.

    f32[2], batch_dims=(0, 1), batched_shape=(3, 4, 2): level 0's axis is axis 0, level 1's axis 1.
    A batch_dims entry of None: not mapped by that level, one value shared by its examples.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch_dims: tuple[int | None, ...]
    batched_shape: tuple[int, ...]
    tracked: bool = True  # False: JAX replaced this body (a custom_vmap rule), so nothing is claimed


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation of the per-example jaxpr and what batching made of it."""

    id: int
    primitive: str
    inputs: tuple[str, ...]  # variable names and literals, as in the per-example jaxpr
    outputs: tuple[BatchedAval, ...]
    depth: int  # 0 at top level, +1 inside each scan/cond/while/jit/custom body
    body: str  # "" at top level, else the path of bodies: "scan[3].jaxpr"
    parent: int | None  # id of the equation whose body holds this one
    source: str  # the user's expression, or "" when JAX's own code made it
    span: Span | None
    rewrite: tuple[str, ...]  # primitives that batching emitted for it


@dataclass(frozen=True, slots=True)
class JaxprText:
    """A jaxpr as JAX prints it. `lines[n]` is the id of the equation on line n, or None.

    `level` is the outermost level already applied; None for the per-example jaxpr.
    """

    text: str
    lines: tuple[int | None, ...] = ()
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Jaxprs:
    """The per-example jaxpr, the ones after each level (innermost first), and the whole nest, the last.

    The batch stage leaves the whole nest only; the lower stage adds the levels in between.
    """

    example: JaxprText
    levels: tuple[JaxprText, ...] = ()

    @property
    def final(self) -> JaxprText:
        return self.levels[-1] if self.levels else self.example


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
class Blame:
    """Where a failure comes from, in the user's own names."""

    arguments: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """The stage that failed: what happened, where, what to do; JAX's own message beside it.

    `limit` names the limit that was hit ("deadline", "memory", "output", ...), else "".
    """

    stage: Stage
    error_type: str
    message: str
    explanation: str
    blame: Blame = Blame()
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """The device of the run as JAX names it."""

    platform: str
    kind: str
    count: int


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


@dataclass(frozen=True, slots=True)
class Finding:
    """A silent bug: the code runs, but does not do what it seems to."""

    kind: str
    severity: Literal["info", "warning", "error"]
    explanation: str
    blame: Blame = Blame()


@dataclass(frozen=True, slots=True)
class Fix:
    """An edited request that was proven to run, and the outputs it gave."""

    request: Request
    summary: str
    outputs: tuple[Leaf, ...]


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
    printed: str = ""
    timing: Timing | None = None
    memory: Memory | None = None
    hlo: Hlo | None = None
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    fixes: tuple[Fix, ...] = ()
    notes: tuple[str, ...] = field(default=())  # what the reader must know: values kept concrete, text cut

    def stage(self, name: Stage) -> StageReport | None:
        """Returns the record of one stage, None if it was never reached."""
        return next((stage for stage in self.stages if stage.name == name), None)


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
