"""Colours, sizes and type of every picture: the only place that knows them.

    animation, heatmap, timing ── "$L0", "$ink", ... ──▶ style.resolve(figure, theme)

Figures are built with colour tokens, so one figure serves the light and the dark theme and
the player can switch without asking Python. Hues follow Okabe and Ito, darkened for white
paper and lightened for dark paper until every text on them has a contrast of 4.5 or more.
"""

from __future__ import annotations

import json
import re
from typing import Literal

Theme = Literal["light", "dark"]
Palette = dict[str, str]

CELL = 29  # side of one drawn number, px
PITCH = 34  # centre to centre
CELL_TEXT = 11.0  # px; four characters of MONO fit in a cell
LABEL_TEXT = 12.0
SMALL_TEXT = 11.0
TITLE_TEXT = 13.0
CAPTION_TEXT = 15.0
MIN_SCALE = 0.8  # below this the numbers would be too small to read: the picture scrolls instead
MAX_SCALE = 1.25
SANS = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
MONO = '"Source Code", "Source Code Pro", ui-monospace, monospace'
MONO_ADVANCE = 0.6  # width of a character in units of its size
SANS_ADVANCE = 0.52

HUES = 4
HUE_NAMES = ("blue", "orange", "pink", "olive")
KINS = 3  # colours of equal sizes, which no level has
TOKEN = re.compile(r"\$([a-zA-Z][a-zA-Z0-9]*)")


def level_token(index: int) -> str:
    """Returns the colour token of a vmap level, outermost first; the fifth level has the first hue again."""
    return f"$L{index % HUES}"


def level_colour(index: int, theme: Theme) -> str:
    """Returns the colour of a vmap level as #rrggbb."""
    return PALETTES[theme][f"L{index % HUES}"]


def level_colour_name(index: int) -> str:
    """Returns the word for a level's colour: blue, orange, pink, olive, blue, ..."""
    return HUE_NAMES[index % HUES]


def resolve(figure: dict[str, object], theme: Theme) -> dict[str, object]:
    """Returns a copy of a figure with the tokens replaced by a theme's colours."""
    palette = PALETTES[theme]
    return json.loads(TOKEN.sub(lambda match: palette.get(match[1], match[0]), json.dumps(figure)))


def contrast(one: str, other: str) -> float:
    """Returns the WCAG contrast ratio of two #rrggbb colours: 1 for equal ones, 21 for black on white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_width(text: str, size: float, family: str = MONO) -> float:
    """Returns about how many px a line of text takes."""
    return len(text) * size * (MONO_ADVANCE if family == MONO else SANS_ADVANCE)


def _luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(one: str, other: str, share: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _palette(base: Palette, hues: tuple[str, ...]) -> Palette:
    palette = dict(base)
    palette["slot"] = _mix(base["bg"], base["cell"], 0.45)
    palette["heat0"] = base["cell"]  # least and most of a heatmap: text in ink is readable on both
    palette["heat1"] = _mix(base["bg"], base["out"], 0.5)
    for index, hue in enumerate(hues):
        palette[f"L{index}"] = hue
        palette[f"L{index}s"] = _mix(base["cell"], hue, 0.18)  # idle cells
        palette[f"L{index}p"] = _mix(base["bg"], hue, 0.045)  # paper of a box
        palette[f"L{index}b"] = _mix(base["bg"], hue, 0.55)  # border of an outer box
    for index in range(KINS):
        palette[f"K{index}s"] = _mix(base["bg"], base[f"K{index}"], 0.2)
    return palette


PALETTES: dict[Theme, Palette] = {
    "light": _palette(
        {
            "bg": "#ffffff",
            "ink": "#1f2328",
            "mute": "#59606a",
            "idle": "#3b424b",
            "cell": "#e8ebef",
            "line": "#cfd5dd",
            "out": "#007A5A",
            "shared": "#c3cad3",
            "on": "#ffffff",
            "os": "#1f2328",  # text on shared
            "no": "rgba(255,255,255,0)",
            "bad": "#b42318",
            "K0": "#6a4fb3",
            "K1": "#0f7c83",
            "K2": "#7a5c48",
        },
        ("#0072B2", "#B84C00", "#A3487E", "#826600"),
    ),
    "dark": _palette(
        {
            "bg": "#0e1117",
            "ink": "#e6edf3",
            "mute": "#9aa4af",
            "idle": "#c9d3dd",
            "cell": "#232a34",
            "line": "#39414d",
            "out": "#2BC49A",
            "shared": "#4d5662",
            "on": "#0b0f14",
            "os": "#f0f4f8",
            "no": "rgba(14,17,23,0)",
            "bad": "#ff8a80",
            "K0": "#b9a3f5",
            "K1": "#4cc7ce",
            "K2": "#d3b29e",
        },
        ("#56B4E9", "#F0A030", "#E59BC8", "#F0E442"),
    ),
}
