"""More cases, of questions and threads that fewer have read."""

from __future__ import annotations

from tests.pains import fresh_axes, fresh_scripts, fresh_values, unseen
from tests.pains.case import Case

CASES: tuple[Case, ...] = (*fresh_axes.CASES, *fresh_values.CASES, *fresh_scripts.CASES, *unseen.CASES)
