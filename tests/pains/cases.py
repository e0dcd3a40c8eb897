"""All cases from threads that many have read, in the order of their families."""

from __future__ import annotations

from tests.pains import control, cost, libraries, nesting, outputs, randomness, specs
from tests.pains.case import Case

CASES: tuple[Case, ...] = (
    *specs.CASES,
    *outputs.CASES,
    *nesting.CASES,
    *control.CASES,
    *randomness.CASES,
    *cost.CASES,
    *libraries.CASES,
)
