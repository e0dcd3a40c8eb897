"""The ruler: every value that was handed over with its axes to scale, those that do not fit in red.

    Mismatch ──▶ views/mismatch.read ──▶ ruler ──▶ HTML for the app's page and the notebook's

HTML, not a Plotly figure: it wraps on a phone, its words can be selected and are read aloud, and it
needs no script. What does not fit is hatched and marked with ✗; colour never says it alone.
"""

from __future__ import annotations

from explainer.figures import style
from explainer.report import Mismatch, Report
from explainer.views import mismatch as values
from explainer.views.markup import Html, escape, join, tag
from explainer.views.mismatch import Bar, Row, Ruler

MOST_TICKS = 32  # entries of an axis up to which each is seen

_SHEET = """
.pg-ruler { margin: .5rem 0 .7rem; max-width: 46rem; font-size: .86rem; line-height: 1.45;
  container-type: inline-size; }
.pg-ruler code { background: none; padding: 0; margin: 0; color: inherit; font-size: .86rem;
  overflow-wrap: anywhere; }
.pg-lane { padding: .3rem 0 .4rem .7rem; border-left: 3px solid var(--rl-line); margin-bottom: .3rem; }
.pg-lane-bad { border-left-color: var(--rl-bad); }
.pg-lane-head { display: flex; flex-wrap: wrap; gap: 0 .7rem; margin-bottom: .1rem; }
.pg-ruler small { color: var(--rl-mute); font-size: .8rem; }
.pg-ruler small.pg-misfit { color: var(--rl-bad); font-weight: 600; }
.pg-axis { display: grid; grid-template-columns: 6.6rem minmax(0, 1fr); gap: .5rem; min-height: 1.5rem; }
.pg-axis > span:first-child { color: var(--rl-mute); font-size: .8rem; line-height: 1.6; }
.pg-span { display: flex; flex-wrap: wrap; align-items: center; gap: .1rem .5rem; }
.pg-bar { flex: none; height: 1rem; margin: .15rem 0; border-radius: 3px; box-sizing: border-box;
  width: calc(var(--share) * 52%); min-width: 3px; border: 1px solid var(--rl-edge);
  background-color: var(--rl-cell); }
.pg-bar-none { width: 3px; border-style: dashed; }
.pg-bar-mapped { border-color: var(--hue); background-color: var(--hue); }
.pg-bar-taken { border-style: dashed;
  background: repeating-linear-gradient(-45deg, var(--rl-edge) 0 1.5px, transparent 1.5px 6px); }
.pg-bar-bad { border: 1.5px solid var(--rl-bad); background: var(--rl-hatch); }
.pg-bar-ticks { background-size: calc(100% / var(--cells)) 100%;
  background-image: linear-gradient(to right, transparent calc(100% - 1px), var(--rl-bg) 0); }
.pg-bar-bad.pg-bar-ticks { background: linear-gradient(to right, transparent calc(100% - 1.5px),
  var(--rl-bad) 0) 0 0 / calc(100% / var(--cells)) 100%, var(--rl-hatch); }
.pg-size { font-weight: 600; padding: 0 .35rem; border-radius: 4px; }
.pg-axis b { color: var(--hue); font-family: ui-monospace, monospace; }
@container (max-width: 26rem) {
  .pg-axis { grid-template-columns: 5.4rem minmax(0, 1fr); }
  .pg-bar { width: calc(var(--share) * 76%); }
}
.pg-ruler figcaption { color: var(--rl-mute); font-size: .8rem; padding-left: .7rem; overflow-wrap: anywhere;
  white-space: normal; }
.pg-ruler { --rl-hatch: repeating-linear-gradient(45deg, var(--rl-bad) 0 2px, transparent 2px 6px); }
"""


