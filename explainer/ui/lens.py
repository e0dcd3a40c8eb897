"""Lens: one example followed through every value of the run, step by step.

Report.values ─▶ lens.rows ─▶ pickers, what was proven, one row per value with this example's part lit
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.figures import cells
from explainer.figures.cells import Cell, Grid, Slab
from explainer.intermediates import Bad, Loop
from explainer.report import Level, Report
from explainer.ui import markup, session
from explainer.ui.markup import Html, escape, join, tag
from explainer.views import lens
from explainer.views.lens import Place, Row

_MOST = 150  # rows; a page with more is slow
_OWN, _ALL = 4, 6  # columns of the example's own value, and of the value over all examples


def view(report: Report) -> None:
    """Shows the pickers, the proof, the first nan and inf, and the values."""
    place, iterations = _picked(report)
    values = report.values
    if values is not None and values.note:
        markup.show(tag("p", escape(f"No intermediates: {values.note}."), "pg-note"))
    _told(report)
    rows = lens.rows(report, iterations)
    with st.container(key="lens-pick", horizontal=True, vertical_alignment="bottom"):
        for n, level in enumerate(lens.levels(report)):
            _example(n, level, place[n])
        for loop in values.loops if values else ():
            _iteration(report, loop, iterations)
        shown = _steps(len(rows))
    names = [level.name for level in report.levels]
    over = [lens.finished(report, row, place, iterations) for row in rows[:shown]]
    head = (tag("div", escape(words), "pg-mute") for words in _heads(report, place))
    drawn = (_row(row, place, names, rows, n, over[n]) for n, row in enumerate(rows[:shown]))
    markup.show(tag("div", tag("div", join(head), "pg-lens-row pg-lens-head") + join(drawn), "pg-lens"))
    left_out = len(rows) - _MOST
    if left_out > 0:
        markup.show(tag("p", escape(f"{left_out:,} more values are not shown."), "pg-note"))


def _picked(report: Report) -> tuple[Place, dict[int, int]]:
    """Returns the example and the iterations that are picked, as far as this run has them."""
    state = session.current()
    place = lens.start(report) if state.example is None else lens.clamped(report, state.example)
    loops = report.values.loops if report.values else ()
    picked = {loop.equation: state.iterations.get(loop.equation, loop.kept[0]) for loop in loops if loop.kept}
    kept = {loop.equation: loop.kept for loop in loops}
    return place, {number: min(kept[number], key=lambda each: abs(each - n)) for number, n in picked.items()}


def _told(report: Report) -> None:
    """Says what the comparison with the examples' own runs found, and where the first nan and inf are."""
    values = report.values
    if values is None:
        return
    words = lens.proof_words(values.proof)
    if words and values.proof.holds is not None and report.request.is_script:
        words = f"Whole script: {words}"
    if words:
        css = {True: "pg-good", False: "pg-bad", None: "pg-note"}[values.proof.holds]
        mark = {True: "✓ ", False: "✗ ", None: ""}[values.proof.holds]
        markup.show(tag("p", escape(mark + words + ("" if words.endswith(")") else ".")), f"{css} pg-proof"))
    for bad in values.bad:
        with st.container(key=f"lens-{bad.kind}", horizontal=True, vertical_alignment="center"):
            markup.show(
                tag("p", escape(lens.bad_words(report, bad)), "pg-bad" if bad.reaches_results else "pg-warn")
            )
            st.button(
                "Show it",
                key=f"lens-show-{bad.kind}",
                icon=":material/my_location:",
                type="tertiary",
                on_click=_jump,
                args=(report, bad),
            )


def _jump(report: Report, bad: Bad) -> None:
    """Picks the example and the iterations of a nan or inf."""
    equation = next(each for each in report.equations if each.id == bad.equation)
    loops = lens.loops_around(report, equation)
    session.point_at(bad.example, {loop.equation: n for loop, n in zip(loops, bad.iterations, strict=False)})


def _example(number: int, level: Level, index: int) -> None:
    size = level.axis_size or 1
    key = f"lens-level-{number}-hue{number % 4}"
    st.session_state[key] = index
    st.number_input(
        f"{markup.markdown(level.name)} of {size:,}",
        min_value=0,
        max_value=size - 1,
        step=1,
        key=key,
        width=130,
        disabled=size < 2,
        on_change=_take_example,
    )


def _take_example() -> None:
    state = st.session_state
    keys = sorted(str(key) for key in state if str(key).startswith("lens-level-"))
    session.point_at(tuple(int(state[key]) for key in keys), {})


def _iteration(report: Report, loop: Loop, picked: dict[int, int]) -> None:
    if len(loop.kept) < 2:
        return
    key = f"lens-loop-{loop.equation}"
    st.session_state[key] = picked[loop.equation]
    primitive = next(each.primitive for each in report.equations if each.id == loop.equation)
    st.select_slider(
        f"iteration of {primitive}, {loop.count:,} in all",
        options=loop.kept,
        format_func=lambda n: f"{n}" if n < loop.count else f"{n}: only tested",
        key=key,
        width=260,
        on_change=_take_iteration,
        args=(key, loop.equation),
    )


def _take_iteration(key: str, equation: int) -> None:
    session.current().iterations[equation] = st.session_state[key]


def _steps(count: int) -> int:
    """Shows how far the run is followed; returns the number of rows."""
    count = min(count, _MOST)
    if count < 2:
        return count
    key = f"lens-steps-{count}"
    return st.slider("steps shown", 1, count, value=count, key=key, width=220)


