"""The command line: readable reports, whole reports as JSON, exit codes, and one line for bad usage."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from explainer import cli, lessons, report
from explainer.spec import Argument, Request, Vmap

DIST = """\
def dist(x, y):
    return jnp.sqrt(jnp.sum((x - y) ** 2))

def loss(x, *, scale):
    return scale * jnp.sum(x ** 2)

def broken(x):
    return jnp.dot(x, jnp.ones(3))
"""

PAIRWISE = (
    "--arg", "X=arange(f32[3,2])", "--arg", "arange(f32[4,2])",
    "--in-axes", "(0, None)", "--in-axes", "(None, 0)",
)  # fmt: skip


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file of functions in the current folder: `functions.py`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    (tmp_path / "functions.py").write_text(DIST)
    return "functions.py"


def request_of(*argv: str) -> Request:
    return cli._request(cli._parser().parse_args(argv))


def test_options_make_a_request(source):
    request = request_of(
        f"{source}:dist", *PAIRWISE, "--out-axes", "1", "--axis-name", "", "--axis-name", "b"
    )
    assert request == Request(
        code=DIST,
        function="dist",
        arguments=(Argument("X", "arange(f32[3,2])"), Argument("y", "arange(f32[4,2])")),
        levels=(Vmap("(0, None)", "1"), Vmap("(None, 0)", axis_name="b")),
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--kwarg", "scale=2.0"], (Argument("scale", "2.0", keyword=True),)),
        (["--arg", "f32[3]"], (Argument("x", "f32[3]"),)),
        (["--arg", "x == 1"], (Argument("x", "x == 1"),)),
        (["--arg", "w = {'a': f32[2]}"], (Argument("w", "{'a': f32[2]}"),)),
        (["--arg", "1", "--arg", "2"], (Argument("x", "1"), Argument("arg1", "2"))),
    ],
)
def test_arguments_are_named_by_the_user_or_by_the_parameter(source, argv, expected):
    assert request_of(f"{source}:loss", *argv).arguments == expected


@pytest.mark.parametrize(
    ("argv", "levels"),
    [
        ([], ()),
        (["--in-axes", "-1"], (Vmap("-1"),)),
        (["--axis-name", "i"], (Vmap("0", axis_name="i"),)),
        (["--axis-size", "3", "--in-axes", "None"], (Vmap("None", axis_size="3"),)),
    ],
)
def test_the_nth_option_belongs_to_the_nth_level(source, argv, levels):
    assert request_of(f"{source}:dist", *argv).levels == levels


def test_any_expression_may_follow_the_file(source):
    request = request_of(f"{source}:jax.grad(lambda x: dist(x, x[:1]))", "--arg", "f32[2]")
    assert request.function == "jax.grad(lambda x: dist(x, x[:1]))"


def test_the_wanted_output_goes_with_a_function_or_a_request(source, tmp_path):
    (tmp_path / "request.json").write_text('{"function": "abs", "wanted": "f32[2]"}')
    assert request_of(f"{source}:dist", "--wanted", "f32[3,4]").wanted == "f32[3,4]"
    assert request_of("request.json", "--wanted", "f32[3,4]").wanted == "f32[3,4]"
    assert request_of("request.json").wanted == "f32[2]"


def test_a_readable_report_is_printed(source, capsys):
    assert cli.main([f"{source}:dist", *PAIRWISE]) == 0
    out = capsys.readouterr().out
    assert "f32[i:3, j:4, 2]  x - y" in out
    assert "The same as a plain Python loop over 12 of 12 examples" in out
    assert "\x1b" not in out


def test_until_stops_after_a_stage(source, capsys):
    assert cli.main([f"{source}:dist", *PAIRWISE, "--until", "batch"]) == 0
    out = capsys.readouterr().out
    assert "Equations" in out
    assert "Outputs" not in out


def test_json_is_the_whole_report(source, capsys):
    assert cli.main([f"{source}:dist", *PAIRWISE, "--json"]) == 0
    read = report.from_json(capsys.readouterr().out.encode())
    assert read.outputs[0].shape == (3, 4)
    assert read.timing is not None


def test_the_page_is_written_beside_what_is_printed(source, capsys, tmp_path):
    argv = [f"{source}:dist", *PAIRWISE, "--until", "batch", "--html", "out.html"]
    assert cli.main(argv) == 0
    assert capsys.readouterr().out.startswith("vmap(vmap(dist))(X, y)\n")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>vmap(vmap(dist))(X, y) · vmap explainer</title>" in page


def test_a_failure_has_a_page_and_exit_code_1(source, tmp_path):
    argv = [f"{source}:broken", "--arg", "f32[4,2]", "--in-axes", "0", "--html", "out.html"]
    assert cli.main(argv) == 1
    assert "Failed while" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said_before_anything_runs(source, capsys):
    argv = [f"{source}:dist", *PAIRWISE, "--html", "nowhere/out.html"]
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("explainer: cannot write nowhere/out.html: No such file or directory")


def test_a_failure_is_told_in_words_with_carets_and_exit_code_1(source, capsys):
    assert cli.main([f"{source}:broken", "--arg", "f32[4,2]", "--in-axes", "0"]) == 1
    out = capsys.readouterr().out
    assert "Failed\n" in out
    assert "    return jnp.dot(x, jnp.ones(3))" in out
    assert "^" in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("def dist(x, y:\n", "SyntaxError"),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("x = 1\n", "NameError"),
    ],
)
def test_code_that_does_not_run_is_a_failure_not_a_traceback(source, capsys, tmp_path, code, word):
    (tmp_path / "functions.py").write_text(code)
    assert cli.main([f"{source}:dist", *PAIRWISE]) == 1
    captured = capsys.readouterr()
    assert word in captured.out
    assert "Traceback" not in captured.out + captured.err


def test_a_request_file_and_stdin_give_the_same_report(tmp_path, capsys, monkeypatch):
    data = msgspec.json.encode(lessons.LESSONS[0].request)
    (tmp_path / "request.json").write_bytes(data)
    reports = []
    for target in (str(tmp_path / "request.json"), "-"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(data.decode()))
        assert cli.main([target, "--json", "--until", "run"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0]["outputs"] == reports[1]["outputs"]
    assert reports[0]["request"] == json.loads(data)


def test_a_file_without_a_function_runs_as_a_script(source, capsys, tmp_path):
    (tmp_path / "train.py").write_text(
        f"import jax\n{DIST}\nprint('begun')\njax.vmap(loss)(jnp.ones(3), scale=jnp.ones(3))\n"
    )
    assert request_of("train.py").is_script
    assert cli.main(["train.py"]) == 0
    printed = capsys.readouterr().out
    assert "1 vmap call\n" in printed
    assert "vmap(loss, in_axes=0, out_axes=0)" in printed
    assert "begun" in printed


def test_a_script_that_fails_is_told_with_what_it_did_before(source, capsys, tmp_path):
    (tmp_path / "train.py").write_text("jax.vmap(jnp.sin)(jnp.ones(3))\nraise ValueError('no data')\n")
    assert cli.main(["train.py", "--sandbox"]) == 1
    printed = capsys.readouterr().out
    assert "vmap(sin, in_axes=0, out_axes=0)" in printed
    assert "ValueError" in printed
    assert "code, line 2:" in printed


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: target"),
        (["empty.py"], "empty.py holds no code"),
        (["functions.py", "--arg", "1"], "--arg needs file.py:function, not functions.py"),
        (["nothing.py:f"], "cannot read nothing.py: No such file or directory"),
        (["nothing.json"], "cannot read nothing.json: No such file or directory"),
        (["functions.py:dist", "--until", "lunch"], "argument --until: invalid choice: 'lunch'"),
        (
            ["functions.py:dist", "--kwarg", "2.0"],
            "--kwarg needs a name, as in --kwarg 'scale=2.0': got '2.0'",
        ),
        (["functions.py:dist", "--colour"], "unrecognized arguments: --colour"),
        (["request.json", "--in-axes", "0"], "--in-axes needs file.py:function, not request.json"),
        (
            ["functions.py", "--wanted", "f32[3]"],
            "--wanted needs a function, as in functions.py:function, or",
        ),
        (["text.json"], "text.json is not a request: JSON is malformed"),
        (["wrong.json"], "wrong.json is not a request: Expected `str`, got `int` - at `$.code`"),
        (["misspelt.json"], "misspelt.json has no field 'level': it takes code, function, arguments, levels"),
        (["deep.json"], "deep.json, levels[0] has no field 'axes': it takes in_axes, out_axes"),
        (["bytes.json"], "bytes.json is not UTF-8 text"),
        (["functions.py:dist", "--arg", "\udcff"], "the argument '\\udcff' is not UTF-8 text"),
        (["surrogate.json"], "surrogate.json is not a request: "),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(source, capsys, tmp_path, argv, message):
    (tmp_path / "empty.py").write_text("\n")
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "wrong.json").write_text('{"code": 1}')
    (tmp_path / "misspelt.json").write_text('{"code": "", "level": []}')
    (tmp_path / "deep.json").write_text('{"levels": [{"axes": "0"}]}')
    (tmp_path / "surrogate.json").write_text('{"code": "\\ud800"}')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    try:
        code = cli.main(argv)
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith(f"explainer: {message}")
    assert captured.err.count("\n") == 1


def test_the_module_runs_as_a_program(source):
    command = [sys.executable, "-m", "explainer", f"{source}:dist", *PAIRWISE, "--until", "batch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("vmap(vmap(dist))(X, y)\n")


def test_a_reader_that_stops_early_gets_no_traceback(source):
    arguments = " ".join(f"'{word}'" for word in PAIRWISE)
    command = f"'{sys.executable}' -m explainer {source}:dist {arguments} --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_half_a_surrogate_pair_gives_no_traceback(source, capsys, tmp_path, flag):
    (tmp_path / "functions.py").write_text("def dist(x):\n    raise ValueError('\\ud800')\n")
    assert cli.main([f"{source}:dist", "--arg", "f32[2]", "--in-axes", "0", *flag]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "ValueError" in captured.out


def test_a_terminal_without_unicode_gets_escapes(source, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    command = [sys.executable, "-m", "explainer", f"{source}:dist", *PAIRWISE, "--until", "batch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sub \\u2192 " in done.stdout


def test_help_is_complete(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    assert "--spmd-axis-name" in capsys.readouterr().out


def test_the_sandbox_runs_the_same_request(source, capsys):
    assert cli.main([f"{source}:dist", *PAIRWISE, "--sandbox", "--json"]) == 0
    read = report.from_json(capsys.readouterr().out.encode())
    assert read.outputs[0].shape == (3, 4)
    assert read.isolation.level != "none"


def test_stdin_that_is_not_text_is_bad_usage(monkeypatch, capsys):
    stdin = io.TextIOWrapper(io.BytesIO(b'{"code": "\xff"}'), "utf-8", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli.main(["-"]) == 2
    assert capsys.readouterr().err.startswith("explainer: stdin is not UTF-8 text")
