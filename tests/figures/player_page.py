"""A page with one animation, chosen by ?scene=: the browser tests look at it."""

from __future__ import annotations

import streamlit as st

from explainer.figures import style
from explainer.figures.animation import animation
from explainer.figures.heatmap import output_figure
from explainer.ui import player
from tests.figures import reports

st.set_page_config(layout="wide")
scene = st.query_params.get("scene", "pairwise")
report = reports.SCENES[scene]()
if st.toggle("other values"):
    report = reports.pairwise(seed=7)
if st.toggle("other sizes"):
    report = reports.pairwise(2, 3)
built = animation(report)
assert built is not None
example = player.show(built, "player")
st.text(f"clicked {example}")
if st.toggle("heatmap"):
    for number, output in enumerate(report.outputs):
        player.chart(style.resolve(output_figure(output), player.theme()), f"heatmap-{number}")
