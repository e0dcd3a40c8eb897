"""Calls found: one place where a vmapped function was called, and what is known of it.

capturing ──▶ Captured, its Root ──▶ captured, batching, lens
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax

from explainer.analysis import internals
from explainer.analysis.closures import Place
from explainer.analysis.internals import ClosedJaxpr, Instrumented, MeshCall

Call = internals.Call | MeshCall


@dataclass(slots=True)
class Captured:
    """One place where a vmapped function was called: its first call, and how many equal ones there were.

    `avals[n]` is leaf n as this level sees it, None for what is no array. `unit` is the mapped function
    traced for one example; its inputs are the mapped leaves, `names[n]` a name per closed-over value.
    """

    number: int  # id of the level
    parent: int | None
    call: Call
    avals: tuple[jax.ShapeDtypeStruct | None, ...]
    place: Place | None = None  # where the function is written
    count: int = 1
    outputs: tuple[jax.ShapeDtypeStruct, ...] = ()
    unit: Instrumented | None = None
    inputs: tuple[int, ...] = ()  # the leaves that are the unit's inputs
    names: tuple[str, ...] = ()
    others: list[tuple[Instrumented, tuple[int, ...]]] = field(default_factory=list)  # of the later calls
    note: str = ""
    root: Root | None = None
    axes: list[tuple[Any, int]] = field(default_factory=list)  # the axis names bound around the call
    ended: str = ""  # the type of the error that its first call ended in: "ValueError"
    x64: bool = False  # double precision was on
    heard: Any = None  # what a listener made of the call while it was under way


@dataclass(slots=True)
class Root:
    """A call under no other level, followed on its own: its whole program, and its values if it saw any."""

    jaxpr: ClosedJaxpr
    arguments: list[Any] | None
