"""Cluster settings: where the scheduler is, who may be believed, and when plain TCP will do.

EXPLAINER_CLUSTER          the Dask scheduler: "tls://10.0.0.1:8786"; unset: workers of this host only
EXPLAINER_CLUSTER_CA       the certificate of the authority that signed every certificate of the cluster
EXPLAINER_CLUSTER_CERT     the certificate that this process shows
EXPLAINER_CLUSTER_KEY      its private key
EXPLAINER_CLUSTER_PLAIN    "i-trust-this-network": allows tcp:// to other hosts, without TLS

Whoever can connect to a Dask worker can run code in it. So tcp:// is for this host alone, unless the
last variable says otherwise.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from explainer.sandbox.settings import SettingError

ADDRESS = "EXPLAINER_CLUSTER"
FILES = ("EXPLAINER_CLUSTER_CA", "EXPLAINER_CLUSTER_CERT", "EXPLAINER_CLUSTER_KEY")
PLAIN = "EXPLAINER_CLUSTER_PLAIN"
IN_SO_MANY_WORDS = "i-trust-this-network"


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """A scheduler's address and, for tls://, the three files that prove who is who."""

    scheduler: str
    ca: str = ""
    cert: str = ""
    key: str = ""


def cluster_settings() -> ClusterSettings | None:
    """Returns what the environment says, None if it names no cluster; raises SettingError."""
    address = os.environ.get(ADDRESS, "")
    if not address:
        return None
    scheme = _scheme(address)
    given = {variable: os.environ.get(variable, "") for variable in FILES}
    if scheme == "tls":
        for variable, path in given.items():
            _require_file(variable, path)
    elif any(given.values()):
        named = next(variable for variable, path in given.items() if path)
        raise SettingError(f"{named} is set, but {ADDRESS} is {address!r}: write tls:// to use it")
    require_safe(address)
    return ClusterSettings(address, *given.values())


def require_safe(address: str) -> None:
    """Raises SettingError for plain TCP to or from another host, unless that is allowed."""
    if _scheme(address) == "tls" or _is_loopback(address):
        return
    allowed = os.environ.get(PLAIN, "")
    if allowed == IN_SO_MANY_WORDS:
        return
    was = f" ({PLAIN} is {allowed!r}, which is not that)" if allowed else ""
    raise SettingError(
        f"{address} is plain TCP to another host, where anyone on the network could run code in the workers: "
        f"use tls:// with {', '.join(FILES)} (deploy/cluster.md), "
        f"or set {PLAIN}={IN_SO_MANY_WORDS}{was}"
    )


def _scheme(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme in ("tcp", "tls") and parts.hostname and parts.port:
            return parts.scheme
    except ValueError:  # a port that is no number
        pass
    raise SettingError(f"{ADDRESS} is {address!r}: set it to tls://HOST:PORT of a scheduler, or unset it")


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_file(variable: str, path: str) -> None:
    if not path:
        raise SettingError(f"{variable} is not set: {ADDRESS} is tls://, which needs {', '.join(FILES)}")
    if not os.access(path, os.R_OK) or not os.path.isfile(path):
        raise SettingError(f"{variable} is {path!r}: no such file, or this process may not read it")
