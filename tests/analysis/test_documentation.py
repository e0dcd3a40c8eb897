"""The public examples of jax.vmap: each prints what JAX's documentation says, and its levels are found."""

from __future__ import annotations

import pytest

import explainer
from explainer import Request
from explainer.xray import Level
from tests.analysis.documentation import EXAMPLES, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_prints_what_the_documentation_says_and_is_followed(example: Example):
    report = explainer.explain(Request(example.text))
    assert report.failure is None, report.failure
    assert report.printed == example.printed
    assert (report.notes, tuple(map(told, report.levels))) == ((), example.levels)
    tracked = [output.tracked for equation in report.equations for output in equation.outputs]
    assert all(tracked)
    assert bool(tracked) == bool(example.levels)
    if example.levels:
        assert report.values is not None
        proof = report.values.proof
        assert proof.wrong is None and (proof.values or "communicate" in proof.note), proof


def told(level: Level) -> str:
    """Puts a level into words: "0>j vv[3]"."""
    parent = "" if level.parent is None else f"{level.parent}>"
    return f"{parent}{level.name} {level.function}[{level.axis_size}]"
