"""What the page says, from top to bottom: headline, failure, picture, levels, equations, code, values.

    Report, place of the player ──▶ page ──▶ HTML

The plain parts are the sections of `explainer.views.text` as they are; what gains by colour is built anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explainer.page import code, diagnosis
from explainer.report import BatchedAval, Equation, Level, MappedLeaf, Report
from explainer.views import level_text, rewrites, sandwich_html, text
from explainer.views.markup import Html, aval, escape, join, level, table, tag, type_text, typed

MOST_EQUATIONS = 300
MOST_LEVELS = 60
SUMMED_UP = 8  # levels in the headline
NAMED = 4  # arrays of a level in the headline
PROSE = ("Check",)


def page(report: Report, player: Html) -> Html:
    """Returns the content of the page; `player` is the place of the animation."""
    said = dict(text.sections(report))
    parts = (
        _header(report, said.get("", [])),
        diagnosis.failure(report),
        _section("Fixes", diagnosis.fixes(report), "each was tried and works"),
        _section("Wanted", diagnosis.wanted(report)),
        _section("Findings", diagnosis.findings(report), "it runs, but look at this"),
        tag("section", player, "pg-player"),
        _section("Notes", _notes(report.notes)),
        _section("Levels and shapes", _levels(report.levels)),
        _section("Read aloud", diagnosis.readings(report), "the same levels in other words"),
        _section("Layers", sandwich_html.boxes(report), "what goes in and out of every transformation"),
        _section("Equations", _equations(report), "what batching made of every step"),
        _section("Code", code.listing(report)),
        _plain("Arguments", said),
        _plain("Outputs", said),
        _plain("Check", said),
        _plain("Time", said),
        _plain("Memory", said),
        _plain("Printed by your code", said),
    )
    return join(parts, "\n")


def _section(title: str, content: Html, small: str = "") -> Html:
    """Returns a section that can be folded; nothing for no content."""
    if not content:
        return Html("")
    aside = tag("small", escape(small)) if small else ""
    return tag("details", tag("summary", tag("h2", escape(title) + aside)) + content, open="")


def _plain(title: str, said: dict[str, list[str]]) -> Html:
    """Returns a section of the text form, word for word: prose wraps, tables scroll."""
    lines = said.get(title, [])
    css = "pg-prose" if title in PROSE else "pg-scroll"
    return _section(title, tag("pre", escape("\n".join(lines)), css, tabindex="0") if lines else Html(""))


def _header(report: Report, headline: Sequence[str]) -> Html:
    around = [tag("p", escape(line), "pg-note") for line in headline[1:]]
    tree = level_text.level_tree(report.levels)
    shown = [_summary(each, depth) for each, depth in tree[:SUMMED_UP]]
    if len(tree) > SUMMED_UP:
        shown.append(tag("li", escape(f"and {len(tree) - SUMMED_UP:,} more"), "pg-note"))
    levels = tag("ul", join(shown), "pg-nest") if shown else Html("")
    return tag("header", join((tag("h1", escape(headline[0])), levels, _verdict(report), *around)))


def _summary(each: Level, depth: int) -> Html:
    """Returns one level in a line: i: 3 examples, X axis 0, Y shared, out axis 0."""
    given = _listing([_way(leaf, "shared") for leaf in each.inputs])
    returned = _listing([_way(leaf, "one copy") for leaf in each.outputs])
    ways = " → ".join(filter(None, (given, returned)))
    words = ": ".join(filter(None, (level_text.size_text(each), ways)))
    name = level(each.id, each.name)
    return tag("li", join((name, escape(words)), " "), style=f"--depth:{min(depth, 8)}")


def _way(leaf: MappedLeaf, unmapped: str) -> str:
    return f"{leaf.path} {unmapped if leaf.axis is None else f'axis {leaf.axis}'}"


def _listing(words: Sequence[str]) -> str:
    left_out = f", {len(words) - NAMED:,} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + left_out


def _verdict(report: Report) -> Html:
    if report.check is None:
        return Html("")
    words = {
        True: "✓ the same as a plain Python loop",
        False: "✗ different from a plain Python loop",
        None: "not compared with a plain Python loop",
    }
    css = {True: "pg-good", False: "pg-bad", None: "pg-note"}
    return tag("p", escape(words[report.check.agrees]), css[report.check.agrees])


def _notes(notes: Sequence[str]) -> Html:
    return tag("ul", join(tag("li", escape(note)) for note in notes), "pg-words") if notes else Html("")


def _levels(levels: Sequence[Level]) -> Html:
    if not levels:
        return Html("")
    tree = level_text.level_tree(levels)
    head = ("", "array", "whole", "axis", "one example")
    shapes = table(head, (_level(each, depth, levels) for each, depth in tree[:MOST_LEVELS]))
    if len(tree) > MOST_LEVELS:
        shapes = join((shapes, _left_out(len(tree) - MOST_LEVELS, "levels are in report.levels")))
    return shapes


def _level(each: Level, depth: int, levels: Sequence[Level]) -> Iterator[list[Html]]:
    """Yields the rows of one level: what it is, what goes in, what it closes over, what comes out."""
    pad = tag("span", escape("│ " * depth), "pg-tree") if depth else Html("")
    yield [join((pad, level(each.id, each.name), escape(f": {level_text.level_text(each)}")))]
    for leaf in each.inputs:
        yield [join((pad, escape("in"))), *_mapped(leaf, each, "shared")]
    names = [other.name for other in levels]
    for value in each.enters:
        if value.shared:
            place = escape(level_text.closed_over(value, levels))
            one = type_text(value.aval.dtype, value.aval.shape)
            yield [join((pad, escape("in"))), escape(value.path), aval(value.aval, names), place, one]
    for leaf in each.outputs:
        yield [join((pad, escape("out"))), *_mapped(leaf, each, "one copy")]
    if each.note:
        yield [join((pad, tag("span", escape(each.note), "pg-note")))]


def _mapped(leaf: MappedLeaf, each: Level, unmapped: str) -> list[Html]:
    named = {} if leaf.index is None else {leaf.index: (each.id, each.name)}
    axis = unmapped if leaf.axis is None else str(leaf.axis)
    if leaf.index not in (None, leaf.axis):
        axis += f" (that is {leaf.index})"
    whole = typed(leaf.dtype, leaf.shape, named)
    return [escape(leaf.path), whole, escape(axis), _inside(leaf)]


def _inside(leaf: MappedLeaf) -> Html:
    """Returns the type one example has; "?" where the axis does not exist."""
    if leaf.index is None:
        return type_text(leaf.dtype, leaf.shape) if leaf.axis is None else tag("span", "?", "pg-note")
    return type_text(leaf.dtype, leaf.shape[: leaf.index] + leaf.shape[leaf.index + 1 :])


def _equations(report: Report) -> Html:
    if not report.equations:
        return Html("")
    names = [each.name for each in report.levels]
    head = ("", "line", "your code", "primitive", "one example", "all examples")
    shown = report.equations[:MOST_EQUATIONS]
    listed = table(head, [[row for equation in shown for row in _equation(equation, names)]])
    left_out = len(report.equations) - len(shown)
    return join((listed, _left_out(left_out, "equations are in report.equations"))) if left_out else listed


def _left_out(number: int, what: str) -> Html:
    return tag("p", escape(f"{number:,} more {what}."), "pg-note")


def _equation(equation: Equation, names: Sequence[str]) -> Iterator[list[Html]]:
    """Yields the row of one equation and, below it, what batching made of it if that is worth a word."""
    pad = tag("span", escape("│ " * equation.depth), "pg-tree") if equation.depth else Html("")
    yield [
        tag("span", escape(equation.id), "pg-note"),
        escape(equation.span.line if equation.span else ""),
        _source(equation),
        join((pad, tag("b", escape(equation.primitive)))),
        join((type_text(out.dtype, out.shape) for out in equation.outputs), "<br>"),
        join((_batched(out, equation, names) for out in equation.outputs), "<br>"),
    ]
    if made := _made(equation, names):
        yield [made]


def _source(equation: Equation) -> Html:
    words = " ".join(equation.source.split())
    if not words:
        return tag("span", "JAX's own", "pg-note")
    return tag("span", escape(words), "pg-source", title=words)


def _batched(out: BatchedAval, equation: Equation, names: Sequence[str]) -> Html:
    if not out.tracked:
        return tag("span", f"not tracked: {level_text.untracked(equation)}", "pg-note")
    shared = bool(names) and all(axis is None for axis in out.batch_dims)
    return join((aval(out, names), tag("span", " shared", "pg-note"))) if shared else aval(out, names)


def _made(equation: Equation, names: Sequence[str]) -> Html:
    """Returns what batching made of an equation: a title that opens to why it matters; surprises are open."""
    said = rewrites.rewrite(equation, names)
    kinds = list(dict.fromkeys(equation.rewrite))
    emitted = tag("code", escape(", ".join(kinds))) if kinds and kinds != [equation.primitive] else Html("")
    if said is None:
        return tag("div", emitted, "pg-why") if emitted else Html("")
    title = tag("summary", join((escape(said.title), emitted), " "))
    why = tag("p", escape(f"{said.sentence} JAX docs: {said.term}"), "pg-note")
    return tag("details", title + why, "pg-why", **({"open": ""} if said.loud else {}))
