"""A report as one page: everything is said, nothing is asked for, nothing foreign becomes markup."""

from __future__ import annotations

import html as markup
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import explainer
from explainer import page
from explainer.page import document
from explainer.report import Failure, Leaf, Report
from explainer.spec import Request
from tests.figures import reports
from tests.page.hostile import PAYLOADS, REPORT, hostile

VOID = {"meta", "br"}
INLINE = {"b", "span", "small", "code"}


class Reader(HTMLParser):
    """Notes every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]
        self.said += [] if tag in INLINE else [" "]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.said += [] if tag in INLINE else [" "]

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.said.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.said).split())


def names(read: Reader) -> Iterator[str]:
    return (tag for tag, _ in read.elements)


@pytest.mark.parametrize(
    "words",
    [
        "vmap(f)(X)",
        "i 3 examples: X axis 0 → out axis 0",
        "i: 3 examples, vmap(f, in_axes=0, out_axes=0, axis_name='n'), line 1, by jax.jacrev",
        "w f32[i:3, 2] from level i f32[2]",
        "0 1 x - y sub f32[2] f32[i:3, 2] select_n, sub",
        "JAX's own │ exp",
        "not tracked: JAX replaced this body",
        "1 x = 1 f32[2] in f32[i:3, 2] ◀ here",
        "mode Python value repr",
        "Failed while timing: ValueError (limit: deadline) explanation",
        "The error as it was raised message",
        "✗ different from a plain Python loop",
        "DIFFERENT from a plain Python loop over 3 of 3 examples.",
        "X f32[3, 2] axis 0 3 mapped by i ✗ does not fit: given axis 1",
        "Y f32[4] made full axis 0 3 taken by i axis 0 (full 1) 4 mapped by i",
        "n int[] • remark",
        "summary argument keys a = 1 - b = 2 + b = 3 gives out f32[3]; proof: proof",
        "Warning kind likely, but it may be meant explanation code, line 1: x = 1 ^^^^^ summary",
        "You asked for f32[7]. no way summary",
        "as loops equal on all for i in I:",
        "Printed by your code printed",
        "trace 100 ms",
        "on cpu (cpu), jax 0.10.2, Python 3.11.7",
    ],
)
def test_the_page_says(words):
    assert words in Reader(page.html(REPORT)).words


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_a_report_becomes_markup(payload):
    read, tame = Reader(page.html(hostile(payload))), Reader(page.html(REPORT))
    assert list(names(read)) == list(names(tame))
    assert [set(attributes) for _, attributes in read.elements] == [set(each) for _, each in tame.elements]
    assert read.words.count("window.pwned=1") > 40


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_frame_holds_the_whole_page_in_one_attribute(payload):
    report = hostile(payload)
    read = Reader(report._repr_html_())
    ((tag, attributes),) = read.elements
    assert (tag, attributes["sandbox"], attributes["srcdoc"]) == (
        "iframe",
        "allow-scripts",
        page.html(report),
    )


@pytest.mark.parametrize("scene", sorted(reports.SCENES))
def test_every_scene_makes_a_page_with_its_animation(scene):
    read = Reader(page.html(reports.SCENES[scene]()))
    assert ("div", {"id": "player"}) in read.elements


def test_nothing_is_loaded_and_only_known_scripts_run():
    read = Reader(page.html(REPORT))
    assert not [each for each in read.elements if {"src", "href", "srcset", "data"} & set(each[1])]
    (policy,) = [attributes["content"] for _, attributes in read.elements if "http-equiv" in attributes]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize(
    "path",
    [document.STATIC / "player.js", document.OWN / "boot.js", document.OWN / "watch.js"],
    ids=lambda path: path.name,
)
def test_a_script_can_stand_in_a_page(path):
    text = path.read_text(encoding="utf-8").lower()
    assert "</script" not in text and "<!--" not in text


@pytest.mark.parametrize("missing", document.FILES)
def test_without_a_file_of_the_player_the_rest_is_shown(monkeypatch, tmp_path: Path, missing):
    for name in document.FILES:
        if name != missing:
            (tmp_path / name).symlink_to(document.STATIC / name)
    monkeypatch.setattr(document, "STATIC", tmp_path)
    read = Reader(page.html(reports.pairwise()))
    assert f"No animation: {missing} not found in {tmp_path}." in read.words
    assert "i 3 examples: X axis 0, Y shared → out axis 0" in read.words
    assert list(names(read)).count("script") == 1


def test_a_report_of_nothing_is_a_page_too():
    assert "There is nothing to animate." in Reader(page.html(Report(Request()))).words


def test_half_a_surrogate_pair_is_replaced():
    report = replace(REPORT, printed="a\ud800b", outputs=(Leaf("out['\ud800']", "float32", ()),))
    page.framed(report).encode()
    assert "Printed by your code a?b" in Reader(page.html(report)).words


def test_the_same_report_gives_the_same_page():
    assert page.html(reports.pairwise()) == page.html(reports.pairwise())


def test_a_failure_keeps_all_that_worked_before_it():
    failure = Failure("run", "XlaRuntimeError", "boom", "It ran out of memory.")
    words = Reader(page.html(replace(reports.pairwise(), failure=failure))).words
    assert "Failed while running: XlaRuntimeError It ran out of memory." in words
    assert "X f32[i:3, 2] 0 f32[2]" in words


def test_long_reports_say_what_they_leave_out():
    report = replace(
        REPORT,
        equations=REPORT.equations[:1] * 301,
        levels=REPORT.levels * 61,
        request=replace(REPORT.request, code="x = 1\n" * 401),
    )
    words = Reader(page.html(report)).words
    for left_out in ("1 more equations are", "1 more levels are", "… 1 more lines", "and 53 more"):
        assert left_out in words


def test_a_frame_unescapes_to_its_page():
    framed = page.framed(reports.pairwise())
    assert markup.escape(page.html(reports.pairwise())) in framed


def test_a_script_is_drawn_by_its_first_call():
    report = explainer.explain(Request(code="print('begun')\njax.vmap(jnp.sin)(jnp.ones(3))\n"))
    read = Reader(page.html(report))
    assert "script of 2 lines, 1 vmap call" in read.words
    assert "begun" in read.words
    assert [found for tag, found in read.elements if found.get("id") == "player"]
