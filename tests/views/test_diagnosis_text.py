"""A diagnosis as text: the ruler under the explanation, fixes with edit and proof, findings in order."""

from __future__ import annotations

from dataclasses import replace

from explainer.report import (
    Blame,
    Failure,
    Finding,
    Fix,
    Lane,
    Leaf,
    Level,
    Mismatch,
    Reading,
    Report,
    Span,
    Wanted,
)
from explainer.spec import Argument, Request, Vmap
from explainer.views import diagnosis_text, text

REQUEST = Request(
    "def f(x, y):\n    return x * y\n",
    "f",
    (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
    (Vmap("(0, 0)", axis_name="'batch'"),),
)
LEVEL = Level(0, None, "f", "batch", "(0, 0)", "0", "batch", None, ())
MISMATCH = Mismatch((Lane("X", "float32", (3, 2), 0, (0,)), Lane("Y", "float32", (4, 2), 0, (0,))), 0)
FIX = Fix(
    replace(REQUEST, levels=(Vmap("(0, None)"),)),
    "Share Y with every example",
    (Leaf("out", "float32", (3, 4, 2)),),
    "in_axes of level 0",
    "(0, 0)",
    "(0, None)",
    "same as a Python loop over all 3 examples",
)
REPORT = Report(REQUEST, levels=(LEVEL,))
FAILED = replace(
    REPORT,
    failure=Failure("trace", "ValueError", "JAX's words", "Ours.", mismatch=MISMATCH),
    fixes=(FIX, replace(FIX, summary="Do\nanother thing", place="", before="", after="", proof="")),
)
TOLD_FIX = """\
  1. Share Y with every example
     in_axes of vmap batch:
       - (0, 0)
       + (0, None)
     gives out f32[3, 4, 2]; proof: same as a Python loop over all 3 examples
"""


def test_a_failure_ends_with_its_ruler_and_the_fixes():
    assert text.to_text(FAILED).endswith(
        """
Failed
  while tracing one example: ValueError
  Ours.

  X  f32[3, 2]  axis 0  ╳╳╳   3        mapped by batch, does not fit
                axis 1  ──    2
  Y  f32[4, 2]  axis 0  ╳╳╳╳  4        mapped by batch, does not fit
                axis 1  ──    2

  The original message:
    JAX's words

Fixes that were tried and work
"""
        + TOLD_FIX
        + "  2. Do another thing\n     gives out f32[3, 4, 2]\n"
    )


def test_findings_stand_in_order_with_their_places_and_fixes():
    span = Span(2, 11, 2, 16)
    findings = (
        Finding("equal_sizes", "info", "Two axes have size 3.", confidence="possible"),
        Finding("shared_key", "warning", "One key.\nFor all.", Blame(spans=(span,)), "certain", (FIX,)),
    )
    assert text.to_text(replace(REPORT, findings=findings)).endswith(
        """
Findings
  Warning: shared key (shown by running this program)
    One key.
    For all.

    code, line 2:
          return x * y
                 ^^^^^
"""
        + "".join(f"  {line}\n" for line in TOLD_FIX.splitlines())
        + """
  Info: equal sizes (possible: look whether it is meant)
    Two axes have size 3.
"""
    )


def test_what_was_wanted_is_given_or_it_is_said_why_not():
    given = replace(REPORT, wanted=Wanted("f32[3,4,2]", (FIX,)))
    assert text.to_text(given).endswith("\nWanted\n  You asked for f32[3,4,2].\n" + TOLD_FIX)
    none = replace(REPORT, wanted=Wanted("f32[7]", why_not="No axis has size 7."))
    assert text.to_text(none).endswith("\nWanted\n  You asked for f32[7].\n  No axis has size 7.\n")


def test_readings_say_what_showed_them_equal():
    readings = (
        Reading("loops", "for i in range(3):\n    out[i] = f(X[i])\n", "equal on all 3 examples"),
        Reading("einsum", "i j -> i"),
    )
    assert text.to_text(replace(REPORT, readings=readings)).endswith(
        """
Read aloud
  as loops (equal on all 3 examples):
    for i in range(3):
        out[i] = f(X[i])
  as an einsum:
    i j -> i
"""
    )


def test_a_report_without_trouble_says_nothing_of_it():
    sections = (
        diagnosis_text.failed,
        diagnosis_text.fixes,
        diagnosis_text.found,
        diagnosis_text.wanted,
        diagnosis_text.read_aloud,
    )
    assert [section(REPORT) for section in sections] == [[]] * 5
