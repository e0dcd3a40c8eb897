"""Endings: functions that fail while they are traced, and what they did before.

    function ──▶ Attempt ── jax.make_jaxpr ──▶ the equations up to the error; then the error itself

JAX drops a trace whose function raises. An attempt returns nothing instead, so that the equations made
before are there, and raises afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from explainer.analysis import internals


@dataclass(slots=True)
class Attempt:
    """A function to be traced; with `catches`, its error is kept and it returns no arrays."""

    fun: Callable[..., list[Any]]
    catches: bool
    error: Exception | None = None

    def __call__(self, *args: Any) -> list[Any]:
        """Calls the function."""
        try:
            return self.fun(*args)
        except Exception as error:
            if not self.catches:
                raise
            self.error = error
            return []

    def end(self) -> None:
        """Raises the error that was kept, if there is one."""
        if self.error is not None:
            raise self.error


def arrays(results: Sequence[Any]) -> Sequence[Any]:
    """Returns results, all of them arrays; raises TypeError, as jax.vmap does, on anything else."""
    for result in results:
        jax.typeof(result)
    return results


def note(error: Exception, expected: str) -> str:
    """Says how far the equations of a function go that ended in an error; `expected` is plain JAX's."""
    if type(error).__name__ != expected:
        said = str(error).strip().split("\n")[0]
        return (
            f"the call ended in {expected}; its equations are known only as far as it could be traced for "
            f"one example ({type(error).__name__}: {said})"
        )
    inside = internals.bodies_of(error)
    if inside:
        return (
            f"the call ended in {expected}, inside the function given to {inside[-1]}: the equations of that "
            "function are not known, since JAX drops them when it fails"
        )
    return f"the call ended in {expected}: its equations are those up to there"
