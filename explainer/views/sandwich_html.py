"""The sandwich as HTML: boxes in boxes, what goes in at the top of each, what comes out at its bottom.

Slices ──▶ boxes ──▶ HTML for the app's page and the notebook's
"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.layers import MOST, Layer
from explainer.report import MappedLeaf, Report
from explainer.views.markup import Html, escape, join, tag, typed
from explainer.views.sandwich import MOST_LEAVES, Leaves, Slice, axis_name, flat, leaf_text, sandwich

MOST_SLICES = 200

STYLE = """
.pg-slice { border-left: 3px solid color-mix(in srgb, currentColor 25%, transparent);
  padding: .1rem 0 .1rem clamp(.45rem, 1.6vw, .9rem); margin: .45rem 0; min-width: 0; }
.pg-slice-l0 { border-left-color: var(--pg-l0, var(--l0)); }
.pg-slice-l1 { border-left-color: var(--pg-l1, var(--l1)); }
.pg-slice-l2 { border-left-color: var(--pg-l2, var(--l2)); }
.pg-slice-l3 { border-left-color: var(--pg-l3, var(--l3)); }
.pg-slice-head { display: flex; flex-wrap: wrap; gap: 0 .55rem; align-items: baseline; }
.pg-slice code { background: none; padding: 0; overflow-wrap: anywhere; color: inherit; }
.pg-slice-head code { font-size: .88rem; }
.pg-slice-head small, .pg-slice p, .pg-slice-io > span:first-child { opacity: .72; }
.pg-slice p { margin: .05rem 0; font-size: .84rem; line-height: 1.4; }
.pg-slice p, .pg-slice-io { padding-left: 2.7rem; }
.pg-slice-io { display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .86rem; line-height: 1.6;
  position: relative; }
.pg-slice-io > span:first-child { position: absolute; left: 0; font-size: .8rem; }
.pg-slice-io code { font-size: .84rem; }
.pg-slice-io i { opacity: .72; font-style: normal; }
"""


def boxes(report: Report) -> Html:
    """Returns the whole sandwich; nothing where no layer but the stated levels is known."""
    slices = sandwich(report)
    if not slices:
        return Html("")
    count = len(flat(slices))
    kept = {each.layer.id for each in flat(slices)[:MOST_SLICES]}
    parts = [tag("style", STYLE), *(_box(each, kept) for each in slices if each.layer.id in kept)]
    if count > MOST_SLICES:
        parts.append(
            tag("p", escape(f"{count - MOST_SLICES:,} more layers are in report.layers."), "pg-note")
        )
    if count >= MOST:
        parts.append(tag("p", escape(f"Only the first {MOST} places were noted."), "pg-note"))
    return tag("div", join(parts), "pg-stack")


def _box(one: Slice, kept: set[int]) -> Html:
    layer, name = one.layer, axis_name(one.layer)
    known = set(layer.unseen)
    parts = [
        _head(one),
        _side("in", layer.arrived, name, layer) if "arrived" not in known else Html(""),
        tag("p", escape(one.sentence)) if one.sentence else Html(""),
    ]
    if one.core:
        parts.append(_core(one))
    elif one.sees:
        parts.append(_line("hands", one.sees))
    parts += [_box(each, kept) for each in one.inside if each.layer.id in kept]
    if not one.core and one.gives:
        parts.append(_line("gets", one.gives))
    if "left" not in known:
        parts.append(_side("out", layer.left, name, layer))
    hue = "" if layer.level is None else f" pg-slice-l{layer.level % 4}"
    return tag("section", join(parts), f"pg-slice{hue}")


def _head(one: Slice) -> Html:
    layer = one.layer
    css = "" if layer.level is None else f"pg-l{layer.level % 4}"
    parts = [tag("b", escape(one.title), css), tag("code", escape(layer.function))]
    if one.where:
        parts.append(tag("small", escape(one.where)))
    return tag("div", join(parts, " "), "pg-slice-head")


def _side(word: str, leaves: Leaves, name: str, layer: Layer) -> Html:
    return _words(word, [_leaf(leaf, name, layer) for leaf in leaves[:MOST_LEAVES]], len(leaves))


def _line(word: str, leaves: Leaves) -> Html:
    return _words(word, [_leaf(leaf, "", None) for leaf in leaves[:MOST_LEAVES]], len(leaves))


def _words(word: str, leaves: Sequence[Html], count: int) -> Html:
    more = [tag("span", escape(f"{count - len(leaves):,} more"))] if count > len(leaves) else []
    shown = leaves or [tag("span", escape("no arrays"))]
    return tag("div", join((tag("span", escape(word)), *shown, *more), " "), "pg-slice-io")


def _core(one: Slice) -> Html:
    """Returns the function itself, in the middle: loss  w f32[3], x f32[3] → f32[]."""
    if not one.sees and not one.gives:
        return Html("")
    given = [_leaf(leaf, "", None) for leaf in one.sees[:MOST_LEAVES]]
    results = [_leaf(leaf, "", None) for leaf in one.gives[:MOST_LEAVES]]
    arrow = tag("i", escape("→"))
    name = tag("b", tag("code", escape(one.layer.function)))
    return tag("div", join((tag("span", escape("")), name, *given, arrow, *results), " "), "pg-slice-io")


def _leaf(leaf: MappedLeaf, name: str, layer: Layer | None) -> Html:
    """Returns an array with the layer's axis in the colour of its level: X f32[i:8, 3]."""
    number = layer.level if layer is not None else None
    named = {leaf.index: (number, name)} if leaf.index is not None and number is not None else {}
    shape = typed(leaf.dtype, leaf.shape, named) if named or not name else _stepped(leaf, name)
    path = tag("i", escape(f"{leaf.path} ")) if leaf.path else Html("")
    return tag("code", join((path, shape)))


def _stepped(leaf: MappedLeaf, name: str) -> Html:
    """Returns a type with an axis that is no level's: f32[step:3, 2]."""
    return escape(leaf_text(MappedLeaf("", leaf.dtype, leaf.shape, leaf.axis, leaf.index), name))
