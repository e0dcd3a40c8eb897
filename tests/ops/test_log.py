"""The log: a line of JSON a request, and no word of a visitor in any line or figure."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace

import pytest

from explainer import sandbox
from explainer.ops.log import Log, scrub
from explainer.ops.metrics import Metrics
from explainer.sandbox import Limits, events
from explainer.sandbox.events import Asked, Ended
from explainer.spec import Argument, Request, Vmap

MARKER = "zanzibar"
MARKED = Request(
    f"def {MARKER}(x):\n    print('{MARKER}')\n    return x * 2  # {MARKER}\n",
    MARKER,
    (Argument(f"x_{MARKER}", "f32[3]"),),
    (Vmap(axis_name=f"'{MARKER}'"),),
)
RAISED = f"class {MARKER}(Exception): pass\ndef {MARKER}_(x):\n    raise {MARKER}('{MARKER}')\n"
REQUESTS = {
    "answered": MARKED,
    "raises its own exception": replace(MARKED, code=RAISED, function=f"{MARKER}_"),
    "is no Python": replace(MARKED, code=f"def {MARKER}(:\n"),
    "axes do not fit": replace(MARKED, levels=(Vmap(f"({MARKER},)"),)),
    "a script": Request(f"{MARKER} = jax.vmap(jnp.sin)(jnp.ones(3))\nprint('{MARKER}')\n"),
    "ends its process": replace(MARKED, code=f"import os\nprint('{MARKER}')\nos._exit(3)\n"),
    "prints to the end": replace(MARKED, code=f"import os\nwhile True: os.write(1, b'{MARKER}' * 99)\n"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_word_of_a_visitor_is_in_the_log_or_the_figures(name, listen):
    stream = io.StringIO()
    metrics = Metrics(dict)
    for listener in (Log(stream), metrics):
        listen(listener)
    report = sandbox.explain(REQUESTS[name], until="run", limits=Limits(deadline_s=5))
    assert MARKER in repr(report)
    assert events.settle()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "request"
    assert MARKER not in line
    assert MARKER not in metrics.text().decode()


def test_a_line_says_what_a_keeper_needs(listen):
    stream = io.StringIO()
    listen(Log(stream))
    sandbox.explain(MARKED, until="run")
    assert events.settle()
    line = json.loads(stream.getvalue())
    assert line["characters"] == len(MARKED.code)
    assert (line["outcome"], line["stage"], line["script"]) == ("answered", None, False)
    assert set(line["stages"]) >= {"parse", "trace", "run"}
    assert line["seconds"] >= line["waited"] >= 0
    assert len(line["id"]) == 12


def test_a_browser_is_a_hash_that_ends_with_the_process():
    first, second = io.StringIO(), io.StringIO()
    for log in (Log(first), Log(second)):
        for visitor in ("ann", "ann", "bob", ""):
            asked = Asked("1", visitor, 0, 0, 0, script=False)
            log(Ended(asked, "answered", 1.0, 0.0, None, (), "sealed"))
    ann, again, bob, nobody = (json.loads(line)["session"] for line in first.getvalue().splitlines())
    assert ann == again != bob
    assert nobody == ""
    assert "ann" not in first.getvalue()
    assert ann not in second.getvalue()


def test_a_log_line_of_an_error_names_the_place_and_quotes_nothing(capsys):
    make = scrub(logging.LogRecord)
    try:
        raise ValueError(MARKER)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = make("streamlit", logging.ERROR, __file__, 7, f"failed: {MARKER} %s", (MARKER,), info)
    text = logging.Formatter().format(record)
    line = json.loads(text)
    assert MARKER not in text
    assert (line["error"], line["where"], line["level"]) == ("ValueError", "test_log.py:7", "ERROR")
    assert "test_a_log_line_of_an_error" in line["frames"][-1]


def test_a_warning_says_where_it_is_from_only():
    record = scrub(logging.LogRecord)("py.warnings", logging.WARNING, "a/b.py", 3, MARKER, (), None)
    assert json.loads(record.getMessage())["where"] == "b.py:3"
    assert MARKER not in record.getMessage()


def test_what_is_no_warning_is_said_as_it_is():
    record = scrub(logging.LogRecord)("uvicorn", logging.INFO, "a.py", 3, "started on %d", (8501,), None)
    assert record.getMessage() == "started on 8501"


def test_a_listener_that_was_silenced_hears_nothing(listen):
    heard: list[events.Event] = []
    events.listen(heard.append)
    events.silence(heard.append)
    sandbox.explain(MARKED, until="parse")
    assert events.settle()
    assert heard == []
