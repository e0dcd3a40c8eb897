"""The library's front door: `explain(request)` in this process, for code that is trusted."""

from __future__ import annotations

from explainer.report import Report
from explainer.spec import Request, Stage


def explain(request: Request, until: Stage = "time") -> Report:
    """Explains a request in this process and returns its Report, whatever happens.

    The user's code runs here with all rights of this process; `explainer.sandbox.explain`
    runs it in an isolated child. `until` names the last stage to do. Calls from several threads take
    turns, since stdout and stderr of the process are recorded meanwhile. A process in which JAX is not
    at work yet gets 8 virtual CPU devices, unless it has chosen a number itself.
    """
    from explainer.analysis import devices, pipeline  # jax is imported only when something is explained

    devices.provide()
    return pipeline.explain(request, until)
