"""Random programs that call vmap inside: outputs are plain JAX's, and values sit where they are claimed."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import explainer
from explainer.report import Equation, Report, Request
from tests import oracle
from tests.analysis.agreement import assert_outputs_equal
from tests.analysis.captured_programs import Looped, looped, programs

# The same programs every time: a failure on one machine is a failure on all.
RANDOM = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # a smaller failing program takes minutes to find
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@RANDOM
@given(programs())
def test_captured_programs_are_followed_and_what_they_keep_sits_where_it_is_claimed(request: Request):
    report = explainer.explain(request, until="check")
    assert report.failure is None, report.failure
    assert_outputs_equal(report, oracle.read(request).jitted_outputs())
    assert report.values is not None and report.values.proof.wrong is None
    loops = looped(request)
    found = {kept_name(equation) for equation in report.equations if equation.primitive == "name"}
    assert found >= {name for name, _ in loops.kept}
    for equation in report.equations:
        if equation.primitive == "name":
            assert_kept(report, equation, loops)


def kept_name(equation: Equation) -> str:
    """Returns the name in keep(..., 'v1_2')."""
    name = re.search(r"'(\w+)'\)$", equation.source)
    assert name is not None, equation
    return name[1]


def assert_kept(report: Report, equation: Equation, loops: Looped) -> None:
    """Fails unless an equation's values, cut along the claimed axes, are those of the loop over examples."""
    assert report.values is not None
    around = {level.id: level.parent for level in report.levels}
    chain: list[int] = []
    level = equation.level
    while level is not None:
        chain.insert(0, level)
        level = around[level]
    claim = equation.outputs[0]
    assert claim.tracked
    assert all(axis is None for number, axis in enumerate(claim.batch_dims) if number not in chain)
    seen = [one for one in report.values.seen if one.equation == equation.id]
    seen.sort(key=lambda one: one.iterations)
    name = kept_name(equation)
    for (kept, place), values in loops.kept.items():
        if kept != name or not seen:
            continue
        assert len(place) == len(chain), (name, place, chain)
        assert len(seen) == len(values), (name, place)
        index = tuple(claim.batch_dims[number] for number in chain)
        for one, value in zip(seen, values):
            whole = np.asarray(one.value.preview, value.dtype).reshape(claim.batched_shape)
            part = oracle.at(whole, index, place)
            assert part.shape == claim.shape
            np.testing.assert_allclose(part, value, rtol=1e-3, atol=1e-4, err_msg=f"{name} at {place}")
