"""Live functions: one that is already built, from a notebook or a script, with the arguments of a call.

    explain(jax.vmap(jax.vmap(f, ...), ...), X, Y) ──▶ a Request that describes it ──▶ pipeline ──▶ Report

Its levels are found by calling it: every jax.vmap inside is captured. The text of the file or cell in
which the mapped function stands becomes the request's code, so that equations lead back to its lines.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from explainer.analysis import parsing, pipeline
from explainer.analysis.failing import naming
from explainer.analysis.run import Run
from explainer.analysis.stages import LIVE
from explainer.report import Report
from explainer.spec import Argument, Request, Stage


def explain(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], until: Stage
) -> Report:
    """Explains a call of a live function in this process."""
    given = naming.named(function, args, kwargs)
    own = naming.innermost(function)
    code = getattr(own, "__code__", None)
    file = "" if code is None else code.co_filename
    arguments = tuple(Argument(name, naming.text(value), name in kwargs) for name, value in given.items())
    request = Request("".join(linecache.getlines(file)), naming.name(own), arguments)
    run = Run(request, LIVE, main=file)
    run.program = parsing.program(request, {}, function, dict(given), ())
    run.program = replace(run.program, name=naming.name(own), context=object())  # it may be explained again
    return pipeline.through(run, until)
