"""The debugger page, and the diagnosis beside the playground's picture, with a sandbox in this process."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import explainer
from explainer import lessons, links, sandbox
from explainer.report import Blame, Failure, Finding, Fix, Leaf, Mismatch, Report, StageReport, Wanted
from explainer.spec import Argument, Request, Vmap
from explainer.ui import calls, diagnosis, entry, marks, picture, words
from explainer.ui.editor import Range
from explainer.ui.explanation import Explanation
from explainer.xray import Span

BROKEN = Request(
    "def dist(x, y):\n    return jnp.sum((x - y) ** 2)\n",
    "dist",
    (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")),
    (Vmap("(0, 0)"),),
)
MENDED = replace(BROKEN, levels=(Vmap("(0, None)"), Vmap("(None, 0)")))
FIX = Fix(
    MENDED,
    "Combine every X with every Y",
    (Leaf("out", "float32", (3, 4)),),
    place="in_axes of level 0",
    before="(0, 0)",
    after="(0, None)",
    proof="same as a loop",
)
FOUND = Finding("shared_key", "warning", "The key is shared.", Blame(spans=(Span(2, 11, 2, 16, "code"),)))
TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 12, in <module>
    out = jax.vmap(predict)(w, x)
ValueError: vmap got inconsistent sizes for array axes to be mapped:
  * one axis had size 2: axis 0 of argument w of type float32[2];
  * one axis had size 4: axis 0 of argument x of type float32[4]
"""


