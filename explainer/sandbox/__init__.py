"""Explain untrusted text in a child process, with limits: `explain` and `stream`.

    ui, cli ─▶ client ─▶ pool ─▶ zygote ─▶ worker ─▶ analysis
                      └▶ cluster ══ other hosts ══▶ cluster_worker ─▶ client, as above

`warm_up` starts standby children ahead of the first request, `shutdown` ends them. Each name is imported when
it is asked for: a zygote is in this package, too, starts sooner and needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explainer.sandbox.client import explain as explain
    from explainer.sandbox.client import isolation as isolation
    from explainer.sandbox.client import shutdown as shutdown
    from explainer.sandbox.client import stream as stream
    from explainer.sandbox.client import warm_up as warm_up
    from explainer.sandbox.gate import Visitor as Visitor
    from explainer.sandbox.levels import UNKNOWN as UNKNOWN
    from explainer.sandbox.levels import refusal as refusal
    from explainer.sandbox.settings import VARIABLES as VARIABLES
    from explainer.sandbox.settings import Limits as Limits
    from explainer.sandbox.settings import SettingError as SettingError
    from explainer.sandbox.settings import no_isolation_accepted as no_isolation_accepted
    from explainer.sandbox.settings import public as public

_HOMES = {
    "client": ("explain", "isolation", "shutdown", "stream", "warm_up"),
    "gate": ("Visitor",),
    "levels": ("UNKNOWN", "refusal"),
    "settings": ("VARIABLES", "Limits", "SettingError", "no_isolation_accepted", "public"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
