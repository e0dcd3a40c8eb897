"""Makes the app explain in its own process, as pages that run their readers' code themselves do.

Python imports a module of this name at its start, if the folder is on PYTHONPATH: for `bench_visitors` only.
"""

from explainer import sandbox


def _in_process(request, **_options):
    from explainer import explain

    yield explain(request)


sandbox.stream = _in_process
sandbox.warm_up = lambda: None
