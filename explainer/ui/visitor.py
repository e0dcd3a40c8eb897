"""Who looks at this page: a browser, one of its tabs, and from where, as words that tell nobody who it is.

    cookie, address ─▶ keyed hash ─▶ Visitor ─▶ the sandbox's queue

The browser is told by the cookie that Streamlit gives it against forged requests. The address is the
one that the server sees; behind a proxy on the same machine it is the one the proxy names
(FORWARDED_ALLOW_IPS says which other proxies are believed). Both are hashed with a key that lives and
dies with this process. The queue holds the last few hundred hashes in memory, to be fair; the log has the
browser's, hashed once more.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import secrets

import streamlit as st

from explainer.sandbox import Visitor
from explainer.ui import session

_COOKIE = "_streamlit_xsrf"
_SUBNET = 64  # bits: one household, or one machine, has all the IPv6 addresses below them


def current() -> Visitor:
    """Returns the visitor of this session: her tab stands for the browser where that takes no cookie."""
    tab = session.current().tab
    browser = st.context.cookies.get(_COOKIE, "")
    address = st.context.ip_address or ""
    name = hashed(token(browser)) if browser else tab
    return Visitor(name, tab, hashed(network(address)) if address else "")


def token(cookie: str) -> str:
    """Returns what stays the same in the cookie, which the server masks anew for every answer.

    2|mask|masked token|time  ->  the token
    """
    version, *fields = cookie.strip("\"'").split("|")
    try:
        mask, masked = (bytes.fromhex(each) for each in fields[:2])
    except ValueError:
        return cookie
    if version != "2" or not mask:
        return cookie
    return bytes(byte ^ mask[n % len(mask)] for n, byte in enumerate(masked)).hex()


def network(address: str) -> str:
    """Returns what one visitor cannot change at will: an IPv4 address, the first half of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a socket file, or what a proxy wrote
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _SUBNET), strict=False))


def hashed(text: str) -> str:
    """Returns a word for a text that only this process can make."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=_key(), digest_size=12).hexdigest()


@functools.cache
def _key() -> bytes:
    return secrets.token_bytes(32)
