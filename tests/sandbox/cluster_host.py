"""A Dask preload: a host of the cluster that runs the stand-in analysis."""

import os
from dataclasses import replace

from distributed.worker import Worker

from explainer.sandbox import cluster_worker, levels
from explainer.sandbox.settings import Settings


def dask_setup(worker: Worker) -> None:
    level = levels.level
    claimed = os.environ.get("STANDIN_LEVEL", "bare")
    levels.level = lambda: replace(level(), level=claimed)
    settings = Settings(jobs=1, spares=1, target="tests.sandbox.standin_analysis", warmup="")
    cluster_worker.serve(worker, settings)
