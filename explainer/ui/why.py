"""Why: a question beside every mapped value; it opens to the way back to the leaf that a level maps."""

from __future__ import annotations

from collections.abc import Sequence

from explainer.report import Equation, Report
from explainer.ui.markup import Html, escape, join, tag
from explainer.views import why


def asked(report: Report, equation: Equation) -> Html:
    """Returns the question about an equation's outputs; nothing where no level maps them."""
    outputs = range(len(equation.outputs))
    said = dict.fromkeys(one for n in outputs for one in why.sentences(report, equation.id, n))
    return _asked(tuple(said))


def asked_of_output(report: Report, path: str) -> Html:
    """Returns the question about an output of the whole; nothing where no level maps it."""
    return _asked(why.sentences_of_output(report, path))


def _asked(sentences: Sequence[str]) -> Html:
    if not sentences:
        return Html("")
    answers = join(tag("p", escape(sentence)) for sentence in sentences)
    return tag("details", join((tag("summary", "why?"), answers)), "pg-way")
