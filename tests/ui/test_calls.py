"""The list of calls on the page, and code that runs as a script, with a sandbox that runs in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from explainer import links, sandbox
from explainer.spec import SCRIPT_STAGES, Argument, Request, Vmap
from tests.ui.test_playground import (
    EDITOR,
    PLAYER,
    Sandbox,
    axes,
    click,
    components,
    edit_code,
    html,
    opened,
    press,
    run,
)

SCRIPT = """\
def f(x):
    return jax.vmap(lambda y: y * x)(jnp.ones(4)) + 1

for n in range(3):
    jax.vmap(f)(jnp.ones(3))
jax.vmap(jnp.cos)(jnp.ones(5))
print("all done")
"""
CALLS = [
    "vmap i · f · line 5 · x \\(i\\:3,\\) · × 3",
    "\u2003vmap j · \\<lambda\\> · line 2 · y \\(j\\:4,\\) · × 3",
    "vmap i · cos · line 6 · x \\(i\\:5,\\)",
]
NESTED = Request(
    code="def f(x):\n    return jax.vmap(jnp.sin)(x) * 2\n",
    function="f",
    arguments=(Argument("X", "f32[3,4]"),),
    levels=(Vmap(),),
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    fake = Sandbox()
    monkeypatch.setattr(sandbox, "stream", fake.stream)
    monkeypatch.setattr(sandbox, "warm_up", lambda: None)
    yield fake


@pytest.fixture
def script(fake: Sandbox) -> AppTest:
    return opened(r=links.encode(Request(code=SCRIPT)))


def calls(page: AppTest) -> list[str]:
    return [option for radio in page.radio if radio.key == "call" for option in radio.options]


def pick(page: AppTest, level: int | None) -> None:
    page.radio(key="call").set_value(level)
    run(page)


def shapes(page: AppTest) -> str:
    """Returns the table of the Shapes tab, which is open first."""
    return next(part for part in html(page).split("\n") if "<th>full</th>" in part)


def test_the_calls_of_a_script_are_a_tree_and_the_first_is_shown(script):
    assert calls(script) == CALLS
    assert script.radio(key="call").value == 0
    assert len(components(script, PLAYER)) == 1
    assert '<h3 class="pg-h">Calls<small>7 vmap calls in your code; one is shown</small>' in html(script)


@pytest.mark.parametrize(
    ("level", "names", "primitive"), [(0, ["x"], "add"), (1, ["x", "y"], "mul"), (2, ["x"], "cos")]
)
def test_choosing_a_call_shows_everything_for_it(script, fake, level, names, primitive):
    before = components(script, PLAYER)
    pick(script, level)
    assert all(f"<td>{name}</td>" in shapes(script) for name in names)
    assert (components(script, PLAYER) == before) == (level == 0)
    script.session_state["tabs"] = "X-ray"
    run(script)
    assert f"<b>{primitive}</b>" in html(script)
    assert len(fake.requests) == 1


def test_the_choice_stays_while_the_call_does(script, fake):
    pick(script, 2)
    edit_code(script, "# a comment\n" + SCRIPT)
    assert len(fake.requests) == 2
    assert (script.radio(key="call").value, "(i:5,)" in script.radio(key="call").options) == (2, False)
    edit_code(script, SCRIPT.replace("jax.vmap(f)(jnp.ones(3))", "pass"))
    assert script.radio(key="call").value == 0
    assert calls(script) == ["vmap i · cos · line 6 · x \\(i\\:5,\\)"]
    edit_code(script, SCRIPT.replace("jnp.cos", "jnp.sin"))
    assert script.radio(key="call").value == 0


def test_what_the_script_printed_is_shown(script, fake):
    fake.printed = "all done\n"
    edit_code(script, SCRIPT + "\n")
    assert '<pre class="pg-printed">all done' in html(script)


def test_the_fields_say_that_this_is_a_script(script):
    shown = html(script)
    assert "runs top to bottom" in shown
    assert "a script makes its own arrays" in shown
    assert "A script calls jax.vmap itself" in shown
    assert "empty: a script" in components(script, EDITOR)[1]
    assert not script.code


def test_a_script_without_a_call_says_so(fake):
    page = opened(r=links.encode(Request(code="x = jnp.ones(3)\n")))
    assert "The script makes no vmap call" in html(page)
    assert "There is no vmap call to show." in html(page)
    assert calls(page) == []


def test_a_script_over_a_function_is_told_how_it_runs(fake):
    advice = "\u201cRun as a script\u201d, above it"
    page = opened()
    assert advice not in html(page)
    edit_code(page, SCRIPT)
    assert advice in html(page)
    press(page, "Run as a script")
    assert advice not in html(page)
    assert len(calls(page)) == len(CALLS)


def test_a_script_that_fails_shows_the_calls_it_made(fake):
    page = opened(r=links.encode(Request(code=SCRIPT + "raise ValueError('no data')\n")))
    assert 'role="alert"' in html(page)
    assert calls(page) == CALLS
    assert len(components(page, PLAYER)) == 1


def test_whole_runs_are_not_measured_for_one_call(script):
    for tab in ("Timing", "HLO"):
        script.session_state["tabs"] = tab
        run(script)
        assert "not for one call inside a program" in html(script)


def test_the_steps_are_those_of_a_script(script):
    steps = [part for part in html(script).split("\n") if "pg-steps" in part][0]
    assert steps.count("pg-step ") == len(SCRIPT_STAGES)
    assert "compile" not in steps


def test_a_stated_nest_comes_first_and_the_calls_inside_it_below(fake):
    page = opened(r=links.encode(NESTED))
    assert calls(page) == [
        "vmap\\(f\\)\\(X\\)",
        "\u2003vmap j · sin · line 2 · x \\(j\\:4,\\)",
    ]
    assert page.radio(key="call").value is None
    assert "same as a Python loop" in html(page)
    pick(page, 1)
    assert "same as a Python loop" not in html(page)
    assert "(inside vmap j)" in html(page)
    pick(page, None)
    assert "same as a Python loop" in html(page)


def test_a_nest_without_calls_inside_has_no_list(fake):
    assert calls(opened()) == []


def test_another_example_forgets_the_choice(script):
    pick(script, 2)
    script.selectbox(key="lesson").set_value("script-closures")
    run(script)
    assert script.radio(key="call").value == 1
    press(script, "Back to my text")
    assert calls(script) == CALLS


def test_one_click_runs_the_request_as_a_script_and_one_brings_it_back(fake):
    page = opened()
    click(page, "as-script")
    assert fake.requests[-1].is_script
    assert "jax.vmap(jax.vmap(dist" in fake.requests[-1].code
    assert len(calls(page)) == 2
    assert page.selectbox(key="lesson").value is None
    press(page, "Back to my text")
    assert axes(page) == ["(0, None)", "(None, 0)"]
    assert calls(page) == []


def test_pasted_code_that_does_not_fit_the_fields_is_run_as_it_stands(fake):
    page = opened()
    edit_code(page, SCRIPT)
    assert 'role="alert"' in html(page)
    click(page, "as-script")
    assert fake.requests[-1] == Request(code=SCRIPT)
    assert calls(page) == CALLS


def test_the_old_picture_beside_an_error_is_that_of_the_chosen_call(script):
    pick(script, 2)
    before = components(script, PLAYER)
    run(script)
    edit_code(script, SCRIPT + "x = = 1")
    assert 'role="alert"' in html(script)
    assert components(script, PLAYER) == before


def test_many_calls_are_a_menu(fake):
    code = "\n".join(f"jax.vmap(jnp.sin)(jnp.ones({n}))" for n in range(1, 20))
    page = opened(r=links.encode(Request(code=code)))
    assert not [radio for radio in page.radio if radio.key == "call"]
    menu = page.selectbox(key="call")
    assert menu.options[0] == "vmap i · sin · line 1 · x (i:1,)"  # a menu reads no Markdown
    assert len(menu.options) == 19
    menu.set_value(4)
    run(page)
    assert "(5,)" in shapes(page) or "i:5" in shapes(page)
