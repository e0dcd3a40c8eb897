"""A pasted traceback, read without running anything: the error, the user's own frames, which mistake it is.

    pasted text ──▶ read ──▶ Pasted: frames, message, explanation, a Request where the text holds enough

JAX's messages are read as text here (`jax_messages`), since nothing else is there; the explanation says no
more than the text does. A Request stands in for a function that the text does not hold, and says so.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from explainer.source import short_dtype
from explainer.spec import Argument, Request, Vmap
from explainer.views import jax_messages
from explainer.views.jax_messages import MappedText, Mistake

_LIBRARY = re.compile(r"site-packages|dist-packages|[/\\]lib[/\\]python3|<frozen |ipykernel|IPython[/\\]")
_FRAME = re.compile(r'^ *File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_CELL = re.compile(
    r"^(?:Cell In ?\[(?P<cell>\d+)\]|File (?P<file>[^\s:]+(?::[/\\][^\s:]+)?))(?:, line |:)(?P<line>\d+)"
    r"(?:, in (?P<function>[\w.<>]+))?"
)
_ARROW = re.compile(r"^-+> *(?P<line>\d+) (?P<text>.*)$")
_ERROR = re.compile(
    r"^(?:E +)?(?:jax\._src\.traceback_util\.UnfilteredStackTrace: )?"
    r"(?P<type>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Trace|Iteration))"
    r"(?:: (?P<said>.*))?$"
)
_TAILS = (
    "\n--------------------",
    "\nFor simplicity, JAX has removed its internal frames",
    "\nThe stack trace below excludes JAX-internal frames",
    "\nThe above exception was the direct cause",
    "\nDuring handling of the above exception",
    "\nThis BatchTracer with object id",
    "\nThis VmapTracer with object id",
    "\nThis DynamicJaxprTracer with object id",
    "\nSee https://",
    "\nTraceback (most recent call last)",
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of the user's own in a traceback, outermost first."""

    file: str
    line: int
    function: str
    text: str  # the source line, "" where the paste lacks it


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a pasted traceback tells. `request` reproduces the error, as far as `missing` says, if it can."""

    error_type: str
    message: str  # JAX's own, its tails about tracers, frames and web pages cut off
    tails: str
    frames: tuple[Frame, ...]
    kind: str  # as Failure.kind; "" for an error that is not known
    explanation: str
    request: Request | None
    missing: str  # what to paste in addition, and why


def read(text: str) -> Pasted | None:
    """Reads a traceback; None for a text that holds none."""
    plain = _plain(text)
    lines = plain.split("\n")
    found = _error(lines)
    if found is None:
        return None
    at, error_type, message, tails = found
    frames = _frames(lines)
    known = jax_messages.mistake(error_type, message)
    explanation = _placed(known, frames) if known is not None else _unknown(error_type, message, frames)
    request, missing = _request(lines[:at], frames, known)
    kind = known.kind if known is not None else ""
    return Pasted(error_type, message, tails, frames, kind, explanation, request, missing)


def _plain(text: str) -> str:
    """Returns the text without colours and with its common indentation taken away."""
    without = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r\n", "\n").replace("\r", "\n")
    return textwrap.dedent(without.strip("\n"))


def _error(lines: Sequence[str]) -> tuple[int, str, str, str] | None:
    """Returns the line, type, message and tails of the last error; None without one."""
    has_frames = any(_is_frame(line) or line.startswith("Traceback (most recent") for line in lines)
    found = [(n, match) for n, line in enumerate(lines) if (match := _ERROR.match(line)) is not None]
    if not found or not (has_frames or found[-1][1]["said"]):
        return None
    at, match = _stated_last(found, lines)
    rest = "\n".join([match["said"] or "", *(re.sub(r"^E   ", "", line) for line in lines[at + 1 :])])
    cut = min((place for tail in _TAILS if (place := rest.find(tail)) >= 0), default=len(rest))
    return at, match["type"].rpartition(".")[2], rest[:cut].strip(), rest[cut:].strip()


def _stated_last(
    found: Sequence[tuple[int, re.Match[str]]], lines: Sequence[str]
) -> tuple[int, re.Match[str]]:
    """Returns the error that ended the program: the first one after the last list of frames."""
    last_frame = max((n for n, line in enumerate(lines) if _is_frame(line)), default=-1)
    after = [one for one in found if one[0] > last_frame]
    return after[0] if after else found[-1]


def _is_frame(line: str) -> bool:
    return _FRAME.match(line) is not None or _CELL.match(line) is not None


def _frames(lines: Sequence[str]) -> tuple[Frame, ...]:
    """Returns the user's own frames of the last list of frames that has any."""
    blocks: list[list[Frame]] = [[]]
    for n, line in enumerate(lines):
        if line.startswith("Traceback (most recent"):
            blocks.append([])
        frame = _frame(line, lines[n + 1 : n + 12])
        if frame is not None and not _LIBRARY.search(frame.file):
            blocks[-1].append(frame)
    return tuple(next((block for block in reversed(blocks) if block), []))


