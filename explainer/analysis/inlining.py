"""Inlining: `jax.jit` taken out of a script, so that the calls inside see values.

    script, run again to follow its axes ── jax.jit ──▶ the function itself

Under jit a vmap call sees tracers. Run without it, the same call computes on the values of the script.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax


@contextlib.contextmanager
def without_jit() -> Iterator[None]:
    """Makes `jax.jit` give functions that run as they are, meanwhile; libraries keep the jit they have."""
    jit = jax.jit

    def plain(fun: Any = None, /, **options: Any) -> Any:
        return functools.partial(plain, **options) if fun is None else _Inlined(jit(fun, **options), fun)

    jax.jit = plain
    try:
        yield
    finally:
        jax.jit = jit


class _Inlined:
    """A jitted function that runs as it is when called, and is the jitted one in all other respects."""

    def __init__(self, jitted: Any, fun: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fun)
        self._jitted = jitted
        self._fun = fun

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._fun(*args, **kwargs)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jitted, name)
