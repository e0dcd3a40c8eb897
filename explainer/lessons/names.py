"""Lessons on named axes: examples that meet in psum, all_gather and axis_index."""

from __future__ import annotations

from explainer.lessons.lesson import Lesson, inputs
from explainer.spec import Request, Vmap

SHARE_CODE = """\
def share(x):
    return x / lax.psum(x, 'i')
"""

GATHER_CODE = """\
def rank(x):
    everyone = lax.all_gather(x, 'i')
    return jnp.sum(everyone > x)
"""

NUMBER_CODE = """\
def number(x):
    return lax.axis_index('i') * 10 + x
"""

TWO_NAMES_CODE = """\
def shares(x):
    of_row = x / lax.psum(x, 'column')
    of_all = x / lax.psum(x, ('row', 'column'))
    return of_row, of_all
"""

FOUR = inputs(x="jnp.array([1., 2., 3., 4.])")
NAMED = (Vmap(in_axes="0", axis_name="i"),)

LESSONS = (
    Lesson(
        id="axis-name-psum",
        topic="Named axes",
        title="Let the examples add up",
        summary="A name on the vmap lets one example talk about all of them. psum adds x over the axis "
        "called i, so every example divides by the same total.",
        request=Request(code=SHARE_CODE, function="share", arguments=FOUR, levels=NAMED),
    ),
    Lesson(
        id="axis-name-gather",
        topic="Named axes",
        title="See all the other examples",
        summary="all_gather hands every example the values of all. Each one counts how many are larger "
        "than its own.",
        request=Request(code=GATHER_CODE, function="rank", arguments=FOUR, levels=NAMED),
    ),
    Lesson(
        id="axis-name-index",
        topic="Named axes",
        title="Ask which example you are",
        summary="axis_index is the position along the named axis: 0 for the first example, 1 for the next.",
        request=Request(code=NUMBER_CODE, function="number", arguments=FOUR, levels=NAMED),
    ),
    Lesson(
        id="axis-name-two-levels",
        topic="Named axes",
        title="Name two levels, sum over either",
        summary="With a name on each level a sum can run along the columns of one row, or over rows and "
        "columns together.",
        request=Request(
            code=TWO_NAMES_CODE,
            function="shares",
            arguments=inputs(x="jnp.array([[1., 3.], [2., 2.], [4., 8.]])"),
            levels=(Vmap(in_axes="0", axis_name="row"), Vmap(in_axes="0", axis_name="column")),
        ),
    ),
    Lesson(
        id="axis-name-unbound",
        topic="Named axes",
        title="A name that no level has",
        summary="psum asks for an axis called i, but no vmap has that name. Add axis_name='i' to the level "
        "it should sum over.",
        request=Request(code=SHARE_CODE, function="share", arguments=FOUR, levels=(Vmap(in_axes="0"),)),
        fails=True,
    ),
)
