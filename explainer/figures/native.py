"""The same animation with Plotly's own buttons and slider, for pages that cannot run the player.

Animation ──▶ native(animation, theme) ──▶ a complete Plotly figure
"""

from __future__ import annotations

from typing import cast

from explainer.figures import style
from explainer.figures.animation import Animation
from explainer.figures.captions import Caption, markup

CAPTION_BAND = 40
CONTROLS_BAND = 70
GLIDE_MS = 600


def native(animation: Animation, theme: style.Theme) -> dict[str, object]:
    """Returns the figure with a caption line above, controls below, and a theme's colours filled in."""
    captions = [markup(caption) for caption in cast(list[Caption], animation.meta["captions"])]
    if animation.meta["results"]:
        captions[0] = "<b>press Play</b>"  # cells can't be clicked here
    traces = cast(list[dict[str, object]], animation.figure["data"])
    frames = cast(list[dict[str, object]], animation.figure["frames"])
    figure: dict[str, object] = {
        "data": [*traces, _caption_trace(captions[0])],
        "layout": _layout(animation, frames),
        "frames": [
            {
                "name": frame["name"],
                "data": [*cast(list[object], frame["data"]), {"text": [caption]}],
                "traces": [*cast(list[int], frame["traces"]), len(traces)],
            }
            for frame, caption in zip(frames, captions, strict=True)
        ],
    }
    return style.resolve(figure, theme)


def _caption_trace(words: str) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "text",
        "x": [16],
        "y": [-CAPTION_BAND / 2],
        "text": [words],
        "textposition": "middle right",
        "textfont": {"size": style.CAPTION_TEXT, "color": "$ink", "family": style.SANS},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def _layout(animation: Animation, frames: list[dict[str, object]]) -> dict[str, object]:
    layout = cast(dict[str, object], animation.figure["layout"])
    width, height = cast(int, animation.meta["W"]), cast(int, animation.meta["H"])
    hidden = {"visible": False, "fixedrange": True}
    return {
        **layout,
        "height": height + CAPTION_BAND + CONTROLS_BAND,
        "margin": {"l": 0, "r": 0, "t": 0, "b": CONTROLS_BAND, "pad": 0},
        "xaxis": {"range": [0, width], **hidden},
        "yaxis": {"range": [height, -CAPTION_BAND], **hidden},
        "updatemenus": [_buttons()],
        "sliders": [_slider(frames)],
    }


def _buttons() -> dict[str, object]:
    glide = {
        "frame": {"duration": GLIDE_MS + 120, "redraw": False},
        "transition": {"duration": GLIDE_MS, "easing": "cubic-in-out"},
        "mode": "immediate",
        "fromcurrent": True,
    }
    stop = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    return {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"l": 16, "t": 14},
        "bgcolor": "$cell",
        "bordercolor": "$line",
        "font": {"size": style.TITLE_TEXT, "color": "$ink"},
        "buttons": [
            {"label": "Play", "method": "animate", "args": [None, glide]},
            {"label": "Pause", "method": "animate", "args": [[None], stop]},
        ],
    }


def _slider(frames: list[dict[str, object]]) -> dict[str, object]:
    jump = {
        "mode": "immediate",
        "frame": {"duration": 300, "redraw": False},
        "transition": {"duration": 300, "easing": "cubic-in-out"},
    }
    return {
        "active": 0,
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"l": 160, "t": 14, "r": 24},
        "len": 1,
        "currentvalue": {"visible": False},
        "ticklen": 0,
        "font": {"color": "$no", "size": 1},
        "bgcolor": "$cell",
        "activebgcolor": "$L0",
        "bordercolor": "$line",
        "borderwidth": 1,
        "transition": {"duration": GLIDE_MS // 2},
        "steps": [
            {"label": str(frame["name"]), "method": "animate", "args": [[frame["name"]], jump]}
            for frame in frames
        ],
    }
