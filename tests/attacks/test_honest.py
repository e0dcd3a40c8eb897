"""What honest people write works behind every wall, and gives what it gives in this process."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

import explainer
from explainer.report import Leaf, Report
from explainer.sandbox.client import stream_from
from explainer.sandbox.settings import Limits
from explainer.spec import Request, Stage
from tests.attacks.honest_nests import NESTS
from tests.attacks.honest_scripts import SCRIPTS

HONEST: dict[str, Request] = NESTS | SCRIPTS


def test_the_corpus_is_no_smaller_than_promised():
    assert len(HONEST) == len(NESTS) + len(SCRIPTS) >= 60


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_request_is_answered_as_in_this_process(walled, name):
    here = _here(name)
    there = list(stream_from(walled.pool, HONEST[name], _until(name), Limits(deadline_s=60)))[-1]
    assert _outcome(there) == _outcome(here)
    for one, other in zip(there.outputs, here.outputs):
        _require_same_values(one, other)


def _until(name: str) -> Stage:
    return "batch" if name in SCRIPTS else "run"


@functools.cache
def _here(name: str) -> Report:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a worker, too, takes what a library warns of for no error
        return explainer.explain(HONEST[name], until=_until(name))


def _outcome(report: Report) -> dict[str, object]:
    """Returns what must be the same in two explanations of one request: all but times and float noise."""
    return {
        "failure": report.failure
        and (report.failure.stage, report.failure.error_type, report.failure.message),
        "printed": report.printed,
        "stages": [(stage.name, stage.status, stage.note) for stage in report.stages],
        "outputs": [(leaf.path, leaf.dtype, leaf.shape, leaf.kept) for leaf in report.outputs],
        "levels": [(level.function, level.in_axes, level.axis_size) for level in report.levels],
        "equations": [
            (each.primitive, [value.batch_dims for value in each.outputs]) for each in report.equations
        ],
        "agrees": report.check and (report.check.agrees, report.check.examples),
        "notes": report.notes,
    }


def _require_same_values(one: Leaf, other: Leaf) -> None:
    if one.dtype.startswith(("float", "bfloat")):
        tolerance = 1e-2 if one.dtype in ("float16", "bfloat16") else 1e-6
        found, expected = (np.asarray(leaf.preview, np.float64) for leaf in (one, other))
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    else:
        assert one.preview == other.preview
