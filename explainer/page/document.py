"""The page as a document: what it shows, the player that plays it, and the lock on both.

    Report ──▶ figures.animation, sections ──▶ html ──▶ a file, or framed ──▶ below a notebook's cell

The page carries plotly.js, the player and the style sheets in itself. Its Content-Security-Policy
forbids every request and every script but these, by their hashes: whatever a name or a value
holds, nothing of it can run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from explainer.figures import style
from explainer.figures.animation import Animation, animation
from explainer.page import sections
from explainer.report import Report, clean
from explainer.views import level_text
from explainer.views.focus import focus
from explainer.views.markup import Html, escape, join, tag
from explainer.views.outline import starting

STATIC = Path(__file__).resolve().parents[2] / "static"
OWN = Path(__file__).resolve().parent

PLOTLY, PLAYER, PLAYER_CSS = FILES = ("plotly-basic.min.js", "player.js", "player.css")

VARIABLES = {
    "--bg": "bg",
    "--ink": "ink",
    "--mute": "mute",
    "--line": "line",
    "--good": "out",
    "--bad": "bad",
    **{f"--l{level}": f"L{level}" for level in range(style.HUES)},
}
"""Names in the style sheet -> colours of the pictures."""

ONLOAD = """\
const frame = this, page = frame.contentWindow, body = document.body;
window.addEventListener('message', event => {
  if (event.source === page) frame.style.height = Math.ceil(Number(event.data.height) || 600) + 'px';
});
const light = body.dataset.jpThemeLight, dark = light === 'false' || body.classList.contains('vscode-dark');
page.postMessage({ theme: dark ? 'dark' : light ? 'light' : '' }, '*');"""
"""Run by the notebook when the frame has loaded: takes its height, tells it the notebook's theme."""


@dataclass(frozen=True, slots=True)
class _Player:
    """The animation as parts of the page: its place, its data, its script and its style sheet."""

    place: Html
    data: Html = Html("")
    scripts: tuple[str, ...] = ()  # all that may run, whether they stand in the page or in its data
    module: str = ""
    css: str = ""


def html(report: Report) -> str:
    """Returns a report as one HTML page; it works from a file, offline, in light and dark."""
    player = _player(animation(focus(report, starting(report))))
    watch = (OWN / "watch.js").read_text(encoding="utf-8")
    sheet = "\n".join((_colours(), player.css, (OWN / "page.css").read_text(encoding="utf-8")))
    head = join(
        (
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{_policy(watch, *player.scripts)}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<meta name="color-scheme" content="light dark">'),
            tag("title", escape(f"{level_text.call_text(report)} · vmap explainer")),
            tag("style", sheet),
        ),
        "\n",
    )
    module = tag("script", player.module, type="module") if player.module else Html("")
    shown = tag("main", sections.page(report, player.place))
    body = tag("body", join((shown, player.data, tag("script", watch), module), "\n"))
    page = f'<!DOCTYPE html>\n<html lang="en">\n{tag("head", head)}\n{body}\n</html>\n'
    return str(clean(page))


def framed(report: Report) -> str:
    """Returns the page in a frame as high as its content: neither side sees styles or names of the other."""
    return tag(
        "iframe",
        "vmap explanation: trust this notebook to see it.",  # what is left where frames are taken out
        srcdoc=html(report),
        sandbox="allow-scripts",
        title=str(clean(level_text.call_text(report))),
        style="display: block; width: 100%; height: 600px; border: 0",
        onload=ONLOAD,
    )


def _player(picture: Animation | None) -> _Player:
    if picture is None:
        return _Player(tag("p", "There is nothing to animate.", "pg-note"))
    missing = [name for name in FILES if not (STATIC / name).is_file()]
    if missing:
        words = f"No animation: {', '.join(missing)} not found in {STATIC}. Everything else is below."
        return _Player(tag("p", escape(words), "pg-warn"))
    module = (STATIC / PLAYER).read_text(encoding="utf-8") + (OWN / "boot.js").read_text(encoding="utf-8")
    waiting = tag("p", "Preparing the animation…", "pg-note")
    without = tag("noscript", tag("p", "The animation needs JavaScript.", "pg-note"))
    plotly = STATIC / PLOTLY
    data = json.dumps({"fig": picture.payload, "meta": picture.meta})
    carried = (
        Html("<!-- plotly.js (basic bundle), MIT License, Copyright 2012-2026 Plotly, Inc. -->"),
        tag("script", _packed_file(plotly), type="text/plain", id="plotly"),
        tag("script", _packed(data.encode()), type="text/plain", id="picture"),
    )
    return _Player(
        place=tag("div", waiting + without, id="player"),
        data=join(carried, "\n"),
        scripts=(module, plotly.read_bytes().decode()),
        module=module,
        css=(STATIC / PLAYER_CSS).read_text(encoding="utf-8"),
    )


@cache
def _packed_file(path: Path) -> str:
    return _packed(path.read_bytes())


def _packed(data: bytes) -> str:
    """Returns data gzipped, as base64: half its size or less, and no quotes to escape in a frame."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode("ascii")


def _policy(*scripts: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _colours() -> str:
    """Returns both themes: the reader's own, unless the notebook around the page says which."""
    light, dark = (
        "".join(f"{name}:{style.PALETTES[theme][colour]};" for name, colour in VARIABLES.items())
        + f"color-scheme:{theme};"
        for theme in ("light", "dark")
    )
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        f":root[data-theme=light]{{{light}}}\n:root[data-theme=dark]{{{dark}}}"
    )
