"""The library's front door: `explain(request)` or `explain(function, *args)`, in this process.

For code that is trusted: it runs here with all rights of this process. `explainer.sandbox.explain` runs
a request in an isolated child.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from explainer.report import Report
from explainer.spec import Request, Stage


def explain(
    what: Request | Callable[..., Any],
    /,
    *args: Any,  # noqa: ANN401  (the function's own)
    until: Stage = "time",
    **kwargs: Any,  # noqa: ANN401
) -> Report:
    """Explains a request, or a call of a live function, and returns the Report, whatever happens.

    explain(jax.vmap(jax.vmap(dist, in_axes=(None, 0)), in_axes=(0, None)), X, Y)

    A live function may be built in any way: its levels are found by calling it. `until` names the last
    stage to do. Calls from several threads take turns, since stdout and stderr of the process are
    recorded meanwhile. A process in which JAX is not at work yet gets 8 virtual CPU devices, unless it
    has chosen a number itself. Raises TypeError for arguments beside a Request, or what is not callable.
    """
    if not isinstance(what, Request) and not callable(what):
        raise TypeError(f"explain takes a Request, or a function and its arguments, not {what!r}.")
    if isinstance(what, Request) and (args or kwargs):
        raise TypeError("A Request holds its arguments; beside it, explain takes only until=...")
    # jax is imported only when something is explained
    from explainer.analysis import devices, live, pipeline

    devices.provide()
    if isinstance(what, Request):
        return pipeline.explain(what, until)
    return live.explain(what, args, kwargs, until)
