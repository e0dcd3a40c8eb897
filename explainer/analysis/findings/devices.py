"""Results of jax.pmap that are lost: out_axes=None keeps one device's, whatever the others give.

Scope ──▶ lost ──▶ Finding
"""

from __future__ import annotations

from collections.abc import Iterator

from explainer.analysis.findings import rewrites
from explainer.analysis.findings.scope import Scope, blame
from explainer.analysis.findings.words import counted
from explainer.edits import called
from explainer.report import Finding, Fix, Level


def lost(scope: Scope) -> Iterator[Finding]:
    """Finds results of a pmap that differ between devices, of which one device's is kept."""
    for unit, captured in scope.units():
        level = None if captured is None else scope.report.levels[captured.number]
        if level is None or level.transform != "pmap" or (level.axis_size or 0) < 2:
            continue
        nodes = scope.outputs(unit)
        if len(nodes) != len(level.outputs):
            continue
        differing = [
            leaf.path
            for node, leaf in zip(nodes, level.outputs, strict=True)
            if leaf.axis is None and node in scope.graph.mapped[level.id]
        ]
        for path in differing:
            yield Finding(
                kind="pmap_out_axes_none",
                severity="warning",
                explanation=(
                    f"{path} differs between the {counted(level.axis_size or 0, 'device')} of pmap "
                    f"{level.name}, and out_axes=None keeps what one device gives: the others' results are "
                    "lost, without an error. jax.vmap raises one. Take out_axes=0, or bring the results "
                    "together first, by lax.pmean over the axis, say."
                ),
                blame=blame([path], [level], [level.span]),
                confidence="certain",
                fixes=tuple(_stacked(scope, level)),
            )


def _stacked(scope: Scope, level: Level) -> Iterator[Fix]:
    if level.span is None or level.span.source != "code" or any(leaf.axis == 0 for leaf in level.outputs):
        return
    text = called.stacked(scope.report.request.code, level.span)
    said = "Stack the results of all devices: out_axes=0"
    yield from rewrites.in_code(
        scope, text, said, "the script runs, and no result is lost", "pmap_out_axes_none"
    )