def _frame(line: str, following: Sequence[str]) -> Frame | None:
    """Reads one frame, of Python or of IPython."""
    found = _FRAME.match(line)
    if found is not None:
        return Frame(found["file"], int(found["line"]), found["function"] or "<module>", _source(following))
    found = _CELL.match(line)
    if found is None:
        return None
    arrow = next((match for text in _until_frame(following) if (match := _ARROW.match(text))), None)
    file = f"cell {found['cell']}" if found["cell"] else found["file"]
    return Frame(
        file, int(found["line"]), found["function"] or "<module>", arrow["text"].strip() if arrow else ""
    )


def _source(following: Sequence[str]) -> str:
    """Returns the source below a frame; from Python 3.13 on a call may be shown on several lines."""
    lines: list[str] = []
    for line in _until_frame(following):
        if not line.startswith("    "):
            break
        if not re.fullmatch(r"[ ~^]*", line):
            lines.append(line.strip())
    whole = " ".join(lines)
    return whole if len(lines) > 1 and _parses(whole) else next(iter(lines), "")


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _until_frame(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        if _is_frame(line):
            return
        yield line


def _placed(known: Mistake, frames: Sequence[Frame]) -> str:
    """Returns the explanation, with the line that it speaks of where that is inside the mapped function."""
    inner = frames[-1] if frames else None
    if inner is None or not inner.text or inner.function == "<module>" or _vmap_call(inner.text) is not None:
        return known.explanation
    return f"`{inner.text}`, line {inner.line} in {inner.function}: {known.explanation}"


def _unknown(error_type: str, message: str, frames: Sequence[Frame]) -> str:
    where = f" at line {frames[-1].line} of {frames[-1].file}" if frames else ""
    shown = f" (`{frames[-1].text}`)" if frames and frames[-1].text else ""
    first = message.split("\n")[0] if message else "it says nothing more"
    return f"{error_type}{where}{shown}: {first}"


def _request(
    before: Sequence[str], frames: Sequence[Frame], known: Mistake | None
) -> tuple[Request | None, str]:
    """Returns a request that reproduces the error, and what the paste lacks."""
    script = _script(before)
    if script:
        return Request(script), ""
    call = next((call for frame in reversed(frames) if (call := _vmap_call(frame.text)) is not None), None)
    mapped = _mapped(call, known)
    request = _stand_in(call, mapped) if call is not None and mapped else None
    if request is None:
        return None, _wanted(call, known)
    guessed = (
        "" if known is not None and known.mapped else " The dtype is not told either: float32 is a guess."
    )
    return request, (
        "The text does not hold the function, so one that returns its first argument stands in for it: "
        f"paste its definition to see more than the axes.{guessed}"
    )


def _mapped(call: _Call | None, known: Mistake | None) -> tuple[MappedText, ...]:
    """Returns all arguments of the call, where the message names them all; else ()."""
    if call is None or known is None or known.partial:
        return ()
    if known.handed is not None and call.operands is not None and len(call.operands) == 1:
        axis, shape = known.handed
        name = call.operands[0] if call.operands[0].isidentifier() else "x"
        return (MappedText(name, "float32", shape, axis),)
    return known.mapped


def _script(before: Sequence[str]) -> str:
    """Returns the code that was pasted above the traceback; "" where there is none."""
    head: list[str] = []
    for line in before:
        if line.startswith("Traceback (most recent") or _is_frame(line):
            break
        head.append(line)
    text = "\n".join(head).strip("\n")
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    names = (ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute | ast.Name))
    has_vmap = any("vmap" in name for name in names)
    return f"{text}\n" if has_vmap else ""


