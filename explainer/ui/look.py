"""The page's style sheet: `page.css`, `lens.css` and the colours of the levels from `figures/style`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.figures import style

_SHEETS = [Path(__file__).parent / name for name in ("page.css", "lens.css")]
_SHEET = "\n".join(sheet.read_text(encoding="utf-8") for sheet in _SHEETS)


def apply() -> None:
    """Adds the style sheet to the page; both themes at once, so that switching needs no rerun."""
    st.html(f"<style>{_colours()}\n{_SHEET}</style>")


def _colours() -> str:
    light, dark = style.PALETTES["light"], style.PALETTES["dark"]
    tokens = {**{f"--pg-l{n}": f"L{n}" for n in range(style.HUES)}, "--pg-out": "out"}
    return (
        ":root{"
        + "".join(f"{name}:light-dark({light[key]},{dark[key]});" for name, key in tokens.items())
        + "}"
    )
