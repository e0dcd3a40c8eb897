"""The command line: a request in, a readable report (or JSON) out.

    argv ─▶ Request ─▶ api or sandbox ─▶ Report ─▶ text ─▶ stdout
                                            └────▶ page ─▶ the file of --html

Exit code 0: explained. 1: the report holds a failure. 2: the command, or the JAX installed, was wrong.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import NoReturn

import msgspec

from explainer.errors import RequestError, VersionError
from explainer.report import Report, to_json
from explainer.spec import STAGES, Argument, Request, Vmap
from explainer.views import text

USAGE = """\
python -m explainer request.json
       python -m explainer script.py
       python -m explainer file.py:function --arg 'X=f32[3,2]' --arg 'Y=f32[4,2]'
                           --in-axes '(0, None)' --in-axes '(None, 0)'"""

NAMED = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)", re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    options = _parser().parse_args(argv)
    try:
        _require_text(sys.argv[1:] if argv is None else argv)
        request = _request(options)
        _require_place(options.html)
        report = _explain(request, options)
        if options.html:
            _save_page(report, options.html)
    except RequestError as error:
        return _usage_error(str(error))
    except VersionError as error:
        print(f"explainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("explainer: stopped.", file=sys.stderr)
        return 130
    return _write(report, options.json)


def _write(report: Report, as_json: bool) -> int:
    """Prints the report; a reader that closed the pipe (`| head`) is no error."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    shown = to_json(report).decode() + "\n" if as_json else text.to_text(report, colour)
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    return 1 if report.failure else 0


def _require_place(file: str | None) -> None:
    """Refuses a page in a folder that does not exist, before anything has run for it."""
    if file and not Path(file).absolute().parent.is_dir():
        raise RequestError(f"cannot write {file}: No such file or directory")


def _save_page(report: Report, file: str) -> None:
    from explainer import page  # draws the animation, so only when asked for

    try:
        Path(file).write_text(page.html(report), encoding="utf-8")
    except OSError as error:
        raise RequestError(f"cannot write {file}: {error.strerror}") from error


def _explain(request: Request, options: argparse.Namespace) -> Report:
    if options.sandbox:
        from explainer import sandbox  # starts processes, so only when asked for

        return sandbox.explain(request, until=options.until)
    from explainer import api

    return api.explain(request, until=options.until)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_usage_error(message))


def _require_text(argv: Sequence[str]) -> None:
    """Refuses bytes that are not UTF-8: Python passes them on as text that cannot be written anywhere."""
    for word in argv:
        if not word.isprintable() and any("\ud800" <= char <= "\udfff" for char in word):
            raise RequestError(f"the argument {ascii(word)} is not UTF-8 text")


def _usage_error(message: str) -> int:
    print(f"explainer: {message} (see python -m explainer --help)", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m explainer", usage=USAGE, description="Show what jax.vmap does to every axis."
    )
    add = parser.add_argument
    add("target", help="request.json, - for JSON on stdin, script.py, or file.py:function (any expression)")
    add("--arg", action="append", default=[], metavar="[NAME=]VALUE", help="f32[3,2] or any expression")
    add("--kwarg", action="append", default=[], metavar="NAME=VALUE", help="an argument passed by name")
    levels = parser.add_argument_group(
        "levels, outermost first", "The n-th of each option belongs to the n-th level; '' is JAX's default."
    )
    for name in ("in-axes", "out-axes", "axis-name", "axis-size", "spmd-axis-name"):
        levels.add_argument(f"--{name}", action="append", default=[], metavar="TEXT")
    add(
        "--wanted",
        default="",
        metavar="SPEC",
        help="the output you want, 'f32[3,4]' or 'n d, m d -> n m': which levels give it?",
    )
    add("--until", choices=STAGES, default="time", metavar="STAGE", help=f"last stage: {', '.join(STAGES)}")
    add("--json", action="store_true", help="print the whole report as JSON")
    add("--html", metavar="FILE", help="write the report as one web page too, with the animation")
    add("--sandbox", action="store_true", help="run the code in an isolated process with limits")
    return parser


