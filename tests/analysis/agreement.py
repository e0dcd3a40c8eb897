"""What it means for a report to be true: its outputs are JAX's, and each value sits where it says."""

from __future__ import annotations

import jax
import numpy as np

from explainer.report import Report
from tests import oracle
from tests.analysis import replay


def assert_outputs_equal(report: Report, expected: object) -> None:
    """Fails unless paths, shapes, dtypes and the shown values are those of `expected`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(expected)
    assert [leaf.path for leaf in report.outputs] == ["out" + jax.tree_util.keystr(path) for path, _ in flat]
    for leaf, value in zip(report.outputs, [np.asarray(value) for _, value in flat]):
        assert (leaf.shape, leaf.dtype) == (value.shape, value.dtype.name)
        shown = value[np.ix_(*leaf.kept)] if value.ndim else value
        np.testing.assert_allclose(np.asarray(leaf.preview, value.dtype), shown, rtol=1e-6)


def assert_claims_hold(report: Report) -> None:
    """Fails unless each value of the batched run, indexed as claimed, is that of the example's own run."""
    assert report.failure is None, report.failure
    programs = replay.programs(report)
    claims = replay.claims(report, programs)
    batched = replay.record(programs.batched, programs.source, programs.arguments)
    for value, array in batched.items():
        assert claims[value.key, value.output].batched_shape == array.shape
    for place in _some(oracle.examples(tuple(level.axis_size or 0 for level in report.stated))):
        single = replay.record(programs.source.closed, programs.source, programs.arguments_of(place))
        assert single.keys() <= batched.keys()
        for value, expected in single.items():
            claim = claims[value.key, value.output]
            assert claim.tracked
            found = oracle.at(batched[value], claim.batch_dims, place)
            np.testing.assert_allclose(
                replay.host(found), replay.host(expected), rtol=1e-4, atol=1e-5, err_msg=f"{value} at {place}"
            )


def _some(examples: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Returns the first example, one between, and the last."""
    return list(dict.fromkeys(examples[:1] + examples[len(examples) // 2 :][:1] + examples[-1:]))
