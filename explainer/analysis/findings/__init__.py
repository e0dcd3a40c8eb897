"""Findings: code that runs, but is probably wrong, told with what was measured, where, and what to do.

    Run ──▶ of ──▶ scope ──▶ one finder after another, cheap ones first ──▶ Report.findings

A finder is a function of a Scope that lists Findings. What is merely worth knowing is an "info"; a
"warning" or "error" is for what correct code does not do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from explainer.analysis import printed
from explainer.analysis.findings import (
    branches,
    broadcasts,
    devices,
    indices,
    key_rows,
    keys,
    loops,
    nesting,
    nonfinite,
    purity,
    retraces,
    sizes,
    unused,
    wholes,
)
from explainer.analysis.findings.scope import Scope, scope
from explainer.analysis.run import Run
from explainer.errors import message
from explainer.report import Finding, Report
from explainer.spec import Request, Stage

SECONDS = 1.5  # no further finder is begun after this
MOST_EQUATIONS = 3000
Finder = Callable[[Scope], Iterable[Finding]]

_KEYS: tuple[Finder, ...] = (keys.shared, key_rows.equal, keys.reused, key_rows.halved)

FINDERS: tuple[Finder, ...] = (
    *_KEYS,
    broadcasts.accidental,
    purity.unlike_a_loop,
    purity.drawn_in_python,
    nonfinite.made,
    indices.outside,
    retraces.again,
    wholes.closed_over,
    unused.inputs,
    branches.both,
    devices.lost,
    unused.outputs,
    nesting.swapped,
    nesting.negative,
    nesting.moved,
    sizes.by_chance,
    loops.slowest,
    sizes.ambiguous,
)
"""Those that only read come first, those that run something last."""
NO_TIME = 0.0  # an end that is over: nothing is tried
_READING: tuple[Finder, ...] = (*_KEYS, broadcasts.unmended, nonfinite.made, devices.lost)
"""Those that an edited request is read by: its fix must leave nothing of them."""


def of(run: Run, seconds: float = SECONDS) -> tuple[Finding, ...]:
    """Lists what is probably wrong with a run that succeeded, the gravest first."""
    if run.report.failure is not None or not 0 < len(run.report.equations) <= MOST_EQUATIONS:
        return ()
    looked = scope(run, time.perf_counter() + seconds)
    return () if looked is None else tuple(sorted(_each_once([*_all(looked)]), key=_gravity))


def add_to(run: Run) -> None:
    """Adds the findings to a run that was asked for its whole explanation; a finder that fails is told of."""
    if run.until != "time":
        return
    try:
        with printed.dropped():
            run.add(findings=of(run, SECONDS))
    except Exception as error:  # noqa: BLE001  (it runs the user's code again, which may raise anything)
        said = f"{type(error).__name__}: {message(error)}".split("\n")[0]
        run.add(notes=(*run.report.notes, f"the search for silent bugs ended early ({said})"))


def _all(scope: Scope) -> Iterator[Finding]:
    for finder in FINDERS:
        if scope.late:
            return
        yield from finder(scope)


def _each_once(found: Sequence[Finding]) -> Iterator[Finding]:
    """Leaves out what another finding tells already: an example that nothing looks at gives equal results."""
    whole = {(each.blame.levels, each.blame.arguments) for each in found if _is(each, "whole_batch")}
    constant = {each.blame.levels for each in found if _is(each, "whole_batch", "unused_input")}
    random = {each.blame.levels for each in found if _is(each, "shared_key")}
    drawn = any(each.kind == "python_random" for each in found)
    indexed = {each.blame.spans for each in found if each.kind == "index_out_of_range"}
    for each in found:
        if each.kind == "nan" and each.blame.spans in indexed:
            continue
        if drawn and each.kind == "unlike_a_loop":  # that is why
            continue
        place = each.blame.levels, each.blame.arguments
        if each.kind == "unused_input" and (place in whole or each.blame.levels in random):
            continue
        if each.kind == "copied_output" and each.blame.levels in constant | random:
            continue
        yield each


def _is(finding: Finding, *kinds: str) -> bool:
    return finding.kind in kinds and finding.severity == "warning"


def _gravity(finding: Finding) -> tuple[int, int]:
    severities, confidences = ("error", "warning", "info"), ("certain", "likely", "possible")
    return severities.index(finding.severity), confidences.index(finding.confidence)


def explained(request: Request, end: float, until: Stage = "batch") -> Report | None:
    """Returns the report of an edited request, with what reading it finds; None: no time.

    It is traced only, or run and checked, where `until` is "check".
    """
    from explainer.analysis import pipeline, scripts, stages

    if time.perf_counter() > end:
        return None
    plan = scripts.SCRIPT if request.is_script else stages.NEST
    run = Run(request, plan)
    report = pipeline.through(run, until)
    looked = scope(run, NO_TIME) if report.failure is None else None
    if looked is not None:
        run.add(findings=tuple(each for finder in _READING for each in finder(looked)))
    return run.report
