"""The debugger in code: `with explainer.debug():` lets a vmap error carry its explanation.

    with explainer.debug(): ... jax.vmap(f)(X, Y) ──▶ the same error, with a note added

Type, message and traceback of the error stay as JAX left them; code without errors runs as ever.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def debug() -> Debug:
    """Explains vmap errors that pass: `with explainer.debug():`, or `@explainer.debug()` on a function.

    What it adds is an exception note, printed below the error: what is wrong, where, and edits that were
    tried and work. The mapped function is traced again for that, once or a few times. Errors that
    have nothing to do with vmap, and those that the user's own code raises, pass as they are.

    It may be nested: an error is explained once. A decorated coroutine or generator is explained while it
    runs. An error in another thread is explained where it passes: `future.result()` inside the block.
    """
    return Debug()


class Debug:
    """What `explainer.debug()` returns: a context manager and a decorator, to be used any number of times."""

    def __init__(self) -> None:
        self._entered: list[contextlib.AbstractContextManager[None]] = []

    def __enter__(self) -> Self:
        from explainer.analysis.internals import keeping_frames

        keeping = keeping_frames()
        keeping.__enter__()
        self._entered.append(keeping)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Exception):
                from explainer.analysis.failing import notes

                notes.add_to(error)
        finally:
            self._entered.pop().__exit__(None, None, None)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorates a function, a coroutine function or a generator function."""
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"debug() cannot decorate {function.__name__}, an asynchronous generator: "
                "put `with explainer.debug():` inside it."
            )
        if inspect.iscoroutinefunction(function):
            wrapper: Callable[..., Any] = _coroutine(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = _generator(function)
        else:
            wrapper = _plain(function)
        return functools.wraps(function)(wrapper)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def explained(*args: object, **kwargs: object) -> object:
        with Debug():
            return function(*args, **kwargs)

    return explained


def _coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    async def explained(*args: object, **kwargs: object) -> object:
        with Debug():
            return await function(*args, **kwargs)

    return explained


def _generator(function: Callable[..., Any]) -> Callable[..., Any]:
    def explained(*args: object, **kwargs: object) -> Generator[Any, Any, Any]:
        with Debug():
            return (yield from function(*args, **kwargs))

    return explained