def _heads(report: Report, place: Place) -> tuple[str, str, str]:
    names = [level.name for level in lens.levels(report)]
    where = ", ".join(f"{name} = {index}" for name, index in zip(names, place, strict=True))
    return "step by step", f"example {where}" if where else "value", "in all examples" if where else ""


def _row(row: Row, place: Place, names: Sequence[str], rows: Sequence[Row], n: int, over: bool) -> Html:
    """Returns one value: where it comes from, all examples with this one's part lit, its own value."""
    again = n > 0 and row.equation is not None and rows[n - 1].equation is row.equation
    head = join((_source(row, again), _type(row, names)))
    css = f"pg-lens-row pg-{row.kind}" + (f" pg-e{row.equation.id}" if row.equation else "")
    parts = (
        tag("div", head, "pg-lens-what", style=f"--depth: {min(row.depth, 6)}"),
        *_values(row, place, names, over),
    )
    return tag("div", join(parts), css)


def _source(row: Row, again: bool) -> Html:
    if row.equation is None:
        return tag("div", escape(row.kind), "pg-mute")
    if again:
        return Html("")
    text = " ".join(row.equation.source.split())
    where = tag("span", escape(f" {row.equation.primitive}"), "pg-mute")
    if not text:
        return tag("div", join((tag("span", escape("JAX's own"), "pg-mute"), where)))
    return tag("div", join((tag("span", escape(text), "pg-src", title=row.equation.source), where)))


def _type(row: Row, names: Sequence[str]) -> Html:
    one = markup.dtype_shape(row.aval.dtype, row.aval.shape)
    whole = join((tag("span", " in ", "pg-mute"), markup.aval(row.aval, names)))
    return tag("div", join((escape(f"{row.name}: "), one, Html("") if row.shared else whole)), "pg-lens-type")


def _values(row: Row, place: Place, names: Sequence[str], over: bool) -> tuple[Html, ...]:
    """Returns the example's own value, and the value over all examples with that part lit."""
    if row.value is None:
        return (tag("div", escape(row.missing), "pg-note"),)
    if row.shared:
        said = tag("div", escape("the same for all examples" if place else ""), "pg-note")
        return tag("div", _grid(cells.grid(row.value, {}, columns=_OWN), None, ()), "pg-lens-own"), said
    whole = _grid(cells.grid(row.value, lens.lit(row, place), columns=_ALL), row, names)
    part = lens.own(row, place)
    if part is None:
        said = tag(
            "span", escape(f"not kept for this example; {lens.kept_words(row, place, names)}"), "pg-note"
        )
        return tag("div", said), tag("div", whole, "pg-lens-all")
    said = tag("div", escape("finished before: thrown away"), "pg-note") if over else ""
    own = _grid(cells.grid(part, {}, columns=_OWN), None, ()) + said
    return tag("div", own, "pg-lens-own"), tag("div", whole, "pg-lens-all")


def _grid(grid: Grid, row: Row | None, names: Sequence[str]) -> Html:
    if not grid.slabs:
        return tag("span", escape("empty"), "pg-note")
    of_axis = {axis: n for n, axis in enumerate(row.aval.batch_dims) if axis is not None} if row else {}
    rank = len(grid.slabs[0].index) + 2
    tables = [_slab(slab, grid, of_axis, rank, names) for slab in grid.slabs]
    if grid.left_out:
        tables.append(tag("span", escape(f"+{grid.left_out:,}"), "pg-note"))
    return tag("div", join(tables), "pg-cells")


def _slab(slab: Slab, grid: Grid, of_axis: dict[int, int], rank: int, names: Sequence[str]) -> Html:
    last = rank - 1 if slab.rows[0][0] is not None or rank > 2 else 0  # a vector's only axis lies across
    title = join((_index(index, of_axis.get(axis), names) for axis, index in enumerate(slab.index)), ", ")
    if not of_axis.keys() & set(range(len(slab.index))):
        title = join((escape("["), title, escape("]")))
    head = Html("")
    if grid.columns and (len(grid.columns) > 1 or last in of_axis):
        corner = tag("th", "") if slab.rows[0][0] is not None else ""
        marks = join(tag("th", _index(index, of_axis.get(last), names)) for index in grid.columns)
        head = tag("tr", corner + marks)
    body = join(
        tag(
            "tr",
            (tag("th", _index(index, of_axis.get(last - 1), names)) if slab.rows[0][0] is not None else "")
            + join(_cell(cell, of_axis) for cell in line),
        )
        for index, line in slab.rows
    )
    caption = tag("caption", title) if slab.index else ""
    return tag("table", caption + head + body, "pg-grid")


def _index(index: int | None, level: int | None, names: Sequence[str]) -> Html:
    if index is None:
        return escape("…")
    if level is None:
        return escape(index)
    return markup.level(level, f"{names[level]}={index}")


def _cell(cell: Cell | None, of_axis: dict[int, int]) -> Html:
    if cell is None:
        return tag("td", escape("…"), "pg-gap")
    levels = sorted(of_axis.values())
    css = "pg-odd " if cell.bad else ""
    if levels and cell.lit:
        css += f"pg-lit pg-hue{levels[-1] % 4}"
    elif cell.matched:
        css += f"pg-near pg-hue{levels[cell.matched - 1] % 4}"
    return tag("td", escape(cell.text), css.strip(), title=cell.full)
