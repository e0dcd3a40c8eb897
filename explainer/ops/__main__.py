"""`python -m explainer.ops [options of streamlit run]`: the app, and what its keeper needs beside it.

EXPLAINER_OPS_PORT   where /metrics, /health and /health/deep answer, on 127.0.0.1 (unset: nowhere)
EXPLAINER_LOG        "json": a line for each request, and no words of a visitor in any other (unset: no log)

Streamlit runs the app's own script only once a visitor is there; here the workers are warm before that.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

from explainer import sandbox
from explainer.ops.health import DeepCheck
from explainer.ops.log import Log, scrub
from explainer.ops.metrics import Metrics
from explainer.ops.server import Server
from explainer.sandbox import check, client, events
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import SettingError

APP = Path(__file__).parents[2] / "app.py"


def main(options: list[str]) -> None:
    """Runs the app until it is told to end."""
    try:
        port = _port(os.environ.get("EXPLAINER_OPS_PORT", ""))
        _log(os.environ.get("EXPLAINER_LOG", ""))
        client.shared()
    except SettingError as error:
        sys.exit(f"{error}.")
    if port is not None:
        health = DeepCheck(check.check)
        metrics = Metrics(lambda: _state(health))
        events.listen(metrics)
        Server(port, metrics, health)
    sandbox.warm_up()
    # Else Streamlit runs the files of pages/ by themselves until a first visitor has come to app.py. A
    # browser that had lost its process, and asks this one for the page it shows, would be led to another.
    PagesManager.uses_pages_directory = False
    cli.main(["run", str(APP), "--server.headless=true", *options])


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingError(f"EXPLAINER_OPS_PORT is {text!r}: set it to a free port, or unset it")
    return int(text)


def _log(kind: str) -> None:
    if kind not in ("", "json"):
        raise SettingError(f"EXPLAINER_LOG is {kind!r}: set it to json, or unset it")
    if kind:
        events.listen(Log(sys.stderr))
        logging.captureWarnings(True)
        logging.setLogRecordFactory(scrub(logging.getLogRecordFactory()))


def _state(health: DeepCheck) -> dict[str, float]:
    """Returns the figures that are read when they are asked for."""
    crew, last = client.shared(), health.last()
    levels = ("sealed", "contained", "bare")
    found = {f"isolation_{level}": float(crew.isolation.level == level) for level in levels}
    if isinstance(crew, Pool):
        found |= {
            "spares": float(crew.spares()),
            "workers": float(crew.workers()),
            "places": float(crew.settings.jobs),
        }
    return found | ({} if last is None else {"check_ok": float(last.ok), "check_seconds": last.seconds})


if __name__ == "__main__":
    main(sys.argv[1:])
