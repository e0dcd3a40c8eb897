"""Colours: every text can be read on what lies below it, in both themes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from explainer.figures import style

STATIC = Path(__file__).resolve().parents[2] / "static"
LEVELS = [f"L{index}" for index in range(style.HUES)]
PAIRS = [
    *(("on", level) for level in LEVELS),
    ("on", "out"),
    ("os", "shared"),
    ("idle", "cell"),
    *(("idle", f"{level}s") for level in LEVELS),
    ("ink", "bg"),
    ("mute", "bg"),
    *((name, f"{level}p") for level in LEVELS for name in ("ink", "mute")),
    *((level, "bg") for level in LEVELS),
    *((hue, f"{paper}p") for hue in LEVELS for paper in LEVELS),
    ("ink", "heat0"),
    ("ink", "heat1"),
    ("bad", "bg"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("words", "below"), PAIRS)
def test_text_has_contrast(words, below, theme):
    palette = style.PALETTES[theme]
    assert style.contrast(palette[words], palette[below]) >= 4.5


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#777777", 1.0)]
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert style.contrast(one, other) == pytest.approx(ratio)


def test_both_themes_have_the_same_tokens():
    assert style.PALETTES["light"].keys() == style.PALETTES["dark"].keys()


def test_a_fifth_level_has_the_first_colour_again():
    assert style.level_colour(4, "dark") == style.level_colour(0, "dark")
    assert style.level_token(5) == "$L1"
    assert style.level_colour_name(4) == "blue"


def test_resolve_replaces_every_token():
    figure = style.resolve({"a": "$L0", "b": ['<span style="color:$mute">x</span>']}, "light")
    assert figure == {
        "a": "#0072B2",
        "b": [f'<span style="color:{style.PALETTES["light"]["mute"]}">x</span>'],
    }


def test_plotly_is_the_file_its_note_names():
    digest = hashlib.sha256((STATIC / "plotly-basic.min.js").read_bytes()).hexdigest()
    assert f"`{digest}`" in (STATIC / "README.md").read_text(encoding="utf-8")


def test_the_player_asks_no_other_host():
    for name in ("player.js", "player.css"):
        assert not re.search(r"https?://", (STATIC / name).read_text(encoding="utf-8"))