def _request(options: argparse.Namespace) -> Request:
    file, colon, function = _split(options.target)
    if colon:
        return _request_from_options(_read(file), function, options)
    given = [name for name in _REQUEST_OPTIONS if getattr(options, name)]
    if given:
        raise RequestError(f"--{given[0].replace('_', '-')} needs file.py:function, not {file}")
    if file.endswith(".py"):
        if options.wanted:
            raise RequestError(f"--wanted needs a function, as in {file}:function, or request.json")
        return _request_of_script(file)
    request = _request_from_json(_read(file), "stdin" if file == "-" else file)
    return replace(request, wanted=options.wanted or request.wanted)


def _request_of_script(file: str) -> Request:
    """Returns the request to run a file top to bottom."""
    request = Request(code=_read(file))
    if not request.is_script:
        raise RequestError(f"{file} holds no code")
    return request


_REQUEST_OPTIONS = (
    "arg", "kwarg", "in_axes", "out_axes", "axis_name", "axis_size", "spmd_axis_name",
)  # fmt: skip


def _split(target: str) -> tuple[str, str, str]:
    """Splits at the first colon behind `.py`: an expression may hold more of them."""
    file, colon, function = target.partition(".py:")
    return (f"{file}.py", ":", function) if colon else (target, "", "")


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{file} is not UTF-8 text") from error


def _request_from_json(data: str, name: str) -> Request:
    try:
        request = msgspec.json.decode(data, type=Request)
        _refuse_unknown(msgspec.json.decode(data), request, name)
    except UnicodeEncodeError as error:  # stdin lets bytes that are not UTF-8 through
        raise RequestError(f"{name} is not UTF-8 text") from error
    except msgspec.MsgspecError as error:
        raise RequestError(f"{name} is not a request: {error}") from error
    return request


def _refuse_unknown(data: object, value: object, where: str) -> None:
    """Raises on a key that the request does not have: a misspelt `levels` must not be lost in silence."""
    if isinstance(data, dict) and is_dataclass(value):
        known = [field.name for field in fields(value)]
        for key, part in data.items():
            if key not in known:
                raise RequestError(f"{where} has no field {key!r}: it takes {', '.join(known)}")
            _refuse_unknown(part, getattr(value, key), f"{where}, {key}")
    elif isinstance(data, list) and isinstance(value, tuple):
        for number, (part, entry) in enumerate(zip(data, value, strict=True)):
            _refuse_unknown(part, entry, f"{where}[{number}]")


def _request_from_options(code: str, function: str, options: argparse.Namespace) -> Request:
    parameters = _parameters(code, function)
    arguments = [
        _argument(value, parameters[number] if number < len(parameters) else f"arg{number}")
        for number, value in enumerate(options.arg)
    ]
    for named in options.kwarg:
        match = NAMED.fullmatch(named)
        if not match:
            raise RequestError(f"--kwarg needs a name, as in --kwarg 'scale=2.0': got {named!r}")
        arguments.append(Argument(match[1], match[2].strip(), keyword=True))
    columns = (
        options.in_axes, options.out_axes, options.axis_name, options.axis_size, options.spmd_axis_name,
    )  # fmt: skip
    levels = [_level(*texts) for texts in itertools.zip_longest(*columns, fillvalue="")]
    return Request(code, function, tuple(arguments), tuple(levels), options.wanted)


def _argument(value: str, name: str) -> Argument:
    match = NAMED.fullmatch(value)
    return Argument(match[1], match[2].strip()) if match else Argument(name, value)


def _level(in_axes: str, out_axes: str, axis_name: str, axis_size: str, spmd_axis_name: str) -> Vmap:
    return Vmap(in_axes or "0", out_axes or "0", axis_name or None, axis_size or None, spmd_axis_name or None)


def _parameters(code: str, function: str) -> list[str]:
    """Returns the parameter names of a function defined in the code; [] for any other expression."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # the report says so, with the place
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return []
