"""A Dask preload: a host of the cluster that runs the stand-in analysis, shut in if STANDIN_WALLS is set."""

import os

from distributed.worker import Worker

from explainer.sandbox import cluster_worker
from explainer.sandbox.settings import Settings


def dask_setup(worker: Worker) -> None:
    target = "tests.sandbox.standin_analysis"
    settings = Settings(jobs=1, spares=1, target=target, warmup="", walls=())
    if "STANDIN_WALLS" in os.environ:
        settings = Settings(jobs=1, spares=1, target=target, warmup="")
    cluster_worker.serve(worker, settings)
