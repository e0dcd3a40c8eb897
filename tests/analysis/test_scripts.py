"""Whole scripts: all they print, compute and raise is plain JAX's bit by bit; their calls are found."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types

import jax
import pytest

import explainer
from explainer import Request
from explainer.analysis.capturing import Capture
from tests.analysis.exact_scripts import PRELUDE, SCRIPTS

NOTES = {"a thread": ("calls of jax.vmap made in other threads, 1 here, are not listed",)}


def ran(code: str) -> tuple[str, str, str]:
    """Returns what a script prints when Python runs it, and the type and text of the error that ends it."""
    printed, before = io.StringIO(), sys.modules["__main__"]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    error: BaseException | None = None
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                exec(compile(code, "<code>", "exec"), module.__dict__)
            except BaseException as raised:  # noqa: BLE001  (any error is what is looked at)
                error = raised
            with contextlib.suppress(Exception):
                jax.effects_barrier()
    finally:
        sys.modules["__main__"] = before
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return printed.getvalue(), "", ""
    return printed.getvalue(), type(error).__name__, told(str(error))


def told(message: str) -> str:
    """Returns a message without addresses and the frames of a host callback, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]+|\b\d{9,}\b|^  File .*$\n", "", message, flags=re.MULTILINE)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_does_what_plain_python_makes_it_do(name):
    code = PRELUDE + SCRIPTS[name]
    printed, error, message = ran(code)
    with Capture().following_roots(lambda _: False):  # as the run that is followed, to its end
        assert ran(code)[:2] == (printed, error)
    report = explainer.explain(Request(code), until="batch")
    failure = report.failure
    found = ("", "") if failure is None else (failure.error_type, told(failure.message))
    assert (report.printed, *found) == (printed, error, message)
    assert report.notes == NOTES.get(name, ())
