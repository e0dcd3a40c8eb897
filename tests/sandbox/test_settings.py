"""Limits and settings from the environment."""

from __future__ import annotations

import re

import pytest

from explainer import sandbox
from explainer.sandbox import settings
from explainer.sandbox.settings import Limits, SettingError, Settings
from explainer.spec import Request


def test_defaults_are_those_the_documentation_names(monkeypatch):
    for variable in re.findall(r"EXPLAINER_\w+", settings.__doc__ or ""):
        monkeypatch.delenv(variable, raising=False)
    assert Limits() == Limits(deadline_s=10, memory_mb=2048, output_kb=256, source_kb=64, answer_mb=16)
    assert (Settings().queue, Settings().cache_mb) == (64, 64)
    assert (Settings().spares, Settings().platform, Settings().devices) == (2, "", 8)


@pytest.mark.parametrize(("field", "variable"), settings.VARIABLES.items())
def test_a_variable_sets_its_limit_and_an_argument_wins(field, variable, monkeypatch):
    monkeypatch.setenv(variable, "33")
    assert getattr(Limits(), field) == 33
    assert getattr(Limits(**{field: 44}), field) == 44


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("EXPLAINER_DEADLINE_S", "soon"),
        ("EXPLAINER_DEADLINE_S", "0"),
        ("EXPLAINER_MEMORY_MB", "nan"),
        ("EXPLAINER_MEMORY_MB", "inf"),
        ("EXPLAINER_OUTPUT_KB", "-1"),
        ("EXPLAINER_SPARES", "-1"),
        ("EXPLAINER_JOBS", "0"),
        ("EXPLAINER_DEVICES", "0"),
        ("EXPLAINER_QUEUE", "0"),
        ("EXPLAINER_CACHE_MB", "-1"),
        ("EXPLAINER_STRATEGY", "thread"),
    ],
)
def test_a_value_that_means_nothing_is_named_with_its_variable(variable, text, monkeypatch):
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingError, match=f"{variable} is '{text}': set it to"):
        Limits() if variable in settings.VARIABLES.values() else Settings()


def test_a_bad_setting_is_a_report_not_a_traceback(monkeypatch):
    sandbox.shutdown()  # settings are read when the pool starts, and another test may have started it
    monkeypatch.setenv("EXPLAINER_STRATEGY", "thread")
    sandbox.warm_up()
    report = sandbox.explain(Request("x = 1"))
    assert report.failure is not None
    assert report.failure.error_type == "SettingError"
    assert "EXPLAINER_STRATEGY" in report.failure.explanation
