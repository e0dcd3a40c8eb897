"""For tests: `jax.vmap` of a function compared with a plain Python loop over the examples.

    explainer.testing.assert_vmap_matches_loop(f, X, Y, in_axes=(0, None))

Works in any test runner: what fails is an AssertionError that says which example, which output leaf,
both values, and the likely reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def assert_vmap_matches_loop(
    f: Callable[..., Any],
    *args: Any,  # noqa: ANN401  (the function's own)
    in_axes: Any = 0,  # noqa: ANN401  (a tree of ints and None)
    out_axes: Any = 0,  # noqa: ANN401
    rtol: float | None = None,
    atol: float | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> None:
    """Asserts that `jax.vmap(f, in_axes, out_axes)(*args, **kwargs)` is what a loop over f gives.

    Each example is called on its own, as written, outside of jit; keyword arguments are mapped over axis 0,
    as jax.vmap does. Compares the tree, dtypes, shapes and values of all outputs; where `out_axes` is None,
    every example must give that one value. Two numbers agree if they differ by at most
    `atol + rtol * |loop|`, two nan agree. Without `rtol` and `atol` it takes what rounding may do in the
    output's dtype; whole numbers must be equal. An error of jax.vmap passes, with its explanation as a note.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    from explainer.analysis import matching

    said = matching.difference(f, args, kwargs, matching.Asked(in_axes, out_axes, rtol, atol))
    if said:
        raise AssertionError(said)
