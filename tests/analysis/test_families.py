"""All of jax.vmap, stated and captured: results are plain JAX's, claims agree and are proven on values."""

from __future__ import annotations

import pytest

import explainer
from explainer.report import Report
from tests import oracle
from tests.analysis.agreement import assert_outputs_equal
from tests.analysis.families import FAMILIES, Family


@pytest.mark.filterwarnings("ignore:jax.core:DeprecationWarning")  # Flax asks for them
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_followed_whether_its_levels_are_stated_or_captured(family: Family):
    expected = oracle.read(family.stated).jitted_outputs()
    stated = explainer.explain(family.stated, until="run")
    written = explainer.explain(family.written, until="check")
    for report in (stated, written):
        assert report.failure is None, report.failure
        assert_outputs_equal(report, expected)
    assert claims(written, len(family.levels)) == claims(stated, len(family.levels))
    assert_proven(written, family.proven)
    assert [level.axis_size for level in written.levels] == [level.axis_size for level in stated.levels]


def assert_proven(report: Report, proven: bool) -> None:
    """Fails unless a loop over the examples gives the same, and every value sits where it is claimed to."""
    assert report.check is not None and report.values is not None
    assert report.check.agrees is not False, report.check
    proof = report.values.proof
    assert proof.wrong is None, report.equations[proof.wrong.equation]
    assert (proof.agreed + proof.undecided, bool(proof.values)) == (proof.values, proven), proof


def claims(report: Report, levels: int) -> list[tuple[object, ...]]:
    """Lists what is claimed of every value inside the innermost of the levels, equation by equation."""
    return [
        (equation.primitive, equation.rewrite, output.shape, output.batch_dims, output.batched_shape)
        for equation in report.equations
        for output in equation.outputs
        if equation.level is not None and equation.level >= levels - 1
    ]
