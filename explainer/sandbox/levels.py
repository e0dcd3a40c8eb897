"""Isolation level: what truly stands between a worker and this machine, in words.

    pool ── level() ──▶ Isolation ──▶ report.isolation

"sealed" and "contained" need kernel isolation that is proven by attempts to break out.
None is applied yet, so none is claimed: the level is "bare" on every host.
"""

from __future__ import annotations

import sys

from explainer.report import Isolation


def level() -> Isolation:
    """Returns the level of the workers on this host and the reasons for it."""
    reasons = [
        "No kernel isolation yet: a worker is a process of its own, but it runs as the user who started "
        "the app and can read this user's files and reach the network. Run only code you trust."
    ]
    if sys.platform != "linux":
        reasons.append("This system does not end a worker on its own if its supervisor is killed.")
    return Isolation("bare", tuple(reasons))
