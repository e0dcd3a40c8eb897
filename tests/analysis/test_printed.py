"""What the user's code prints: told once, capped, never mixed, and nothing of it escapes."""

from __future__ import annotations

import sys
import threading
import warnings

import pytest

from explainer import Argument, Request, Vmap, explain
from explainer.spec import STAGES

LOUD = """\
import sys
print('read')
def f(x):
    print('traced')
    print('aside', file=sys.stderr)
    jax.debug.print('x={}', x)
    return x
"""


def request(code: str, in_axes: str = "0", out_axes: str = "0", value: str = "arange(f32[2])") -> Request:
    """Returns a request for `f(x)` under one level."""
    return Request(code, "f", (Argument("x", value),), (Vmap(in_axes, out_axes),))


@pytest.mark.parametrize("until", STAGES)
def test_every_print_is_told_once_wherever_the_run_stops(until, capsys):
    report = explain(request(LOUD), until=until)
    assert report.failure is None
    expected = "read\n" if until == "parse" else "read\ntraced\naside\n"
    if STAGES.index(until) >= STAGES.index("run"):
        expected += "x=0.0\nx=1.0\n"
    assert report.printed == expected
    assert capsys.readouterr() == ("", "")


def test_a_warning_comes_in_the_stage_whose_output_is_told():
    code = "import warnings\ndef f(x):\n    warnings.warn('careful')\n    return x\n"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")  # Python's own: once a place
        explain(request(code), until="lower")
    assert [str(warning.message) for warning in told] == ["careful", "careful"]  # tracing, lowering


def test_a_print_before_an_error_is_told_once(capsys):
    report = explain(request("def f(x):\n    print('traced')\n    return x @ x @ x\n"))
    assert (report.stages[1].status, report.printed) == ("failed", "traced\n")
    assert capsys.readouterr() == ("", "")


def test_nothing_is_printed_to_the_terminal_when_the_last_stage_asked_for_fails(capsys):
    report = explain(request("def f(x):\n    print('traced')\n    return x\n", out_axes="5"), until="batch")
    assert report.failure is not None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("try:\n    while True: print('more')\nexcept Exception: pass\n", "parse"),
        ("def f(x): return lax.fori_loop(0, 9999, lambda n, y: (jax.debug.print('{}', n), y)[1], x)", "run"),
    ],
    ids=["swallowed", "from a callback"],
)
def test_a_flood_is_the_failure_whatever_became_of_its_exception(code, stage):
    failure = explain(request(code)).failure
    assert failure is not None
    assert (failure.stage, failure.error_type, failure.limit) == (stage, "LimitError", "output")


def test_explanations_in_several_threads_keep_their_prints_apart():
    streams = sys.stdout, sys.stderr
    printed: dict[int, str] = {}

    def work(number: int) -> None:
        code = f"def f(x):\n    for _ in range(50): print({number})\n    return x\n"
        printed[number] = explain(request(code), until="trace").printed

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert printed == {number: f"{number}\n" * 50 for number in range(4)}
    assert (sys.stdout, sys.stderr) == streams


def test_code_may_explain_another_request():
    code = "import explainer\nexplainer.explain(explainer.Request('', 'abs'), until='parse')\nf = jnp.sin\n"
    assert explain(request(code), until="trace").failure is None


def test_only_text_can_be_written():
    failure = explain(request("import sys\nsys.stdout.write(3)\n")).failure
    assert failure is not None and failure.message == "write() argument must be str, not int"