class Sandbox:
    """Explains in this process, up to the batch stage; `told` is put into what comes back last."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.told: dict[str, object] = {}

    def stream(self, request: Request, **_: object) -> Generator[Report]:
        self.requests.append(request)
        report = explainer.explain(request, until="batch")
        told = self.told if report.failure is not None or "findings" in self.told else {}
        yield replace(report, failure=None, stages=report.stages[:1])
        yield replace(report, **told)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    fake = Sandbox()
    monkeypatch.setattr(sandbox, "stream", fake.stream)
    monkeypatch.setattr(sandbox, "warm_up", lambda: None)
    yield fake


def opened(where: str = "pages/debugger.py", **query: str) -> AppTest:
    page = AppTest.from_file(f"../../{where}", default_timeout=60)
    page.session_state["navigation-begun"] = True
    for name, value in query.items():
        page.query_params[name] = value
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception
    return page


def said(page: AppTest) -> str:
    bodies = [element.proto.body for element in page.html]
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", "\n".join(bodies), flags=re.DOTALL))


def click(page: AppTest, key: str) -> None:
    page.button(key=key).click()
    run(page)


def draft(page: AppTest) -> Request:
    return page.session_state["session"].draft.request()


def address(page: AppTest) -> dict[str, str]:
    found = [each.proto for each in page.get("bidi_component")]
    return json.loads(next(each.json for each in found if each.component_name.endswith("address")))


def test_the_debugger_opens_empty_and_runs_nothing(fake):
    page = opened()
    assert "Paste code" in said(page)
    assert (draft(page), fake.requests) == (Request(), [])
    assert address(page) == {"example": "", "r": ""}


def test_a_mistake_to_try_is_opened_and_explained(fake):
    page = opened()
    click(page, "try-mistake-unequal-sizes")
    lesson = lessons.find("mistake-unequal-sizes")
    assert lesson is not None
    assert fake.requests == [lesson.request]
    assert "The axes don't fit" in said(page)
    assert "Paste code" not in said(page)


def test_pasted_code_is_run_as_a_script(fake):
    page = opened()
    page.session_state["code"] = {"typed": {"text": "jax.vmap(jnp.sin)(1.0)", "version": 1, "runs": 0}}
    run(page)
    assert fake.requests == [Request("jax.vmap(jnp.sin)(1.0)")]
    assert page.expander[0].label == "The error as it was raised"


@pytest.mark.parametrize("where", ["app.py", "pages/debugger.py"])
def test_a_fix_is_shown_with_its_edit_and_proof_applied_and_undone(fake, where):
    fake.told = {"fixes": (FIX,)}
    page = opened(where, r=links.encode(BROKEN))
    shown = said(page)
    for part in ("Combine every X with every Y", "in_axes of vmap i", "out f32[3, 4]", "same as a loop"):
        assert part in shown
    click(page, "apply-failure-1")
    assert (draft(page), fake.requests[-1]) == (MENDED, MENDED)
    assert "The axes don't fit" not in said(page)
    next(button for button in page.button if button.label == "Undo the fix").click()
    run(page)
    assert draft(page) == BROKEN


@pytest.mark.parametrize("where", ["app.py", "pages/debugger.py"])
def test_silent_bugs_are_told_with_their_fixes_and_counted(fake, where):
    fake.told = {"findings": (replace(FOUND, fixes=(FIX,)),)}
    page = opened(where, r=links.encode(MENDED))
    assert "The key is shared." in said(page)
    assert "1 silent bug" in said(page)
    click(page, "apply-finding-0-1")
    assert draft(page) == MENDED


def test_an_output_that_is_wanted_reaches_the_request_and_its_solutions_the_page(fake):
    fake.told = {"wanted": Wanted("f32[3,4]", (FIX,)), "findings": ()}
    page = opened(r=links.encode(BROKEN))
    field = next(field for field in page.text_input if field.label == "Wanted output")
    field.set_value("f32[3,4]")
    run(page)
    assert fake.requests[-1] == replace(BROKEN, wanted="f32[3,4]")
    assert "1 way, simplest first" in said(page)
    click(page, "apply-wanted-1")
    assert draft(page) == MENDED


def test_no_way_to_a_wanted_output_is_said_with_why(fake):
    fake.told = {"wanted": Wanted("f32[9]", why_not="No argument has an axis of size 9."), "findings": ()}
    page = opened(r=links.encode(BROKEN))
    assert "no way found" in said(page)
    assert "No argument has an axis of size 9." in said(page)


def test_a_traceback_is_read_and_not_run(fake):
    page = opened(r=links.encode(Request(TRACEBACK)))
    assert fake.requests == []
    assert "A traceback of ValueError" in said(page)
    assert "train.py, line 12" in page.code[0].value


def test_a_function_alone_is_offered_to_be_mapped(fake):
    page = opened(r=links.encode(Request("def f(x):\n    return x\n\ndef g(a, b):\n    return a + b\n")))
    assert "calls no vmap" in said(page)
    click(page, "map-g")
    assert (draft(page).function, [row.name for row in draft(page).arguments]) == ("g", ["a", "b"])
    assert fake.requests[-1] == draft(page)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(x): return x\ndef g(a, /, b, *, c): return a", [("g", ("a", "b")), ("f", ("x",))]),
        ("class A:\n    def f(self): return 1", []),
        ("def f(x:", []),
    ],
)
def test_the_functions_of_a_text_are_those_at_its_top_level(code, names):
    assert [(each.name, each.arguments) for each in entry.functions(code)] == names


def test_the_call_that_is_looked_at_is_marked_and_every_call_lights_its_place():
    request = Request("a = jax.vmap(jnp.sin)(jnp.ones(3))\nb = jax.vmap(jnp.cos)(jnp.ones(4))\n")
    shown = Explanation(request, explainer.explain(request, until="batch"), None, 0.0)
    margin = marks.of(shown, 1)
    assert [(mark.line, mark.severity) for mark in margin.marks] == [(2, "active")]
    assert [spot.ranges[0].line for spot in margin.spots] == [1, 2]
    assert marks.of(shown).marks == ()
    assert calls.picked(None) is None


@pytest.mark.parametrize(
    ("call", "levels"),
    [
        ("jax.vmap(jnp.sin)(X)\njax.vmap(jnp.dot)(X, Y)", ["i"]),
        ("jax.vmap(jnp.sin)(X)\njax.vmap(jax.vmap(jnp.dot), (0, None))(X, Y)", ["i", "j"]),
        ("jax.vmap(lambda x: jax.vmap(jnp.dot)(x, Y))(X)", ["j"]),
    ],
)
def test_what_does_not_fit_has_the_levels_of_the_picture(call: str, levels: list[str]):
    code = f"X, Y = jnp.ones((3, 2)), jnp.ones((4, 2))\n{call}\n"
    report = explainer.explain(Request(code), until="run")
    assert report.failure is not None
    assert report.failure.mismatch is not None
    mismatch, seen = diagnosis.as_pictured(report.failure.mismatch, report)
    assert [level.name for level in seen.levels] == levels
    assert mismatch.level == len(levels) - 1


def test_a_silent_bug_is_marked_once_and_its_place_lights_the_same_words():
    report = Report(BROKEN, findings=(FOUND, replace(FOUND, severity="info")))
    margin = marks.of(Explanation(BROKEN, report, None, 0.0))
    assert [mark.severity for mark in margin.marks] == ["warning", "info"]
    assert [(spot.selector, spot.ranges) for spot in margin.spots] == [
        (".pg-found-0", (Range(2, 11, 2, 16),)),
        (".pg-found-1", (Range(2, 11, 2, 16),)),
    ]


def test_the_status_line_says_what_a_run_waits_for():
    stages = (StageReport("parse", "running", note="waiting: 1 before this one"),)
    told = picture.status(Report(BROKEN, stages=stages), 4.1, None)
    assert "waiting: 1 before this one" in told
    assert 'class="pg-step running"' not in told  # nothing of it is being done yet
    begun = picture.status(Report(BROKEN, stages=(StageReport("parse", "running", 1.0),)), 4.1, None)
    assert 'class="pg-step running"' in begun
    assert "waiting:" not in begun


@pytest.mark.parametrize(
    ("failure", "title"),
    [
        (Failure("batch", "ValueError", "m", "e", Blame(levels=(0,))), "The axes don't fit"),
        (Failure("run", "ValueError", "m", "e", mismatch=Mismatch((), 0)), "The axes don't fit"),
        (
            Failure("trace", "E", "m", "e", Blame(levels=(0,)), mismatch=Mismatch(())),
            "The function can't be mapped like this",
        ),
        (Failure("run", "ValueError", "m", "e", mismatch=None), "Running failed"),
        (Failure("run", "ValueError", "m", "e", limit="deadline"), "It took too long and was stopped"),
    ],
)
def test_the_headline_says_what_kind_of_failure_it_is(failure, title):
    assert words.failed(failure) == title