@dataclass(frozen=True, slots=True)
class _Call:
    """jax.vmap(f, in_axes=...)(a, b) as a source line shows it; `operands` None if it is not called there."""

    function: str
    in_axes: str | None
    out_axes: str | None
    operands: tuple[str, ...] | None


def _vmap_call(text: str) -> _Call | None:
    """Returns the outermost vmap that a source line calls; None where it shows none."""
    try:
        tree = ast.parse(text.strip().removesuffix(":"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Call) and _is_vmap(node.func):
            plain = not node.keywords and not any(isinstance(arg, ast.Starred) for arg in node.args)
            return _described(node.func, tuple(map(ast.unparse, node.args)) if plain else None)
        if _is_vmap(node):
            return _described(node, None)
    return None


def _is_vmap(node: ast.Call) -> bool:
    return ast.unparse(node.func).rpartition(".")[2] == "vmap" and bool(node.args)


def _described(node: ast.Call, operands: tuple[str, ...] | None) -> _Call:
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    given |= dict(zip(("in_axes", "out_axes"), map(ast.unparse, node.args[1:]), strict=False))
    return _Call(ast.unparse(node.args[0]), given.get("in_axes"), given.get("out_axes"), operands)


def _stand_in(call: _Call, mapped: Sequence[MappedText]) -> Request | None:
    """Returns a request with the arguments of a message; None where the message does not name all of them."""
    names = [leaf.path for leaf in mapped]
    if not all(name.isidentifier() for name in names) or len(set(names)) < len(names):
        return None
    if call.operands is None or len(call.operands) != len(names):
        return None
    plain = call.function if call.function.isidentifier() else "mapped"
    code = f"def {plain}({', '.join(names)}):\n    return {names[0]}  # stands in for the function\n"
    arguments = tuple(Argument(leaf.path, _spec(leaf)) for leaf in mapped)
    axes = call.in_axes if call.in_axes is not None and _literal(call.in_axes) else _axes(mapped)
    return Request(code, plain, arguments, (Vmap(axes),))


def _spec(leaf: MappedText) -> str:
    dtype = "key" if leaf.dtype.startswith("key") else short_dtype(leaf.dtype)
    return f"{dtype}[{','.join(map(str, leaf.shape))}]"


def _literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _axes(mapped: Sequence[MappedText]) -> str:
    axes = [leaf.axis for leaf in mapped]
    return str(axes[0]) if len(set(axes)) == 1 else f"({', '.join(map(str, axes))})"


def _wanted(call: _Call | None, known: Mistake | None) -> str:
    """Says what to paste in addition."""
    named = call is not None and re.fullmatch(r"[\w.]+", call.function)
    function = f"the definition of {call.function}" if call and named else "the function that is mapped"
    shapes = "the shapes of its arguments (print(jax.tree.map(jax.typeof, args)))"
    if known is not None and known.partial:
        shapes = "the shapes of all its arguments: the message names one of each size only"
    return f"To see it drawn and mended, paste the script, or {function}, the call of jax.vmap and {shapes}."
