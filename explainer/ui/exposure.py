"""Who can reach this instance, and whether it may answer them: nobody beyond this machine without isolation.

server address, headers of the request, EXPLAINER_PUBLIC ─▶ guard() ─▶ the page, a banner, or a refusal
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container

import streamlit as st

from explainer import sandbox

FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")  # a proxy stands before us


def guard() -> None:
    """Ends the run of a page that must not be served, with the reason; else shows a banner where due."""
    try:
        exposed, accepted = _exposed(), sandbox.no_isolation_accepted()
        isolation = sandbox.isolation() if exposed else None
    except sandbox.SettingError as error:
        st.error(f"{error}.", icon=":material/settings_alert:")
        st.stop()
    if isolation is None or isolation.level != "bare":
        return
    refused = sandbox.refusal(isolation, exposed, accepted)
    if refused:
        st.error(refused, icon=":material/lock_open:")
        st.stop()
    st.error(
        f"Not isolated, and reachable from other machines. {' '.join(isolation.reasons)}",
        icon=":material/lock_open:",
    )


def _exposed() -> bool:
    """Returns whether others than this machine's users may be asking."""
    return sandbox.public() or not loopback(st.get_option("server.address")) or forwarded(st.context.headers)


def forwarded(headers: Container[str]) -> bool:
    """Returns whether a proxy has passed this request on."""
    return any(name in headers for name in FORWARDED)


def loopback(address: str | None) -> bool:
    """Returns whether a server address is this machine only; none set means every address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:  # a host name
        return False
