"""Reports whose every text tries to become part of the page."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from explainer.report import (
    ArgumentReport,
    BatchedAval,
    Blame,
    Check,
    Crossing,
    Device,
    Environment,
    Equation,
    Failure,
    Finding,
    Fix,
    Lane,
    Leaf,
    Level,
    MappedLeaf,
    Mismatch,
    Reading,
    Report,
    Span,
    Timing,
    Wanted,
)
from explainer.spec import Argument, Request, Vmap

PAYLOADS = (
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "'-->]]></style></iframe><script>window.pwned=1</script>",
)
KEPT = (
    "status",
    "stage",
    "level",
    "platform",
    "transform",
    "severity",
    "confidence",
    "source",
)  # words with a fixed meaning

AVAL = BatchedAval("c", "float32", (2,), (0,), (3, 2))
SPAN = Span(1, 0, 1, 5)
LEVEL = Level(
    id=0, parent=None, function="f", name="i", in_axes="0", out_axes="0", axis_name="n", axis_size=3,
    inputs=(MappedLeaf("X", "float32", (3, 2), 0, 0),), outputs=(MappedLeaf("out", "float32", (3, 2), 0, 0),),
    span=SPAN, captured=True, made_by="jax.jacrev", enters=(Crossing("w", AVAL, shared=True),), note="why",
)  # fmt: skip
FIX = Fix(
    Request(),
    "summary",
    (Leaf("out", "float32", (3,)),),
    "argument keys",
    "a = 1\nb = 2",
    "a = 1\nb = 3",
    "proof",
)
LANES = (
    Lane("X", "float32", (3, 2), 0, (0,), note="given"),
    Lane("Y", "float32", (4,), 0, (), (3, 4), (0, None), note="made"),
    Lane("n", "int", (), note="remark"),
)
REPORT = Report(
    request=Request("x = 1", "f", (Argument("X", "f32[3,2]"),), (Vmap(),)),
    device=Device("cpu", "cpu", 1),
    environment=Environment("0.10.2", "0.10.2", "3.11.7"),
    arguments=(
        ArgumentReport("X", False, (Leaf("X", "float32", (3, 2), [[1.0, 2.0]] * 3, ((0, 1, 2), (0, 1))),)),
        ArgumentReport("mode", False, (), static="repr"),
    ),
    levels=(LEVEL,),
    equations=(
        Equation(0, "sub", ("a", "b"), (AVAL,), 0, "", None, "x - y", SPAN, ("select_n", "sub")),
        Equation(1, "exp", ("a",), (replace(AVAL, tracked=False),), 1, "", None, "", None, ()),
    ),
    outputs=(Leaf("out", "float32", (3, 2), [["1+2j", "key"]] * 3, ((0, 1, 2), (0, 1))),),
    check=Check(False, 3, 3, note="note"),
    printed="printed",
    timing=Timing(0.1, 0.1, note="note"),
    failure=Failure(
        "time",
        "ValueError",
        "message",
        "explanation",
        Blame(spans=(SPAN,)),
        limit="deadline",
        mismatch=Mismatch(LANES, 0),
    ),
    findings=(Finding("kind", "warning", "explanation", Blame(spans=(SPAN,)), fixes=(FIX,)),),
    fixes=(FIX,),
    notes=("note",),
    wanted=Wanted("f32[7]", (FIX,), "no way"),
    readings=(Reading("loops", "for i in I:", "equal on all"),),
)


def hostile(payload: str) -> Report:
    """Returns a report that holds the payload behind every text of its own."""
    found = _filled(REPORT, payload)
    assert isinstance(found, Report)
    return found


def _filled(value: object, payload: str) -> object:
    if isinstance(value, str):
        return value + payload
    if isinstance(value, (tuple, list)):
        return type(value)(_filled(item, payload) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(
            value, **{name: v if name in KEPT else _filled(v, payload) for name, v in named.items()}
        )
    return value