def ruler(mismatch: Mismatch, report: Report) -> Html:
    """Returns the values of a mismatch as one HTML figure in the reader's theme, light or dark."""
    drawn = values.read(mismatch, report)
    lanes = [_lane(row) for row in drawn.rows]
    caption = _caption(drawn)
    label = "Values that do not fit each other, axis by axis"
    return tag(
        "figure",
        join((tag("style", _sheet()), *lanes, *([tag("figcaption", caption)] if caption else []))),
        "pg-ruler",
        role="group",
        aria_label=label,
    )


def description(mismatch: Mismatch, report: Report) -> str:
    """Returns what the ruler shows in words."""
    return values.described(values.read(mismatch, report))


def _sheet() -> str:
    """Returns the style sheet with the colours of both themes; light-dark() follows the page's own."""
    light, dark = style.PALETTES["light"], style.PALETTES["dark"]

    def both(token: str) -> str:
        return f"light-dark({light[token]},{dark[token]})"

    names = {"bg": "bg", "mute": "mute", "line": "line", "edge": "shared", "cell": "cell", "bad": "bad"}
    colours = "".join(f"--rl-{name}:{both(token)};" for name, token in names.items())
    hues = "".join(f".pg-hue{level}{{--hue:{both(f'L{level}')};}}\n" for level in range(style.HUES))
    kins = "".join(
        f".pg-kin{kin}{{background:{both(f'K{kin}s')};box-shadow:inset 0 -2px {both(f'K{kin}')};}}\n"
        for kin in range(style.KINS)
    )
    return f"{_SHEET}.pg-ruler{{{colours}}}\n{hues}{kins}"


def _lane(row: Row) -> Html:
    name = tag("code", join((tag("b", escape(row.name)), escape(row.type)), " "))
    parts = [name]
    if row.words:
        bad = row.culprit and not any(bar.conflict for bar in row.bars)
        parts.append(
            tag("small", escape(f"✗ {row.words}" if bad else _dotted(row)), "pg-misfit" if bad else "")
        )
    if row.axes_left_out:
        parts.append(tag("small", escape(f"{row.axes_left_out} more axes are not drawn")))
    head = tag("div", join(parts, " "), "pg-lane-head")
    return tag(
        "div", join((head, *map(_axis, row.bars))), "pg-lane pg-lane-bad" if row.culprit else "pg-lane"
    )


def _dotted(row: Row) -> str:
    return row.words if row.bars else f"• {row.words}"


def _axis(bar: Bar) -> Html:
    hue = "" if bar.level is None else f" pg-hue{bar.level % style.HUES}"
    kin = "" if bar.kin is None else f" pg-kin{bar.kin}"
    size = tag("span", escape(f"{bar.size:,}"), f"pg-size{kin}")
    parts = [_drawn(bar), size]
    if bar.level_name:
        verb = "taken by" if bar.role == "taken" else "mapped by"
        parts.append(tag("small", join((escape(verb), tag("b", escape(bar.level_name))), " ")))
    if bar.conflict:
        parts.append(tag("small", escape(f"✗ {bar.misfit}"), "pg-misfit"))
    return tag(
        "div", f"{tag('span', escape(bar.name))} {tag('div', join(parts, ' '), 'pg-span')}", f"pg-axis{hue}"
    )


def _drawn(bar: Bar) -> Html:
    css = ["pg-bar", f"pg-bar-{bar.role}"] if bar.size else ["pg-bar", "pg-bar-none"]
    css += ["pg-bar-bad"] if bar.conflict and bar.size else []
    css += ["pg-bar-ticks"] if 1 < bar.size <= MOST_TICKS and bar.role != "taken" else []
    way = f"--share: {bar.share:.4f}; --cells: {bar.size}"
    return tag("span", "", " ".join(css), style=way, aria_hidden="true")


def _caption(drawn: Ruler) -> Html:
    bars = [bar for row in drawn.rows for bar in row.bars]
    words = [drawn.groups + "."] if drawn.groups else []
    if any(bar.kin is not None for bar in bars):
        words.append("Equal sizes have one colour.")
    if any(bar.role == "taken" for bar in bars):
        words.append("Dashed axes were taken by a level outside; “full” counts them, too.")
    return escape(" ".join([*words, *drawn.notes]))
