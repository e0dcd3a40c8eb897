"""What the user asks: a function, its arguments, and the vmap levels around it.

    text, widgets ─▶ Request ─▶ sandbox ─▶ analysis ─▶ Report

All of it is text as the user typed it; nothing here is evaluated. Code is compiled and
run in the worker only (`analysis/parsing.py`), so that a page can hold any text safely.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal, get_args

Stage = Literal["parse", "trace", "batch", "lower", "compile", "run", "check", "time"]
"""The steps of one explanation, in order; each needs only those before it."""

STAGES: tuple[Stage, ...] = get_args(Stage)

SCRIPT_STAGES: tuple[Stage, ...] = ("parse", "run", "trace", "batch", "check")
"""The steps of a script: it runs once as it is, then its calls of jax.vmap are followed."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the mapped function, as text.

    `value` is a shape spec filled with reproducible values (``f32[3,2]``, ``normal(f32[3,2])``),
    a tree of them (``{'w': f32[2], 'b': f32[]}``), or any expression (``jnp.eye(3)``).
    """

    name: str
    value: str
    keyword: bool = False  # passed by name: jax.vmap then maps it over axis 0


@dataclass(frozen=True, slots=True)
class Vmap:
    """One `jax.vmap` of a nest, each field the text that would stand in the call."""

    in_axes: str = "0"
    out_axes: str = "0"
    axis_name: str | None = None
    axis_size: str | None = None
    spmd_axis_name: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Everything one explanation depends on. `levels` stand outermost first."""

    code: str = ""
    function: str = ""
    arguments: tuple[Argument, ...] = ()
    levels: tuple[Vmap, ...] = ()
    wanted: str = ""

    @property
    def is_script(self) -> bool:
        """Tells a request of code alone, which is run top to bottom."""
        return bool(self.code.strip()) and not (self.function.strip() or self.arguments or self.levels)

    @property
    def expressions(self) -> tuple[str, ...]:
        """Lists the texts that are evaluated beside the code: function, arguments, settings of the levels."""
        settings = (text for level in self.levels for text in astuple(level))
        given = (argument.value for argument in self.arguments)
        return (self.function, *given, *filter(None, settings))
