"""Text from a child shows as it is, whatever it holds."""

from __future__ import annotations

import re

import pytest

from explainer.report import BatchedAval
from explainer.ui import markup

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "'; --"]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_is_escaped_everywhere(text):
    aval = BatchedAval("x", text, (2,), (0,), (3, 2))
    made = [
        markup.escape(text),
        markup.tag("p", markup.escape(text), "pg-note", title=text),
        markup.table([text], [[markup.escape(text)]]),
        markup.level(0, text),
        markup.shape((3,), {0: (0, text)}),
        markup.aval(aval, [text]),
        markup.dtype_shape(text, (3,)),
        markup.row([markup.escape(text)], "pg-e0", markup.escape(text)),
        markup.link(text, text),
    ]
    for each in made:
        assert "<script" not in each
        assert "<img" not in each


@pytest.mark.parametrize(
    "text", ["**bold**", "[a](http://b)", "`x`", ":material/add:", ":red[x]", "$x$", "<b>", "# a"]
)
def test_markdown_is_escaped(text):
    shown = markup.markdown(text)
    assert all(shown[at - 1] == "\\" for at, character in enumerate(shown) if character in "*[]()`:$<>#_")


@pytest.mark.parametrize("text", ["see http://e.com now", "HTTPS://e.com", "www.e.com", "a@e.com"])
def test_an_address_in_a_label_is_no_link(text):
    shown = re.sub(r"\\(.)", r"\1", markup.markdown(text))
    assert not re.search(r"https?://|www\.|@e", shown, re.IGNORECASE)
    assert shown.replace("\u2060", "") == text


def test_the_axis_of_each_level_is_marked_with_its_name_and_colour():
    aval = BatchedAval("x", "float32", (2,), (0, 1), (3, 4, 2))
    assert markup.aval(aval, ["i", "j"]) == (
        'f32[<span class="pg-level pg-l0">i:3</span>, <span class="pg-level pg-l1">j:4</span>, 2]'
    )


@pytest.mark.parametrize(("sizes", "expected"), [((), "()"), ((3,), "(3,)"), ((3, 4), "(3, 4)")])
def test_shapes_are_written_as_python_writes_them(sizes, expected):
    assert markup.shape(sizes) == expected


def test_a_row_and_what_is_said_under_it_share_a_class():
    made = markup.row([markup.escape("a"), markup.escape("b")], "pg-e3", markup.escape("why"))
    assert made == (
        '<tr class="pg-e3 pg-over"><td>a</td><td>b</td></tr>'
        '<tr class="pg-e3 pg-under"><td colspan="2"><div class="pg-aside">why</div></td></tr>'
    )


def test_an_equation_lights_up_everywhere_or_not_at_all():
    assert markup.lights([1, None, 1]).count("pg-e1:hover") == 1
    assert markup.lights([]) == "<style></style>"


def test_what_stands_in_backticks_is_code_and_nothing_else_is_markup():
    assert markup.coded("`x > 0` <b>") == '<code class="pg-code">x &gt; 0</code> &lt;b&gt;'
    assert markup.coded("one ` alone") == "one ` alone"
